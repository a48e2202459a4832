//! The schedule of a bridge: when the night's syncs happen, when next, what came of the last ones, and doing it now.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_connectors::FieldError;
use rialto_core::Instant;
use rialto_core::permissions::Permission;
use rialto_core::run::RunState;
use rialto_store::bridges::Bridge;
use rialto_store::schedules::{self as store, Occurrence, Set};
use rialto_store::views::api as made;
use rialto_store::views::schedules::{self as views, ItemRow, ScheduleRow};
use serde::Deserialize;

use super::bridge_head::Head;
use super::shell::{Page, Reader};
use super::text::{self, Chip, Here, When, filters};
use super::toast::{self, Toast};
use super::{links, schedules};
use crate::api::extract::Faults;
use crate::api::schedules as api;
use crate::auth::Form;
use crate::error::Error;

/// Occurrences on the page, and groups shown with each.
const LAST: i64 = 10;
const GROUPS: i64 = 20;

/// What the form is filled with. Blank time or zone: the configuration's holds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    enabled: String,
    at: String,
    timezone: String,
}

/// A moment to come: written out in the reader's zone, and how long until then.
struct Coming {
    exact: String,
    when: When,
}

struct Item {
    group: (String, String),
    why: &'static str,
    run: Option<(String, Chip)>,
    note: String,
}

struct Past {
    at: When,
    exact: String,
    late: Option<When>,
    who: String,
    chip: Chip,
    reason: String,
    lists_run: Option<String>,
    items: Vec<Item>,
    more: i64,
}

impl Past {
    /// All groups, also those that are not shown.
    fn count(&self) -> String {
        text::num(self.items.len() as i64 + self.more)
    }
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct Schedule {
    page: Page,
    head: Head,
    busy: bool,
    active: bool,
    enabled: bool,
    /// What holds now, in words.
    holds: String,
    usual_at: String,
    usual_zone: String,
    entered: Entered,
    at_fault: Option<String>,
    zone_fault: Option<String>,
    may_run: bool,
    reader_zone: String,
    coming: Vec<Coming>,
    past: Vec<Past>,
}

/// The schedule of a bridge, when its kind has one.
async fn find(reader: &Reader, bridge: &Bridge) -> Result<ScheduleRow, Error> {
    let all = views::list(reader.app.db.read()).await?;
    all.into_iter().find(|s| s.schedule.bridge_id == bridge.id && api::declared(s)).ok_or(Error::NotFound)
}

/// GET /admin/bridges/{id}/schedule
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let row = find(&reader, &bridge).await?;
    let s = &row.schedule;
    let entered = Entered {
        enabled: if s.enabled { "yes".into() } else { String::new() },
        at: s.local_time.clone().unwrap_or_default(),
        timezone: s.timezone.clone().unwrap_or_default(),
    };
    page(&reader, &bridge, &row, entered, &[]).await
}

async fn page(reader: &Reader, bridge: &Bridge, row: &ScheduleRow, entered: Entered, faults: &[FieldError]) -> Result<Response, Error> {
    let (app, here) = (&reader.app, reader.here());
    let usual = app.settings.usual();
    let head = Head::of(reader, bridge, "Schedule").await?;
    let past = past(reader, row).await?;
    let fault = |field: &str| faults.iter().find(|f| f.field == field).map(|f| f.detail.clone());
    let busy = store::open_of(app.db.read(), row.schedule.id).await?.is_some();
    let frame = reader.page(format!("Schedule of {}", bridge.name));
    let page = Schedule {
        page: if busy && faults.is_empty() { frame.refreshing(5) } else { frame },
        busy,
        active: row.active(),
        enabled: row.schedule.enabled,
        holds: schedules::holds(row, &usual),
        usual_at: usual.at.clone(),
        usual_zone: usual.timezone.clone(),
        at_fault: fault("at"),
        zone_fault: fault("timezone"),
        may_run: head.may_refresh,
        reader_zone: reader.session.timezone.clone(),
        coming: if row.active() { row.next(&usual, app.clock.now()).into_iter().map(|at| coming(&here, at)).collect() } else { Vec::new() },
        past,
        entered,
        head,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

fn coming(here: &Here, at: Instant) -> Coming {
    Coming { exact: here.minute(at.0), when: here.when(at.0) }
}

async fn past(reader: &Reader, row: &ScheduleRow) -> Result<Vec<Past>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let found = views::occurrences(db.read(), row.schedule.id, i64::MAX, LAST).await?;
    let ids: Vec<i64> = found.iter().map(|o| o.id).collect();
    let (items, counts) = views::items_of(db.read(), &ids, GROUPS).await?;
    let lists: Vec<i64> = found.iter().filter_map(|o| o.lists_run).collect();
    let runs = made::made(db.read(), made::Made::Runs, &lists).await?;
    let mut by: HashMap<i64, Vec<Item>> = HashMap::new();
    for i in items {
        by.entry(i.occurrence_id).or_default().push(item(i));
    }
    Ok(found
        .into_iter()
        .map(|o| {
            let items = by.remove(&o.id).unwrap_or_default();
            Past {
                at: here.when(o.occurs_at),
                exact: here.minute(o.occurs_at),
                // What was missed, because nothing ran at its moment, is made up for later.
                late: (o.created_at - o.occurs_at > 600_000_000).then(|| here.when(o.created_at)),
                who: text::actor(&o.actor),
                chip: chip(&o.state),
                lists_run: o.lists_run.and_then(|id| runs.get(&id).map(|at| links::run(*at, id))),
                more: counts.get(&o.id).copied().unwrap_or(0) - items.len() as i64,
                reason: o.reason,
                items,
            }
        })
        .collect())
}

fn item(i: ItemRow) -> Item {
    let state = RunState::from_name(&i.run_state);
    Item {
        group: (links::group(i.group_created_at, i.group_id), i.group_name),
        why: match i.why.as_str() {
            "modified" => "changed at the remote system",
            "edited" => "edited here",
            _ => "used in a mailing",
        },
        run: i.run_id.zip(i.run_created_at).zip(state).map(|((id, at), state)| (links::run(at, id), Chip::of_run(state, false))),
        note: i.note,
    }
}

/// The state of an occurrence, as word and shape.
pub fn chip(state: &str) -> Chip {
    match state {
        "lists" => Chip::go("Reading lists"),
        "people" => Chip::go("Reading people"),
        "done" => Chip::ok("Done"),
        "failed" => Chip::stop("Failed"),
        _ => Chip::off("Skipped"),
    }
}

/// POST /admin/bridges/{id}/schedule
pub async fn save(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let row = find(&reader, &bridge).await?;
    let own = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let mut set = Set { enabled: entered.enabled == "yes", local_time: own(&entered.at), timezone: own(&entered.timezone) };
    let mut faults = Faults::default();
    api::check(&mut set, &mut faults);
    if !faults.0.is_empty() {
        return page(&reader, &bridge, &row, entered, &faults.0).await;
    }
    let mut tx = app.db.write().await?;
    store::change(&mut tx, row.schedule.id, &set, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let href = format!("{}/schedule", links::bridge(bridge.created_at, bridge.id));
    let before = &row.schedule;
    let same = (before.enabled, &before.local_time, &before.timezone) == (set.enabled, &set.local_time, &set.timezone);
    let said = match (same, set.enabled) {
        (true, _) => return toast::done(&reader, &href, &Toast::new("Nothing was different; nothing was saved.")),
        (_, true) => "The schedule was saved.",
        (_, false) => "The schedule is paused.",
    };
    let back = [
        ("enabled", if before.enabled { "yes" } else { "" }),
        ("at", before.local_time.as_deref().unwrap_or_default()),
        ("timezone", before.timezone.as_deref().unwrap_or_default()),
    ];
    toast::done(&reader, &href, &Toast::new(said).undo(&href, &back))
}

/// POST /admin/bridges/{id}/schedule/run: does now what the schedule would do.
pub async fn run(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    if !reader.may(Permission::BridgesAdmin) {
        reader.session.require(Permission::GroupsSync)?;
    }
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let row = find(&reader, &bridge).await?;
    let _: (Occurrence, i64) = api::begin(app, &reader.session.actor(app), &row).await?;
    let href = format!("{}/schedule", links::bridge(bridge.created_at, bridge.id));
    toast::done(&reader, &href, &Toast::new("Begun: first the lists are read, then the target groups that the night would read."))
}
