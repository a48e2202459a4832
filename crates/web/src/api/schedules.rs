//! `/schedules`: what happens by the clock, when next, and what came of it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_core::schedule::time_of_day;
use rialto_store::Actor;
use rialto_store::schedules::{self, Occurrence, Set};
use rialto_store::views::api as made;
use rialto_store::views::schedules::{self as views, ItemRow, ScheduleRow};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, cursor, found, limit, maybe_time, page, public, time};
use super::runs::{self, RunView};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Groups shown with each occurrence.
const GROUPS_SHOWN: i64 = 200;

#[derive(Serialize, ToSchema)]
pub struct ScheduleView {
    #[schema(format = "uuid")]
    pub id: String,
    /// `overnight`: lists first, then the people of groups changed within 7 days or used in a mailing within 90.
    pub kind: String,
    #[schema(format = "uuid")]
    pub bridge: String,
    pub bridge_name: String,
    /// False: paused.
    pub enabled: bool,
    /// Whether it will happen: not paused, and its bridge is switched on.
    pub active: bool,
    /// The time of day that holds, `HH:MM`, and the IANA time zone it is meant in.
    pub at: String,
    pub timezone: String,
    /// The schedule's own; null: the configuration's holds.
    pub own_at: Option<String>,
    pub own_timezone: Option<String>,
    /// The next ten; empty while it is not active.
    pub next_occurrences: Vec<String>,
    pub last_occurrence: Option<OccurrenceView>,
}

#[derive(Serialize, ToSchema)]
pub struct OccurrenceView {
    /// The moment it stands for.
    #[schema(format = "date-time")]
    pub at: String,
    /// When it began: later, when nothing ran at its moment.
    #[schema(format = "date-time")]
    pub began_at: String,
    /// `schedule`, or who began it by hand.
    pub by: String,
    /// `lists` (being read), `people` (being read), `done`, `failed` or `skipped`.
    pub state: String,
    /// What came of it: a sentence for people.
    pub reason: String,
    #[schema(format = "date-time")]
    pub finished_at: Option<String>,
    /// The run that read the lists.
    #[schema(format = "uuid")]
    pub lists_run: Option<String>,
    /// How many groups it reads; the first 200 are listed.
    pub group_count: i64,
    pub groups: Vec<OccurrenceGroupView>,
}

#[derive(Serialize, ToSchema)]
pub struct OccurrenceGroupView {
    #[schema(format = "uuid")]
    pub target_group: String,
    pub name: String,
    /// `modified` at the remote, `edited` here, or `used` in a mailing.
    pub why: String,
    #[schema(format = "uuid")]
    pub run: Option<String>,
    /// State of that run.
    pub state: Option<String>,
    /// Why there is no run.
    pub note: String,
}

/// Occurrences that began, newest first, and those to come.
#[derive(Serialize, ToSchema)]
pub struct OccurrenceList {
    /// The next ten; empty while the schedule is not active.
    pub next: Vec<String>,
    pub items: Vec<OccurrenceView>,
    pub next_cursor: Option<String>,
    pub total: i64,
}

/// Fields left out stay; null lets the configuration hold.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleChange {
    pub enabled: Option<bool>,
    /// Time of day, `HH:MM`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub at: Option<Option<String>>,
    /// IANA name such as `Europe/Vienna`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub timezone: Option<Option<String>>,
}

/// Tells null from a field left out.
fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(d).map(Some)
}

/// An occurrence that was begun by hand.
#[derive(Serialize, ToSchema)]
pub struct StartedOccurrence {
    /// The run that reads the lists; the groups follow.
    pub run: RunView,
    pub occurrence: OccurrenceView,
}

/// The schedule when the bridge's kind has it.
async fn load(app: &App, id: &Id) -> Result<ScheduleRow, Error> {
    let id = id.of(Kind::Schedule)?;
    found(views::one(app.db.read(), id.id).await?.filter(declared), id, |s| s.schedule.created_at)
}

pub fn declared(row: &ScheduleRow) -> bool {
    rialto_connectors::has_trigger(&row.bridge_kind, Trigger::Overnight)
}

fn upcoming(app: &App, row: &ScheduleRow) -> Vec<String> {
    if !row.active() {
        return Vec::new();
    }
    row.next(&app.settings.usual(), app.clock.now()).into_iter().map(|at| at.to_string()).collect()
}

async fn view(app: &App, row: ScheduleRow) -> Result<ScheduleView, Error> {
    let usual = app.settings.usual();
    let last = views::occurrences(app.db.read(), row.schedule.id, i64::MAX, 1).await?;
    let last_occurrence = shown(app, last).await?.pop();
    let s = &row.schedule;
    Ok(ScheduleView {
        id: public(Kind::Schedule, s.created_at, s.id),
        kind: s.kind.clone(),
        bridge: public(Kind::Bridge, row.bridge_created_at, s.bridge_id),
        bridge_name: row.bridge_name.clone(),
        enabled: s.enabled,
        active: row.active(),
        at: s.at(&usual).to_owned(),
        timezone: s.zone(&usual).to_owned(),
        own_at: s.local_time.clone(),
        own_timezone: s.timezone.clone(),
        next_occurrences: upcoming(app, &row),
        last_occurrence,
    })
}

/// Occurrences with what they started, in the same order.
async fn shown(app: &App, rows: Vec<Occurrence>) -> Result<Vec<OccurrenceView>, Error> {
    let ids: Vec<i64> = rows.iter().map(|o| o.id).collect();
    let lists: Vec<i64> = rows.iter().filter_map(|o| o.lists_run).collect();
    let runs = made::made(app.db.read(), made::Made::Runs, &lists).await?;
    let (items, counts) = views::items_of(app.db.read(), &ids, GROUPS_SHOWN).await?;
    let mut by_occurrence: HashMap<i64, Vec<OccurrenceGroupView>> = HashMap::new();
    for item in items {
        by_occurrence.entry(item.occurrence_id).or_default().push(group_view(item));
    }
    let view = |o: Occurrence| OccurrenceView {
        at: time(o.occurs_at),
        began_at: time(o.created_at),
        by: o.actor,
        state: o.state,
        reason: o.reason,
        finished_at: maybe_time(o.finished_at),
        lists_run: o.lists_run.and_then(|id| runs.get(&id).map(|at| public(Kind::SyncRun, *at, id))),
        group_count: counts.get(&o.id).copied().unwrap_or(0),
        groups: by_occurrence.remove(&o.id).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(view).collect())
}

fn group_view(item: ItemRow) -> OccurrenceGroupView {
    let run = item.run_id.zip(item.run_created_at);
    OccurrenceGroupView {
        target_group: public(Kind::TargetGroup, item.group_created_at, item.group_id),
        name: item.group_name,
        why: item.why,
        run: run.map(|(id, at)| public(Kind::SyncRun, at, id)),
        state: run.map(|_| item.run_state),
        note: item.note,
    }
}

/// What happens by the clock, in the order of the bridges.
#[utoipa::path(get, path = "/schedules", tag = "schedules", params(Paging), responses((status = 200, body = List<ScheduleView>)))]
pub async fn list(State(app): State<App>, _: Caller, Params(paging): Params<Paging>) -> Result<Json<List<ScheduleView>>, Error> {
    let limit = limit(paging.limit)?;
    let skip = usize::try_from(after::<i64>(paging.cursor.as_deref())?.unwrap_or(0)).unwrap_or(0);
    let all: Vec<ScheduleRow> = views::list(app.db.read()).await?.into_iter().filter(declared).collect();
    let total = all.len() as i64;
    let mut rows = Vec::new();
    for (at, row) in (1i64..).zip(all).skip(skip).take(usize::try_from(limit).unwrap_or(0) + 1) {
        rows.push((at, view(&app, row).await?));
    }
    Ok(Json(page(rows, limit, total, |r| r.0, |r| r.1)))
}

#[utoipa::path(get, path = "/schedules/{id}", tag = "schedules", params(("id" = String, Path)),
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<ScheduleView>, Error> {
    let row = load(&app, &id).await?;
    Ok(Json(view(&app, row).await?))
}

/// Pauses or resumes a schedule, or gives it a time of day and a time zone of its own. What would have happened before now is not made up for.
#[utoipa::path(patch, path = "/schedules/{id}", tag = "schedules", params(("id" = String, Path)), request_body = ScheduleChange,
    responses((status = 200, body = ScheduleView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<ScheduleChange>) -> Result<Json<ScheduleView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let change = body.read()?;
    let before = load(&app, &id).await?.schedule;
    let mut set = Set {
        enabled: change.enabled.unwrap_or(before.enabled),
        local_time: change.at.unwrap_or(before.local_time),
        timezone: change.timezone.unwrap_or(before.timezone),
    };
    let mut faults = Faults::default();
    check(&mut set, &mut faults);
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    schedules::change(&mut tx, before.id, &set, &caller.actor(&app)).await?;
    tx.commit().await?;
    let row = load(&app, &id).await?;
    Ok(Json(view(&app, row).await?))
}

/// Checks time and zone, and writes the zone properly. Faults name `at` and `timezone`.
pub fn check(set: &mut Set, faults: &mut Faults) {
    if set.local_time.as_deref().is_some_and(|t| time_of_day(t).is_none()) {
        faults.add("at", "Enter a time of day such as 02:00.");
    }
    if let Some(entered) = &set.timezone {
        match zone(entered) {
            Some(name) => set.timezone = Some(name),
            None => faults.add("timezone", "Enter a time zone such as Europe/Vienna."),
        }
    }
}

/// The zone's name as it is written properly. Names only, never paths: the name may lead to a file of the system.
fn zone(name: &str) -> Option<String> {
    let plain = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    if !plain || name.starts_with('/') {
        return None;
    }
    jiff::tz::TimeZone::get(name).ok()?.iana_name().map(str::to_owned)
}

/// The next ten occurrences, and those that began, newest first, with what they started.
#[utoipa::path(get, path = "/schedules/{id}/occurrences", tag = "schedules", params(("id" = String, Path), Paging),
    responses((status = 200, body = OccurrenceList), (status = 404, body = Problem)))]
pub async fn occurrences(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<OccurrenceList>, Error> {
    let row = load(&app, &id).await?;
    let limit = limit(paging.limit)?;
    let before = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MAX);
    let total = views::count_occurrences(app.db.read(), row.schedule.id).await?;
    let mut rows = views::occurrences(app.db.read(), row.schedule.id, before, limit + 1).await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(1));
    let next_cursor = rows.last().filter(|_| more).and_then(|o| cursor(&o.id));
    Ok(Json(OccurrenceList { next: upcoming(&app, &row), items: shown(&app, rows).await?, next_cursor, total }))
}

/// Does now what the schedule would do: reads the lists, then the groups. Also while it is paused.
#[utoipa::path(post, path = "/schedules/{id}/run", tag = "schedules", params(("id" = String, Path)),
    responses((status = 202, body = StartedOccurrence), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn run(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<StartedOccurrence>), Error> {
    if !caller.allows(Permission::BridgesAdmin) {
        caller.require(Permission::GroupsSync)?;
    }
    let row = load(&app, &id).await?;
    let (occurrence, run_id) = begin(&app, &caller.actor(&app), &row).await?;
    let (status, Json(started)) = runs::accepted(&app, run_id).await?;
    let occurrence = shown(&app, vec![occurrence]).await?.pop().ok_or(Error::NotFound)?;
    Ok((status, Json(StartedOccurrence { run: started.run, occurrence })))
}

/// Begins an occurrence by hand; answers it and the run that reads the lists. `Conflict` when it cannot begin now.
pub async fn begin(app: &App, who: &Actor, row: &ScheduleRow) -> Result<(Occurrence, i64), Error> {
    if !row.bridge_enabled {
        return Err(Error::Conflict("The bridge of this schedule is switched off.".into()));
    }
    if schedules::open_of(app.db.read(), row.schedule.id).await?.is_some() {
        return Err(Error::Conflict("An occurrence of this schedule is under way. Try again when it has ended.".into()));
    }
    let mut tx = app.db.write().await?;
    match schedules::begin(&mut tx, &row.schedule, who.at, who).await {
        Ok(Some((occurrence, asked))) => {
            tx.commit().await?;
            app.wake.ring();
            Ok((occurrence, asked.run_id))
        }
        // Somebody else did at the very same moment.
        Ok(None) => Err(Error::Conflict("An occurrence of this schedule has just begun.".into())),
        Err(error) if error.is_race() => Err(Error::Conflict("The lists are just being asked for. Try again.".into())),
        Err(error) => Err(error.into()),
    }
}
