//! What a remote system asks for itself: `/remote/{bridge}/writebacks` (docs/adr/0125). Outside sessions and without cookies; the bridge's
//! own token opens this and nothing else, and nothing else opens this.

mod answer;
mod door;
mod fetch;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Extension, Router};
use rialto_core::{Instant, Kind, PublicId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{self, Error};
use crate::public::Wrong;
use crate::state::App;
use crate::{security, slow};

/// Largest body of an answer, in bytes: 500 refusals with their reasons.
const BODY_LIMIT: usize = 1 << 20;
/// Most writebacks of a batch.
const MOST: usize = 500;

/// `/remote/{bridge}/writebacks`.
pub fn router(app: &App) -> Router<App> {
    let no_such_method = async || Error::NoSuchMethod;
    Router::new()
        // HEAD would lease as GET does.
        .route("/remote/{bridge}/writebacks", get(fetch::fetch).head(no_such_method).post(answer::answer).fallback(no_such_method))
        .layer(Extension(Wrong::default()))
        .layer(from_fn(slow::bound))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(app.clone(), security::headers))
}

/// Its part of the API's description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    OpenApiRouter::<App>::new().routes(routes!(fetch::fetch, answer::answer)).split_for_parts().1
}

/// Where a bridge's remote system fetches.
pub fn address(app: &App, bridge_created_at: i64, bridge_id: i64) -> String {
    let id = PublicId::new(Kind::Bridge, Instant(bridge_created_at), bridge_id);
    format!("{}/remote/{id}/writebacks", app.settings.public_url)
}
