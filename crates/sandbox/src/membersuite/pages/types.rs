//! Message categories and activity types, switched on and off; and the end of all sessions.

use askama::Template;
use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{go, refuse, show};
use crate::membersuite::records::Configurable;
use crate::membersuite::sandbox::Sandbox;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/membersuite/types", get(page))
        .route("/membersuite/types/categories", post(category))
        .route("/membersuite/types/activity-types", post(activity_type))
        .route("/membersuite/types/sessions", post(sessions))
}

struct Table {
    path: &'static str,
    title: &'static str,
    about: &'static str,
    rows: Vec<Configurable>,
}

#[derive(Template)]
#[template(path = "membersuite/pages/types.html")]
struct Page {
    area: &'static str,
    tables: Vec<Table>,
    rialto_missing: bool,
}

async fn page(State(sandbox): State<Sandbox>) -> Response {
    let types = sandbox.activity_types();
    let rialto_missing = !types.iter().any(|kind| kind.code.eq_ignore_ascii_case("RIALTO"));
    let categories = Table {
        path: "categories",
        title: "Message categories",
        about: "New individuals are opted in to all that are active.",
        rows: sandbox.categories(),
    };
    let types = Table { path: "activity-types", title: "Activity types", about: "An activity needs a type that is active.", rows: types };
    show(&Page { area: "types", tables: vec![categories, types], rialto_missing })
}

#[derive(Deserialize)]
struct Switched {
    code: String,
    active: String,
}

const BACK: &str = "/membersuite/types";

async fn category(State(sandbox): State<Sandbox>, Form(given): Form<Switched>) -> Response {
    if sandbox.set_category(&given.code, given.active == "yes") {
        return go(BACK);
    }
    refuse(StatusCode::NOT_FOUND, "There is no such message category.")
}

async fn activity_type(State(sandbox): State<Sandbox>, Form(given): Form<Switched>) -> Response {
    let known = sandbox.activity_types().iter().any(|kind| kind.code == given.code);
    if !known && given.code != "RIALTO" {
        return refuse(StatusCode::NOT_FOUND, "There is no such activity type.");
    }
    sandbox.set_activity_type(&given.code, given.active == "yes");
    go(BACK)
}

async fn sessions(State(sandbox): State<Sandbox>) -> Response {
    sandbox.expire_sessions();
    go(BACK)
}
