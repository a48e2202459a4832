//! The simulated Personify360 as a person sees it: plain pages, without a script.

mod constituent;
mod crm;
mod faults;
mod jobs;
mod list;
mod lists;
mod setup;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use crate::personify360::sandbox::Sandbox;
use crate::site::{Wrong, beside, go, show, show_with, style, text};

/// Largest form.
const FORM_LIMIT: usize = 64 << 10;

/// The pages.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(style))
        .merge(crm::router())
        .merge(constituent::router())
        .merge(lists::router())
        .merge(list::router())
        .merge(jobs::router())
        .merge(faults::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .merge(setup::router())
        .fallback(async || missing())
}

#[derive(Template)]
#[template(path = "personify360/pages/plain.html")]
struct Plain {
    area: &'static str,
    heading: &'static str,
    text: String,
}

fn refuse(status: StatusCode, text: impl Into<String>) -> Response {
    let heading = if status == StatusCode::NOT_FOUND { "Not found" } else { "Not done" };
    show_with(status, &Plain { area: "", heading, text: text.into() })
}

/// 404.
fn missing() -> Response {
    refuse(StatusCode::NOT_FOUND, "There is nothing here. It may have been deleted.")
}

#[derive(Template)]
#[template(path = "personify360/pages/home.html")]
struct Home {
    area: &'static str,
    people: String,
    lists: usize,
    jobs: usize,
    faults: usize,
    root: String,
    user: String,
}

async fn home(State(sandbox): State<Sandbox>) -> Response {
    let options = sandbox.options();
    show(&Home {
        area: "",
        people: text::number(sandbox.people_count()),
        lists: sandbox.read().lists.len(),
        jobs: sandbox.jobs().len(),
        faults: sandbox.faults().len(),
        root: options.root.clone(),
        user: options.user.clone(),
    })
}
