//! Addresses of the pages about writebacks.

use axum::Router;
use axum::routing::{get, post};

use super::{fetch_token, reconcile, writeback, writeback_settings, writebacks, writebacks_retry};
use crate::state::App;

pub fn router() -> Router<App> {
    Router::new()
        .merge(fetch_token::router())
        .route("/writebacks", get(writebacks::show))
        .route("/writebacks/export.csv", get(writebacks::export))
        .route("/writebacks/{id}", get(writeback::show))
        .route("/writebacks/{id}/retry", post(writeback::retry))
        .route("/writebacks/{id}/mend", post(writeback::mend))
        .route("/writebacks/{id}/cancel", get(writeback::ask_cancel).post(writeback::cancel))
        .route("/admin/bridges/{id}/writebacks", get(writeback_settings::show).post(writeback_settings::save))
        .route("/admin/bridges/{id}/writebacks/check", post(reconcile::check))
        .route("/admin/bridges/{id}/writebacks/repair", post(reconcile::repair))
        .route("/admin/bridges/{id}/writebacks/run", post(writebacks::run))
        .route("/admin/bridges/{id}/writebacks/retry", get(writebacks_retry::show).post(writebacks_retry::submit))
}
