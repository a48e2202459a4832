//! Personas: who is taken for whom, in the order in which they are asked (PE-01, PE-02).

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::personas::{self as store, Shown};
use rialto_store::views::groups::{self as groups, Filter, Sort};
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{Chip, When, filters};
use super::toast::{self, Toast};
use crate::api::extract::{Id, public};
use crate::api::personas::{self as api, AVATARS, PersonaInput};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::state::App;

const HERE: &str = "/subscribers/personas";
/// Target groups to choose from; a search finds the others.
const OFFERED: i64 = 500;

pub fn router() -> Router<App> {
    Router::new()
        .route("/subscribers/personas", get(show))
        .route("/subscribers/personas/new", get(new).post(create))
        .route("/subscribers/personas/order", post(order))
        .route("/subscribers/personas/{id}/edit", get(edit).post(update))
        .route("/subscribers/personas/{id}/delete", get(ask_delete).post(delete))
}

struct Line {
    id: String,
    name: String,
    avatar: String,
    description: String,
    source: String,
    source_href: String,
    href: String,
    members: i64,
    matching: i64,
    overlap: Option<i64>,
    computed: Option<When>,
    chip: Option<Chip>,
    why: String,
    /// The order with this one a place further up or down; empty where there is none.
    up: String,
    down: String,
}

#[derive(Template)]
#[template(path = "personas.html")]
struct Personas {
    page: Page,
    may: bool,
    lines: Vec<Line>,
    /// The order as it stands.
    order: String,
    without: Option<i64>,
}

fn ids(all: &[Shown]) -> Vec<String> {
    all.iter().map(|s| public(Kind::Persona, s.persona.created_at, s.persona.id)).collect()
}

/// The ids with two neighbours changed over; empty where one of them is not there.
fn swapped(ids: &[String], a: Option<usize>, b: usize) -> String {
    match a {
        Some(a) if a < ids.len() && b < ids.len() => {
            let mut ids = ids.to_vec();
            ids.swap(a, b);
            ids.join(" ")
        }
        _ => String::new(),
    }
}

/// GET /subscribers/personas
async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let all = store::list(db.read()).await?;
    let ids = ids(&all);
    let settled = all.iter().all(|s| api::state(s) == "ready");
    let people = rialto_store::people::counted(db.read()).await?;
    let have: i64 = all.iter().map(|s| s.members).sum();
    let lines = all.iter().enumerate().map(|(at, s)| line(&reader, &ids, at, s)).collect();
    let without = (settled && !all.is_empty() && people > 0).then_some((people - have).max(0));
    let page = Personas { page: reader.page("Personas"), may: reader.may(Permission::ListsEdit), lines, order: ids.join(" "), without };
    Ok(Html(page.render()?))
}

fn line(reader: &Reader, ids: &[String], at: usize, s: &Shown) -> Line {
    let (chip, why) = match api::state(s) {
        "held" => (Some(Chip::look("Held")), "A change of its people waits for a decision.".to_owned()),
        "blocked" => (Some(Chip::look("Waits for its groups")), s.blocked.clone()),
        "following" => (Some(Chip::go("Being sorted")), String::new()),
        _ => (None, String::new()),
    };
    Line {
        id: ids[at].clone(),
        name: s.persona.name.clone(),
        avatar: s.persona.avatar.clone(),
        description: s.persona.description.clone(),
        source: s.source_name.clone(),
        source_href: links::group(s.source_created_at, s.persona.source_group),
        href: links::group(s.group_created_at, s.persona.group_id),
        members: s.members,
        matching: s.source_members,
        overlap: s.overlap(),
        computed: reader.here().maybe(s.synced_at),
        chip,
        why,
        up: swapped(ids, at.checked_sub(1), at),
        down: swapped(ids, Some(at + 1), at),
    }
}

#[derive(Deserialize)]
struct Order {
    /// Ids, with blanks between them.
    personas: String,
}

/// POST /subscribers/personas/order
async fn order(reader: Reader, Form(sent): Form<Order>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let before = ids(&store::list(reader.app.db.read()).await?).join(" ");
    let wanted: Vec<String> = sent.personas.split_whitespace().take(store::MOST + 1).map(str::to_owned).collect();
    let after = wanted.join(" ");
    api::put_in_order(&reader.app, &api::ids(&wanted)?, &reader.session.actor(&reader.app)).await?;
    if after == before {
        return toast::done(&reader, HERE, &Toast::new("The order is as it was."));
    }
    let said = Toast::new("Put in order; people are being sorted anew.");
    toast::done(&reader, HERE, &said.undo(format!("{HERE}/order"), &[("personas", &before)]))
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Sent {
    name: String,
    avatar: String,
    description: String,
    target_group: String,
}

struct Choice {
    id: String,
    name: String,
    members: i64,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "persona_form.html")]
struct PersonaForm {
    page: Page,
    action: String,
    sent: Sent,
    groups: Vec<Choice>,
    avatars: Vec<(&'static str, &'static str, bool)>,
    faults: Vec<FieldError>,
    whole: String,
    edit: bool,
}

impl PersonaForm {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

async fn form(reader: &Reader, own: Option<&Shown>, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let (faults, whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    let db = &reader.app.db;
    let taken: Vec<i64> = store::list(db.read())
        .await?
        .into_iter()
        .filter(|s| own.is_none_or(|o| o.persona.id != s.persona.id))
        .flat_map(|s| [s.persona.source_group, s.persona.group_id])
        .chain(own.map(|o| o.persona.group_id))
        .collect();
    let rows = groups::page(db.read(), &Filter::default(), Sort::Name, false, None, OFFERED).await?;
    let choice = |g: &groups::GroupRow| {
        let id = public(Kind::TargetGroup, g.group.created_at, g.group.id);
        Choice { chosen: id == sent.target_group, id, name: g.group.name.clone(), members: g.group.members }
    };
    let groups = rows.iter().filter(|g| !taken.contains(&g.group.id) && g.group.state == "active").map(choice).collect();
    let chosen = if sent.avatar.is_empty() { "person" } else { sent.avatar.as_str() };
    let page = PersonaForm {
        page: reader.page(own.map_or("New persona".to_owned(), |o| format!("Edit {}", o.persona.name))),
        action: own.map_or(format!("{HERE}/new"), |o| format!("{HERE}/{}/edit", public(Kind::Persona, o.persona.created_at, o.persona.id))),
        avatars: AVATARS.iter().map(|(key, label)| (*key, *label, *key == chosen)).collect(),
        edit: own.is_some(),
        sent,
        groups,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

fn input(sent: &Sent) -> PersonaInput {
    let Sent { name, avatar, description, target_group } = sent.clone();
    PersonaInput { name, avatar, description: description.replace("\r\n", "\n"), target_group }
}

/// GET /subscribers/personas/new
async fn new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    form(&reader, None, Sent::default(), None).await
}

/// POST /subscribers/personas/new
async fn create(reader: Reader, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    match api::make(&reader.app, &input(&sent), &reader.session.actor(&reader.app)).await {
        Ok(_) => toast::done(&reader, HERE, &Toast::new(format!("{} is made; its people are being sorted.", sent.name.trim()))),
        Err(error) => form(&reader, None, sent, Some(error)).await,
    }
}

/// GET /subscribers/personas/{id}/edit
async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let own = api::find(&reader.app, &Id(id)).await?;
    let sent = Sent {
        name: own.persona.name.clone(),
        avatar: own.persona.avatar.clone(),
        description: own.persona.description.clone(),
        target_group: public(Kind::TargetGroup, own.source_created_at, own.persona.source_group),
    };
    form(&reader, Some(&own), sent, None).await
}

/// POST /subscribers/personas/{id}/edit
async fn update(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let own = api::find(&reader.app, &Id(id)).await?;
    match api::save(&reader.app, own.persona.id, &input(&sent), &reader.session.actor(&reader.app)).await {
        Ok(()) => toast::done(&reader, HERE, &Toast::new(format!("{} is saved.", sent.name.trim()))),
        Err(error) => form(&reader, Some(&own), sent, Some(error)).await,
    }
}

#[derive(Template)]
#[template(path = "persona_delete.html")]
struct Delete {
    page: Page,
    id: String,
    name: String,
    members: i64,
    last: bool,
}

/// GET /subscribers/personas/{id}/delete: what it means, before it is done.
async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let own = api::find(&reader.app, &Id(id.clone())).await?;
    let last = store::list(reader.app.db.read()).await?.last().is_some_and(|s| s.persona.id == own.persona.id);
    let page = reader.page(format!("Delete {}", own.persona.name));
    Ok(Html(Delete { page, id, name: own.persona.name, members: own.members, last }.render()?))
}

/// POST /subscribers/personas/{id}/delete
async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let own = api::find(&reader.app, &Id(id)).await?;
    api::remove(&reader.app, own.persona.id, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, HERE, &Toast::new(format!("{} is deleted; its people are being sorted anew.", own.persona.name)))
}
