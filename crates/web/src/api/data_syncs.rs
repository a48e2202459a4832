//! `/data-syncs`: profile enrichment, from a business unit's events into a list or extension (L3, L5; LO-02 to LO-06, LO-09).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::data_sync::{From, MatchBy, Matching, Mode, Pair, Target, Wanted};
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::audiences::{self, Audience, KEY};
use rialto_store::data_syncs::{self, DataSync, Entered, Match};
use rialto_store::streams::{self, Source};
use rialto_store::{bridges, folders};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audiences::named;
use super::extract::{Body, Faults, Id, Problem, found, maybe_time, name, public};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Most lines of a field matching, and most labels.
const LINES: usize = 300;
const LABELS: usize = 20;

#[derive(Serialize, Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// `profileAltId`, or a section and a name: `attributes.tier`.
    pub from: String,
    /// API name of the destination's field.
    pub to: String,
}

#[derive(Serialize, Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct MatchInput {
    /// `email` or `remote_id`.
    pub by: String,
    /// The bridge whose Remote IDs are meant.
    #[serde(default)]
    pub bridge: Option<String>,
    /// API name of the destination's field that holds it; the field must be matched.
    pub field: String,
}

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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSyncInput {
    pub name: String,
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub description: String,
    /// Names. A new one is made by whoever may create labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Id of an audience list or extension.
    pub destination: String,
    /// Id of the stream connection.
    pub stream: String,
    /// The business unit; may be left out where the connection has one alone.
    pub source: Option<String>,
    /// `upsert` or `delete`.
    pub mode: String,
    #[serde(default, rename = "match")]
    pub matched: Option<MatchInput>,
    pub mapping: Vec<Line>,
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
        replaying: sync.replay,
    })
}

/// A data sync as entered, with all that it names.
struct Checked {
    name: String,
    folder: String,
    description: String,
    labels: Vec<String>,
    audience: Audience,
    source: Source,
    mode: Mode,
    matched: Option<Match>,
    pairs: Vec<(String, i64)>,
}

impl Checked {
    fn entered<'a>(&'a self, labels: &'a [i64]) -> Entered<'a> {
        Entered {
            name: &self.name,
            folder: &self.folder,
            description: &self.description,
            labels,
            audience_id: self.audience.id,
            source_id: self.source.id,
            mode: self.mode,
            matched: self.matched,
            pairs: &self.pairs,
        }
    }
}

/// The business unit that is meant.
async fn source(app: &App, input: &DataSyncInput) -> Result<Source, Error> {
    let fault = || Error::field("stream", "There is no stream connection with this id.");
    let id = PublicId::parse(&input.stream, Kind::Stream).ok_or_else(fault)?;
    let stream = streams::get(app.db.read(), id.id).await?.filter(|s| id.fits(Instant(s.created_at))).ok_or_else(fault)?;
    let mut sources = streams::sources(app.db.read(), stream.id).await?;
    sources.retain(|s| !s.retired && input.source.as_ref().is_none_or(|wanted| *wanted == s.source));
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Ok(source),
        (Some(_), false) => Err(Error::field("source", "The connection reads several business units: name one.")),
        (None, _) => Err(Error::field("source", "The connection does not read this business unit.")),
    }
}

async fn matched(app: &App, input: &MatchInput, number: impl Fn(&str) -> Option<i64>) -> Result<Match, Error> {
    let by = MatchBy::from_name(&input.by).ok_or_else(|| Error::field("match.by", "Use email or remote_id."))?;
    let field = number(&input.field).ok_or_else(|| Error::field("match.field", "The destination has no such field."))?;
    let bridge = match (by, &input.bridge) {
        (MatchBy::Email, None) => None,
        (MatchBy::Email, Some(_)) => return Err(Error::field("match.bridge", "An address belongs to no bridge: leave it out.")),
        (MatchBy::RemoteId, id) => {
            let fault = || Error::field("match.bridge", "Name the bridge whose Remote IDs are meant.");
            let id = id.as_ref().and_then(|id| PublicId::parse(id, Kind::Bridge)).ok_or_else(fault)?;
            Some(bridges::get(app.db.read(), id.id).await?.filter(|b| id.fits(Instant(b.created_at))).ok_or_else(fault)?.id)
        }
    };
    Ok(Match { by, bridge, field })
}

async fn checked(app: &App, input: DataSyncInput) -> Result<Checked, Error> {
    let mut faults = Faults::default();
    let sync_name = name(&input.name, "name", &mut faults);
    let folder = folders::path(&input.folder).unwrap_or_else(|why| {
        faults.add("folder", why);
        String::new()
    });
    let description = input.description.trim().to_owned();
    if description.chars().count() > 1_000 || description.contains('\0') {
        faults.add("description", "Enter at most 1000 characters.");
    }
    if input.labels.len() > LABELS {
        faults.add("labels", format!("Give at most {LABELS} labels."));
    }
    let labels =
        input.labels.iter().enumerate().map(|(at, l)| super::extract::short(l, &format!("labels[{at}]"), 60, &mut faults)).collect();
    let mode = Mode::from_name(&input.mode);
    if mode.is_none() {
        faults.add("mode", "Use upsert or delete.");
    }
    if input.mapping.len() > LINES {
        faults.add("mapping", format!("Match at most {LINES} fields."));
    }
    faults.none_or()?;
    let (audience, source) = (named(app, &input.destination, "destination").await?, source(app, &input).await?);
    let fields = audiences::fields(app.db.read(), audience.id).await?;
    let number = |api: &str| fields.iter().find(|f| f.api_name.eq_ignore_ascii_case(api.trim())).map(|f| f.number);
    let link = match &input.matched {
        Some(m) => Some(matched(app, m, number).await?),
        None => None,
    };
    let targets = fields.iter().map(audiences::Field::target).collect::<Result<Vec<Target>, _>>()?;
    let pairs = pairs(&input.mapping, number)?;
    check_matching(app, &source, &targets, &pairs, link).await?;
    let pairs = pairs.into_iter().map(|p| (p.from.to_string(), i64::from(p.to))).collect();
    let mode = mode.unwrap_or(Mode::Upsert);
    Ok(Checked { name: sync_name, folder, description, labels, audience, source, mode, matched: link, pairs })
}

fn pairs(lines: &[Line], number: impl Fn(&str) -> Option<i64>) -> Result<Vec<Pair>, Error> {
    let mut faults = Faults::default();
    let mut pairs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match (line.from.parse::<From>(), number(&line.to).and_then(|n| u32::try_from(n).ok())) {
            (Ok(from), Some(to)) => pairs.push(Pair { from, to }),
            (Err(()), _) => faults.add(
                format!("mapping[{at}].from"),
                "Use profileAltId, or attributes, preferences or metrics with a name, such as attributes.tier.",
            ),
            (_, None) => faults.add(format!("mapping[{at}].to"), "The destination has no field with this API name."),
        }
    }
    faults.none_or()?;
    Ok(pairs)
}

async fn check_matching(app: &App, source: &Source, targets: &[Target], pairs: &[Pair], link: Option<Match>) -> Result<(), Error> {
    let seen = streams::seen_of_source(app.db.read(), source.id).await?;
    let link = link.and_then(|m| u32::try_from(m.field).ok());
    let wanted = Wanted { pairs, targets, key: KEY as u32, link };
    let kinds = |from: &From| seen.iter().find(|f| f.name == from.to_string()).map(streams::SeenField::seen).unwrap_or_default();
    let Err(all) = Matching::new(wanted, kinds) else { return Ok(()) };
    let mut faults = Faults::default();
    all.iter().for_each(|fault| faults.add("mapping", fault.to_string()));
    faults.none_or()
}

/// Ids of labels by name; new ones are made by whoever may (LO-09).
async fn labels(tx: &mut rialto_store::Tx, names: &[String], caller: &Caller, who: &rialto_store::Actor) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    for label in names {
        let id = match data_syncs::find_label(tx, label).await? {
            Some(id) => id,
            None => {
                caller.require(Permission::LabelsCreate)?;
                data_syncs::create_label(tx, label, who).await?
            }
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
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
    let checked = checked(&app, body.read()?).await?;
    let who = caller.actor(&app);
    let mut tx = app.db.write().await?;
    let labels = labels(&mut tx, &checked.labels, &caller, &who).await?;
    let id = data_syncs::create(&mut tx, &checked.entered(&labels), &who).await?;
    tx.commit().await?;
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
    let checked = checked(&app, body.read()?).await?;
    let who = caller.actor(&app);
    let mut tx = app.db.write().await?;
    let labels = labels(&mut tx, &checked.labels, &caller, &who).await?;
    data_syncs::update(&mut tx, sync.id, &checked.entered(&labels), true, &who).await?;
    tx.commit().await?;
    shown(&app, sync.id).await
}

/// Deletes a disabled data sync. What it has written stays.
#[utoipa::path(delete, path = "/data-syncs/{id}", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let sync = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    data_syncs::remove(&mut tx, sync.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn switch(app: &App, caller: &Caller, id: &Id, enabled: bool) -> Result<Json<DataSyncView>, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let sync = load(app, id).await?;
    let mut tx = app.db.write().await?;
    data_syncs::switch(&mut tx, sync.id, enabled, &caller.actor(app)).await?;
    tx.commit().await?;
    app.wake.ring_streams();
    shown(app, sync.id).await
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
