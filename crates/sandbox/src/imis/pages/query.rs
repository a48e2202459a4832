//! One query: its definition, whom it selects, deleting it.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, Path, Query as Asked, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, Wrong, beside, go, missing, refuse, show, show_with, text};
use crate::imis::contacts::Contact;
use crate::imis::queries::{Column, Query, QueryPatch};
use crate::imis::sandbox::Sandbox;
use crate::target;

const ROWS: usize = 25;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis/queries/{number}", get(page).post(save))
        .route("/imis/queries/{number}/members", post(members))
        .route("/imis/queries/{number}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "imis/pages/query.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    query: Query,
    modified: String,
    title: String,
    prompt: String,
    columns: Vec<(&'static str, bool)>,
    members: Vec<Contact>,
    offset: usize,
    next: Option<usize>,
    wrong: Wrong,
}

#[derive(Default, Deserialize)]
struct From {
    #[serde(default)]
    offset: usize,
}

fn make(sandbox: &Sandbox, query: Query, offset: usize, said: &'static str) -> Page {
    let members = sandbox.member_slice(query.number, offset, ROWS);
    let next = Some(offset.saturating_add(ROWS)).filter(|next| (*next as u64) < query.members);
    Page {
        area: "queries",
        said,
        modified: text::time(query.modified),
        title: query.name.clone(),
        prompt: query.prompt.clone().unwrap_or_default(),
        columns: Column::ALL.iter().map(|c| (c.alias(), query.columns.contains(&c.alias()))).collect(),
        members,
        offset,
        next,
        wrong: Wrong::default(),
        query,
    }
}

async fn page(State(sandbox): State<Sandbox>, Path(number): Path<u64>, Asked(from): Asked<From>, Asked(said): Asked<Said>) -> Response {
    beside(move || match sandbox.query_by_number(number) {
        Some(query) => show(&make(&sandbox, query, from.offset, said.sentence())),
        None => missing(),
    })
    .await
}

async fn save(State(sandbox): State<Sandbox>, Path(number): Path<u64>, body: Bytes) -> Response {
    let Some(given) = target::query(&String::from_utf8_lossy(&body)) else {
        return refuse(StatusCode::BAD_REQUEST, "The form cannot be read.");
    };
    beside(move || {
        let Some(query) = sandbox.query_by_number(number) else { return missing() };
        let field = |name: &str| given.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default();
        let mut wrong = Wrong::default();
        let name = wrong.needed("name", field("name"), 80);
        let prompt = wrong.text("prompt", field("prompt"), 80);
        let chosen = |column: &&Column| given.iter().any(|(n, v)| n == "column" && v == column.alias());
        let patch = QueryPatch {
            name: Some(name.clone()),
            prompt: Some(prompt.clone()),
            shared: Some(!field("shared").is_empty()),
            published: Some(!field("published").is_empty()),
            columns: Some(Column::ALL.iter().filter(chosen).copied().collect()),
            selection: None,
        };
        if wrong.none() {
            if sandbox.patch_query(number, patch).is_some() {
                return go(&format!("/imis/queries/{number}?said=saved"));
            }
            wrong.add("name", "A name holds no slash, and no two queries of a folder have the same.");
        }
        let page = Page { title: name, prompt, wrong, ..make(&sandbox, query, 0, "") };
        show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    })
    .await
}

#[derive(Deserialize)]
struct Chosen {
    id: String,
    member: String,
}

async fn members(State(sandbox): State<Sandbox>, Path(number): Path<u64>, Form(chosen): Form<Chosen>) -> Response {
    if sandbox.contact(chosen.id.trim()).is_none() {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "There is no contact with this iMIS ID.");
    }
    match sandbox.answer(number, &[chosen.id.trim().to_owned()], chosen.member == "yes") {
        Some(_) => go(&format!("/imis/queries/{number}?said=moved#members")),
        None => missing(),
    }
}

async fn delete(State(sandbox): State<Sandbox>, Path(number): Path<u64>) -> Response {
    if sandbox.delete_query(number) { go("/imis/queries") } else { missing() }
}
