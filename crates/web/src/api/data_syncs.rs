//! `/data-syncs`: profile enrichment, from a business unit's events into a list or extension (L3, L5; LO-02 to LO-06, LO-09).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::{self, DataSync};
use rialto_store::{Actor, audiences, bridges, streams};
use serde::Serialize;
use utoipa::ToSchema;

use super::data_sync_input::{By, DataSyncInput, Line, MatchInput, Review, make, save};
use super::extract::{Body, Id, Problem, found, maybe_time, public};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct DataSyncView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// `profile_enrichment`.
    pub kind: &'static str,
    pub folder: String,
    pub description: String,
    pub labels: Vec<String>,
    #[schema(format = "uuid")]
    pub destination: String,
    pub destination_name: String,
    #[schema(format = "uuid")]
    pub stream: String,
    pub stream_name: String,
    /// The business unit.
    pub source: String,
    /// `upsert` or `delete`.
    pub mode: &'static str,
    #[serde(rename = "match")]
    pub matched: Option<MatchInput>,
    pub mapping: Vec<Line>,
    /// `enabled`, `disabled`, or `review`: the destination was changed and the field matching must be looked at.
    pub state: &'static str,
    /// Events of the stream that it has not read yet.
    pub behind: i64,
    /// When the last event that it read came.
    #[schema(format = "date-time")]
    pub last_event_at: Option<String>,
    /// Why it does not get on; empty for nothing.
    pub trouble: String,
    /// Rejected events and values that nobody has settled.
    pub rejected: i64,
    /// Rejected events are about to be taken once more.
    pub replaying: bool,
}

#[derive(Serialize, ToSchema)]
pub struct DataSyncList {
    pub items: Vec<DataSyncView>,
}

pub(crate) async fn load(app: &App, id: &Id) -> Result<DataSync, Error> {
    let id = id.of(Kind::DataSync)?;
    found(data_syncs::get(app.db.read(), id.id).await?, id, |s| s.created_at)
}

pub(crate) fn state(sync: &DataSync) -> &'static str {
    match (sync.enabled, sync.review) {
        (true, _) => "enabled",
        (_, true) => "review",
        _ => "disabled",
    }
}

async fn view(app: &App, sync: DataSync) -> Result<DataSyncView, Error> {
    let read = app.db.read();
    let audience = audiences::get(read, sync.audience_id).await?.ok_or(Error::NotFound)?;
    let stream = streams::get(read, sync.stream_id).await?.ok_or(Error::NotFound)?;
    let fields = audiences::fields(read, sync.audience_id).await?;
    let api_name = |number: i64| fields.iter().find(|f| f.number == number).map_or_else(|| number.to_string(), |f| f.api_name.clone());
    let pairs = data_syncs::pairs(read, sync.id).await?;
    let mapping = pairs.into_iter().map(|p| Line { from: p.source, to: api_name(p.target) }).collect();
    let bridge = match sync.match_bridge {
        Some(id) => bridges::get(read, id).await?.map(|b| public(Kind::Bridge, b.created_at, b.id)),
        None => None,
    };
    let matched = sync.match_by.clone().zip(sync.match_field).map(|(by, field)| MatchInput { by, bridge, field: api_name(field) });
    let (_, rejected) = streams::of_sync(read, sync.id, 0, 0).await?;
    Ok(DataSyncView {
        id: public(Kind::DataSync, sync.created_at, sync.id),
        kind: "profile_enrichment",
        labels: data_syncs::labels_of(read, sync.id).await?.into_iter().map(|l| l.name).collect(),
        destination: public(Kind::AudienceList, audience.created_at, audience.id),
        stream: public(Kind::Stream, stream.created_at, stream.id),
        mode: sync.mode().name(),
        state: state(&sync),
        replaying: sync.replays(),
        behind: (stream.next_position - sync.position).max(0),
        last_event_at: maybe_time(sync.last_event_at),
        name: sync.name,
        folder: sync.folder,
        description: sync.description,
        destination_name: sync.audience_name,
        stream_name: sync.stream_name,
        source: sync.source,
        matched,
        mapping,
        trouble: sync.trouble,
        rejected,
    })
}

async fn shown(app: &App, id: i64) -> Result<Json<DataSyncView>, Error> {
    let sync = data_syncs::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok(Json(view(app, sync).await?))
}

/// All data syncs.
#[utoipa::path(get, path = "/data-syncs", tag = "data syncs", responses((status = 200, body = DataSyncList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<DataSyncList>, Error> {
    let mut items = Vec::new();
    for sync in data_syncs::list(app.db.read()).await? {
        items.push(view(&app, sync).await?);
    }
    Ok(Json(DataSyncList { items }))
}

/// Makes a data sync; it is disabled, and stands at the oldest event that is kept.
#[utoipa::path(post, path = "/data-syncs", tag = "data syncs", request_body = DataSyncInput,
    responses((status = 201, body = DataSyncView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<DataSyncInput>) -> Result<(StatusCode, Json<DataSyncView>), Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let by = By { who: &caller.actor(&app), labels: caller.allows(Permission::LabelsCreate) };
    let id = make(&app, body.read()?, by).await?;
    Ok((StatusCode::CREATED, shown(&app, id).await?))
}

#[utoipa::path(get, path = "/data-syncs/{id}", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 200, body = DataSyncView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<DataSyncView>, Error> {
    let sync = load(&app, &id).await?;
    Ok(Json(view(&app, sync).await?))
}

/// Changes a data sync while it is disabled: all of it, as at its making. What is sent counts as a reviewed field matching.
#[utoipa::path(put, path = "/data-syncs/{id}", tag = "data syncs", params(("id" = String, Path)), request_body = DataSyncInput,
    responses((status = 200, body = DataSyncView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn put(State(app): State<App>, caller: Caller, id: Id, body: Body<DataSyncInput>) -> Result<Json<DataSyncView>, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let sync = load(&app, &id).await?;
    let by = By { who: &caller.actor(&app), labels: caller.allows(Permission::LabelsCreate) };
    save(&app, sync.id, body.read()?, Review::Done, by).await?;
    shown(&app, sync.id).await
}

/// Deletes a disabled data sync. What it has written stays.
#[utoipa::path(delete, path = "/data-syncs/{id}", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let sync = load(&app, &id).await?;
    do_remove(&app, &sync, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn switch(app: &App, caller: &Caller, id: &Id, enabled: bool) -> Result<Json<DataSyncView>, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let sync = load(app, id).await?;
    do_switch(app, &sync, enabled, &caller.actor(app)).await?;
    shown(app, sync.id).await
}

/// Enables or disables it. `Conflict` while its field matching must be reviewed.
pub(crate) async fn do_switch(app: &App, sync: &DataSync, enabled: bool, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    data_syncs::switch(&mut tx, sync.id, enabled, who).await?;
    tx.commit().await?;
    app.wake.ring_streams();
    Ok(())
}

/// Deletes it. `Conflict` while it is enabled.
pub(crate) async fn do_remove(app: &App, sync: &DataSync, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    data_syncs::remove(&mut tx, sync.id, who).await?;
    tx.commit().await?;
    Ok(())
}

/// Enables a data sync; it catches up with what came meanwhile.
#[utoipa::path(post, path = "/data-syncs/{id}/enable", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 200, body = DataSyncView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn enable(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<DataSyncView>, Error> {
    switch(&app, &caller, &id, true).await
}

/// Disables a data sync; its position is kept.
#[utoipa::path(post, path = "/data-syncs/{id}/disable", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 200, body = DataSyncView), (status = 404, body = Problem)))]
pub async fn disable(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<DataSyncView>, Error> {
    switch(&app, &caller, &id, false).await
}
