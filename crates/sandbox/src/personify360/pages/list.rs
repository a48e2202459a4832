//! One list: its optional information, its age, its members.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::constituent::Said;
use super::{beside, go, missing, refuse, show, text};
use crate::personify360::jobs::{Frequency, Process};
use crate::personify360::marketing::ListStatus;
use crate::personify360::people::Person;
use crate::personify360::sandbox::Sandbox;

const ROWS: usize = 50;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/lists/{code}", get(page).post(save))
        .route("/lists/{code}/members", get(members))
        .route("/lists/{code}/create", axum::routing::post(create))
}

#[derive(Template)]
#[template(path = "personify360/pages/list.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    list: ListStatus,
    description: String,
    members: String,
    entering: String,
    leaving: String,
    refreshed: Option<(String, String)>,
    frequencies: [Frequency; 6],
}

async fn page(State(sandbox): State<Sandbox>, Path(code): Path<String>, Query(said): Query<Said>) -> Response {
    beside(move || {
        let now = sandbox.now();
        let (Some(list), Some(shown)) = (sandbox.list_status(&code), sandbox.list(&code)) else {
            return missing();
        };
        show(&Page {
            area: "lists",
            said: said.sentence(),
            description: shown.description,
            members: text::number(list.members),
            entering: text::number(list.entering),
            leaving: text::number(list.leaving),
            refreshed: list.last_regenerated.map(|at| (text::time(at), text::age(at, now))),
            frequencies: Frequency::ALL,
            list,
        })
    })
    .await
}

#[derive(Deserialize)]
struct Optional {
    frequency: String,
}

async fn save(State(sandbox): State<Sandbox>, Path(code): Path<String>, Form(given): Form<Optional>) -> Response {
    match given.frequency.parse() {
        Ok(frequency) if sandbox.set_frequency(&code, frequency) => go(&format!("{}?said=saved", path(&code))),
        Ok(_) => missing(),
        Err(error) => refuse(StatusCode::UNPROCESSABLE_ENTITY, format!("{error}")),
    }
}

/// The address of a list's page; codes made through the admin routes may hold anything.
fn path(code: &str) -> String {
    let mut path = String::from("/lists/");
    for byte in code.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// Runs MKT510 for this list.
async fn create(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> Response {
    beside(move || {
        let run = sandbox.run_process(Process::Mkt510 { list_code: code });
        go(&format!("/jobs/runs/{}", run.id))
    })
    .await
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

#[derive(Template)]
#[template(path = "personify360/pages/members.html")]
struct MembersPage {
    area: &'static str,
    code: String,
    name: String,
    count: String,
    age: String,
    people: Vec<Person>,
    next: Option<u64>,
    later: bool,
}

async fn members(State(sandbox): State<Sandbox>, Path(code): Path<String>, Query(from): Query<From>) -> Response {
    beside(move || {
        let now = sandbox.now();
        let state = sandbox.read();
        let Some(list) = state.lists.get(&code) else {
            return missing();
        };
        let mut indexes: Vec<u64> = state.members(list, from.from).take(ROWS + 1).collect();
        let next = (indexes.len() > ROWS).then(|| indexes.pop()).flatten();
        show(&MembersPage {
            area: "lists",
            code: list.code.clone(),
            name: list.name.clone(),
            count: text::number(state.count(list)),
            age: list.refreshed.map_or_else(|| "never".into(), |at| text::age(at, now)),
            people: indexes.iter().map(|index| state.person_at(*index)).collect(),
            next,
            later: from.from > 1,
        })
    })
    .await
}
