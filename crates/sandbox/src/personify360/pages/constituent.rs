//! One constituent: contact, e-mail permission behind the wrench, marketing lists, System Activities.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::crm::optional;
use super::{Wrong, beside, go, missing, refuse, show, show_with, text};
use crate::personify360::interests::Held;
use crate::personify360::marketing::Who;
use crate::personify360::people::{Person, PersonPatch};
use crate::personify360::sandbox::Sandbox;

/// Lists and activities shown at most.
const ROWS: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/crm360/{master}/{sub}", get(page))
        .route("/crm360/{master}/{sub}/contact", get(contact_form).post(contact))
        .route("/crm360/{master}/{sub}/email", post(email))
        .route("/crm360/{master}/{sub}/lists", post(lists))
        .route("/crm360/{master}/{sub}/interests", post(interests))
}

type Ids = Path<(String, i64)>;

struct OnList {
    code: String,
    name: String,
    on: bool,
    will_be: bool,
    age: String,
}

struct Done {
    id: i64,
    /// Its details stand beside the list.
    chosen: bool,
    code: String,
    description: String,
    date: String,
    text: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/constituent.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    person: Person,
    inactive: bool,
    lists: Vec<OnList>,
    more_lists: bool,
    activities: Vec<Done>,
    activity_count: usize,
    interests: Vec<Held>,
}

#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    said: String,
}

impl Said {
    /// The sentence behind a word in the address; nothing from outside is shown.
    pub(super) fn sentence(&self) -> &'static str {
        match self.said.as_str() {
            "created" => "The constituent was created.",
            "saved" => "Saved.",
            "followed" => "Saved. Without Allow Solicitation, Do Not Solicit by Email is on as well.",
            "selected" => "Saved. It takes effect when the list is next regenerated.",
            "defined" => "The list was defined. MKT510 creates its members.",
            "scheduled" => "The job was scheduled.",
            "deleted" => "Deleted.",
            _ => "",
        }
    }
}

#[derive(Deserialize)]
struct Chosen {
    activity: Option<i64>,
}

async fn page(
    State(sandbox): State<Sandbox>,
    Path((master, sub)): Ids,
    Query(said): Query<Said>,
    Query(chosen): Query<Chosen>,
) -> Response {
    beside(move || match make(&sandbox, &master, sub, said.sentence(), chosen.activity) {
        Some(page) => show(&page),
        None => missing(),
    })
    .await
}

fn make(sandbox: &Sandbox, master: &str, sub: i64, said: &'static str, chosen: Option<i64>) -> Option<Page> {
    let person = sandbox.person(master, sub)?;
    let activities = sandbox.activities(master, sub);
    let (lists, more_lists) = on_lists(sandbox, master, sub);
    let codes = sandbox.read().codes.clone();
    let describe = |code: &str| codes.iter().find(|(known, _)| known == code).map(|(_, text)| text.clone()).unwrap_or_default();
    let latest = activities.last().map(|activity| activity.id);
    let chosen = chosen.filter(|id| activities.iter().rev().take(ROWS).any(|activity| activity.id == *id)).or(latest);
    let done = |activity: &crate::personify360::sandbox::Activity| Done {
        id: activity.id,
        chosen: chosen == Some(activity.id),
        description: describe(&activity.code),
        code: activity.code.clone(),
        date: activity.date.map(text::time).unwrap_or_default(),
        text: activity.text.clone(),
    };
    Some(Page {
        area: "crm",
        said,
        person,
        inactive: sandbox.is_address_inactive(master, sub),
        lists,
        more_lists,
        activity_count: activities.len(),
        activities: activities.iter().rev().take(ROWS).map(done).collect(),
        interests: sandbox.interests_of(master, sub).unwrap_or_default(),
    })
}

fn on_lists(sandbox: &Sandbox, master: &str, sub: i64) -> (Vec<OnList>, bool) {
    let now = sandbox.now();
    let state = sandbox.read();
    let Some(index) = state.index(master, sub) else {
        return (Vec::new(), false);
    };
    let lists = state.lists.values().filter(|list| list.active).take(ROWS).map(|list| OnList {
        code: list.code.clone(),
        name: list.name.clone(),
        on: state.on_list(list, index),
        will_be: state.qualifies(list, index),
        age: list.refreshed.map_or_else(|| "never".into(), |at| text::age(at, now)),
    });
    (lists.collect(), state.lists.len() > ROWS)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Permission {
    do_not_solicit: String,
    allow_solicitation: String,
}

/// The wrench beside the e-mail address.
async fn email(State(sandbox): State<Sandbox>, Path((master, sub)): Ids, Form(given): Form<Permission>) -> Response {
    let (email, solicitation) = (given.do_not_solicit.is_empty(), !given.allow_solicitation.is_empty());
    let saved = sandbox.edit_person(&master, sub, |person| {
        person.allow_email = email;
        person.allow_solicitation = solicitation;
    });
    match saved {
        Some(person) => go(&here(&person, if person.allow_email == email { "saved" } else { "followed" }, "email")),
        None => missing(),
    }
}

fn here(person: &Person, said: &str, part: &str) -> String {
    format!("/crm360/{}/{}?said={said}#{part}", person.master_customer_id, person.sub_customer_id)
}

#[derive(Deserialize)]
struct Selected {
    code: String,
    member: String,
}

/// Whether a list is to select somebody from its next regeneration on.
async fn lists(State(sandbox): State<Sandbox>, Path((master, sub)): Ids, Form(given): Form<Selected>) -> Response {
    let Some(person) = sandbox.person(&master, sub) else {
        return missing();
    };
    let who = Who::Ids(vec![(master, sub)]);
    match sandbox.qualify(&given.code, &who, given.member == "yes") {
        Some(_) => go(&here(&person, "selected", "lists")),
        None => refuse(StatusCode::NOT_FOUND, "There is no such list."),
    }
}

#[derive(Deserialize)]
struct Interested {
    source: String,
    code: String,
    subcode: String,
    has: String,
}

/// Whether somebody has an interest from now on.
async fn interests(State(sandbox): State<Sandbox>, Path((master, sub)): Ids, Form(given): Form<Interested>) -> Response {
    let Some(person) = sandbox.person(&master, sub) else {
        return missing();
    };
    if sandbox.set_interest(&master, sub, &given.source, &given.code, &given.subcode, given.has == "yes") {
        go(&here(&person, "saved", "interests"))
    } else {
        refuse(StatusCode::NOT_FOUND, "There is no such interest.")
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Contact {
    first_name: String,
    last_name: String,
    email: String,
    city: String,
    state: String,
    member: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/constituent_contact.html")]
struct ContactPage {
    area: &'static str,
    name: String,
    path: String,
    given: Contact,
    wrong: Wrong,
}

async fn contact_form(State(sandbox): State<Sandbox>, Path((master, sub)): Ids) -> Response {
    let Some(person) = sandbox.person(&master, sub) else {
        return missing();
    };
    let given = Contact {
        first_name: person.first_name.to_string(),
        last_name: person.last_name.to_string(),
        email: person.email.clone().unwrap_or_default(),
        city: person.city.to_string(),
        state: person.state.as_deref().unwrap_or_default().to_owned(),
        member: if person.member_flag { "on".into() } else { String::new() },
    };
    show(&contact_page(&person, given, Wrong::default()))
}

fn contact_page(person: &Person, given: Contact, wrong: Wrong) -> ContactPage {
    let path = format!("/crm360/{}/{}", person.master_customer_id, person.sub_customer_id);
    ContactPage { area: "crm", name: person.label_name.clone(), path, given, wrong }
}

async fn contact(State(sandbox): State<Sandbox>, Path((master, sub)): Ids, Form(given): Form<Contact>) -> Response {
    let Some(person) = sandbox.person(&master, sub) else {
        return missing();
    };
    let mut wrong = Wrong::default();
    let first = wrong.needed("first_name", &given.first_name, 40);
    let last = wrong.needed("last_name", &given.last_name, 80);
    let patch = PersonPatch {
        label_name: Some(format!("{first} {last}")),
        first_name: Some(first),
        last_name: Some(last),
        email: Some(optional(wrong.text("email", &given.email, 100))),
        city: Some(wrong.text("city", &given.city, 60)),
        state: Some(optional(wrong.text("state", &given.state, 15).to_uppercase())),
        member_flag: Some(!given.member.is_empty()),
        ..PersonPatch::default()
    };
    if !wrong.none() {
        return show_with(StatusCode::UNPROCESSABLE_ENTITY, &contact_page(&person, given, wrong));
    }
    sandbox.edit_person(&master, sub, |person| patch.apply(person));
    go(&here(&person, "saved", "main"))
}
