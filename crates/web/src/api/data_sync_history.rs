//! What a data sync did, what it could not take, and what it would do next: `/data-syncs/{id}/history`, `/rejected`, `/replay`, `/preview`.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::audience::Stored;
use rialto_core::data_sync::{self, Mode};
use rialto_core::event::{self, ProfileEvent};
use rialto_core::permissions::Permission;
use rialto_store::Actor;
use rialto_store::audiences::{self, Field};
use rialto_store::data_syncs::{self, DataSync, Ready, Which};
use rialto_store::streams::{self, Rejected};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::data_syncs::load;
use super::extract::{Body, Id, Params, Problem, limit, maybe_time, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Events that a preview looks at.
const PREVIEWED: usize = 100;
/// How far a preview looks for them: stretches of the log, and events of each.
const STRETCHES: usize = 20;
const STRETCH: i64 = 500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paged {
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
}

impl Paged {
    fn before(&self) -> Result<i64, Error> {
        let fault = |_| Error::field("cursor", "Use the next_cursor of the page before.");
        self.cursor.as_ref().map_or(Ok(i64::MAX), |c| c.parse().map_err(fault))
    }
}

/// Most rejected events that are chosen at once.
const CHOSEN: usize = 1_000;

#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct ChosenInput {
    /// Ids of rejected events; left out, all that are open are meant.
    pub rejected: Option<Vec<i64>>,
}

impl ChosenInput {
    fn which(&self) -> Result<Which<'_>, Error> {
        match self.rejected.as_deref() {
            None => Ok(Which::All),
            Some(ids) if ids.is_empty() || ids.len() > CHOSEN => Err(Error::field("rejected", "Choose 1 to 1000 of them.")),
            Some(ids) => Ok(Which::These(ids)),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct MinuteView {
    /// The minute's beginning.
    #[schema(format = "date-time")]
    pub at: String,
    /// The sum of the next five.
    pub read: i64,
    pub applied: i64,
    /// A newer state was there already.
    pub older: i64,
    /// This very version was there already.
    pub duplicates: i64,
    /// Of a kind that the data sync does not take.
    pub other: i64,
    pub rejected: i64,
    /// Values of applied events that did not fit their field.
    pub values_rejected: i64,
    /// Of `read`, those that came from the rejected list.
    pub replayed: i64,
}

#[derive(Serialize, ToSchema)]
pub struct History {
    pub items: Vec<MinuteView>,
    pub next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RejectedView {
    pub id: i64,
    #[schema(format = "date-time")]
    pub at: String,
    pub event_id: String,
    pub subject: String,
    /// Name of the destination's field; empty when the whole event was refused.
    pub field: String,
    pub reason: String,
    /// `open`, `replayed`, `superseded` or `dismissed`.
    pub state: String,
    #[schema(format = "date-time")]
    pub settled_at: Option<String>,
    /// The event as it came.
    pub event: String,
}

#[derive(Serialize, ToSchema)]
pub struct RejectedList {
    pub items: Vec<RejectedView>,
    pub next_cursor: Option<String>,
    /// How many are open.
    pub open: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Dismissed {
    pub dismissed: u64,
}

#[derive(Serialize, ToSchema)]
pub struct ValueChange {
    /// API name of the field.
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RowChange {
    pub key: String,
    /// `new`, `changed`, `same`, `removed` or `cleared`.
    pub change: &'static str,
    pub values: Vec<ValueChange>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewedRejection {
    pub subject: String,
    /// Empty when the whole event would be refused.
    pub field: String,
    pub reason: String,
}

#[derive(Serialize, ToSchema)]
pub struct Preview {
    /// Events looked at: at most a hundred of the business unit, from where the data sync stands.
    pub events: usize,
    pub rows: Vec<RowChange>,
    pub rejected: Vec<PreviewedRejection>,
    /// Older than what is there, or there already.
    pub passed_over: i64,
    /// Of a kind that the data sync does not take.
    pub other: i64,
    /// Why there can be no preview; empty otherwise.
    pub trouble: String,
}

fn rejected_view(r: Rejected) -> RejectedView {
    RejectedView {
        id: r.id,
        at: time(r.created_at),
        event_id: r.event_id,
        subject: r.subject,
        field: r.field,
        reason: r.reason,
        state: r.state,
        settled_at: maybe_time(r.settled_at),
        event: r.body,
    }
}

fn rejected_list((mut rows, open): (Vec<Rejected>, i64), limit: i64) -> RejectedList {
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    let next_cursor = rows.last().filter(|_| more).map(|r| r.id.to_string());
    RejectedList { items: rows.into_iter().map(rejected_view).collect(), next_cursor, open }
}

/// Minutes in which events were read, the newest first.
#[utoipa::path(get, path = "/data-syncs/{id}/history", tag = "data syncs", params(("id" = String, Path), Paged),
    responses((status = 200, body = History), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn history(State(app): State<App>, _: Caller, id: Id, Params(paged): Params<Paged>) -> Result<Json<History>, Error> {
    let (sync, limit) = (load(&app, &id).await?, limit(paged.limit)?);
    let mut minutes = data_syncs::history(app.db.read(), sync.id, paged.before()?, limit + 1).await?;
    let more = minutes.len() as i64 > limit;
    minutes.truncate(usize::try_from(limit).unwrap_or(0));
    let next_cursor = minutes.last().filter(|_| more).map(|m| m.minute.to_string());
    let view = |m: data_syncs::Minute| MinuteView {
        at: time(m.minute),
        read: m.read,
        applied: m.applied,
        older: m.older,
        duplicates: m.duplicates,
        other: m.other,
        rejected: m.rejected,
        values_rejected: m.values_rejected,
        replayed: m.replayed,
    };
    Ok(Json(History { items: minutes.into_iter().map(view).collect(), next_cursor }))
}

/// What the data sync could not take, the newest first.
#[utoipa::path(get, path = "/data-syncs/{id}/rejected", tag = "data syncs", params(("id" = String, Path), Paged),
    responses((status = 200, body = RejectedList), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rejected(State(app): State<App>, _: Caller, id: Id, Params(paged): Params<Paged>) -> Result<Json<RejectedList>, Error> {
    let (sync, limit) = (load(&app, &id).await?, limit(paged.limit)?);
    Ok(Json(rejected_list(streams::of_sync(app.db.read(), sync.id, paged.before()?, limit + 1).await?, limit)))
}

/// What the connection itself refused, the newest first.
#[utoipa::path(get, path = "/streams/{id}/rejected", tag = "streams", params(("id" = String, Path), Paged),
    responses((status = 200, body = RejectedList), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn refused(State(app): State<App>, _: Caller, id: Id, Params(paged): Params<Paged>) -> Result<Json<RejectedList>, Error> {
    let (stream, limit) = (super::streams::load(&app, &id).await?, limit(paged.limit)?);
    Ok(Json(rejected_list(streams::of_stream(app.db.read(), stream.id, paged.before()?, limit + 1).await?, limit)))
}

/// Takes its open rejected events once more, in the background: `replaying` of the data sync is true until then. 404 also where nothing of what
/// is named is open.
#[utoipa::path(post, path = "/data-syncs/{id}/replay", tag = "data syncs", params(("id" = String, Path)), request_body = ChosenInput,
    responses((status = 202), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn replay(State(app): State<App>, caller: Caller, id: Id, body: Body<ChosenInput>) -> Result<StatusCode, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let (sync, chosen) = (load(&app, &id).await?, body.read_or_default()?);
    do_replay(&app, &sync, chosen.which()?, &caller.actor(&app)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Asks for it; the engine does it.
pub(crate) async fn do_replay(app: &App, sync: &DataSync, which: Which<'_>, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    data_syncs::ask_replay(&mut tx, sync.id, which, who).await?;
    tx.commit().await?;
    app.wake.ring_streams();
    Ok(())
}

/// Puts its open rejected events aside.
#[utoipa::path(post, path = "/data-syncs/{id}/dismiss", tag = "data syncs", params(("id" = String, Path)), request_body = ChosenInput,
    responses((status = 200, body = Dismissed), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn dismiss(State(app): State<App>, caller: Caller, id: Id, body: Body<ChosenInput>) -> Result<Json<Dismissed>, Error> {
    caller.require(Permission::DataExchangeEdit)?;
    let (sync, chosen) = (load(&app, &id).await?, body.read_or_default()?);
    Ok(Json(Dismissed { dismissed: do_dismiss(&app, &sync, chosen.which()?).await? }))
}

/// Puts them aside; answers how many were open.
pub(crate) async fn do_dismiss(app: &App, sync: &DataSync, which: Which<'_>) -> Result<u64, Error> {
    let (mut tx, now) = (app.db.write().await?, app.clock.now());
    let dismissed = match which {
        Which::All => streams::dismiss(&mut tx, sync.stream_id, Some(sync.id), now).await?,
        Which::These(ids) => streams::dismiss_chosen(&mut tx, sync.id, ids, now).await?,
    };
    tx.commit().await?;
    Ok(dismissed)
}

/// What the next hundred events would change. Nothing is written.
#[utoipa::path(get, path = "/data-syncs/{id}/preview", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 200, body = Preview), (status = 404, body = Problem)))]
pub async fn preview(State(app): State<App>, _: Caller, id: Id) -> Result<Json<Preview>, Error> {
    let sync = load(&app, &id).await?;
    Ok(Json(previewed(&app, &sync).await?))
}

/// What the next events of a data sync would change.
pub(crate) async fn previewed(app: &App, sync: &DataSync) -> Result<Preview, Error> {
    let events = next(app, sync).await?;
    let mut preview = Preview { events: events.len(), rows: vec![], rejected: vec![], passed_over: 0, other: 0, trouble: String::new() };
    let ready = match Ready::of(app.db.read(), sync).await? {
        Ok(ready) => ready,
        Err(words) => return Ok(Preview { trouble: words, ..preview }),
    };
    let mut keys = data_sync::keys(sync.mode(), &events);
    keys.retain(|key| !ready.of.numeric || key.parse::<i64>().is_ok());
    let mut tx = app.db.write().await?;
    let known = audiences::known(&mut tx, &ready.of, &keys, sync.mode() == Mode::Upsert).await?;
    drop(tx);
    let folded = data_sync::fold(&ready.matching, sync.mode(), &events, &known, false);
    let all = audiences::fields(app.db.read(), sync.audience_id).await?;
    let fields: Vec<&Field> = ready.columns.iter().filter_map(|(number, _)| all.iter().find(|f| f.number == i64::from(*number))).collect();
    let there: HashMap<String, Vec<Option<String>>> =
        audiences::values(app.db.read(), sync.audience_id, &fields, &keys).await?.into_iter().map(|r| (r.key, r.values)).collect();
    preview.rows = folded.rows.iter().filter_map(|(key, row)| change(sync, &ready, &fields, key, &row.values, there.get(key))).collect();
    preview.rejected = folded
        .refused
        .into_iter()
        .map(|r| PreviewedRejection {
            subject: events.get(r.event).map(|e| e.subject.clone()).unwrap_or_default(),
            field: r.field,
            reason: r.why,
        })
        .collect();
    preview.passed_over = folded.books.older + folded.books.duplicates;
    preview.other = folded.books.other;
    Ok(preview)
}

/// The next events of its business unit, looked for in the next stretches of the log.
async fn next(app: &App, sync: &DataSync) -> Result<Vec<ProfileEvent>, Error> {
    let (mut events, mut position) = (Vec::new(), sync.position);
    for _ in 0..STRETCHES {
        for chunk in streams::chunk(app.db.read(), sync.stream_id, position, STRETCH).await? {
            let raw: Vec<&RawValue> = serde_json::from_str(&chunk.body).map_err(Error::internal)?;
            let skip = usize::try_from(position - chunk.position).unwrap_or(0);
            let mine = raw.into_iter().skip(skip).filter_map(|raw| event::read(raw.get()).ok()).filter(|e| e.source == sync.source);
            events.extend(mine.take(PREVIEWED - events.len()));
            position = chunk.position + chunk.events;
            if events.len() >= PREVIEWED {
                return Ok(events);
            }
        }
    }
    Ok(events)
}

fn change(
    sync: &DataSync,
    ready: &Ready,
    fields: &[&Field],
    key: &str,
    values: &[Option<Stored>],
    there: Option<&Vec<Option<String>>>,
) -> Option<RowChange> {
    let before = |at: usize| there.and_then(|row| row.get(at)).cloned().flatten();
    if sync.mode() == Mode::Delete {
        there?;
        let gone = |(at, field): (usize, &&Field)| ValueChange { field: field.api_name.clone(), before: before(at), after: None };
        let change = if ready.extension { "removed" } else { "cleared" };
        return Some(RowChange { key: key.to_owned(), change, values: fields.iter().enumerate().map(gone).collect() });
    }
    let told = fields.iter().zip(values).enumerate().filter_map(|(at, (field, value))| {
        let (before, after) = (before(at), text(value.as_ref()?));
        (before != after).then(|| ValueChange { field: field.api_name.clone(), before, after })
    });
    let values: Vec<ValueChange> = told.collect();
    let change = match (there.is_some(), values.is_empty()) {
        (false, _) => "new",
        (true, false) => "changed",
        (true, true) => "same",
    };
    Some(RowChange { key: key.to_owned(), change, values })
}

/// As rows are shown.
fn text(value: &Stored) -> Option<String> {
    match value {
        Stored::Null => None,
        Stored::Integer(n) => Some(n.to_string()),
        Stored::Float(n) => Some(n.to_string()),
        Stored::Boolean(yes) => Some(yes.to_string()),
        Stored::Text(text) => Some(text.clone()),
    }
}
