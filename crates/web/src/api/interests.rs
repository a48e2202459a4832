//! `/interests`: what remote systems offer, what of it is used, and what people choose (`docs/adr/0120`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Kind, PublicId};
use rialto_store::interests::{self, Choice, Filter, Of, Offered, Refused};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::{Actor, bridges};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Id, List, Params, Problem, after, found, limit, maybe_time, page, public, time};
use super::subscribers::load;
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct InterestView {
    #[schema(format = "uuid")]
    pub id: String,
    #[schema(format = "uuid")]
    pub bridge: String,
    pub bridge_name: String,
    /// `area` or `demographic`.
    pub source: String,
    pub code: String,
    /// Empty for an area.
    pub subcode: String,
    pub name: String,
    /// People may still take it at the remote.
    pub active: bool,
    /// The remote no longer offers it, since then.
    #[schema(format = "date-time")]
    pub gone_at: Option<String>,
    /// How many have it, as the remote said when interests were last read.
    pub remote_members: Option<i64>,
    /// It has a target group, and is offered on preference pages once that was read.
    pub used: bool,
    #[schema(format = "uuid")]
    pub target_group: Option<String>,
    pub members: Option<i64>,
    #[schema(format = "date-time")]
    pub synced_at: Option<String>,
}

impl From<Offered> for InterestView {
    fn from(i: Offered) -> Self {
        Self {
            id: public(Kind::Interest, i.created_at, i.id),
            bridge: public(Kind::Bridge, i.bridge_created_at, i.bridge_id),
            bridge_name: i.bridge_name,
            source: i.source,
            code: i.code,
            subcode: i.subcode,
            name: i.name,
            active: i.remote_active,
            gone_at: maybe_time(i.gone_at),
            remote_members: i.remote_members,
            used: i.group_id.is_some(),
            target_group: i.group_id.zip(i.group_created_at).map(|(id, at)| public(Kind::TargetGroup, at, id)),
            members: i.members,
            synced_at: maybe_time(i.synced_at),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InterestQuery {
    /// Only those of this bridge.
    pub bridge: Option<String>,
    /// `true`: only those that are used.
    pub used: Option<bool>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InterestPatch {
    pub used: bool,
}

#[derive(Serialize, ToSchema)]
pub struct ChoiceView {
    #[schema(format = "uuid")]
    pub interest: String,
    pub source: String,
    pub name: String,
    /// People may still take it.
    pub active: bool,
    pub chosen: bool,
    /// When the people of the interest were last read.
    #[schema(format = "date-time")]
    pub known_at: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoicesInput {
    /// Interests to take, by id.
    #[serde(default)]
    pub take: Vec<String>,
    /// Interests to give up, by id.
    #[serde(default)]
    pub give_up: Vec<String>,
    /// What proves the person's wish, 1 to 500 characters.
    pub evidence: String,
}

/// Interests that remote systems offer, as last read with their lists.
#[utoipa::path(get, path = "/interests", tag = "interests", params(InterestQuery),
    responses((status = 200, body = List<InterestView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<InterestQuery>) -> Result<Json<List<InterestView>>, Error> {
    let limit = limit(query.limit)?;
    let bridge_id = match query.bridge.as_deref() {
        None | Some("") => 0,
        Some(text) => PublicId::parse(text, Kind::Bridge).ok_or_else(|| Error::field("bridge", "Send the id of a bridge."))?.id,
    };
    let filter = Filter { bridge_id, used: query.used.unwrap_or(false) };
    let place = after::<i64>(query.cursor.as_deref())?.unwrap_or(0);
    let rows = interests::list(app.db.read(), filter, place, limit + 1).await?;
    let total = interests::total(app.db.read(), filter).await?;
    Ok(Json(page(rows, limit, total, |i| i.id, InterestView::from)))
}

pub async fn find(app: &App, id: &Id) -> Result<Offered, Error> {
    let id = id.of(Kind::Interest)?;
    found(interests::get(app.db.read(), id.id).await?, id, |i| i.created_at)
}

#[utoipa::path(get, path = "/interests/{id}", tag = "interests", params(("id" = String, Path)),
    responses((status = 200, body = InterestView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<InterestView>, Error> {
    find(&app, &id).await.map(|i| Json(i.into()))
}

/// Takes an interest into use or out of it. In use it gets a target group, whose people are read at once.
#[utoipa::path(patch, path = "/interests/{id}", tag = "interests", params(("id" = String, Path)), request_body = InterestPatch,
    responses((status = 200, body = InterestView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<InterestPatch>) -> Result<Json<InterestView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let wanted = body.read()?;
    let interest = find(&app, &id).await?;
    set_used(&app, &interest, wanted.used, &caller.actor(&app)).await?;
    find(&app, &id).await.map(|i| Json(i.into()))
}

/// As PATCH with `used` false. What people have at the remote stays there.
#[utoipa::path(delete, path = "/interests/{id}", tag = "interests", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let interest = find(&app, &id).await?;
    set_used(&app, &interest, false, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The switch itself, for API and page.
pub async fn set_used(app: &App, interest: &Offered, used: bool, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    if !used {
        interests::stop_using(&mut tx, interest.id, who).await?;
    } else if interest.group_id.is_none() {
        let bridge = bridges::get(app.db.read(), interest.bridge_id).await?;
        if !bridge.is_some_and(|b| b.enabled) {
            return Err(Error::Conflict(
                "The bridge of this interest is switched off, so its people cannot be read. Switch it on first.".into(),
            ));
        }
        let group_id = interests::make_used(&mut tx, interest.id, who).await?;
        let subject = Subject::Group { group_id, bridge_id: interest.bridge_id };
        runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Resync), who).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

fn choices(of: Vec<Of>) -> Vec<ChoiceView> {
    let view = |i: Of| ChoiceView {
        interest: public(Kind::Interest, i.created_at, i.id),
        source: i.source,
        name: i.name,
        active: i.remote_active,
        chosen: i.has,
        known_at: time(i.synced_at),
    };
    of.into_iter().map(view).collect()
}

/// What a person may choose, and has: interests in use whose people were read.
#[utoipa::path(get, path = "/subscribers/{id}/interests", tag = "interests", params(("id" = String, Path)),
    responses((status = 200, body = [ChoiceView]), (status = 404, body = Problem)))]
pub async fn of_person(State(app): State<App>, _: Caller, id: Id) -> Result<Json<Vec<ChoiceView>>, Error> {
    let person = load(&app, &id).await?;
    Ok(Json(choices(interests::of_person(app.db.read(), person.id).await?)))
}

/// Takes and gives up interests on a person's word; they are written back. What is so already is passed over.
#[utoipa::path(post, path = "/subscribers/{id}/interests", tag = "interests", params(("id" = String, Path)), request_body = ChoicesInput,
    responses((status = 200, body = [ChoiceView]), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn choose(State(app): State<App>, caller: Caller, id: Id, body: Body<ChoicesInput>) -> Result<Json<Vec<ChoiceView>>, Error> {
    caller.require(Permission::ListsEdit)?;
    let input = body.read()?;
    let person = load(&app, &id).await?;
    let evidence = input.evidence.trim();
    if evidence.is_empty() || evidence.chars().count() > 500 {
        return Err(Error::field("evidence", "Say in 1 to 500 characters what proves the person's wish."));
    }
    let mut changes = ids(&input.take, "take", true)?;
    changes.extend(ids(&input.give_up, "give_up", false)?);
    let who = caller.actor(&app);
    let choice = Choice { subscriber_id: person.id, changes: &changes, source: "api", evidence, who: &who };
    let mut tx = app.db.write().await?;
    let chosen = interests::choose(&mut tx, &choice).await?;
    match chosen.refused {
        None => tx.commit().await?,
        Some(Refused::Unknown) => return Err(Error::NotFound),
        Some(Refused::NotTold) => {
            return Err(Error::Conflict(
                "Interests are switched off in the Writeback Settings of this bridge, so they are not changed here.".into(),
            ));
        }
    }
    app.wake.ring();
    Ok(Json(choices(interests::of_person(app.db.read(), person.id).await?)))
}

fn ids(texts: &[String], field: &str, wanted: bool) -> Result<Vec<(i64, bool)>, Error> {
    let read = texts.iter().map(|text| PublicId::parse(text, Kind::Interest).map(|id| (id.id, wanted))).collect::<Option<Vec<_>>>();
    read.filter(|ids| ids.len() <= 200).ok_or_else(|| Error::field(field, "Send at most 200 ids of interests."))
}
