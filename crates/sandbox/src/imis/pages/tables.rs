//! User-defined tables: all of them, and making one.

use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Wrong, go, show, show_with};
use crate::imis::sandbox::Sandbox;
use crate::imis::tables::{Instances, Table};

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/imis/tables", get(page).post(create))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    name: String,
    several: String,
}

#[derive(Template)]
#[template(path = "imis/pages/tables.html")]
struct Page {
    area: &'static str,
    tables: Vec<Table>,
    given: Given,
    wrong: Wrong,
}

async fn page(State(sandbox): State<Sandbox>) -> Response {
    let given = Given { several: "on".into(), ..Given::default() };
    show(&Page { area: "tables", tables: sandbox.tables(), given, wrong: Wrong::default() })
}

async fn create(State(sandbox): State<Sandbox>, Form(given): Form<Given>) -> Response {
    let mut wrong = Wrong::default();
    let name = wrong.needed("name", &given.name, 100);
    let instances = if given.several.is_empty() { Instances::Single } else { Instances::Multi };
    if wrong.none() {
        let table = Table { name: name.clone(), description: String::new(), instances, fields: Vec::new() };
        match sandbox.create_table(table) {
            Ok(()) => return go(&format!("/imis/tables/{name}?said=created")),
            Err(error) => wrong.add("name", format!("{error}.")),
        }
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &Page { area: "tables", tables: sandbox.tables(), given, wrong })
}
