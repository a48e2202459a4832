//! The simulated loyalty system as a person sees it: plain pages, without a script.

mod load;
mod members;
mod on_demand;
mod publishing;
mod sharing;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use crate::loyalty::acts::Refused;
use crate::loyalty::catalogue::{CATALOGUE, Field, Section};
use crate::loyalty::members::UNITS;
use crate::loyalty::sandbox::Sandbox;
use crate::site::{Wrong, beside, go, show, show_with, style, text};

/// Largest form.
const FORM_LIMIT: usize = 64 << 10;

/// The pages.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/loyalty", get(home))
        .route("/loyalty/", get(home))
        .route("/loyalty/style.css", get(style))
        .merge(members::router())
        .merge(sharing::router())
        .merge(publishing::router())
        .merge(load::router())
        .merge(on_demand::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .route("/loyalty/{*rest}", get(async || missing()))
}

#[derive(Template)]
#[template(path = "loyalty/pages/plain.html")]
struct Plain {
    area: &'static str,
    heading: &'static str,
    text: String,
}

fn refuse(status: StatusCode, text: impl Into<String>) -> Response {
    let heading = if status == StatusCode::NOT_FOUND { "Not found" } else { "Not done" };
    show_with(status, &Plain { area: "", heading, text: text.into() })
}

/// A refusal that belongs to no field of a form.
fn refused(why: &Refused) -> Response {
    refuse(why.status(), why.to_string())
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
            "added" => "The member was added.",
            "saved" => "Saved.",
            "earned" => "The points were earned.",
            "deleted" => "The member was deleted.",
            "shared" => "Saved. Send all when receivers are to know it before something changes.",
            "begun" => "Begun.",
            "done" => "Done.",
            _ => "",
        }
    }
}

/// Fields of a section, each with what a form needs.
struct Group {
    title: &'static str,
    inputs: Vec<Input>,
}

struct Input {
    field: Field,
    value: String,
    shared: bool,
}

/// The catalogue by sections, with the value of each field by its name.
fn groups(sandbox: &Sandbox, value: impl Fn(&str) -> String) -> Vec<Group> {
    let shared = sandbox.shared();
    let input = |field: &Field| Input { field: *field, value: value(field.name), shared: shared.contains(&field.name) };
    let of = |section: Section| CATALOGUE.iter().filter(move |field| field.section == section);
    Section::ALL.map(|section| Group { title: section.title(), inputs: of(section).map(input).collect() }).into()
}

#[derive(Template)]
#[template(path = "loyalty/pages/home.html")]
struct Home {
    area: &'static str,
    members: String,
    shared: usize,
    fields: usize,
    publishes: bool,
    waiting: String,
    published: String,
    loads: bool,
    units: [&'static str; 2],
}

async fn home(State(sandbox): State<Sandbox>) -> Response {
    let stream = sandbox.stream();
    show(&Home {
        area: "",
        members: text::number(sandbox.member_count()),
        shared: sandbox.shared().len(),
        fields: CATALOGUE.len(),
        publishes: sandbox.target().is_some(),
        waiting: text::number(stream.waiting as u64),
        published: text::number(stream.published),
        loads: sandbox.load().is_some_and(|load| load.running),
        units: UNITS,
    })
}
