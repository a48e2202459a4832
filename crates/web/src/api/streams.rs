//! `/streams`: stream connections (L1): which business units they read, what has come, and what is in the way.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::event::MAX_ATTRIBUTE;
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind};
use rialto_store::Actor;
use rialto_store::streams::feed::{self, FeedEntered, FeedRow};
use rialto_store::streams::{self, Entered, Stream};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bridge_input;
use super::data_sync_history::Dismissed;
use super::extract::{Body, Faults, Id, Problem, found, maybe_time, name, public, time};
use crate::auth::{Caller, new_token};
use crate::error::Error;
use crate::state::App;

/// Most business units of a connection.
const SOURCES: usize = 100;

#[derive(Serialize, ToSchema)]
pub struct AlarmView {
    pub id: i64,
    /// `retention`: events were thrown away before a data sync had read them.
    pub kind: String,
    /// What happened and what to do.
    pub detail: String,
    #[schema(format = "date-time")]
    pub at: String,
}

/// A data sync that reads the connection.
#[derive(Serialize, ToSchema)]
pub struct ReaderView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub enabled: bool,
    /// The business unit whose events it takes.
    pub source: String,
    /// Where it stands in the connection's log.
    pub position: i64,
    /// Events of the connection that it has not looked through, of whichever business unit.
    pub behind: i64,
    /// When the oldest of these came; null when it is through.
    #[schema(format = "date-time")]
    pub waiting_since: Option<String>,
    /// Why it does not get on; empty for nothing.
    pub trouble: String,
}

#[derive(Serialize, ToSchema)]
pub struct StreamView {
    #[schema(format = "uuid")]
    pub id: String,
    /// `http`: events are sent to Rialto; `nats`: Rialto fetches them from NATS JetStream.
    pub kind: String,
    pub name: String,
    pub enabled: bool,
    /// How the broker is reached and how it stands; null for `http`.
    pub feed: Option<FeedView>,
    /// Business units whose events are read, compared whole with `source`.
    pub sources: Vec<String>,
    /// Where events are sent.
    pub address: String,
    /// Whether there is a token that opens the inbox.
    pub has_token: bool,
    /// Events taken so far.
    pub position: i64,
    #[schema(format = "date-time")]
    pub last_event_at: Option<String>,
    /// Events of other business units that came here and were passed over.
    pub passed_over: i64,
    /// The business unit of the last of them; empty for none.
    pub passed_source: String,
    #[schema(format = "date-time")]
    pub passed_at: Option<String>,
    /// Events taken in the last 60 seconds.
    pub last_minute: i64,
    /// Data syncs that read it, also disabled ones.
    pub readers: Vec<ReaderView>,
    /// What stands in the way; empty for nothing.
    pub trouble: String,
    pub alarms: Vec<AlarmView>,
}

#[derive(Serialize, ToSchema)]
pub struct StreamList {
    pub items: Vec<StreamView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamInput {
    pub name: String,
    /// `http`: events are sent to Rialto; `nats`: Rialto fetches them from NATS JetStream.
    #[serde(default = "http")]
    pub kind: String,
    /// Business units, as events name them in `source`.
    pub sources: Vec<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Of `nats`: `address`, `stream`, and what else its form names.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Of `nats`: `password`, `token` or `creds`.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

/// A broker that Rialto fetches from.
#[derive(Serialize, ToSchema)]
pub struct FeedView {
    pub settings: BTreeMap<String, String>,
    /// Names of the secrets that are set; never their values.
    pub secrets: Vec<String>,
    /// The broker's number up to which everything is kept here.
    pub taken: i64,
    /// Messages not fetched yet when the broker was last asked.
    pub waiting: i64,
    /// What endangers events at the broker, and what to do.
    pub warnings: Vec<String>,
    #[schema(format = "date-time")]
    pub looked_at: Option<String>,
}

fn http() -> String {
    "http".into()
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamPatch {
    pub name: Option<String>,
    pub sources: Option<Vec<String>>,
    pub enabled: Option<bool>,
    /// All of them, in place of those before. At another address stored secrets are dropped.
    pub settings: Option<BTreeMap<String, String>>,
    /// Those that change; an empty one takes it away.
    pub secrets: Option<BTreeMap<String, String>>,
}

#[derive(Serialize, ToSchema)]
pub struct StreamTokenView {
    /// The token itself. It is not stored and never shown again; the one before opens nothing any more.
    pub token: String,
    /// Where events are sent with it, as `Authorization: Bearer …`.
    pub address: String,
}

#[derive(Serialize, ToSchema)]
pub struct SourceFieldView {
    /// The business unit.
    pub source: String,
    /// As a field matching names it: `attributes.tier`.
    pub name: String,
    /// What its values looked like: `integer`, `date or text`, `no value yet`.
    pub types: String,
    /// One of its latest values.
    pub sample: String,
    #[schema(format = "date-time")]
    pub seen_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct SourceFields {
    pub items: Vec<SourceFieldView>,
}

pub(crate) async fn load(app: &App, id: &Id) -> Result<Stream, Error> {
    let id = id.of(Kind::Stream)?;
    found(streams::get(app.db.read(), id.id).await?, id, |s| s.created_at)
}

/// Where events are sent.
pub(crate) fn address(app: &App, stream: &Stream) -> String {
    format!("{}/api/v1/streams/{}/events", app.settings.public_url, public(Kind::Stream, stream.created_at, stream.id))
}

async fn view(app: &App, stream: Stream) -> Result<StreamView, Error> {
    let sources = read_sources(app, &stream).await?;
    let alarms = streams::alarms(app.db.read(), stream.id).await?;
    let readers = streams::readers(app.db.read(), &stream).await?;
    let last_minute = last_minute(app, &stream).await?;
    let feed = feed::get(app.db.read(), stream.id).await?.map(|f| feed_view(&f)).transpose()?;
    Ok(StreamView {
        feed,
        id: public(Kind::Stream, stream.created_at, stream.id),
        address: address(app, &stream),
        sources,
        has_token: !stream.token_hash.is_empty(),
        kind: stream.kind,
        name: stream.name,
        enabled: stream.enabled,
        position: stream.next_position,
        last_event_at: maybe_time(stream.last_event_at),
        passed_over: stream.passed_over,
        passed_source: stream.passed_source,
        passed_at: maybe_time(stream.passed_at),
        last_minute,
        readers: readers.into_iter().map(reader_view).collect(),
        trouble: stream.trouble,
        alarms: alarms.into_iter().map(|a| AlarmView { id: a.id, kind: a.kind, detail: a.detail, at: time(a.created_at) }).collect(),
    })
}

fn feed_view(feed: &FeedRow) -> Result<FeedView, Error> {
    Ok(FeedView {
        settings: feed.settings()?,
        secrets: feed.secret_names()?,
        taken: feed.taken,
        waiting: feed.waiting,
        warnings: feed.warnings(),
        looked_at: maybe_time(feed.looked_at),
    })
}

fn reader_view(reader: streams::Reader) -> ReaderView {
    ReaderView {
        id: public(Kind::DataSync, reader.created_at, reader.id),
        name: reader.name,
        enabled: reader.enabled,
        source: reader.source,
        position: reader.position,
        behind: reader.behind,
        waiting_since: maybe_time(reader.waiting_since),
        trouble: reader.trouble,
    }
}

/// Events that came in the last 60 seconds.
pub(crate) async fn last_minute(app: &App, stream: &Stream) -> Result<i64, Error> {
    let since = app.clock.now().0.saturating_sub(60_000_000);
    Ok(streams::events_since(app.db.read(), stream, Instant(since)).await?)
}

/// What is entered of the broker: settings, secrets, and the names of secrets that stay.
struct Broker<'a> {
    settings: &'a BTreeMap<String, String>,
    secrets: &'a BTreeMap<String, String>,
    kept: &'a [String],
}

fn checked(stream_name: &str, kind: &str, sources: &[String], enabled: bool, broker: &Broker<'_>) -> Result<Entered, Error> {
    let mut faults = Faults::default();
    let stream_name = name(stream_name, "name", &mut faults);
    match rialto_connectors::streams::feed(kind) {
        Some(kind) => faults.0.extend(bridge_input::check(kind, broker.settings, broker.secrets, broker.kept)),
        None if kind != "http" => faults.add("kind", "Use http or nats."),
        None if !broker.settings.is_empty() || !broker.secrets.is_empty() => {
            faults.add("settings", "Events are sent to this kind of connection: there is nothing to be set.");
        }
        None => {}
    }
    if sources.is_empty() || sources.len() > SOURCES {
        faults.add("sources", format!("Name 1 to {SOURCES} business units, as events name them in `source`."));
    }
    let mut kept: Vec<String> = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        if source.trim().is_empty() || source.len() > MAX_ATTRIBUTE || source.contains('\0') {
            faults.add(format!("sources[{at}]"), format!("A business unit has 1 to {MAX_ATTRIBUTE} bytes."));
        } else if !kept.contains(source) {
            kept.push(source.clone());
        }
    }
    faults.none_or()?;
    Ok(Entered { name: stream_name, sources: kept, enabled })
}

/// Makes a connection: for API and page; the permission was asked for. Answers its internal id.
pub(crate) async fn make(app: &App, who: &Actor, input: &StreamInput) -> Result<i64, Error> {
    let broker = Broker { settings: &input.settings, secrets: &input.secrets, kept: &[] };
    let entered = checked(&input.name, &input.kind, &input.sources, input.enabled, &broker)?;
    let mut tx = app.db.write().await?;
    let id = streams::create(&mut tx, &input.kind, &entered, who).await?;
    if input.kind != "http" {
        let feed = FeedEntered { settings: input.settings.clone(), secrets: input.secrets.clone() };
        feed::create(&mut tx, &app.vault, id, &feed).await?;
    }
    tx.commit().await?;
    Ok(id)
}

/// Business units that are read now.
pub(crate) async fn read_sources(app: &App, stream: &Stream) -> Result<Vec<String>, Error> {
    Ok(streams::sources(app.db.read(), stream.id).await?.into_iter().filter(|s| !s.retired).map(|s| s.source).collect())
}

/// Changes a connection: for API and page.
pub(crate) async fn save(app: &App, who: &Actor, stream: &Stream, to: StreamPatch) -> Result<(), Error> {
    let before = read_sources(app, stream).await?;
    let known = feed::get(app.db.read(), stream.id).await?;
    let (had, stored) = match &known {
        Some(feed) => (feed.settings()?, feed.secret_names()?),
        None => Default::default(),
    };
    let asked = to.settings.is_some() || to.secrets.is_some();
    let (settings, secrets) = (to.settings.unwrap_or_else(|| had.clone()), to.secrets.unwrap_or_default());
    // A stored password must not travel to another address.
    let stays = |name: &String| had.get("address") == settings.get("address") && !secrets.contains_key(name);
    let kept: Vec<String> = stored.into_iter().filter(stays).collect();
    let entered = checked(
        &to.name.unwrap_or_else(|| stream.name.clone()),
        &stream.kind,
        &to.sources.unwrap_or(before),
        to.enabled.unwrap_or(stream.enabled),
        &Broker { settings: &settings, secrets: &secrets, kept: &kept },
    )?;
    let mut tx = app.db.write().await?;
    streams::update(&mut tx, stream.id, &entered, who).await?;
    if known.is_some() && asked {
        feed::update(&mut tx, &app.vault, stream.id, &FeedEntered { settings, secrets }).await?;
    }
    tx.commit().await?;
    app.wake.ring_streams();
    Ok(())
}

/// Deletes a connection: for API and page.
pub(crate) async fn remove(app: &App, who: &Actor, stream: &Stream) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    streams::remove(&mut tx, stream.id, who).await?;
    Ok(tx.commit().await?)
}

/// Makes the token that opens the inbox, or replaces it; answers it, once.
pub(crate) async fn make_token(app: &App, who: &Actor, stream: &Stream) -> Result<String, Error> {
    let (token, hash) = new_token(&app.random);
    let mut tx = app.db.write().await?;
    streams::set_token(&mut tx, stream.id, &hash, who).await?;
    tx.commit().await?;
    Ok(token)
}

/// Puts an alarm aside: for API and page.
pub(crate) async fn put_aside(app: &App, who: &Actor, stream: &Stream, number: &str) -> Result<(), Error> {
    let number: i64 = number.parse().map_err(|_| Error::NotFound)?;
    let mut tx = app.db.write().await?;
    streams::settle(&mut tx, stream.id, number, who).await?;
    Ok(tx.commit().await?)
}

/// Puts what the connection itself refused aside; answers how many: for API and page.
pub(crate) async fn dismiss_refused(app: &App, stream: &Stream) -> Result<u64, Error> {
    let mut tx = app.db.write().await?;
    let dismissed = streams::dismiss(&mut tx, stream.id, None, app.clock.now()).await?;
    tx.commit().await?;
    Ok(dismissed)
}

async fn shown(app: &App, id: i64) -> Result<Json<StreamView>, Error> {
    let stream = streams::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok(Json(view(app, stream).await?))
}

/// All stream connections.
#[utoipa::path(get, path = "/streams", tag = "streams", responses((status = 200, body = StreamList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<StreamList>, Error> {
    let mut items = Vec::new();
    for stream in streams::list(app.db.read()).await? {
        items.push(view(&app, stream).await?);
    }
    Ok(Json(StreamList { items }))
}

/// Makes a stream connection.
#[utoipa::path(post, path = "/streams", tag = "streams", request_body = StreamInput,
    responses((status = 201, body = StreamView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<StreamInput>) -> Result<(StatusCode, Json<StreamView>), Error> {
    caller.require(Permission::ProfileStream)?;
    let id = make(&app, &caller.actor(&app), &body.read()?).await?;
    Ok((StatusCode::CREATED, shown(&app, id).await?))
}

#[utoipa::path(get, path = "/streams/{id}", tag = "streams", params(("id" = String, Path)),
    responses((status = 200, body = StreamView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<StreamView>, Error> {
    let stream = load(&app, &id).await?;
    Ok(Json(view(&app, stream).await?))
}

/// Changes a connection. A business unit that is left out is no longer read; its data syncs stand still.
#[utoipa::path(patch, path = "/streams/{id}", tag = "streams", params(("id" = String, Path)), request_body = StreamPatch,
    responses((status = 200, body = StreamView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<StreamPatch>) -> Result<Json<StreamView>, Error> {
    caller.require(Permission::ProfileStream)?;
    let (stream, to) = (load(&app, &id).await?, body.read()?);
    save(&app, &caller.actor(&app), &stream, to).await?;
    shown(&app, stream.id).await
}

/// Deletes a connection that no data sync has ever read.
#[utoipa::path(delete, path = "/streams/{id}", tag = "streams", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ProfileStream)?;
    let stream = load(&app, &id).await?;
    remove(&app, &caller.actor(&app), &stream).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the token that opens the inbox, or replaces it: the one before is refused from its next request on.
#[utoipa::path(post, path = "/streams/{id}/token", tag = "streams", params(("id" = String, Path)),
    responses((status = 201, body = StreamTokenView), (status = 404, body = Problem)))]
pub async fn token(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<StreamTokenView>), Error> {
    caller.require(Permission::ProfileStream)?;
    let stream = load(&app, &id).await?;
    let token = make_token(&app, &caller.actor(&app), &stream).await?;
    Ok((StatusCode::CREATED, Json(StreamTokenView { token, address: address(&app, &stream) })))
}

/// Fields that events have had, with types and samples: what a field matching offers.
#[utoipa::path(get, path = "/streams/{id}/fields", tag = "streams", params(("id" = String, Path)),
    responses((status = 200, body = SourceFields), (status = 404, body = Problem)))]
pub async fn fields(State(app): State<App>, _: Caller, id: Id) -> Result<Json<SourceFields>, Error> {
    let stream = load(&app, &id).await?;
    let mut items = Vec::new();
    for source in streams::sources(app.db.read(), stream.id).await? {
        for field in streams::seen_of_source(app.db.read(), source.id).await? {
            let (types, seen_at) = (field.seen().words(), time(field.seen_at));
            items.push(SourceFieldView { source: source.source.clone(), name: field.name, types, sample: field.sample, seen_at });
        }
    }
    Ok(Json(SourceFields { items }))
}

/// Puts an alarm aside.
#[utoipa::path(post, path = "/streams/{id}/alarms/{number}/settle", tag = "streams",
    params(("id" = String, Path), ("number" = i64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn settle(
    State(app): State<App>,
    caller: Caller,
    axum::extract::Path((id, number)): axum::extract::Path<(String, String)>,
) -> Result<StatusCode, Error> {
    caller.require(Permission::ProfileStream)?;
    let stream = load(&app, &Id(id)).await?;
    put_aside(&app, &caller.actor(&app), &stream, &number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the events aside that the connection itself refused.
#[utoipa::path(post, path = "/streams/{id}/dismiss", tag = "streams", params(("id" = String, Path)),
    responses((status = 200, body = Dismissed), (status = 404, body = Problem)))]
pub async fn dismiss(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<Dismissed>, Error> {
    caller.require(Permission::ProfileStream)?;
    let stream = load(&app, &id).await?;
    Ok(Json(Dismissed { dismissed: dismiss_refused(&app, &stream).await? }))
}
