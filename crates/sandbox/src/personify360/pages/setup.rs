//! The page that takes Rialto's set-up script. Programs post the script itself and get JSON.

use askama::Template;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};

use super::{refuse, show};
use crate::personify360::http::BODY_LIMIT;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::setup::SetupReport;
use crate::target::query;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/admin/setup", get(form).post(run)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

#[derive(Template)]
#[template(path = "personify360/pages/setup.html")]
struct Page {
    area: &'static str,
    report: Option<SetupReport>,
    installed: Vec<String>,
}

fn page(sandbox: &Sandbox, report: Option<SetupReport>) -> Response {
    let mut installed: Vec<String> = sandbox.read().installed.iter().cloned().collect();
    installed.sort_unstable();
    show(&Page { area: "setup", report, installed })
}

async fn form(State(sandbox): State<Sandbox>) -> Response {
    page(&sandbox, None)
}

async fn run(State(sandbox): State<Sandbox>, headers: HeaderMap, body: String) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        return Json(sandbox.run_setup(&body)).into_response();
    }
    let script = query(&body).and_then(|fields| fields.into_iter().find(|(name, _)| name == "script"));
    match script {
        Some((_, script)) => {
            let report = sandbox.run_setup(&script);
            page(&sandbox, Some(report))
        }
        None => refuse(StatusCode::BAD_REQUEST, "The form holds no script."),
    }
}
