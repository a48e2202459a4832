//! The load generator.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, Wrong, go, refused, show, show_with, text};
use crate::loyalty::load::{Load, LoadStatus};
use crate::loyalty::sandbox::Sandbox;

const HERE: &str = "/loyalty/load";

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route(HERE, get(page).post(start)).route("/loyalty/load/stop", post(stop))
}

#[derive(Deserialize)]
#[serde(default)]
struct Fields {
    per_second: String,
    seconds: String,
    batch: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self { per_second: "100".to_owned(), seconds: "10".to_owned(), batch: "10".to_owned() }
    }
}

#[derive(Template)]
#[template(path = "loyalty/pages/load.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    given: Fields,
    wrong: Wrong,
    status: Option<LoadStatus>,
    running: bool,
    total: String,
}

fn make(sandbox: &Sandbox, given: Fields, said: &'static str, wrong: Wrong) -> Page {
    let status = sandbox.load();
    let total = status.map_or(0, |s| u64::from(s.load.per_second) * u64::from(s.load.seconds));
    Page { area: "load", said, given, wrong, running: status.is_some_and(|s| s.running), status, total: text::number(total) }
}

async fn page(State(sandbox): State<Sandbox>, Query(said): Query<Said>) -> Response {
    show(&make(&sandbox, Fields::default(), said.sentence(), Wrong::default()))
}

/// A number of a form in its range; what it must be, if it is not.
fn number(wrong: &mut Wrong, field: &'static str, text: &str, most: u32, range: &'static str) -> u32 {
    let read = text.trim().parse().ok().filter(|n| (1..=most).contains(n));
    if read.is_none() {
        wrong.add(field, range);
    }
    read.unwrap_or(1)
}

async fn start(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let load = Load {
        per_second: number(&mut wrong, "per_second", &given.per_second, 20_000, "A number from 1 to 20,000."),
        seconds: number(&mut wrong, "seconds", &given.seconds, 600, "A number from 1 to 600."),
        batch: number(&mut wrong, "batch", &given.batch, 500, "A number from 1 to 500.") as usize,
    };
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &make(&sandbox, given, "", wrong));
    }
    match sandbox.start_load(load) {
        Ok(()) => go("/loyalty/load?said=begun"),
        Err(why) => refused(&why),
    }
}

async fn stop(State(sandbox): State<Sandbox>) -> Response {
    sandbox.stop_load();
    go(HERE)
}
