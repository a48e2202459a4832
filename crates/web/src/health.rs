//! For whoever watches Rialto: is it alive, is it ready, what does it measure.

use std::fmt::Write;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::error::Error;
use crate::state::App;

pub fn router() -> Router<App> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

/// 200 when the database answers, else 503.
async fn ready(State(app): State<App>) -> impl IntoResponse {
    match rialto_store::users::count(app.db.read()).await {
        Ok(_) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "the database does not answer\n")
        }
    }
}

/// Prometheus text: the process's measurements, then figures of the database.
async fn metrics(State(app): State<App>) -> Result<impl IntoResponse, Error> {
    let mut text = (app.metrics)();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("# HELP rialto_sync_runs_open Runs that are not over, by state.\n# TYPE rialto_sync_runs_open gauge\n");
    let open = rialto_store::views::api::open_runs(app.db.read()).await?;
    for state in ["held", "queued", "running"] {
        let count = open.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
        let _ = writeln!(text, "rialto_sync_runs_open{{state=\"{state}\"}} {count}");
    }
    let _ = writeln!(
        text,
        "# HELP rialto_build_info The version that runs.\n# TYPE rialto_build_info gauge\nrialto_build_info{{version=\"{}\"}} 1",
        app.settings.version
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
