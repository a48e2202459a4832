//! The simulator's own routes, in JSON; no part of the product it stands for.

use axum::extract::{DefaultBodyLimit, Path, Query as Asked, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{FaultRule, FaultStatus};
use crate::imis::activities::Activity;
use crate::imis::contacts::{CommunicationType, Contact, ContactPatch, NewContact};
use crate::imis::queries::{NewQuery, Query, QueryPatch};
use crate::imis::sandbox::Sandbox;
use crate::imis::tables::{Field, Row, Table, TableError};
use crate::imis::truth::Marked;
use crate::journal::Requests;

/// Greatest body of these routes.
const BODY_LIMIT: usize = 1 << 20;
/// Most rows of an answer.
const ROWS: usize = 10_000;

/// The admin routes.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis/admin/people", post(create_contact))
        .route("/imis/admin/people/{id}", get(contact).patch(patch_contact))
        .route("/imis/admin/people/{id}/activities", get(activities))
        .route("/imis/admin/activities", get(marked))
        .route("/imis/admin/activity-types", get(activity_types))
        .route("/imis/admin/activity-types/{code}", post(add_type).delete(drop_type))
        .route("/imis/admin/communication-types", get(communication_types))
        .route("/imis/admin/communication-types/{name}", axum::routing::delete(drop_communication_type))
        .route("/imis/admin/queries", get(queries).post(create_query))
        .route("/imis/admin/queries/{number}", get(query).patch(patch_query).delete(delete_query))
        .route("/imis/admin/queries/{number}/members", get(members))
        .route("/imis/admin/queries/{number}/answer", post(answer))
        .route("/imis/admin/tables", get(tables).post(create_table))
        .route("/imis/admin/tables/{name}", get(table).patch(rename_table).delete(drop_table))
        .route("/imis/admin/tables/{name}/rows", get(rows))
        .route("/imis/admin/tables/{name}/fields", post(add_field))
        .route("/imis/admin/tables/{name}/fields/{field}", axum::routing::put(alter_field).delete(drop_field))
        .route("/imis/admin/tokens", get(tokens).delete(expire_tokens))
        .route("/imis/admin/faults", get(faults).post(inject).delete(clear_faults))
        .route("/imis/admin/requests", get(requests).delete(clear_requests))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

type Answer<T> = Result<Json<T>, StatusCode>;

fn found<T>(value: Option<T>) -> Answer<T> {
    value.map(Json).ok_or(StatusCode::NOT_FOUND)
}

fn done(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

type Refused = (StatusCode, Json<Value>);

fn altered(result: Result<(), TableError>) -> Result<StatusCode, Refused> {
    result.map(|()| StatusCode::NO_CONTENT).map_err(|error| {
        let status = match error {
            TableError::Exists(_) => StatusCode::CONFLICT,
            TableError::Missing(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({ "error": error.to_string() })))
    })
}

async fn create_contact(State(sandbox): State<Sandbox>, Json(new): Json<NewContact>) -> Result<(StatusCode, Json<Contact>), StatusCode> {
    if !new.fits() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let made = sandbox.create_contact(new).ok_or(StatusCode::CONFLICT)?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn contact(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Answer<Contact> {
    found(sandbox.contact(&id))
}

async fn patch_contact(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(patch): Json<ContactPatch>) -> Answer<Contact> {
    found(sandbox.patch_contact(&id, patch))
}

async fn activities(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Json<Vec<Activity>> {
    Json(sandbox.activities(&id))
}

#[derive(Deserialize)]
struct Only {
    #[serde(default)]
    marker: String,
}

/// Activities that bear marks; of one marker only if it is asked for.
async fn marked(State(sandbox): State<Sandbox>, Asked(only): Asked<Only>) -> Json<Vec<Marked>> {
    Json(sandbox.marked().into_iter().filter(|m| only.marker.is_empty() || m.marker == only.marker).collect())
}

async fn activity_types(State(sandbox): State<Sandbox>) -> Json<Vec<(String, String)>> {
    Json(sandbox.activity_types())
}

async fn add_type(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    if code.is_empty() || code.chars().count() > 20 {
        return StatusCode::BAD_REQUEST;
    }
    sandbox.set_activity_type(&code, true);
    StatusCode::NO_CONTENT
}

async fn drop_type(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    let known = sandbox.activity_types().iter().any(|(c, _)| *c == code);
    sandbox.set_activity_type(&code, false);
    done(known)
}

async fn communication_types(State(sandbox): State<Sandbox>) -> Json<Vec<CommunicationType>> {
    Json(sandbox.communication_types())
}

async fn drop_communication_type(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> StatusCode {
    done(sandbox.drop_communication_type(&name))
}

async fn queries(State(sandbox): State<Sandbox>) -> Json<Vec<Query>> {
    Json(sandbox.queries())
}

async fn create_query(State(sandbox): State<Sandbox>, Json(new): Json<NewQuery>) -> Result<(StatusCode, Json<Query>), StatusCode> {
    if !new.fits() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let made = sandbox.create_query(new).ok_or(StatusCode::CONFLICT)?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn query(State(sandbox): State<Sandbox>, Path(number): Path<u64>) -> Answer<Query> {
    found(sandbox.query_by_number(number))
}

async fn patch_query(State(sandbox): State<Sandbox>, Path(number): Path<u64>, Json(patch): Json<QueryPatch>) -> Answer<Query> {
    found(sandbox.patch_query(number, patch))
}

async fn delete_query(State(sandbox): State<Sandbox>, Path(number): Path<u64>) -> StatusCode {
    done(sandbox.delete_query(number))
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

async fn members(State(sandbox): State<Sandbox>, Path(number): Path<u64>, Asked(slice): Asked<Slice>) -> Answer<Vec<Contact>> {
    sandbox.query_by_number(number).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(sandbox.member_slice(number, slice.offset, slice.limit.min(ROWS))))
}

/// `{"ids": ["101"], "member": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    ids: Vec<String>,
    member: bool,
}

async fn answer(State(sandbox): State<Sandbox>, Path(number): Path<u64>, Json(chosen): Json<Chosen>) -> Answer<Value> {
    found(sandbox.answer(number, &chosen.ids, chosen.member).map(|changed| json!({ "changed": changed })))
}

async fn tables(State(sandbox): State<Sandbox>) -> Json<Vec<Table>> {
    Json(sandbox.tables())
}

async fn create_table(State(sandbox): State<Sandbox>, Json(table): Json<Table>) -> Result<StatusCode, Refused> {
    altered(sandbox.create_table(table)).map(|_| StatusCode::CREATED)
}

async fn table(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Answer<Table> {
    found(sandbox.table(&name))
}

/// `{"name": "OTHER_NAME"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Renamed {
    name: String,
}

async fn rename_table(State(sandbox): State<Sandbox>, Path(name): Path<String>, Json(to): Json<Renamed>) -> Result<StatusCode, Refused> {
    altered(sandbox.rename_table(&name, &to.name))
}

async fn drop_table(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Result<StatusCode, Refused> {
    altered(sandbox.drop_table(&name))
}

#[derive(Deserialize)]
struct Whose {
    id: Option<String>,
}

async fn rows(State(sandbox): State<Sandbox>, Path(name): Path<String>, Asked(whose): Asked<Whose>) -> Answer<Vec<Row>> {
    sandbox.table(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(sandbox.rows(&name, whose.id.as_deref(), ROWS)))
}

async fn add_field(State(sandbox): State<Sandbox>, Path(name): Path<String>, Json(field): Json<Field>) -> Result<StatusCode, Refused> {
    altered(sandbox.add_field(&name, field))
}

async fn alter_field(
    State(sandbox): State<Sandbox>,
    Path((name, field)): Path<(String, String)>,
    Json(to): Json<Field>,
) -> Result<StatusCode, Refused> {
    altered(sandbox.alter_field(&name, &field, to))
}

async fn drop_field(State(sandbox): State<Sandbox>, Path((name, field)): Path<(String, String)>) -> Result<StatusCode, Refused> {
    altered(sandbox.drop_field(&name, &field))
}

async fn tokens(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "issued": sandbox.tokens_issued() }))
}

async fn expire_tokens(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.expire_tokens();
    StatusCode::NO_CONTENT
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
