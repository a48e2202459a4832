//! `/households`: questions about people who share an address with somebody who decided (`docs/adr/0093`).

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_core::{Kind, PublicId};
use rialto_store::Actor;
use rialto_store::households::{self, Household};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Id, List, Params, Problem, after, found, limit, one_of, page, public, time};
use super::why::OtherView;
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct HouseholdView {
    #[schema(format = "uuid")]
    pub id: String,
    /// When somebody decided.
    #[schema(format = "date-time")]
    pub at: String,
    /// What they decided, e.g. `own_unsubscribe`.
    pub cause: String,
    /// Who acted, e.g. `person:link` or `user:<email>`.
    pub by: String,
    /// Where, e.g. `one-click`.
    pub source: String,
    /// The record they decided about.
    #[schema(format = "uuid")]
    pub subscriber: String,
    pub remote_id: String,
    pub email: String,
    /// The bridge in which others bear the address.
    #[schema(format = "uuid")]
    pub bridge: String,
    pub bridge_name: String,
    /// Whether what was decided still holds: if not, nobody can be told.
    pub standing: bool,
    /// The other records with the address, at most 200.
    pub records: Vec<OtherView>,
    /// `waiting`, `left` or `told`.
    pub state: String,
    #[schema(format = "date-time")]
    pub decided_at: Option<String>,
    pub decided_by: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HouseholdQuery {
    /// `waiting` (usual) or `decided`.
    pub state: Option<String>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// `leave`: the others stay silent here, and their remote is told nothing. `tell`: it is told for those in `tell`.
    pub decision: String,
    /// Subscribers among the household's records; 1 to 200 with `tell`.
    #[serde(default)]
    pub tell: Vec<String>,
}

/// Questions about households: those that wait, the oldest first, or those that were decided, the newest first.
#[utoipa::path(get, path = "/households", tag = "subscribers", params(HouseholdQuery),
    responses((status = 200, body = List<HouseholdView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<HouseholdQuery>) -> Result<Json<List<HouseholdView>>, Error> {
    let limit = limit(query.limit)?;
    let decided = one_of(query.state, "state", &["waiting", "decided"])? == "decided";
    let (state, begin) = if decided { (households::State::Decided, i64::MAX) } else { (households::State::Waiting, 0) };
    let place = after::<i64>(query.cursor.as_deref())?.unwrap_or(begin);
    let (rows, total) = households::list(app.db.read(), state, place, limit + 1).await?;
    let cut = page(rows, limit, total, |h| h.id, |h| h);
    let mut items = Vec::with_capacity(cut.items.len());
    for household in cut.items {
        items.push(show(&app, household).await?);
    }
    Ok(Json(List { items, next_cursor: cut.next_cursor, total }))
}

/// Answers a question, once: leave the others as they are, or tell their remote "unsubscribe" for those chosen.
#[utoipa::path(post, path = "/households/{id}/decide", tag = "subscribers", params(("id" = String, Path)), request_body = Decision,
    responses((status = 200, body = HouseholdView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn decide(State(app): State<App>, caller: Caller, id: Id, body: Body<Decision>) -> Result<Json<HouseholdView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let wanted = body.read()?;
    let id = id.of(Kind::Household)?;
    let household = found(households::get(app.db.read(), id.id).await?, id, |h| h.created_at)?;
    let decision = one_of(Some(wanted.decision), "decision", &["leave", "tell"])?;
    match (decision.as_str(), wanted.tell.len()) {
        ("leave", 0) | ("tell", 1..=200) => {}
        ("leave", _) => return Err(Error::field("tell", "Leave this out: nobody is told.")),
        _ => return Err(Error::field("tell", "Name 1 to 200 of the household's records.")),
    }
    let tell = wanted.tell.iter().map(|text| PublicId::parse(text, Kind::Subscriber).map(|id| id.id)).collect::<Option<Vec<i64>>>();
    let tell = tell.ok_or_else(|| Error::field("tell", "Send ids of subscribers."))?;
    carry_out(&app, household.id, &tell, &caller.actor(&app)).await?;
    let now = households::get(app.db.read(), household.id).await?.ok_or(Error::NotFound)?;
    show(&app, now).await.map(Json)
}

/// The decision itself, for API and page.
pub async fn carry_out(app: &App, id: i64, tell: &[i64], who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    households::decide(&mut tx, id, tell, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

async fn show(app: &App, h: Household) -> Result<HouseholdView, Error> {
    let records = OtherView::of(app, households::records(app.db.read(), &h).await?).await?;
    Ok(HouseholdView {
        id: public(Kind::Household, h.created_at, h.id),
        at: time(h.created_at),
        subscriber: public(Kind::Subscriber, h.made_at, h.subscriber_id),
        bridge: public(Kind::Bridge, h.bridge_made_at, h.bridge_id),
        state: if h.decision.is_empty() { "waiting".into() } else { h.decision },
        decided_at: h.decided_at.map(time),
        decided_by: h.decided_at.map(|_| h.decided_by),
        cause: h.cause,
        by: h.actor,
        source: h.source,
        remote_id: h.remote_id,
        email: h.address,
        bridge_name: h.bridge_name,
        standing: h.standing,
        records,
    })
}
