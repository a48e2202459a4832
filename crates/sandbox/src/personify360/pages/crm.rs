//! CRM360: searching constituents, and creating one.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Wrong, beside, go, refuse, show, show_with};
use crate::personify360::people::{NewPerson, Person};
use crate::personify360::sandbox::Sandbox;
use crate::personify360::search::Search;

const ROWS: usize = 25;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/crm360", get(search)).route("/crm360/new", get(form).post(create))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: u64,
}

#[derive(Template)]
#[template(path = "personify360/pages/crm.html")]
struct Page {
    area: &'static str,
    q: String,
    people: Vec<Person>,
    next: Option<u64>,
    later: bool,
}

async fn search(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    beside(move || {
        let found = sandbox.read().search(&Search::parse(&asked.q), asked.from, ROWS);
        let q = asked.q.chars().take(crate::personify360::search::LONGEST).collect();
        show(&Page { area: "crm", q, people: found.people, next: found.next, later: asked.from > 1 })
    })
    .await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    first_name: String,
    last_name: String,
    email: String,
    city: String,
    state: String,
    country: String,
    member: String,
    do_not_solicit: String,
    allow_solicitation: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/constituent_new.html")]
struct NewPage {
    area: &'static str,
    given: Fields,
    wrong: Wrong,
}

async fn form() -> Response {
    let given = Fields { country: "USA".into(), allow_solicitation: "on".into(), ..Fields::default() };
    show(&NewPage { area: "crm", given, wrong: Wrong::default() })
}

/// An empty text as none.
pub(super) fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl Fields {
    fn check(&self, wrong: &mut Wrong) -> NewPerson {
        let country = wrong.text("country", &self.country, 24);
        NewPerson {
            first_name: wrong.needed("first_name", &self.first_name, 40),
            last_name: wrong.needed("last_name", &self.last_name, 80),
            // Not checked for its form: real systems hold malformed addresses too.
            email: optional(wrong.text("email", &self.email, 100)),
            city: wrong.text("city", &self.city, 60),
            state: optional(wrong.text("state", &self.state, 15).to_uppercase()),
            country_code: country.to_uppercase(),
            member_flag: !self.member.is_empty(),
            allow_email: self.do_not_solicit.is_empty(),
            allow_solicitation: !self.allow_solicitation.is_empty(),
        }
    }
}

async fn create(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let new = given.check(&mut wrong);
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { area: "crm", given, wrong });
    }
    if !sandbox.has_room() {
        return refuse(StatusCode::CONFLICT, "This simulator holds no more than 10,000 constituents created by hand.");
    }
    let person = sandbox.create_person(new);
    go(&format!("/crm360/{}/{}?said=created", person.master_customer_id, person.sub_customer_id))
}
