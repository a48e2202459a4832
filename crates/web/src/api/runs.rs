//! `/sync-runs`: what was read, what it changed, and the decision on a held run.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::StreamExt;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Counts, Instant, Kind, PublicId};
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::views::api as views;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bridges::filter;
use super::extract::{Id, List, Params, Problem, after, found, limit, maybe_time, one_of, page, public, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;
use crate::watch;

#[derive(Serialize, ToSchema)]
pub struct RunView {
    #[schema(format = "uuid")]
    pub id: String,
    /// `lists`, `people`, `upload`, `approval`, `undo` or `test`.
    pub kind: String,
    /// What made it: `login`, `send`, `refresh_groups`, `refresh_bridge`, `resync`, `info`, `overnight`, `upload`, `api` or `cli`.
    pub trigger: String,
    /// Who made it: `user:<email>`, `token:<name>`, `cli` or `schedule`.
    pub by: String,
    /// All triggers; later ones joined the run.
    pub triggers: Vec<TriggerView>,
    #[schema(format = "uuid")]
    pub bridge: Option<String>,
    #[schema(format = "uuid")]
    pub target_group: Option<String>,
    /// `queued`, `running`, `succeeded`, `incomplete`, `held`, `approved`, `discarded`, `superseded` or `failed`.
    pub state: String,
    /// Of a running run: `reading`, `planning` or `applying`.
    pub phase: Option<String>,
    /// Names and sums of the books.
    #[schema(value_type = std::collections::BTreeMap<String, i64>)]
    pub counts: Counts,
    pub plan_only: bool,
    /// The held run that an approval decides, the run that an undo takes back, or the run that this one tries again.
    #[schema(format = "uuid")]
    pub parent_run: Option<String>,
    pub attempt: i64,
    /// Rows the remote announced.
    pub announced: Option<i64>,
    /// Rows handled so far.
    pub progress: i64,
    pub members_after: Option<i64>,
    /// Age of the list's own data.
    #[schema(format = "date-time")]
    pub data_as_of: Option<String>,
    /// Why it ended as it did, and what to do: sentences for people.
    pub reason: String,
    pub advice: String,
    pub error_kind: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    pub started_at: Option<String>,
    #[schema(format = "date-time")]
    pub finished_at: Option<String>,
    #[schema(format = "date-time")]
    pub applied_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TriggerView {
    pub trigger: String,
    pub by: String,
    #[schema(format = "date-time")]
    pub at: String,
}

/// Work that goes on after the answer.
#[derive(Serialize, ToSchema)]
pub struct Started {
    pub run: RunView,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Id of a bridge.
    pub bridge: Option<String>,
    /// Id of a target group.
    pub target_group: Option<String>,
    /// `queued`, `running`, `succeeded`, `incomplete`, `held`, `approved`, `discarded`, `superseded` or `failed`.
    pub state: Option<String>,
    /// `lists`, `people`, `upload`, `approval`, `undo` or `test`.
    pub kind: Option<String>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// Only this change: `joined`, `left`, `withheld`, `seen_again`, `updated`, `suppressed`, `lifted`, `lift_withheld` or `note`.
    pub change: Option<String>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ChangeView {
    /// See the parameter `change`; of a note its own kind, such as `rejected`, `duplicate` or `plan_join`.
    pub change: String,
    #[schema(format = "uuid")]
    pub subscriber: Option<String>,
    pub remote_id: String,
    pub email: String,
    /// Values before the change, of an updated person; else a note's sentence or null.
    pub detail: serde_json::Value,
}

/// Runs as they are shown, in the same order.
pub(super) async fn views_of(app: &App, rows: &[Run]) -> Result<Vec<RunView>, Error> {
    let pick = |of: fn(&Run) -> Option<i64>| rows.iter().filter_map(of).collect::<Vec<i64>>();
    let bridges = views::made(app.db.read(), views::Made::Bridges, &pick(|r| r.bridge_id)).await?;
    let groups = views::made(app.db.read(), views::Made::Groups, &pick(|r| r.group_id)).await?;
    let parents = views::made(app.db.read(), views::Made::Runs, &pick(|r| r.parent_run)).await?;
    let triggers = views::triggers(app.db.read(), &pick(|r| Some(r.id))).await?;
    let id =
        |kind, made: &std::collections::HashMap<i64, i64>, id: Option<i64>| id.and_then(|id| made.get(&id).map(|at| public(kind, *at, id)));
    let shown = rows.iter().map(|r| RunView {
        id: public(Kind::SyncRun, r.created_at, r.id),
        kind: r.kind.clone(),
        trigger: r.run_trigger.clone(),
        by: r.actor.clone(),
        triggers: triggers
            .iter()
            .filter(|t| t.run_id == r.id)
            .map(|t| TriggerView { trigger: t.run_trigger.clone(), by: t.actor.clone(), at: time(t.at) })
            .collect(),
        bridge: id(Kind::Bridge, &bridges, r.bridge_id),
        target_group: id(Kind::TargetGroup, &groups, r.group_id),
        state: r.state.clone(),
        phase: r.phase.clone(),
        counts: r.counts(),
        plan_only: r.plan_only,
        parent_run: id(Kind::SyncRun, &parents, r.parent_run),
        attempt: r.attempt,
        announced: r.announced,
        progress: r.progress,
        members_after: r.members_after,
        data_as_of: maybe_time(r.data_as_of),
        reason: r.reason.clone(),
        advice: r.advice.clone(),
        error_kind: r.error_kind.clone(),
        created_at: time(r.created_at),
        started_at: maybe_time(r.started_at),
        finished_at: maybe_time(r.finished_at),
        applied_at: maybe_time(r.applied_at),
    });
    Ok(shown.collect())
}

pub(super) async fn load(app: &App, id: &Id) -> Result<Run, Error> {
    let id = id.of(Kind::SyncRun)?;
    found(runs::get(app.db.read(), id.id).await?, id, |r| r.created_at)
}

async fn view(app: &App, run: Run) -> Result<RunView, Error> {
    views_of(app, &[run]).await?.pop().ok_or(Error::NotFound)
}

/// Asks for a run, wakes the workers, answers 202 with it.
pub(super) async fn start(app: &App, caller: &Caller, new: NewRun) -> Result<(StatusCode, Json<Started>), Error> {
    let mut tx = app.db.write().await?;
    let asked = runs::request(&mut tx, new, &caller.actor(app)).await?;
    tx.commit().await?;
    app.wake.ring();
    accepted(app, asked.run_id).await
}

pub(super) async fn accepted(app: &App, run_id: i64) -> Result<(StatusCode, Json<Started>), Error> {
    let run = runs::get(app.db.read(), run_id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::ACCEPTED, Json(Started { run: view(app, run).await? })))
}

/// Runs, newest first.
#[utoipa::path(get, path = "/sync-runs", tag = "sync-runs", params(RunQuery),
    responses((status = 200, body = List<RunView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<RunQuery>) -> Result<Json<List<RunView>>, Error> {
    let limit = limit(query.limit)?;
    let before = after::<i64>(query.cursor.as_deref())?.unwrap_or(i64::MAX);
    let by = views::RunFilter {
        bridge_id: filter(&app, query.bridge.as_deref()).await?,
        group_id: group_filter(&app, query.target_group.as_deref()).await?,
        state: one_of(query.state, "state", &names(RunState::ALL, RunState::name))?,
        kind: one_of(query.kind, "kind", &names(RunKind::ALL, RunKind::name))?,
    };
    let total = views::count_runs(app.db.read(), &by).await?;
    let rows = views::runs(app.db.read(), &by, before, limit + 1).await?;
    let shown = views_of(&app, &rows).await?;
    let rows = rows.iter().map(|r| r.id).zip(shown).collect();
    Ok(Json(page(rows, limit, total, |r: &(i64, RunView)| r.0, |r| r.1)))
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

async fn group_filter(app: &App, id: Option<&str>) -> Result<i64, Error> {
    let Some(text) = id else { return Ok(0) };
    let unknown = || Error::field("target_group", "There is no such target group.");
    let id = PublicId::parse(text, Kind::TargetGroup).ok_or_else(unknown)?;
    let made = views::made(app.db.read(), views::Made::Groups, &[id.id]).await?;
    made.get(&id.id).filter(|at| id.fits(Instant(**at))).map(|_| id.id).ok_or_else(unknown)
}

#[utoipa::path(get, path = "/sync-runs/{id}", tag = "sync-runs", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<RunView>, Error> {
    let run = load(&app, &id).await?;
    Ok(Json(view(&app, run).await?))
}

/// Kinds of changes in the order they are listed.
const CHANGES: [(&str, views::ChangeKind); 8] = [
    ("joined", views::ChangeKind::Member(1)),
    ("left", views::ChangeKind::Member(2)),
    ("withheld", views::ChangeKind::Member(3)),
    ("seen_again", views::ChangeKind::Member(4)),
    ("updated", views::ChangeKind::Person),
    ("suppressed", views::ChangeKind::Flag(1)),
    ("lifted", views::ChangeKind::Flag(2)),
    ("lift_withheld", views::ChangeKind::Flag(3)),
];

/// Who joined, left, changed, was suppressed or lifted, and what was worth a note.
#[utoipa::path(get, path = "/sync-runs/{id}/changes", tag = "sync-runs", params(("id" = String, Path), ChangeQuery),
    responses((status = 200, body = List<ChangeView>), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn changes(
    State(app): State<App>,
    _: Caller,
    id: Id,
    Params(query): Params<ChangeQuery>,
) -> Result<Json<List<ChangeView>>, Error> {
    let run = load(&app, &id).await?;
    let limit = limit(query.limit)?;
    let wanted = query.change.as_deref();
    if wanted.is_some_and(|w| w != "note" && !CHANGES.iter().any(|(name, _)| *name == w)) {
        return Err(Error::field("change", "There is no such kind of change."));
    }
    let wants = |name: &str| wanted.is_none_or(|w| w == name);
    let (first, last) = after::<(usize, i64)>(query.cursor.as_deref())?.unwrap_or((0, 0));
    let mut rows: Vec<((usize, i64), ChangeView)> = Vec::new();
    let mut total = 0;
    for (at, (name, kind)) in CHANGES.iter().enumerate().filter(|(_, (name, _))| wants(name)) {
        total += views::count_changes(app.db.read(), run.id, *kind).await?;
        let room = limit + 1 - rows.len() as i64;
        if at < first || room <= 0 {
            continue;
        }
        let start = if at == first { last } else { 0 };
        let found = views::changes(app.db.read(), run.id, *kind, start, room).await?;
        rows.extend(found.into_iter().map(|c| ((at, c.number), changed(name, c))));
    }
    if wants("note") {
        let at = CHANGES.len();
        let start = if at == first { last } else { 0 };
        let room = (limit + 1 - rows.len() as i64).max(0);
        let (notes, count) = views::notes(app.db.read(), run.id, start, room).await?;
        total += count;
        rows.extend(notes.into_iter().map(|(number, kind, remote_id, detail)| {
            let detail = serde_json::from_str(&detail).unwrap_or(serde_json::Value::String(detail));
            ((at, number), ChangeView { change: kind, subscriber: None, remote_id, email: String::new(), detail })
        }));
    }
    Ok(Json(page(rows, limit, total, |r| r.0, |r| r.1)))
}

fn changed(name: &str, c: views::Changed) -> ChangeView {
    ChangeView {
        change: name.to_owned(),
        subscriber: Some(public(Kind::Subscriber, c.created_at, c.number)),
        remote_id: c.remote_id,
        email: c.address,
        detail: serde_json::from_str(&c.detail).unwrap_or_default(),
    }
}

/// Lets a held run's removals and lifts happen: a new run plans again and removes at most the people approved here.
#[utoipa::path(post, path = "/sync-runs/{id}/approve", tag = "sync-runs", params(("id" = String, Path)),
    responses((status = 202, body = Started), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn approve(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::GroupsApprove)?;
    let run = load(&app, &id).await?;
    let Some(group_id) = run.group_id else {
        return Err(Error::Conflict("This run does not wait for a decision.".into()));
    };
    let who = caller.actor(&app);
    let subject = Subject::of_group(group_id, run.bridge_id);
    let new = NewRun { parent_run: Some(run.id), ..NewRun::of(RunKind::Approval, subject, Trigger::Api) };
    let mut tx = app.db.write().await?;
    runs::decide(&mut tx, run.id, RunState::Approved, &who).await?;
    let asked = runs::request(&mut tx, new, &who).await?;
    tx.commit().await?;
    app.wake.ring();
    accepted(&app, asked.run_id).await
}

/// Drops what a held run planned to remove or lift.
#[utoipa::path(post, path = "/sync-runs/{id}/discard", tag = "sync-runs", params(("id" = String, Path)),
    responses((status = 200, body = RunView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn discard(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<RunView>, Error> {
    caller.require(Permission::GroupsApprove)?;
    let run = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    runs::decide(&mut tx, run.id, RunState::Discarded, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(Json(view(&app, load(&app, &id).await?).await?))
}

/// Server-sent events: the run as JSON whenever it changes (event `run`), until it has ended (event `end`) or Rialto stops.
#[utoipa::path(get, path = "/sync-runs/{id}/events", tag = "sync-runs", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 404, body = Problem)))]
pub async fn events(State(app): State<App>, _: Caller, id: Id) -> Result<impl IntoResponse, Error> {
    let run = load(&app, &id).await?;
    let stream = async_stream::stream! {
        let states = watch::run(app.clone(), run, async || true);
        let mut sent = String::new();
        futures::pin_mut!(states);
        while let Some(run) = states.next().await {
            let ended = run.state().ended();
            let Ok(shown) = view(&app, run).await else { break };
            let Ok(text) = serde_json::to_string(&shown) else { break };
            if text != sent || ended {
                let name = if ended { "end" } else { "run" };
                yield Ok::<_, Infallible>(Event::default().event(name).data(text.clone()));
                sent = text;
            }
        }
    };
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}
