//! Saved searches: public, active, and whom they find.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Said, Wrong, beside, go, missing, show, show_with};
use crate::membersuite::criteria::Criteria;
use crate::membersuite::ids;
use crate::membersuite::people::Individual;
use crate::membersuite::sandbox::{Found, Sandbox};

/// People shown at most.
const ROWS: usize = 50;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/membersuite/searches", get(all)).route("/membersuite/searches/{id}", get(page).post(save))
}

#[derive(Template)]
#[template(path = "membersuite/pages/searches.html")]
struct All {
    area: &'static str,
    searches: Vec<Found>,
}

async fn all(State(sandbox): State<Sandbox>) -> Response {
    beside(move || show(&All { area: "searches", searches: sandbox.searches() })).await
}

#[derive(Template)]
#[template(path = "membersuite/pages/search.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    search: Found,
    wrong: Wrong,
    criteria: Vec<String>,
    people: Vec<Individual>,
}

/// Conditions as people read them.
fn words(criteria: &Criteria, out: &mut Vec<String>) {
    match criteria {
        Criteria::Is { field, op, values } => out.push(format!("{field} {} {}", op.name(), values.join(", ")).trim().to_owned()),
        Criteria::All(parts) => parts.iter().for_each(|part| words(part, out)),
        Criteria::Any(parts) => {
            let mut any = Vec::new();
            parts.iter().for_each(|part| words(part, &mut any));
            out.push(any.join(" or "));
        }
    }
}

fn make(sandbox: &Sandbox, id: &str, said: &'static str, wrong: Wrong) -> Option<Page> {
    let search = sandbox.search(id)?;
    let mut criteria = Vec::new();
    if let Some(saved) = ids::read(sandbox.options().seed, &search.id).and_then(|(_, number)| sandbox.read().search(number).cloned()) {
        words(&saved.search.criteria, &mut criteria);
    }
    let people = sandbox.search_people(&search.id).into_iter().take(ROWS).collect();
    Some(Page { area: "searches", said, search, wrong, criteria, people })
}

async fn page(State(sandbox): State<Sandbox>, Path(id): Path<String>, Query(said): Query<Said>) -> Response {
    beside(move || match make(&sandbox, &id, said.sentence(), Wrong::default()) {
        Some(page) => show(&page),
        None => missing(),
    })
    .await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    name: String,
    public: String,
    active: String,
}

async fn save(State(sandbox): State<Sandbox>, Path(id): Path<String>, Form(given): Form<Fields>) -> Response {
    beside(move || {
        let mut wrong = Wrong::default();
        let name = wrong.needed("name", &given.name, 100);
        if !wrong.none() {
            return match make(&sandbox, &id, "", wrong) {
                Some(page) => show_with(StatusCode::UNPROCESSABLE_ENTITY, &page),
                None => missing(),
            };
        }
        match sandbox.edit_search(&id, Some(&name), Some(!given.public.is_empty()), Some(!given.active.is_empty())) {
            Some(search) => go(&format!("/membersuite/searches/{}?said=saved", search.id)),
            None => missing(),
        }
    })
    .await
}
