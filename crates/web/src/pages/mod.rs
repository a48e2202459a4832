//! The pages. Every page is a struct and its template side by side; all of them work without JavaScript.

pub mod assets;
mod audiences;
mod bridge;
mod bridge_fields;
mod bridge_form;
mod bridge_head;
mod bridges;
mod compound;
mod compound_form;
mod compound_made;
mod data_exchange;
mod decide;
mod entry_fields;
mod fetch_token;
mod folders;
mod group;
mod group_age;
mod group_edit;
mod group_subscribers;
mod group_tabs;
mod groups;
mod groups_routes;
mod groups_table;
mod households;
mod info;
mod interests;
mod keyboard;
mod links;
mod navigation;
mod overview;
mod people_table;
mod personalization;
mod personas;
pub(crate) mod preferences;
mod reconcile;
mod remote_database;
mod run;
mod run_changes;
mod run_live;
mod run_review;
mod runs;
mod runs_table;
mod schedule;
mod schedules;
mod search;
mod segments;
mod settings;
mod settings_audit;
mod shell;
pub mod sign_in;
mod split;
mod start;
mod stations;
mod status;
mod streams;
#[cfg(debug_assertions)]
mod style;
mod subscriber;
mod subscriber_act;
mod subscriber_history;
mod subscriber_interests;
mod subscriber_lists;
mod subscribers;
mod table;
mod text;
pub mod toast;
mod tokens;
mod undo;
mod upload;
mod upload_show;
mod users;
mod users_edit;
mod users_form;
mod users_own;
mod writeback;
mod writeback_settings;
mod writeback_times;
mod writebacks;
mod writebacks_asked;
mod writebacks_retry;
mod writebacks_routes;

use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::state::App;
use crate::watch::Watchers;

pub fn router() -> Router<App> {
    let router = Router::new()
        .route("/", get(overview::show))
        .route("/target-groups", get(groups::show))
        .route("/search", get(search::show))
        .route("/keyboard", get(keyboard::show))
        .route("/preferences/theme", post(preferences::set_theme))
        .route("/preferences/columns", post(preferences::set_columns))
        .route("/target-groups/export.csv", get(groups::export))
        .route("/target-groups/refresh", post(start::refresh_groups))
        .route("/target-groups/{id}", get(group::show))
        .route("/target-groups/{id}/subscribers", get(group_subscribers::show))
        .route("/target-groups/{id}/subscribers/export.csv", get(group_subscribers::export))
        .route("/target-groups/{id}/sync-runs", get(group_tabs::sync_runs))
        .route("/target-groups/{id}/about", get(group_tabs::about))
        .route("/target-groups/{id}/resync", post(start::resync))
        .route("/target-groups/{id}/plan", post(start::plan))
        .route(personalization::PATH, get(personalization::show).post(personalization::submit))
        .route("/mailings/personalization/preview", post(personalization::preview))
        .route("/mailings/personalization/people", post(personalization::find))
        .route("/mailings/personalization/fields", post(personalization::fields))
        .route("/sync-runs", get(runs::show))
        .route("/sync-runs/export.csv", get(runs::export))
        .route("/sync-runs/{id}", get(run::show))
        .route("/sync-runs/{id}/export.csv", get(run::export))
        .route("/sync-runs/{id}/progress", get(run::progress))
        .route("/sync-runs/{id}/live", get(run_live::stream).layer(Extension(Watchers::default())))
        .route("/sync-runs/{id}/decide", post(decide::submit))
        .route("/sync-runs/{id}/undo", post(undo::submit))
        .route("/admin/bridges", get(bridges::show))
        .route("/admin/bridges/new", get(bridge_form::kinds))
        .route("/admin/bridges/new/{kind}", get(bridge_form::new).post(bridge_form::create))
        .route("/admin/bridges/{id}", get(bridge::show))
        .route("/admin/bridges/{id}/fields", get(bridge_fields::show).post(bridge_fields::save))
        .route("/admin/bridges/{id}/schedule", get(schedule::show).post(schedule::save))
        .route("/admin/bridges/{id}/schedule/run", post(schedule::run))
        .route("/admin/bridges/{id}/edit", get(bridge_form::edit).post(bridge_form::update))
        .route("/admin/bridges/{id}/delete", get(bridges::ask_delete).post(bridges::delete))
        .route("/admin/bridges/{id}/switch", post(bridges::switch))
        .route("/admin/bridges/{id}/refresh", post(start::refresh_bridge))
        .route("/admin/bridges/{id}/test", post(start::test_bridge))
        .route("/admin/status", get(status::show))
        .route("/admin/status/test", post(status::test_all))
        .route("/admin/schedules", get(schedules::show))
        .route("/settings", get(settings::show).post(settings::save))
        .route("/settings/audit", get(settings_audit::show))
        .route("/settings/audit/export.csv", get(settings_audit::export))
        .merge(audiences::router())
        .merge(streams::router())
        .merge(remote_database::router())
        .merge(users::router())
        .merge(tokens::router())
        .route("/subscribers", get(subscribers::show))
        .route("/subscribers/export.csv", get(subscribers::export))
        .route("/subscribers/households", get(households::show))
        .route("/subscribers/households/{id}", post(households::decide))
        .merge(personas::router())
        .merge(data_exchange::router())
        .merge(segments::router())
        .route("/subscribers/interests", get(interests::show))
        .route("/subscribers/interests/{id}", post(interests::submit))
        .route("/subscribers/interests/{id}/stop", get(interests::ask_stop))
        .route("/subscribers/upload", get(upload::show).post(upload::submit))
        .route("/subscribers/upload/doubles", post(upload::switch))
        .route("/subscribers/uploads/{id}", get(upload_show::show))
        .route("/subscribers/uploads/{id}/map", post(upload_show::map))
        .route("/subscribers/uploads/{id}/apply", post(upload_show::apply))
        .route("/subscribers/uploads/{id}/discard", post(upload_show::discard))
        .route("/subscribers/{id}", get(subscriber::show))
        .route("/subscribers/{id}/unsubscribe", get(subscriber_act::ask_unsubscribe).post(subscriber_act::unsubscribe))
        .route("/subscribers/{id}/resubscribe", get(subscriber_act::ask_resubscribe).post(subscriber_act::resubscribe))
        .route("/subscribers/{id}/preference-page", post(subscriber_act::preference_page))
        .merge(groups_routes::router())
        .merge(writebacks_routes::router())
        .merge(assets::router());
    // The living style page is for those who build, not for those who use.
    #[cfg(debug_assertions)]
    let router = router.route("/style", get(style::show));
    router
}
