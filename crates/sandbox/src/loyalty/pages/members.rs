//! Members: searching, adding, earning points, setting fields, deleting.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Group, Said, Wrong, beside, go, groups, missing, refused, show, show_with};
use crate::loyalty::acts::Refused;
use crate::loyalty::catalogue::CATALOGUE;
use crate::loyalty::members::{Member, NewMember, UNITS};
use crate::loyalty::sandbox::Sandbox;
use crate::loyalty::value::Value;

const ROWS: usize = 25;
/// Longest text that is searched for.
const LONGEST: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/loyalty/members", get(search))
        .route("/loyalty/members/new", get(form).post(add))
        .route("/loyalty/members/{id}", get(page).post(save))
        .route("/loyalty/members/{id}/earn", post(earn))
        .route("/loyalty/members/{id}/delete", post(delete))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: u64,
    #[serde(default)]
    said: String,
}

#[derive(Template)]
#[template(path = "loyalty/pages/members.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    q: String,
    members: Vec<Member>,
    from: u64,
    next: Option<u64>,
}

async fn search(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Response {
    beside(move || {
        let q: String = asked.q.trim().chars().take(LONGEST).collect();
        let wanted = q.to_lowercase();
        let hits = |member: &Member| {
            let texts = [member.name(), member.email().unwrap_or_default().to_owned(), member.id.clone()];
            wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let state = sandbox.state();
        let all = (asked.from.max(1)..=state.end).filter_map(|number| state.member(number).map(|member| (number, member)));
        let mut found = all.filter(|(_, member)| hits(member));
        let members = found.by_ref().take(ROWS).map(|(_, member)| member).collect();
        let next = found.next().map(|(number, _)| number);
        show(&Page { area: "members", said: Said { said: asked.said }.sentence(), q, members, from: asked.from, next })
    })
    .await
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "firstName")]
    first_name: String,
    #[serde(rename = "lastName")]
    last_name: String,
    email: String,
    unit: String,
}

#[derive(Template)]
#[template(path = "loyalty/pages/member_new.html")]
struct NewPage {
    area: &'static str,
    given: Fields,
    wrong: Wrong,
    units: [&'static str; 2],
}

async fn form() -> Response {
    show(&NewPage { area: "members", given: Fields::default(), wrong: Wrong::default(), units: UNITS })
}

async fn add(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let new = NewMember {
        first_name: wrong.text("firstName", &given.first_name, 200),
        last_name: wrong.needed("lastName", &given.last_name, 200),
        // Not checked for its form: real systems hold malformed addresses too.
        email: Some(wrong.text("email", &given.email, 200)),
        unit: (!given.unit.is_empty()).then(|| given.unit.clone()),
    };
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { area: "members", given, wrong, units: UNITS });
    }
    match sandbox.add_member(&new) {
        Ok(member) => go(&format!("/loyalty/members/{}?said=added", member.id)),
        Err(why) => refused(&why),
    }
}

#[derive(Template)]
#[template(path = "loyalty/pages/member.html")]
struct MemberPage {
    area: &'static str,
    said: &'static str,
    member: Member,
    sequence: u64,
    earned: String,
    groups: Vec<Group>,
    wrong: Wrong,
}

/// The page of a member, with what a form held instead of the values.
fn make(sandbox: &Sandbox, id: &str, said: &'static str, given: &HashMap<String, String>, wrong: Wrong) -> Option<MemberPage> {
    let member = sandbox.member(id)?;
    let value = |name: &str| match given.get(name) {
        Some(text) => text.clone(),
        None => member.value(name).map(Value::shown).unwrap_or_default(),
    };
    let groups = groups(sandbox, value);
    let sequence = sandbox.sequence(id).unwrap_or_default();
    let earned = given.get("earned").cloned().unwrap_or_else(|| "100".to_owned());
    Some(MemberPage { area: "members", said, member, sequence, earned, groups, wrong })
}

fn again(sandbox: &Sandbox, id: &str, given: &HashMap<String, String>, wrong: Wrong) -> Response {
    match make(sandbox, id, "", given, wrong) {
        Some(page) => show_with(StatusCode::UNPROCESSABLE_ENTITY, &page),
        None => missing(),
    }
}

async fn page(State(sandbox): State<Sandbox>, Path(id): Path<String>, Query(said): Query<Said>) -> Response {
    match make(&sandbox, &id, said.sentence(), &HashMap::new(), Wrong::default()) {
        Some(page) => show(&page),
        None => missing(),
    }
}

/// Sets the fields that the form holds and that are other ones than before.
async fn save(State(sandbox): State<Sandbox>, Path(id): Path<String>, Form(given): Form<HashMap<String, String>>) -> Response {
    let Some(member) = sandbox.member(&id) else { return missing() };
    let mut wrong = Wrong::default();
    let mut changed = Vec::new();
    for (at, field) in CATALOGUE.iter().enumerate() {
        let Some(text) = given.get(field.name) else { continue };
        match Value::read(field.kind, text) {
            Ok(value) if value == member.values[at] => {}
            Ok(_) => changed.push((field.name, Json::from(text.as_str()))),
            Err(why) => wrong.add(field.name, why),
        }
    }
    if !wrong.none() {
        return again(&sandbox, &id, &given, wrong);
    }
    match sandbox.set_all(&id, changed.iter().map(|(name, value)| (*name, value))) {
        Ok(_) => go(&format!("/loyalty/members/{}?said=saved", member.id)),
        Err(why) => refused(&why),
    }
}

async fn earn(State(sandbox): State<Sandbox>, Path(id): Path<String>, Form(given): Form<HashMap<String, String>>) -> Response {
    let points = given.get("earned").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    match sandbox.earn(&id, points) {
        Ok(member) => go(&format!("/loyalty/members/{}?said=earned", member.id)),
        Err(Refused::Range(why)) => {
            let mut wrong = Wrong::default();
            wrong.add("earned", why);
            again(&sandbox, &id, &given, wrong)
        }
        Err(why) => refused(&why),
    }
}

async fn delete(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    match sandbox.delete_member(&id) {
        Ok(()) => go("/loyalty/members?said=deleted"),
        Err(why) => refused(&why),
    }
}
