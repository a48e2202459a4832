//! List Maintenance: all lists, and defining one.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Wrong, beside, go, show, show_with, text};
use crate::personify360::jobs::Frequency;
use crate::personify360::marketing::Selection;
use crate::personify360::sandbox::Sandbox;

const ROWS: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/lists", get(page)).route("/lists/new", get(form).post(define))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

struct Row {
    code: String,
    name: String,
    active: bool,
    frequency: Frequency,
    created: bool,
    refreshed: Option<(String, String)>,
    members: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/lists.html")]
struct Page {
    area: &'static str,
    q: String,
    rows: Vec<Row>,
    matching: usize,
}

async fn page(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    beside(move || {
        let now = sandbox.now();
        let q: String = asked.q.trim().chars().take(80).collect();
        let wanted = q.to_lowercase();
        let state = sandbox.read();
        let matches: Vec<_> =
            state.lists.values().filter(|l| [&l.code, &l.name].iter().any(|text| text.to_lowercase().contains(&wanted))).collect();
        let rows = matches.iter().take(ROWS).map(|list| Row {
            code: list.code.clone(),
            name: list.name.clone(),
            active: list.active,
            frequency: list.frequency,
            created: list.created,
            refreshed: list.refreshed.map(|at| (text::time(at), text::age(at, now))),
            members: text::number(state.count(list)),
        });
        show(&Page { area: "lists", rows: rows.collect(), matching: matches.len(), q })
    })
    .await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    code: String,
    name: String,
    selection: String,
    frequency: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/list_new.html")]
struct NewPage {
    area: &'static str,
    given: Fields,
    frequencies: [Frequency; 6],
    wrong: Wrong,
}

impl NewPage {
    const SELECTIONS: [(&'static str, &'static str, Selection); 4] = [
        ("nobody", "Opt-in interest area: whom you include", Selection::Nobody),
        ("everybody", "Every constituent", Selection::Everybody),
        ("west", "Constituents in the West (CA, OR, WA, NV)", Selection::West),
        ("lapsed", "Constituents whose membership has lapsed", Selection::Lapsed),
    ];

    fn of(given: Fields, wrong: Wrong) -> Self {
        Self { area: "lists", given, frequencies: Frequency::ALL, wrong }
    }
}

async fn form() -> Response {
    show(&NewPage::of(Fields { frequency: "DAILY".into(), ..Fields::default() }, Wrong::default()))
}

async fn define(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let code = wrong.needed("code", &given.code, 24).to_uppercase();
    let name = wrong.needed("name", &given.name, 80);
    if !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') || code.eq_ignore_ascii_case("new") {
        wrong.add("code", "Letters, digits, _ and - only, and not NEW.");
    }
    let frequency = given.frequency.parse().map_err(|error: crate::personify360::jobs::JobError| wrong.add("frequency", error.to_string()));
    let selection = NewPage::SELECTIONS.iter().find(|(key, ..)| *key == given.selection).map(|(.., selection)| *selection);
    if wrong.none()
        && let Ok(frequency) = frequency
    {
        if sandbox.define_list(&code, &name, selection.unwrap_or_default(), frequency) {
            return go(&format!("/lists/{code}?said=defined"));
        }
        wrong.add("code", "There is such a list already, or there are 2,000 lists.");
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage::of(given, wrong))
}
