//! The simulator's own routes, in JSON; no part of the product it stands for.

mod activities;
mod jobs;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{FaultRule, FaultStatus};
use crate::journal::Requests;
use crate::personify360::churn::{Churn, ChurnReport};
use crate::personify360::http::BODY_LIMIT;
use crate::personify360::jobs::Frequency;
use crate::personify360::lists::List;
use crate::personify360::marketing::{ListStatus, Selection, Who};
use crate::personify360::people::{NewPerson, Person, PersonPatch};
use crate::personify360::sandbox::{Activity, Sandbox};

/// The admin routes.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/admin/lists", get(lists).post(create_list))
        .route("/admin/lists/{code}", get(list).patch(patch_list).delete(delete_list))
        .route("/admin/lists/{code}/members", get(members))
        .route("/admin/lists/{code}/add", post(add))
        .route("/admin/lists/{code}/remove", post(remove))
        .route("/admin/lists/{code}/regenerate", post(regenerate))
        .route("/admin/lists/{code}/churn", post(churn))
        .route("/admin/lists/{code}/status", get(status))
        .route("/admin/lists/{code}/qualify", post(qualify))
        .route("/admin/people", post(create_person))
        .route("/admin/people/{master}/{sub}", get(person).patch(patch_person))
        .route("/admin/people/{master}/{sub}/activities", get(activities))
        .route("/admin/faults", get(faults).post(inject).delete(clear_faults))
        .route("/admin/requests", get(requests).delete(clear_requests))
        .merge(activities::router())
        .merge(jobs::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

type Answer<T> = Result<Json<T>, StatusCode>;

fn found<T>(value: Option<T>) -> Answer<T> {
    value.map(Json).ok_or(StatusCode::NOT_FOUND)
}

fn done(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn lists(State(sandbox): State<Sandbox>) -> Json<Vec<List>> {
    Json(sandbox.lists())
}

async fn list(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> Answer<List> {
    found(sandbox.list(&code))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewList {
    code: String,
    name: String,
    /// With this or a frequency the list is only defined, and waits for MKT510.
    selection: Option<Selection>,
    frequency: Option<Frequency>,
}

async fn create_list(State(sandbox): State<Sandbox>, Json(new): Json<NewList>) -> StatusCode {
    let fits = |text: &str, most: usize| !text.is_empty() && text.len() <= most;
    if !fits(&new.code, 24) || !fits(&new.name, 80) {
        return StatusCode::BAD_REQUEST;
    }
    let made = if new.selection.is_some() || new.frequency.is_some() {
        let frequency = new.frequency.unwrap_or(Frequency::Daily);
        sandbox.define_list(&new.code, &new.name, new.selection.unwrap_or_default(), frequency)
    } else {
        sandbox.create_list(&new.code, &new.name)
    };
    if made { StatusCode::CREATED } else { StatusCode::CONFLICT }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListPatch {
    name: Option<String>,
    active: Option<bool>,
    frequency: Option<Frequency>,
}

async fn patch_list(State(sandbox): State<Sandbox>, Path(code): Path<String>, Json(patch): Json<ListPatch>) -> Answer<List> {
    if let Some(name) = patch.name {
        sandbox.rename_list(&code, &name);
    }
    if let Some(active) = patch.active {
        sandbox.set_list_active(&code, active);
    }
    if let Some(frequency) = patch.frequency {
        sandbox.set_frequency(&code, frequency);
    }
    found(sandbox.list(&code))
}

async fn delete_list(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    done(sandbox.delete_list(&code))
}

#[derive(Deserialize)]
struct Slice {
    #[serde(default)]
    offset: usize,
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

async fn members(State(sandbox): State<Sandbox>, Path(code): Path<String>, Query(slice): Query<Slice>) -> Answer<Vec<Person>> {
    if sandbox.list(&code).is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(sandbox.member_slice(&code, slice.offset, slice.limit.min(10_000))))
}

/// `{"count": 5}` or `{"ids": ["000000000101-0"]}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Chosen {
    Count(u64),
    Ids(Vec<String>),
}

impl Chosen {
    fn who(self) -> Result<Who, StatusCode> {
        match self {
            Self::Count(n) => Ok(Who::First(n)),
            Self::Ids(ids) => {
                let ids: Option<Vec<_>> = ids.iter().map(|id| Sandbox::split_remote_id(id)).collect();
                ids.map(Who::Ids).ok_or(StatusCode::BAD_REQUEST)
            }
        }
    }
}

async fn add(State(sandbox): State<Sandbox>, Path(code): Path<String>, Json(chosen): Json<Chosen>) -> Answer<Value> {
    let changed = sandbox.add_to_list(&code, &chosen.who()?);
    found(changed.map(|changed| json!({ "added": changed })))
}

async fn remove(State(sandbox): State<Sandbox>, Path(code): Path<String>, Json(chosen): Json<Chosen>) -> Answer<Value> {
    let changed = sandbox.remove_from_list(&code, &chosen.who()?);
    found(changed.map(|changed| json!({ "removed": changed })))
}

async fn regenerate(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> Answer<List> {
    sandbox.regenerate(&code);
    found(sandbox.list(&code))
}

async fn churn(State(sandbox): State<Sandbox>, Path(code): Path<String>, Json(churn): Json<Churn>) -> Answer<ChurnReport> {
    let work = tokio::task::spawn_blocking(move || sandbox.churn(&code, churn));
    found(work.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?)
}

async fn status(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> Answer<ListStatus> {
    found(sandbox.list_status(&code))
}

/// `{"member": true, "count": 5}` or `{"member": false, "ids": ["000000000101-0"]}`.
#[derive(Deserialize)]
struct Qualify {
    member: bool,
    #[serde(flatten)]
    chosen: Chosen,
}

async fn qualify(State(sandbox): State<Sandbox>, Path(code): Path<String>, Json(asked): Json<Qualify>) -> Answer<Value> {
    let moved = sandbox.qualify(&code, &asked.chosen.who()?, asked.member);
    let verb = if asked.member { "will_enter" } else { "will_leave" };
    found(moved.map(|moved| json!({ verb: moved })))
}

async fn create_person(State(sandbox): State<Sandbox>, Json(new): Json<NewPerson>) -> Result<(StatusCode, Json<Person>), StatusCode> {
    if !new.fits() {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !sandbox.has_room() {
        return Err(StatusCode::CONFLICT);
    }
    Ok((StatusCode::CREATED, Json(sandbox.create_person(new))))
}

async fn person(State(sandbox): State<Sandbox>, Path((master, sub)): Path<(String, i64)>) -> Answer<Person> {
    found(sandbox.person(&master, sub))
}

async fn patch_person(
    State(sandbox): State<Sandbox>,
    Path((master, sub)): Path<(String, i64)>,
    Json(patch): Json<PersonPatch>,
) -> Answer<Person> {
    found(sandbox.edit_person(&master, sub, |person| patch.apply(person)))
}

async fn activities(State(sandbox): State<Sandbox>, Path((master, sub)): Path<(String, i64)>) -> Json<Vec<Activity>> {
    Json(sandbox.activities(&master, sub))
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Vec<FaultStatus>> {
    Json(sandbox.faults())
}

async fn inject(State(sandbox): State<Sandbox>, Json(rule): Json<FaultRule>) -> StatusCode {
    sandbox.inject(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

async fn requests(State(sandbox): State<Sandbox>) -> Json<Requests> {
    Json(sandbox.requests())
}

async fn clear_requests(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_requests();
    StatusCode::NO_CONTENT
}
