//! The simulated MemberSuite as a person sees it: plain pages, without a script.

mod faults;
mod people;
mod poller;
mod searches;
mod types;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use crate::membersuite::sandbox::Sandbox;
use crate::site::{Wrong, beside, go, show, show_with, style, text};

/// Largest form.
const FORM_LIMIT: usize = 64 << 10;

/// The pages.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/membersuite", get(home))
        .route("/membersuite/", get(home))
        .route("/membersuite/style.css", get(style))
        .merge(people::router())
        .merge(poller::router())
        .merge(searches::router())
        .merge(types::router())
        .merge(faults::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .route("/membersuite/{*rest}", get(async || missing()))
}

#[derive(Template)]
#[template(path = "membersuite/pages/plain.html")]
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

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    said: String,
}

impl Said {
    /// The sentence behind a word in the address; nothing from outside is shown.
    fn sentence(&self) -> &'static str {
        match self.said.as_str() {
            "created" => "The individual was created.",
            "saved" => "Saved.",
            _ => "",
        }
    }
}

#[derive(Template)]
#[template(path = "membersuite/pages/home.html")]
struct Home {
    area: &'static str,
    people: String,
    searches: usize,
    categories: usize,
    faults: usize,
    polls: bool,
    root: String,
    association: String,
    key: String,
}

async fn home(State(sandbox): State<Sandbox>) -> Response {
    let options = sandbox.options();
    show(&Home {
        area: "",
        people: text::number(sandbox.people_count()),
        searches: sandbox.read().searches.len(),
        categories: sandbox.categories().iter().filter(|category| category.active).count(),
        faults: sandbox.faults().len(),
        polls: sandbox.poller().is_some(),
        root: options.root.clone(),
        association: options.association_id.clone(),
        key: options.access_key_id.clone(),
    })
}
