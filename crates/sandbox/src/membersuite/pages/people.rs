//! Individuals: searching, creating, Do Not Email and opt-outs, activities.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Said, Wrong, beside, go, missing, refuse, show, show_with, text};
use crate::membersuite::people::{Individual, NewIndividual};
use crate::membersuite::records::Configurable;
use crate::membersuite::sandbox::{Found, Sandbox};

const ROWS: usize = 25;
/// Activities shown at most.
const ACTIVITIES: usize = 100;
/// Longest text that is searched for.
const LONGEST: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/membersuite/people", get(search))
        .route("/membersuite/people/new", get(form).post(create))
        .route("/membersuite/people/{id}", get(page).post(save))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: u64,
}

#[derive(Template)]
#[template(path = "membersuite/pages/people.html")]
struct Page {
    area: &'static str,
    q: String,
    people: Vec<Individual>,
    from: u64,
    next: Option<u64>,
}

async fn search(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    beside(move || {
        let q: String = asked.q.trim().chars().take(LONGEST).collect();
        let wanted = q.to_lowercase();
        let state = sandbox.read();
        let hits = |person: &Individual| {
            let texts = [person.name(), person.email.clone().unwrap_or_default(), person.id.clone()];
            wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let all = (asked.from.max(1)..=state.end).filter(|number| state.exists(*number));
        let mut found = all.map(|number| (number, state.person(number))).filter(|(_, person)| hits(person));
        let people = found.by_ref().take(ROWS).map(|(_, person)| person).collect();
        let next = found.next().map(|(number, _)| number);
        show(&Page { area: "people", q, people, from: asked.from, next })
    })
    .await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    first_name: String,
    last_name: String,
    email: String,
    region: String,
    newsletter: String,
    do_not_email: String,
}

#[derive(Template)]
#[template(path = "membersuite/pages/person_new.html")]
struct NewPage {
    area: &'static str,
    given: Fields,
    wrong: Wrong,
}

async fn form() -> Response {
    let given = Fields { do_not_email: "on".into(), ..Fields::default() };
    show(&NewPage { area: "people", given, wrong: Wrong::default() })
}

/// An empty text as none.
fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

async fn create(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let new = NewIndividual {
        first_name: wrong.text("first_name", &given.first_name, 40),
        last_name: wrong.needed("last_name", &given.last_name, 80),
        // Not checked for its form: real systems hold malformed addresses too.
        email: optional(wrong.text("email", &given.email, 100)),
        do_not_email: Some(!given.do_not_email.is_empty()),
        member_type: None,
        region: optional(wrong.text("region", &given.region, 40)),
        newsletter: !given.newsletter.is_empty(),
    };
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { area: "people", given, wrong });
    }
    match sandbox.create_person(new) {
        Some(person) => go(&format!("/membersuite/people/{}?said=created", person.id)),
        None => refuse(StatusCode::CONFLICT, "This simulator holds no more than 10,000 individuals created by hand."),
    }
}

struct Done {
    name: String,
    date: String,
    text: String,
}

#[derive(Template)]
#[template(path = "membersuite/pages/person.html")]
struct PersonPage {
    area: &'static str,
    said: &'static str,
    person: Individual,
    email: String,
    wrong: Wrong,
    categories: Vec<Configurable>,
    activities: Vec<Done>,
    activity_count: usize,
    found_by: Vec<Found>,
}

fn make(sandbox: &Sandbox, id: &str, said: &'static str, wrong: Wrong) -> Option<PersonPage> {
    let person = sandbox.person(id)?;
    let activities = sandbox.activities(id);
    let done = |activity: &crate::membersuite::Activity| Done {
        name: activity.name.clone(),
        date: activity.date.map(text::time).unwrap_or_default(),
        text: activity.description.clone(),
    };
    let finds = |found: &Found| sandbox.search_people(&found.id).iter().any(|other| other.id == person.id);
    let found_by = sandbox.searches().into_iter().filter(finds).collect();
    Some(PersonPage {
        area: "people",
        said,
        email: person.email.clone().unwrap_or_default(),
        person,
        wrong,
        categories: sandbox.categories(),
        activity_count: activities.len(),
        activities: activities.iter().rev().take(ACTIVITIES).map(done).collect(),
        found_by,
    })
}

async fn page(State(sandbox): State<Sandbox>, Path(id): Path<String>, Query(said): Query<Said>) -> Response {
    beside(move || match make(&sandbox, &id, said.sentence(), Wrong::default()) {
        Some(page) => show(&page),
        None => missing(),
    })
    .await
}

/// Do Not Email, the address, and the categories by their codes as `out-CODE`.
async fn save(State(sandbox): State<Sandbox>, Path(id): Path<String>, Form(given): Form<HashMap<String, String>>) -> Response {
    let mut wrong = Wrong::default();
    let email = optional(wrong.text("email", given.get("email").map_or("", String::as_str), 100));
    if !wrong.none() {
        return match make(&sandbox, &id, "", wrong) {
            Some(page) => show_with(StatusCode::UNPROCESSABLE_ENTITY, &page),
            None => missing(),
        };
    }
    let out = |category: &Configurable| given.contains_key(&format!("out-{}", category.code));
    let opt_outs = sandbox.categories().iter().filter(|category| out(category)).map(|category| category.id.clone()).collect();
    let saved = sandbox.edit_person(&id, |person| {
        person.email = email;
        person.do_not_email = given.contains_key("do_not_email");
        person.newsletter = given.contains_key("newsletter");
        person.opt_outs = opt_outs;
    });
    match saved {
        Some(person) => go(&format!("/membersuite/people/{}?said=saved", person.id)),
        None => missing(),
    }
}
