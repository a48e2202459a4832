//! All queries, and making one.

use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Wrong, beside, go, show, show_with};
use crate::imis::queries::{LISTS, NewQuery, Query, Selection};
use crate::imis::sandbox::Sandbox;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/imis/queries", get(page).post(create))
}

/// What a query made here may select.
const SELECTIONS: &[(&str, &str)] = &[
    ("everybody", "all contacts"),
    ("members", "members"),
    ("students", "students"),
    ("west", "contacts in the West"),
    ("tenth", "every tenth contact or so"),
    ("nobody", "nobody but whom I add"),
];

fn selection(name: &str) -> Option<Selection> {
    Some(match name {
        "everybody" => Selection::Everybody,
        "members" => Selection::Members,
        "students" => Selection::Students,
        "west" => Selection::West,
        "tenth" => Selection::Permille(100),
        "nobody" => Selection::Nobody,
        _ => return None,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    name: String,
    selection: String,
}

#[derive(Template)]
#[template(path = "imis/pages/queries.html")]
struct Page {
    area: &'static str,
    lists: &'static str,
    queries: Vec<Query>,
    selections: &'static [(&'static str, &'static str)],
    given: Given,
    wrong: Wrong,
}

fn make(sandbox: &Sandbox, given: Given, wrong: Wrong) -> Page {
    Page { area: "queries", lists: LISTS, queries: sandbox.queries(), selections: SELECTIONS, given, wrong }
}

async fn page(State(sandbox): State<Sandbox>) -> Response {
    beside(move || show(&make(&sandbox, Given::default(), Wrong::default()))).await
}

async fn create(State(sandbox): State<Sandbox>, Form(given): Form<Given>) -> Response {
    beside(move || {
        let mut wrong = Wrong::default();
        let name = wrong.needed("name", &given.name, 80);
        if name.contains('/') {
            wrong.add("name", "A name holds no slash.");
        }
        let selection = selection(&given.selection).unwrap_or(Selection::Everybody);
        if wrong.none() {
            match sandbox.create_query(NewQuery::new(&name, selection)) {
                Some(query) => return go(&format!("/imis/queries/{}?said=created", query.number)),
                None => wrong.add("name", "There is a query of this name already."),
            }
        }
        show_with(StatusCode::UNPROCESSABLE_ENTITY, &make(&sandbox, given, wrong))
    })
    .await
}
