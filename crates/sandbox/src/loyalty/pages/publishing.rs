//! Where events go, what waits, what was answered, and the last events.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, Wrong, go, refused, show, show_with, text};
use crate::loyalty::event::{Kind, Published};
use crate::loyalty::publish::Target;
use crate::loyalty::sandbox::Sandbox;
use crate::loyalty::stream::Answer;

const HERE: &str = "/loyalty/publishing";
/// Events that are shown, and characters of each.
const EVENTS: usize = 50;
const SHOWN: usize = 2_000;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route(HERE, get(page).post(save)).route("/loyalty/publishing/end", post(end))
}

struct Answered {
    at: String,
    answer: Answer,
}

struct Row {
    number: u64,
    title: String,
    text: String,
}

#[derive(Template)]
#[template(path = "loyalty/pages/publishing.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    given: Fields,
    wrong: Wrong,
    set_up: bool,
    waiting: String,
    waiting_bytes: String,
    published: String,
    published_rate: String,
    acknowledged: String,
    acknowledged_rate: String,
    refused: String,
    answers: Vec<Answered>,
    events: Vec<Row>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    kind: String,
    address: String,
    token: String,
    batch: String,
    stream: String,
}

impl Fields {
    /// What is set, without its token.
    fn of(target: &Target) -> Self {
        let (kind, stream) = match target {
            Target::Http { .. } => ("http", String::new()),
            Target::Nats { stream, .. } => ("nats", stream.clone().unwrap_or_default()),
        };
        let batch = target.batch().to_string();
        Self { kind: kind.to_owned(), address: target.address().to_owned(), token: String::new(), batch, stream }
    }
}

fn row(event: &Arc<Published>) -> Row {
    let title = match event.kind {
        Kind::Upserted => format!("{}: upserted, sequence {}", event.subject, event.sequence),
        Kind::Deleted => format!("{}: deleted, sequence {}", event.subject, event.sequence),
        Kind::Poison(_) => format!("{}: poison, {} bytes", event.subject, event.text.len()),
    };
    let mut text: String = event.text.chars().take(SHOWN).collect();
    if text.len() < event.text.len() {
        text.push('…');
    }
    Row { number: event.number, title, text }
}

fn make(sandbox: &Sandbox, given: Option<Fields>, said: &'static str, wrong: Wrong) -> Page {
    let target = sandbox.target();
    let stream = sandbox.stream();
    let kept = || target.as_ref().map(Fields::of).unwrap_or_else(|| Fields { batch: "1".to_owned(), ..Fields::default() });
    Page {
        area: "publishing",
        said,
        given: given.unwrap_or_else(kept),
        wrong,
        set_up: target.is_some(),
        waiting: text::number(stream.waiting as u64),
        waiting_bytes: text::number(stream.waiting_bytes as u64),
        published: text::number(stream.published),
        published_rate: format!("{:.1}", stream.published_per_second),
        acknowledged: text::number(stream.acknowledged),
        acknowledged_rate: format!("{:.1}", stream.acknowledged_per_second),
        refused: text::number(stream.refused),
        answers: stream.answers.into_iter().map(|answer| Answered { at: text::time(answer.at), answer }).collect(),
        events: sandbox.published_last(EVENTS).iter().rev().map(row).collect(),
    }
}

async fn page(State(sandbox): State<Sandbox>, Query(said): Query<Said>) -> Response {
    show(&make(&sandbox, None, said.sentence(), Wrong::default()))
}

/// The token that is set already, for a target of the same kind at the same address: it is sent nowhere else.
fn kept_token(sandbox: &Sandbox, kind: &str, address: &str) -> Option<String> {
    let target = sandbox.target()?;
    let same = Fields::of(&target).kind == kind && target.address() == address;
    same.then(|| target.token().to_owned())
}

/// A token that is left blank stays.
async fn save(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let address = wrong.needed("address", &given.address, 500);
    let mut token = wrong.text("token", &given.token, 200);
    if token.is_empty() {
        token = kept_token(&sandbox, &given.kind, &address).unwrap_or_default();
    }
    let batch = given.batch.trim().parse().ok().filter(|n| (1..=500).contains(n)).unwrap_or_else(|| {
        wrong.add("batch", "A number from 1 to 500.");
        1
    });
    let stream = Some(wrong.text("stream", &given.stream, 100)).filter(|name| !name.is_empty());
    let target = if given.kind == "nats" {
        Target::Nats { address, token, stream, batch }
    } else {
        if token.is_empty() {
            wrong.add("token", "This is needed.");
        }
        Target::Http { address, token, batch }
    };
    if wrong.none() {
        match sandbox.set_target(Some(target)) {
            Ok(()) => return go("/loyalty/publishing?said=saved"),
            Err(why) => wrong.add("address", why.to_string()),
        }
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &make(&sandbox, Some(Fields { token: String::new(), ..given }), "", wrong))
}

async fn end(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.set_target(None) {
        Ok(()) => go(HERE),
        Err(why) => refused(&why),
    }
}
