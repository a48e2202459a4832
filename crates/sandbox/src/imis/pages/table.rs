//! One user-defined table: its fields, its rows, renaming and dropping it.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, go, missing, show_with};
use crate::imis::sandbox::Sandbox;
use crate::imis::tables::{Field, FieldKind, Instances, Row, Table, TableError};

/// Rows shown at most.
const ROWS: usize = 200;
/// Longest text a field may hold.
const LONGEST: u32 = 8_000;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis/tables/{name}", get(page))
        .route("/imis/tables/{name}/fields", post(field))
        .route("/imis/tables/{name}/fields/{field}/drop", post(drop_field))
        .route("/imis/tables/{name}/rename", post(rename))
        .route("/imis/tables/{name}/drop", post(drop_table))
}

impl Table {
    /// Multiple Instances Allowed.
    pub(crate) fn several(&self) -> bool {
        self.instances == Instances::Multi
    }
}

#[derive(Template)]
#[template(path = "imis/pages/table.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    wrong: String,
    /// The fields, and an empty one to be added.
    fields: Vec<Field>,
    kinds: &'static [FieldKind],
    rows: Vec<Row>,
    table: Table,
}

fn show_table(sandbox: &Sandbox, name: &str, status: StatusCode, said: &'static str, wrong: String) -> Response {
    let Some(table) = sandbox.table(name) else { return missing() };
    let rows = sandbox.rows(name, None, ROWS);
    let fields = table.fields.iter().cloned().chain([Field::text("", "", 255)]).collect();
    show_with(status, &Page { area: "tables", said, wrong, fields, kinds: FieldKind::ALL, rows, table })
}

async fn page(State(sandbox): State<Sandbox>, Path(name): Path<String>, Query(said): Query<Said>) -> Response {
    show_table(&sandbox, &name, StatusCode::OK, said.sentence(), String::new())
}

/// To the table if the change was made, else back with the reason.
fn settled(sandbox: &Sandbox, name: &str, result: Result<(), TableError>) -> Response {
    match result {
        Ok(()) => go(&format!("/imis/tables/{name}?said=saved")),
        Err(error) => show_table(sandbox, name, StatusCode::UNPROCESSABLE_ENTITY, "", format!("{error}.")),
    }
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    was: String,
    name: String,
    #[serde(default)]
    prompt: String,
    kind: String,
    #[serde(default)]
    length: String,
}

async fn field(State(sandbox): State<Sandbox>, Path(table): Path<String>, Form(given): Form<Given>) -> Response {
    let kind = FieldKind::ALL.iter().copied().find(|k| k.label() == given.kind).unwrap_or(FieldKind::Char);
    let length = given.length.trim().parse::<u32>().unwrap_or(0).min(LONGEST);
    let length = if kind == FieldKind::Char { length } else { 0 };
    let prompt = given.prompt.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    let field = Field { name: given.name.trim().to_owned(), prompt, kind, length };
    let result = if given.was.is_empty() { sandbox.add_field(&table, field) } else { sandbox.alter_field(&table, &given.was, field) };
    settled(&sandbox, &table, result)
}

async fn drop_field(State(sandbox): State<Sandbox>, Path((table, field)): Path<(String, String)>) -> Response {
    let result = sandbox.drop_field(&table, &field);
    settled(&sandbox, &table, result)
}

#[derive(Deserialize)]
struct Renamed {
    name: String,
}

async fn rename(State(sandbox): State<Sandbox>, Path(table): Path<String>, Form(to): Form<Renamed>) -> Response {
    match sandbox.rename_table(&table, to.name.trim()) {
        Ok(()) => go(&format!("/imis/tables/{}?said=saved", to.name.trim())),
        error => settled(&sandbox, &table, error),
    }
}

async fn drop_table(State(sandbox): State<Sandbox>, Path(table): Path<String>) -> Response {
    match sandbox.drop_table(&table) {
        Ok(()) => go("/imis/tables"),
        Err(_) => missing(),
    }
}
