//! The pages. Every page is a struct and its template side by side; all of them work without JavaScript.

pub mod assets;
mod bridge_form;
mod bridges;
mod decide;
mod group;
mod group_tabs;
mod groups;
mod links;
mod overview;
mod run;
mod run_changes;
mod runs;
mod shell;
pub mod sign_in;
mod start;
mod subscriber;
mod subscribers;
mod text;

use axum::Router;
use axum::routing::{get, post};

use crate::state::App;

pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(overview::show))
        .route("/target-groups", get(groups::show))
        .route("/target-groups/refresh", post(start::refresh_groups))
        .route("/target-groups/{id}", get(group::show))
        .route("/target-groups/{id}/subscribers", get(group_tabs::subscribers))
        .route("/target-groups/{id}/sync-runs", get(group_tabs::sync_runs))
        .route("/target-groups/{id}/about", get(group_tabs::about))
        .route("/target-groups/{id}/resync", post(start::resync))
        .route("/target-groups/{id}/plan", post(start::plan))
        .route("/sync-runs", get(runs::show))
        .route("/sync-runs/{id}", get(run::show))
        .route("/sync-runs/{id}/progress", get(run::progress))
        .route("/sync-runs/{id}/decide", post(decide::submit))
        .route("/admin/bridges", get(bridges::show))
        .route("/admin/bridges/new", get(bridge_form::kinds))
        .route("/admin/bridges/new/{kind}", get(bridge_form::new).post(bridge_form::create))
        .route("/admin/bridges/{id}/edit", get(bridge_form::edit).post(bridge_form::update))
        .route("/admin/bridges/{id}/delete", get(bridges::ask_delete).post(bridges::delete))
        .route("/admin/bridges/{id}/refresh", post(start::refresh_bridge))
        .route("/admin/bridges/{id}/test", post(start::test_bridge))
        .route("/subscribers", get(subscribers::show))
        .route("/subscribers/{id}", get(subscriber::show))
        .merge(assets::router())
}
