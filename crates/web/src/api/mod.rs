//! The HTTP API under `/api/v1`. Its description is generated from these handlers.

mod admin;
pub mod audience_fields;
pub mod audience_rows;
pub mod audiences;
pub mod bridge_fields;
pub mod bridge_input;
mod bridges;
pub mod compound;
pub mod consent;
pub mod data_sync_history;
pub mod data_sync_input;
pub mod data_syncs;
mod document;
pub mod extract;
pub mod fetch_token;
mod folders;
mod group_resume;
pub mod groups;
pub mod households;
mod idempotency;
pub mod interests;
pub mod labels;
pub mod personalization;
pub mod personas;
pub mod reconcile;
mod runs;
pub mod schedules;
pub mod segment_answers;
pub mod segments;
pub mod settings;
pub mod streams;
pub mod subscribers;
pub mod tokens;
pub mod undo;
pub mod uploads;
pub mod users;
pub mod why;
pub mod writeback_settings;
pub mod writeback_timing;
pub mod writebacks;

use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rialto",
        description = "Every request carries a bearer token. Errors are RFC 9457 problem documents with field paths; lists are pages \
                       with a cursor; times are RFC 3339 in UTC; POST honours Idempotency-Key; long work answers 202 with a run.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(extract::Problem, extract::ProblemField)),
    modifiers(&Bearer),
    security(("bearer" = []))
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

fn described() -> OpenApiRouter<App> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(bridges::kinds))
        .routes(routes!(bridges::list, bridges::create))
        .routes(routes!(bridges::get, bridges::patch, bridges::delete))
        .routes(routes!(bridges::test))
        .routes(routes!(bridges::refresh))
        .routes(routes!(bridges::lists))
        .routes(routes!(bridge_fields::list, bridge_fields::patch))
        .routes(routes!(groups::list, compound::create))
        .routes(routes!(compound::count))
        .routes(routes!(groups::get, groups::patch, groups::delete))
        .routes(routes!(groups::sync))
        .routes(routes!(group_resume::resume))
        .routes(routes!(compound::preview))
        .routes(routes!(compound::split))
        .routes(routes!(groups::counts))
        .routes(routes!(groups::subscribers))
        .routes(routes!(groups::mailings))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(runs::changes))
        .routes(routes!(runs::approve))
        .routes(routes!(runs::discard))
        .routes(routes!(undo::undo))
        .routes(routes!(runs::events))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::get, schedules::patch))
        .routes(routes!(schedules::occurrences))
        .routes(routes!(schedules::run))
        .routes(routes!(subscribers::list))
        .routes(routes!(subscribers::get))
        .routes(routes!(why::consent))
        .routes(routes!(consent::unsubscribe))
        .routes(routes!(consent::resubscribe))
        .routes(routes!(households::list))
        .routes(routes!(households::decide))
        .routes(routes!(interests::list))
        .routes(routes!(interests::get, interests::patch, interests::delete))
        .routes(routes!(interests::of_person, interests::choose))
        .routes(routes!(personas::list, personas::create))
        .routes(routes!(personas::order))
        .routes(routes!(personas::get, personas::patch, personas::delete))
        .routes(routes!(personas::of_person))
        .routes(routes!(personas::send))
        .routes(routes!(segments::list, segments::create))
        .routes(routes!(segment_answers::count))
        .routes(routes!(segments::get, segments::patch, segments::delete))
        .routes(routes!(segment_answers::explain))
        .routes(routes!(uploads::list, uploads::create))
        .routes(routes!(uploads::get, uploads::discard))
        .routes(routes!(uploads::map))
        .routes(routes!(uploads::apply))
        .routes(routes!(uploads::create_unsubscribers))
        .routes(routes!(uploads::get_unsubscribers))
        .routes(routes!(uploads::apply_unsubscribers))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::patch))
        .routes(routes!(users::password))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(folders::list, folders::create))
        .routes(routes!(folders::get, folders::patch, folders::delete))
        .routes(routes!(writebacks::list))
        .routes(routes!(writebacks::get, writebacks::patch))
        .routes(routes!(writebacks::retry))
        .routes(routes!(writebacks::retry_all))
        .routes(routes!(writebacks::cancel))
        .routes(routes!(writeback_settings::get, writeback_settings::put))
        .routes(routes!(writeback_settings::run))
        .routes(routes!(fetch_token::get, fetch_token::create, fetch_token::revoke))
        .routes(routes!(reconcile::get, reconcile::start))
        .routes(routes!(reconcile::repair))
        .routes(routes!(audiences::list, audiences::create))
        .routes(routes!(audiences::get, audiences::patch, audiences::delete))
        .routes(routes!(audiences::extensions, audiences::extend))
        .routes(routes!(audience_fields::add_field))
        .routes(routes!(audience_fields::patch_field))
        .routes(routes!(audience_rows::rows))
        .routes(routes!(audience_rows::usage))
        .routes(routes!(streams::list, streams::create))
        .routes(routes!(streams::get, streams::patch, streams::delete))
        .routes(routes!(streams::token))
        .routes(routes!(streams::fields))
        .routes(routes!(streams::settle))
        .routes(routes!(streams::dismiss))
        .routes(routes!(data_syncs::list, data_syncs::create))
        .routes(routes!(data_syncs::get, data_syncs::put, data_syncs::delete))
        .routes(routes!(data_syncs::enable))
        .routes(routes!(data_syncs::disable))
        .routes(routes!(data_sync_history::history))
        .routes(routes!(data_sync_history::rejected))
        .routes(routes!(data_sync_history::replay))
        .routes(routes!(data_sync_history::dismiss))
        .routes(routes!(data_sync_history::preview))
        .routes(routes!(data_sync_history::refused))
        .routes(routes!(labels::list, labels::create))
        .routes(routes!(labels::delete))
        .routes(routes!(personalization::fields))
        .routes(routes!(personalization::preview))
        .routes(routes!(settings::get, settings::patch))
        .routes(routes!(admin::audit));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", v1)
}

/// The API's description (OpenAPI 3.1).
pub fn document() -> utoipa::openapi::OpenApi {
    let (_, mut document) = described().split_for_parts();
    document.merge(crate::inbox::document());
    document::complete(&mut document);
    document.merge(crate::remote::document());
    document
}

pub fn router(app: &App) -> Router<App> {
    let (router, mut document) = described().split_for_parts();
    document.merge(crate::inbox::document());
    document::complete(&mut document);
    document.merge(crate::remote::document());
    document.info.version = app.settings.version.to_owned();
    router.route("/api/v1/openapi.json", get(async move || Json(document))).layer(from_fn_with_state(app.clone(), idempotency::keep))
}
