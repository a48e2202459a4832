//! `/personas`: whom Rialto takes whom for, in what order (`docs/adr/0121`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_connectors::BridgeKind;
use rialto_core::permissions::Permission;
use rialto_core::writeback::WritebackKind;
use rialto_core::{Kind, PublicId};
use rialto_store::bridges::Bridge;
use rialto_store::personas::{self, Entered, Shown};
use rialto_store::{Actor, groups, writebacks};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem, found, maybe_time, name, public};
use super::subscribers::load;
use super::writeback_settings::{DestinationView, bridge, destination, view};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Pictures to choose from: key and name.
pub const AVATARS: [(&str, &str); 12] = [
    ("person", "Person"),
    ("star", "Star"),
    ("book", "Book"),
    ("leaf", "Leaf"),
    ("sun", "Sun"),
    ("compass", "Compass"),
    ("heart", "Heart"),
    ("bolt", "Bolt"),
    ("gem", "Gem"),
    ("flag", "Flag"),
    ("cup", "Cup"),
    ("anchor", "Anchor"),
];
/// Longest description, in characters. Remote tables may hold less: then it is cut there, and said so.
pub const LONGEST: usize = 4_000;

#[derive(Serialize, ToSchema)]
pub struct PersonaView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// Key of its picture.
    pub avatar: String,
    pub description: String,
    /// From 1: each subscriber gets the first that matches.
    pub position: i64,
    /// The target group whose people match.
    #[schema(format = "uuid")]
    pub target_group: String,
    pub target_group_name: String,
    /// How many match, also those who get an earlier persona.
    pub matching: i64,
    /// The target group of those who have it.
    #[schema(format = "uuid")]
    pub people: String,
    /// How many have it.
    pub members: i64,
    /// How many match it and get an earlier one; null while its people are being made.
    pub overlap: Option<i64>,
    /// `ready`, `following` (its people are about to be made anew), `held` (a run waits for a decision) or `blocked`.
    pub state: &'static str,
    /// Why it is blocked.
    pub blocked: String,
    /// When its people were last made.
    #[schema(format = "date-time")]
    pub computed_at: Option<String>,
}

/// `ready`, `following`, `held` or `blocked`.
pub fn state(s: &Shown) -> &'static str {
    match (s.held != 0, s.blocked.is_empty(), s.following != 0 || s.synced_at.is_none()) {
        (true, ..) => "held",
        (_, false, _) => "blocked",
        (_, _, true) => "following",
        _ => "ready",
    }
}

impl From<Shown> for PersonaView {
    fn from(s: Shown) -> Self {
        Self {
            overlap: s.overlap(),
            state: state(&s),
            id: public(Kind::Persona, s.persona.created_at, s.persona.id),
            name: s.persona.name,
            avatar: s.persona.avatar,
            description: s.persona.description,
            position: s.persona.position,
            target_group: public(Kind::TargetGroup, s.source_created_at, s.persona.source_group),
            target_group_name: s.source_name,
            matching: s.source_members,
            people: public(Kind::TargetGroup, s.group_created_at, s.persona.group_id),
            members: s.members,
            blocked: s.blocked,
            computed_at: maybe_time(s.synced_at),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaInput {
    /// 1 to 200 characters.
    pub name: String,
    /// person, star, book, leaf, sun, compass, heart, bolt, gem, flag, cup or anchor.
    #[serde(default = "person")]
    pub avatar: String,
    /// Up to 4,000 characters.
    #[serde(default)]
    pub description: String,
    /// Id of the target group whose people match.
    pub target_group: String,
}

fn person() -> String {
    "person".into()
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaPatch {
    pub name: Option<String>,
    pub avatar: Option<String>,
    pub description: Option<String>,
    pub target_group: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonaOrder {
    /// Ids of all personas, the one that is asked first in front.
    pub personas: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PersonaList {
    pub items: Vec<PersonaView>,
}

/// All personas, the one that is asked first in front.
#[utoipa::path(get, path = "/personas", tag = "personas", responses((status = 200, body = PersonaList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<PersonaList>, Error> {
    let items = personas::list(app.db.read()).await?.into_iter().map(PersonaView::from).collect();
    Ok(Json(PersonaList { items }))
}

pub async fn find(app: &App, id: &Id) -> Result<Shown, Error> {
    let id = id.of(Kind::Persona)?;
    found(personas::get(app.db.read(), id.id).await?, id, |s| s.persona.created_at)
}

#[utoipa::path(get, path = "/personas/{id}", tag = "personas", params(("id" = String, Path)),
    responses((status = 200, body = PersonaView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<PersonaView>, Error> {
    find(&app, &id).await.map(|s| Json(s.into()))
}

/// Makes a persona behind all others. Its people are made at once.
#[utoipa::path(post, path = "/personas", tag = "personas", request_body = PersonaInput,
    responses((status = 201, body = PersonaView), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<PersonaInput>) -> Result<(StatusCode, Json<PersonaView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let id = make(&app, &body.read()?, &caller.actor(&app)).await?;
    let made = personas::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Changes what is sent. Another target group moves people: its own and those of the personas behind it.
#[utoipa::path(patch, path = "/personas/{id}", tag = "personas", params(("id" = String, Path)), request_body = PersonaPatch,
    responses((status = 200, body = PersonaView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<PersonaPatch>) -> Result<Json<PersonaView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let change = body.read()?;
    let before = find(&app, &id).await?;
    let input = PersonaInput {
        name: change.name.unwrap_or(before.persona.name),
        avatar: change.avatar.unwrap_or(before.persona.avatar),
        description: change.description.unwrap_or(before.persona.description),
        target_group: change
            .target_group
            .unwrap_or_else(|| public(Kind::TargetGroup, before.source_created_at, before.persona.source_group)),
    };
    save(&app, before.persona.id, &input, &caller.actor(&app)).await?;
    find(&app, &id).await.map(|s| Json(s.into()))
}

/// Deletes a persona and its target group. Its people get the next persona that matches.
#[utoipa::path(delete, path = "/personas/{id}", tag = "personas", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let persona = find(&app, &id).await?;
    remove(&app, persona.persona.id, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts all personas in another order; each of them is named once.
#[utoipa::path(put, path = "/personas/order", tag = "personas", request_body = PersonaOrder,
    responses((status = 200, body = PersonaList), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn order(State(app): State<App>, caller: Caller, body: Body<PersonaOrder>) -> Result<Json<PersonaList>, Error> {
    caller.require(Permission::ListsEdit)?;
    let ids = ids(&body.read()?.personas)?;
    put_in_order(&app, &ids, &caller.actor(&app)).await?;
    list(State(app), caller).await
}

/// Ids as sent; at most as many as there may be personas.
pub fn ids(texts: &[String]) -> Result<Vec<i64>, Error> {
    let read = texts.iter().map(|text| PublicId::parse(text, Kind::Persona).map(|id| id.id)).collect::<Option<Vec<_>>>();
    read.filter(|ids| ids.len() <= personas::MOST).ok_or_else(|| Error::field("personas", "Send the ids of all personas, each once."))
}

pub async fn put_in_order(app: &App, ids: &[i64], who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    personas::order(&mut tx, ids, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

pub async fn remove(app: &App, id: i64, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    personas::delete(&mut tx, id, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

pub async fn make(app: &App, input: &PersonaInput, who: &Actor) -> Result<i64, Error> {
    let (label, source) = check(app, input).await?;
    let mut tx = app.db.write().await?;
    let id = personas::create(&mut tx, &entered(input, &label, source), who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(id)
}

pub async fn save(app: &App, id: i64, input: &PersonaInput, who: &Actor) -> Result<(), Error> {
    let (label, source) = check(app, input).await?;
    let mut tx = app.db.write().await?;
    personas::update(&mut tx, id, &entered(input, &label, source), who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

fn entered<'a>(input: &'a PersonaInput, label: &'a str, source_group: i64) -> Entered<'a> {
    Entered { name: label, avatar: &input.avatar, description: input.description.trim(), source_group }
}

/// The name as kept and the internal id of the group; faults name the field.
async fn check(app: &App, input: &PersonaInput) -> Result<(String, i64), Error> {
    let mut faults = Faults::default();
    let label = name(&input.name, "name", &mut faults);
    if !AVATARS.iter().any(|(key, _)| *key == input.avatar) {
        faults.add("avatar", "Choose one of the pictures.");
    }
    if input.description.trim().chars().count() > LONGEST || input.description.contains('\0') {
        faults.add("description", "Enter at most 4,000 characters.");
    }
    let group = match PublicId::parse(&input.target_group, Kind::TargetGroup) {
        Some(id) => found(groups::get(app.db.read(), id.id).await?, id, |g| g.created_at).ok(),
        None => None,
    };
    if group.is_none() {
        faults.add("target_group", "Choose a target group.");
    }
    faults.none_or()?;
    Ok((label, group.map_or(0, |g| g.id)))
}

#[derive(Serialize, ToSchema)]
pub struct PersonOf {
    /// Null for somebody whom no persona matches.
    pub persona: Option<PersonaName>,
}

#[derive(Serialize, ToSchema)]
pub struct PersonaName {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub avatar: String,
}

/// The persona that a person has.
#[utoipa::path(get, path = "/subscribers/{id}/persona", tag = "personas", params(("id" = String, Path)),
    responses((status = 200, body = PersonOf), (status = 404, body = Problem)))]
pub async fn of_person(State(app): State<App>, _: Caller, id: Id) -> Result<Json<PersonOf>, Error> {
    let person = load(&app, &id).await?;
    let persona = personas::of_person(app.db.read(), person.id).await?;
    let named = |p: personas::Persona| PersonaName { id: public(Kind::Persona, p.created_at, p.id), name: p.name, avatar: p.avatar };
    Ok(Json(PersonOf { persona: persona.map(named) }))
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SendPersonas {
    /// Also those whose persona did not change: for a remote system that has lost what it was told.
    pub everybody: bool,
}

/// Looks now for personas that changed since this remote system was told last, and queues them; by itself that happens every night.
#[utoipa::path(post, path = "/bridges/{id}/send-personas", tag = "personas", params(("id" = String, Path)), request_body = Option<SendPersonas>,
    responses((status = 202, body = DestinationView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn send(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    body: Body<SendPersonas>,
) -> Result<(StatusCode, Json<DestinationView>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let asked = body.read_or_default()?;
    let bridge = bridge(&app, &id).await?;
    send_now(&app, &bridge, asked.everybody, &caller.actor(&app)).await?;
    Ok((StatusCode::ACCEPTED, Json(view(&bridge, &destination(&app, bridge.id).await?, app.clock.now()))))
}

/// The act itself, for API and page.
pub async fn send_now(app: &App, bridge: &Bridge, everybody: bool, who: &Actor) -> Result<(), Error> {
    let on = writebacks::destination(app.db.read(), bridge.id).await?.is_some_and(|d| d.read_settings().personas);
    if !bridge.enabled || !on || !takes_personas(&bridge.kind) {
        return Err(Error::Conflict(format!("“Send Persona Activity?” is off for {}, or the bridge is.", bridge.name)));
    }
    let mut tx = app.db.write().await?;
    personas::send_now(&mut tx, bridge.id, everybody, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

/// Whether a kind of bridge has a table for personas.
pub fn takes_personas(kind: &str) -> bool {
    rialto_connectors::kind(kind).is_some_and(|k: &BridgeKind| k.writebacks.contains(&WritebackKind::Persona))
}
