//! One contact: profile, communication preferences, History, rows of user-defined tables.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::contacts::{Fields, FormPage};
use super::{Said, Wrong, go, missing, refuse, show, show_with};
use crate::imis::activities::Activity;
use crate::imis::contacts::{Contact, ContactPatch};
use crate::imis::sandbox::Sandbox;
use crate::imis::tables::Row;
use crate::target;

/// Activities and rows shown at most.
const ROWS: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis/contacts/{id}", get(page))
        .route("/imis/contacts/{id}/edit", get(form).post(save))
        .route("/imis/contacts/{id}/preferences", post(preferences))
}

struct Choice {
    id: String,
    name: String,
    allowed: bool,
    chosen: bool,
    fixed: bool,
}

struct InTable {
    name: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "imis/pages/contact.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    contact: Contact,
    preferences: Vec<Choice>,
    activities: Vec<Activity>,
    count: usize,
    tables: Vec<InTable>,
}

async fn page(State(sandbox): State<Sandbox>, Path(id): Path<String>, Query(said): Query<Said>) -> Response {
    let Some(contact) = sandbox.contact(&id) else { return missing() };
    let types = sandbox.communication_types();
    let choice = |kind: &crate::imis::contacts::CommunicationType| Choice {
        id: kind.id.clone(),
        name: kind.name.clone(),
        allowed: !contact.opted_out(&kind.id),
        chosen: contact.preferences.iter().any(|p| p.type_id == kind.id),
        fixed: kind.cannot_opt_out,
    };
    let preferences = types.iter().map(choice).collect();
    let activities = sandbox.activities(&id);
    let tables = sandbox.tables().into_iter().map(|t| InTable { rows: sandbox.rows(&t.name, Some(&id), ROWS), name: t.name });
    let tables = tables.filter(|t| !t.rows.is_empty()).collect();
    show(&Page {
        area: "contacts",
        said: said.sentence(),
        preferences,
        count: activities.len(),
        activities: activities.into_iter().rev().take(ROWS).collect(),
        tables,
        contact,
    })
}

fn form_page(contact: &Contact, given: Fields, wrong: Wrong) -> FormPage {
    let here = format!("/imis/contacts/{}", contact.id);
    FormPage { area: "contacts", heading: contact.full_name(), action: format!("{here}/edit"), back: here, given, wrong }
}

async fn form(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let Some(contact) = sandbox.contact(&id) else { return missing() };
    let on = |yes: bool| if yes { "on".to_owned() } else { String::new() };
    let given = Fields {
        first_name: contact.first_name.to_string(),
        last_name: contact.last_name.to_string(),
        email: contact.email.clone().unwrap_or_default(),
        city: contact.city.to_string(),
        state: contact.state.as_deref().unwrap_or_default().to_owned(),
        member: on(contact.is_member),
        do_not_email: on(contact.do_not_email()),
    };
    show(&form_page(&contact, given, Wrong::default()))
}

async fn save(State(sandbox): State<Sandbox>, Path(id): Path<String>, Form(given): Form<Fields>) -> Response {
    let Some(contact) = sandbox.contact(&id) else { return missing() };
    let mut wrong = Wrong::default();
    let new = given.check(&mut wrong);
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &form_page(&contact, given, wrong));
    }
    let patch = ContactPatch {
        first_name: Some(new.first_name),
        last_name: Some(new.last_name),
        email: Some(new.email),
        city: Some(new.city),
        state: Some(new.state),
        is_member: Some(new.is_member),
        do_not_email: Some(new.do_not_email),
        ..ContactPatch::default()
    };
    sandbox.patch_contact(&id, patch);
    go(&format!("/imis/contacts/{id}?said=saved"))
}

/// The types that are ticked are allowed, the others are not.
async fn preferences(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Response {
    let Some(given) = target::query(&String::from_utf8_lossy(&body)) else {
        return refuse(StatusCode::BAD_REQUEST, "The form cannot be read.");
    };
    let types = sandbox.communication_types();
    let saved = sandbox.edit_contact(&id, |contact| {
        for kind in types.iter().filter(|kind| !kind.cannot_opt_out) {
            contact.choose(&kind.id, given.iter().any(|(name, value)| name == "type" && *value == kind.id));
        }
    });
    match saved {
        Some(_) => go(&format!("/imis/contacts/{id}?said=saved#preferences")),
        None => missing(),
    }
}
