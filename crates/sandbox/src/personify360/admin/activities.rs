//! What was written: the activities and flags of one person, and all marks with how often they stand there.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, done, found};
use crate::personify360::interests::Held;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::truth::Marked;

/// Marks shown at most, and if nobody says.
const MOST: usize = 100_000;
const USUAL: usize = 1_000;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/admin/activities", get(activities))
        .route("/admin/people/{master}/{sub}/interests", get(interests_of).put(set_interest))
        .route("/admin/interests/{source}/{code}", get(interested))
        .route("/admin/codes/{code}", put(add_code).delete(remove_code))
        .route("/admin/procedures/{name}", axum::routing::delete(drop_procedure))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// One person, for example `000000000101-0`.
    remote_id: Option<String>,
    /// Only marks that stand there more than once.
    #[serde(default)]
    twice: bool,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

async fn activities(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Answer<Value> {
    if let Some(id) = &asked.remote_id {
        return found(person(&sandbox, id));
    }
    let work = tokio::task::spawn_blocking(move || all(&sandbox, &asked));
    work.await.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn person(sandbox: &Sandbox, id: &str) -> Option<Value> {
    let (master, sub) = Sandbox::split_remote_id(id)?;
    let person = sandbox.person(&master, sub)?;
    Some(json!({
        "remote_id": person.remote_id(),
        "allow_email": person.allow_email,
        "allow_solicitation": person.allow_solicitation,
        "activities": sandbox.activities(&master, sub),
        "opt_ins": sandbox.opt_ins(&master, sub),
        "demographics": sandbox.demographics(&master, sub),
    }))
}

fn all(sandbox: &Sandbox, asked: &Asked) -> Value {
    let marked = sandbox.marked();
    let bearing: usize = marked.iter().map(|m| m.activities.len()).sum();
    let many = |m: &&Marked| m.activities.len() > 1;
    let shown = marked.iter().filter(|m| !asked.twice || many(m));
    let shown: Vec<&Marked> = shown.skip(asked.offset).take(asked.limit.unwrap_or(USUAL).min(MOST)).collect();
    json!({
        "activities": sandbox.activity_count(),
        "with_marker": bearing,
        "markers": marked.len(),
        "markers_twice": marked.iter().filter(many).count(),
        "items": shown,
    })
}

/// Codes are short words.
fn code(sandbox: &Sandbox, code: &str, exists: bool) -> StatusCode {
    if code.is_empty() || code.len() > 24 || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return StatusCode::BAD_REQUEST;
    }
    sandbox.set_code(code, exists);
    StatusCode::NO_CONTENT
}

async fn add_code(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> StatusCode {
    code(&sandbox, &name, true)
}

async fn remove_code(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> StatusCode {
    code(&sandbox, &name, false)
}

async fn drop_procedure(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> StatusCode {
    sandbox.drop_procedure(&name);
    StatusCode::NO_CONTENT
}

async fn interests_of(State(sandbox): State<Sandbox>, Path((master, sub)): Path<(String, i64)>) -> Answer<Vec<Held>> {
    found(sandbox.interests_of(&master, sub))
}

/// `{"source": "area", "code": "NEWS", "has": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetInterest {
    source: String,
    code: String,
    #[serde(default)]
    subcode: String,
    has: bool,
}

async fn set_interest(
    State(sandbox): State<Sandbox>,
    Path((master, sub)): Path<(String, i64)>,
    Json(set): Json<SetInterest>,
) -> StatusCode {
    done(sandbox.set_interest(&master, sub, &set.source, &set.code, &set.subcode, set.has))
}

#[derive(Deserialize)]
struct Below {
    #[serde(default)]
    subcode: String,
}

async fn interested(
    State(sandbox): State<Sandbox>,
    Path((source, code)): Path<(String, String)>,
    Query(below): Query<Below>,
) -> Answer<Vec<String>> {
    found(sandbox.interested(&source, &code, &below.subcode))
}
