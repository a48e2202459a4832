//! The simulated iMIS as a person sees it: plain pages, without a script.

mod contact;
mod contacts;
mod faults;
mod queries;
mod query;
mod table;
mod tables;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use crate::imis::options::Generation;
use crate::imis::sandbox::Sandbox;
use crate::site::{Wrong, beside, go, show, show_with, style, text};

/// Largest form.
const FORM_LIMIT: usize = 64 << 10;

/// The pages.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis", get(home))
        .route("/imis/", get(home))
        .route("/imis/style.css", get(style))
        .merge(contacts::router())
        .merge(contact::router())
        .merge(queries::router())
        .merge(query::router())
        .merge(tables::router())
        .merge(table::router())
        .merge(faults::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
}

#[derive(Template)]
#[template(path = "imis/pages/plain.html")]
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

#[derive(serde::Deserialize)]
struct Said {
    #[serde(default)]
    said: String,
}

impl Said {
    /// The sentence behind a word in the address; nothing from outside is shown.
    fn sentence(&self) -> &'static str {
        match self.said.as_str() {
            "created" => "Created.",
            "saved" => "Saved.",
            "deleted" => "Deleted.",
            "moved" => "Saved. The query selects them from now on, or no longer.",
            _ => "",
        }
    }
}

/// An empty text as none.
fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[derive(Template)]
#[template(path = "imis/pages/home.html")]
struct Home {
    area: &'static str,
    people: String,
    queries: usize,
    tables: usize,
    faults: usize,
    user: String,
    generation: &'static str,
}

async fn home(State(sandbox): State<Sandbox>) -> Response {
    let options = sandbox.options();
    show(&Home {
        area: "",
        people: text::number(sandbox.contact_count()),
        queries: sandbox.read().queries.len(),
        tables: sandbox.tables().len(),
        faults: sandbox.faults().len(),
        user: options.user.clone(),
        generation: if options.generation == Generation::Ems { "EMS" } else { "2017" },
    })
}
