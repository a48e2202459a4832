//! `/writebacks`: the queue of what is told to the remote systems.

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_core::writeback::{LONGEST_REASON, Message, What, WritebackKind, WritebackState};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::views::Way;
use rialto_store::views::writebacks::{self as views, Filter, WritebackRow};
use rialto_store::writebacks::{self, Try};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Faults, Id, List, Params, Problem, after, found, limit, maybe_time, one_of, page, public, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct WritebackView {
    #[schema(format = "uuid")]
    pub id: String,
    /// `unsubscribe`, `resubscribe`, `invalid_email`, `interests` or `mailing_activity`.
    pub kind: String,
    /// `scheduled`, `new`, `held`, `processing`, `sent`, `error`, `no_remote_recipients` or `cancelled`.
    pub state: String,
    #[schema(format = "uuid")]
    pub bridge: String,
    pub bridge_name: String,
    /// `push`: Rialto delivers. `polled`: the remote system fetches.
    pub delivery: String,
    /// The person told about; null for mailing activity.
    #[schema(format = "uuid")]
    pub subscriber: Option<String>,
    pub remote_id: String,
    /// What is told, in words.
    pub says: String,
    /// Tries so far.
    pub tries: i64,
    /// Why it stands where it stands: the last error, the set-up fault, the reason of a cancellation.
    pub reason: String,
    /// When the cause came about.
    #[schema(format = "date-time")]
    pub created_at: String,
    /// When it is tried next by itself: with the next cycle after it is due. Null when nothing happens by itself, or cycles begin by hand.
    #[schema(format = "date-time")]
    pub next_try_at: Option<String>,
    /// When the remote acknowledged it, or it ended otherwise.
    #[schema(format = "date-time")]
    pub ended_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct WritebackDetail {
    #[serde(flatten)]
    pub about: WritebackView,
    /// The mark it leaves at the remote system.
    pub marker: String,
    /// The reason that is told; empty when none was given.
    pub told_reason: String,
    /// The newest first; at most 100.
    pub attempts: Vec<AttemptView>,
}

#[derive(Serialize, ToSchema)]
pub struct AttemptView {
    pub number: i64,
    /// `sent`, `found_there` (an earlier try had arrived), `error`, `held`, or `lost` (the worker died before it could say).
    pub outcome: String,
    /// What the remote answered.
    pub answer: String,
    /// Who asked for it; empty when it came by itself.
    pub by: String,
    #[schema(format = "date-time")]
    pub started_at: String,
    #[schema(format = "date-time")]
    pub ended_at: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// A bridge's id.
    pub bridge: Option<String>,
    /// A subscriber's id.
    pub subscriber: Option<String>,
    pub state: Option<String>,
    pub kind: Option<String>,
    /// Caused at or after this time (RFC 3339).
    pub since: Option<String>,
    /// Caused before this time (RFC 3339).
    pub until: Option<String>,
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

/// Names of the states, and of the kinds.
pub fn names() -> (Vec<&'static str>, Vec<&'static str>) {
    (WritebackState::ALL.iter().map(|s| s.name()).collect(), WritebackKind::ALL.iter().map(|k| k.name()).collect())
}

impl Asked {
    fn filter(&self) -> Result<Filter, Error> {
        let (states, kinds) = names();
        let mut faults = Faults::default();
        let mut id = |text: &Option<String>, kind, field: &str| match text {
            None => 0,
            Some(text) => PublicId::parse(text, kind).map_or_else(
                || {
                    faults.add(field, "This is no such id.");
                    0
                },
                |id| id.id,
            ),
        };
        let bridge_id = id(&self.bridge, Kind::Bridge, "bridge");
        let subscriber_id = id(&self.subscriber, Kind::Subscriber, "subscriber");
        let mut moment = |text: &Option<String>, field: &str| {
            text.as_ref().and_then(|text| match text.parse::<jiff::Timestamp>() {
                Ok(at) => Some(at.as_microsecond()),
                Err(_) => {
                    faults.add(field, "Enter a time such as 2026-01-05T08:00:00Z.");
                    None
                }
            })
        };
        let (since, until) = (moment(&self.since, "since"), moment(&self.until, "until"));
        faults.none_or()?;
        Ok(Filter {
            bridge_id,
            subscriber_id,
            state: one_of(self.state.clone(), "state", &states)?,
            kind: one_of(self.kind.clone(), "kind", &kinds)?,
            since,
            until,
        })
    }
}

/// What a writeback tells, in a sentence without names.
pub fn says(message: &Message) -> String {
    let because = if message.reason.is_empty() { String::new() } else { format!(" Reason: {}", message.reason) };
    match &message.what {
        What::Unsubscribe => format!("Do not solicit by email any more.{because}"),
        What::Resubscribe { say_yes: true } => format!("May be solicited by email again.{because}"),
        What::Resubscribe { say_yes: false } => {
            format!("Subscribed again here; the remote system's own no stands, so no yes is written.{because}")
        }
        What::InvalidEmail { fault } => format!("The email address takes no mail: {}.{because}", fault.words()),
        What::Interests { changes } => {
            let told: Vec<String> =
                changes.iter().map(|c| format!("{} {}", if c.wanted { "wants" } else { "no longer wants" }, c.name)).collect();
            format!("Interests: {}.", told.join(", "))
        }
        What::Persona { name, .. } if name.is_empty() => "No persona any more.".to_owned(),
        What::Persona { name, .. } => format!("Persona: {name}."),
    }
}

/// The same of a stored row; mailing activity has no message of one person.
pub fn row_says(row: &WritebackRow) -> String {
    row.writeback.read_message().map_or_else(|_| "The activity of a mailing.".to_owned(), |m| says(&m))
}

pub fn view(row: &WritebackRow, now: Instant) -> WritebackView {
    let w = &row.writeback;
    WritebackView {
        id: public(Kind::Writeback, w.created_at, w.id),
        kind: w.kind.clone(),
        state: w.state.clone(),
        bridge: public(Kind::Bridge, row.bridge_created_at, w.bridge_id),
        bridge_name: row.bridge_name.clone(),
        delivery: row.delivery.clone(),
        subscriber: row.subscriber_created_at.map(|at| public(Kind::Subscriber, at, w.subscriber_id)),
        remote_id: row.remote_id.clone(),
        says: row_says(row),
        tries: w.tries,
        reason: w.reason.clone(),
        created_at: time(w.created_at),
        next_try_at: maybe_time(row.next_try(now)),
        ended_at: maybe_time(w.ended_at),
    }
}

fn attempt(t: Try) -> AttemptView {
    AttemptView {
        number: t.number,
        outcome: t.outcome,
        answer: t.answer,
        by: t.asked_by,
        started_at: time(t.started_at),
        ended_at: time(t.ended_at),
    }
}

pub async fn load(app: &App, id: &Id) -> Result<WritebackRow, Error> {
    let id = id.of(Kind::Writeback)?;
    found(views::one(app.db.read(), id.id).await?, id, |r| r.writeback.created_at)
}

async fn detail(app: &App, id: &Id) -> Result<WritebackDetail, Error> {
    let row = load(app, id).await?;
    let attempts = writebacks::tries(app.db.read(), row.writeback.id).await?.into_iter().map(attempt).collect();
    let told_reason = row.writeback.read_message().map(|m| m.reason).unwrap_or_default();
    let marker = rialto_core::writeback::marker(id.of(Kind::Writeback)?);
    Ok(WritebackDetail { about: view(&row, app.clock.now()), marker, told_reason, attempts })
}

/// The queue, newest first. `total` is exact for filters by bridge and state; with other filters it is counted up to 10,000.
#[utoipa::path(get, path = "/writebacks", tag = "writebacks", params(Asked),
    responses((status = 200, body = List<WritebackView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(asked): Params<Asked>) -> Result<Json<List<WritebackView>>, Error> {
    let (filter, limit) = (asked.filter()?, limit(asked.limit)?);
    let before = after::<i64>(asked.cursor.as_deref())?.unwrap_or(i64::MAX);
    let rows = views::turn(app.db.read(), &filter, Way::Onward, before, limit + 1).await?;
    let total = views::count(app.db.read(), &filter).await?;
    let now = app.clock.now();
    Ok(Json(page(rows, limit, total, |r| r.writeback.id, |r| view(&r, now))))
}

#[utoipa::path(get, path = "/writebacks/{id}", tag = "writebacks", params(("id" = String, Path)),
    responses((status = 200, body = WritebackDetail), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<WritebackDetail>, Error> {
    detail(&app, &id).await.map(Json)
}

/// What can be mended: the reason that is told.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WritebackChange {
    /// Up to 1,000 characters.
    pub reason: String,
}

/// Mends the reason that is told, before it went out.
#[utoipa::path(patch, path = "/writebacks/{id}", tag = "writebacks", params(("id" = String, Path)), request_body = WritebackChange,
    responses((status = 200, body = WritebackDetail), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<WritebackChange>) -> Result<Json<WritebackDetail>, Error> {
    caller.require(Permission::WritebacksRetry)?;
    let reason = body.read()?.reason;
    let row = load(&app, &id).await?;
    do_mend(&app, &row, &reason, &caller.actor(&app)).await?;
    detail(&app, &id).await.map(Json)
}

/// The act itself, for API and page; the permission was asked for. Faults name `reason`.
pub async fn do_mend(app: &App, row: &WritebackRow, reason: &str, who: &rialto_store::Actor) -> Result<(), Error> {
    checked(reason, false)?;
    let told = row.writeback.read_message().map_err(|_| Error::Conflict("The activity of a mailing has no reason.".into()))?;
    let message = Message { reason: reason.trim().to_owned(), ..told };
    let mut tx = app.db.write().await?;
    if !writebacks::mend(&mut tx, row.writeback.id, &message, who).await? {
        return Err(Error::Conflict("This writeback is being sent, or has ended: it cannot be mended any more.".into()));
    }
    tx.commit().await?;
    Ok(())
}

fn checked(reason: &str, needed: bool) -> Result<(), Error> {
    let mut faults = Faults::default();
    let length = reason.trim().chars().count();
    if (needed && length == 0) || length > LONGEST_REASON || reason.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r')) {
        faults.add("reason", format!("Enter {} to {LONGEST_REASON} characters.", u8::from(needed)));
    }
    faults.none_or()
}

/// One more try of a writeback in Error. It goes out at once, in its person's order; its earlier tries stay.
#[utoipa::path(post, path = "/writebacks/{id}/retry", tag = "writebacks", params(("id" = String, Path)),
    responses((status = 200, body = WritebackDetail), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn retry(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<WritebackDetail>, Error> {
    caller.require(Permission::WritebacksRetry)?;
    let row = load(&app, &id).await?;
    do_retry(&app, &row, &caller.actor(&app)).await?;
    detail(&app, &id).await.map(Json)
}

/// As `do_mend`.
pub async fn do_retry(app: &App, row: &WritebackRow, who: &rialto_store::Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    if !writebacks::retry(&mut tx, row.writeback.id, who).await? {
        return Err(Error::Conflict("Only a writeback in Error can be tried again.".into()));
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bulk {
    /// A bridge's id.
    pub bridge: String,
    /// One kind only; left out for all.
    pub kind: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct BulkDone {
    /// How many go out again; at most 10,000 at once.
    pub retried: u64,
}

/// One more try of everything in Error of a bridge.
#[utoipa::path(post, path = "/writebacks/retry", tag = "writebacks", request_body = Bulk,
    responses((status = 200, body = BulkDone), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn retry_all(State(app): State<App>, caller: Caller, body: Body<Bulk>) -> Result<Json<BulkDone>, Error> {
    caller.require(Permission::WritebacksRetry)?;
    let bulk = body.read()?;
    let kind = one_of(bulk.kind, "kind", &names().1)?;
    let bridge = super::writeback_settings::bridge(&app, &Id(bulk.bridge)).await?;
    do_retry_all(&app, bridge.id, &kind, &caller.actor(&app)).await.map(|retried| Json(BulkDone { retried }))
}

pub async fn do_retry_all(app: &App, bridge_id: i64, kind: &str, who: &rialto_store::Actor) -> Result<u64, Error> {
    let mut tx = app.db.write().await?;
    let retried = writebacks::retry_all(&mut tx, bridge_id, kind, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(retried)
}

/// Why a writeback is given up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenUp {
    /// 1 to 1,000 characters.
    pub reason: String,
}

/// Gives a writeback up for good, with a reason that stays. What is being sent or was sent cannot be given up.
#[utoipa::path(post, path = "/writebacks/{id}/cancel", tag = "writebacks", params(("id" = String, Path)), request_body = GivenUp,
    responses((status = 200, body = WritebackDetail), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn cancel(State(app): State<App>, caller: Caller, id: Id, body: Body<GivenUp>) -> Result<Json<WritebackDetail>, Error> {
    caller.require(Permission::WritebacksRetry)?;
    let reason = body.read()?.reason;
    let row = load(&app, &id).await?;
    do_cancel(&app, &row, &reason, &caller.actor(&app)).await?;
    detail(&app, &id).await.map(Json)
}

/// As `do_mend`.
pub async fn do_cancel(app: &App, row: &WritebackRow, reason: &str, who: &rialto_store::Actor) -> Result<(), Error> {
    checked(reason, true)?;
    let mut tx = app.db.write().await?;
    if !writebacks::cancel(&mut tx, row.writeback.id, reason.trim(), who).await? {
        return Err(Error::Conflict("This writeback is being sent, or has ended: it cannot be given up any more.".into()));
    }
    tx.commit().await?;
    Ok(())
}
