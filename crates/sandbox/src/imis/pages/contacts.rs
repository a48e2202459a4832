//! Searching contacts, and creating one.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::{Wrong, beside, go, optional, refuse, show, show_with};
use crate::imis::contacts::{Contact, NewContact};
use crate::imis::sandbox::Sandbox;
use crate::imis::search::LONGEST;

const ROWS: usize = 25;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route("/imis/contacts", get(search)).route("/imis/contacts/new", get(form).post(create))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: u64,
}

#[derive(Template)]
#[template(path = "imis/pages/contacts.html")]
struct Page {
    area: &'static str,
    q: String,
    contacts: Vec<Contact>,
    next: Option<u64>,
    later: bool,
}

async fn search(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    beside(move || {
        let found = sandbox.read().search(&asked.q, asked.from, ROWS);
        let q = asked.q.chars().take(LONGEST).collect();
        show(&Page { area: "contacts", q, contacts: found.contacts, next: found.next, later: asked.from > 1 })
    })
    .await
}

/// What the form of a contact holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub city: String,
    pub state: String,
    pub member: String,
    pub do_not_email: String,
}

#[derive(Template)]
#[template(path = "imis/pages/contact_form.html")]
pub(super) struct FormPage {
    pub area: &'static str,
    pub heading: String,
    pub action: String,
    pub back: String,
    pub given: Fields,
    pub wrong: Wrong,
}

fn page(given: Fields, wrong: Wrong) -> FormPage {
    FormPage {
        area: "contacts",
        heading: "Create a contact".into(),
        action: "/imis/contacts/new".into(),
        back: "/imis/contacts".into(),
        given,
        wrong,
    }
}

async fn form() -> Response {
    show(&page(Fields::default(), Wrong::default()))
}

impl Fields {
    pub(super) fn check(&self, wrong: &mut Wrong) -> NewContact {
        NewContact {
            first_name: wrong.needed("first_name", &self.first_name, 40),
            last_name: wrong.needed("last_name", &self.last_name, 60),
            // Not checked for its form: real systems hold malformed addresses too.
            email: optional(wrong.text("email", &self.email, 100)),
            city: wrong.text("city", &self.city, 60),
            state: optional(wrong.text("state", &self.state, 15).to_uppercase()),
            is_member: !self.member.is_empty(),
            do_not_email: !self.do_not_email.is_empty(),
        }
    }
}

async fn create(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let new = given.check(&mut wrong);
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &page(given, wrong));
    }
    match sandbox.create_contact(new) {
        Some(contact) => go(&format!("/imis/contacts/{}?said=created", contact.id)),
        None => refuse(StatusCode::CONFLICT, "This simulator holds no more than 10,000 contacts created by hand."),
    }
}
