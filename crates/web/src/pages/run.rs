//! One sync run: what it does now, how it ended, its books, and who is behind every figure.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::Counts;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, RunState};
use rialto_store::runs::{self, Run};
use rialto_store::views::runs::{self as view, Changes, RunRow};

use super::links;
use super::run_changes::{self, Asked, Shown, Tab};
use super::runs_table::what;
use super::shell::{Page, Reader};
use super::text::{self, Chip, Here, When, filters};
use super::undo::{self, Offer};
use crate::error::Error;

/// What moves while a run is under way: sent as it changes, or asked for as a fragment.
#[derive(Template)]
#[template(path = "run_progress.html")]
pub struct Progress {
    pub href: String,
    /// Name, and `done`, `now` or `next`.
    phases: Vec<(&'static str, &'static str)>,
    progress: i64,
    announced: Option<i64>,
    /// Sentences such as `1,250 people a second`.
    rate: Option<String>,
    remaining: Option<String>,
}

/// Whether and how this run waits for a decision.
pub struct Decision {
    pub withheld: i64,
    pub lifts: i64,
    pub may: bool,
}

impl Decision {
    /// Repeats the numbers: `Remove 214 people`.
    pub fn approve(&self) -> String {
        match (self.withheld, self.lifts) {
            (0, lifts) => format!("Make {} mailable", text::people(lifts)),
            (withheld, 0) => format!("Remove {}", text::people(withheld)),
            (withheld, lifts) => format!("Remove {} and make {} mailable", text::people(withheld), text::people(lifts)),
        }
    }

    pub fn discard(&self) -> &'static str {
        if self.withheld == 0 { "Discard, change nobody" } else { "Discard, keep everyone" }
    }
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    page: Page,
    href: String,
    id: String,
    title: String,
    chip: Chip,
    group: Option<(String, String)>,
    bridge: String,
    why: String,
    created: When,
    finished: Option<When>,
    took: Option<String>,
    reason: String,
    advice: String,
    failed: bool,
    progress: Option<Progress>,
    decision: Option<Decision>,
    decided: Option<String>,
    parent: Option<String>,
    books: Option<Counts>,
    plan_only: bool,
    approval: bool,
    undo: bool,
    offer: Option<Offer>,
    tabs: Vec<Tab>,
    shown: Shown,
    joined: Vec<(String, When)>,
}

/// GET /sync-runs/{id}
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let row = links::find_run(&reader.app, &id).await?;
    let (db, here, run) = (&reader.app.db, reader.here(), &row.run);
    let changes = view::changes(db.read(), run.id).await?;
    let href = links::run(run.created_at, run.id);
    let tabs = run_changes::tabs(&changes, &href, &asked.show);
    let shown = match tabs.iter().find(|t| t.current) {
        Some(tab) => run_changes::read(&reader, &row, tab, &asked).await?,
        None => Shown::default(),
    };
    let triggers = runs::triggers(db.read(), run.id).await?;
    let frame = reader.page(what(&row));
    let open = !run.state().ended();
    let people = matches!(run.kind(), RunKind::People | RunKind::Upload | RunKind::Approval | RunKind::Undo);
    let page = RunPage {
        page: if open { frame.refreshing(3) } else { frame },
        id: id.clone(),
        title: what(&row),
        chip: Chip::of_run(run.state(), run.plan_only),
        group: row.group_created_at.zip(run.group_id).map(|(at, id)| (links::group(at, id), row.group_name.clone())),
        bridge: row.bridge_name.clone(),
        why: format!("by {} ({})", text::actor(&run.actor), text::trigger(run.trigger())),
        created: here.when(run.created_at),
        finished: here.maybe(run.finished_at),
        took: run.started_at.zip(run.finished_at).map(|(a, b)| text::span(b - a)),
        reason: run.reason.clone(),
        advice: if run.state() == RunState::Held { String::new() } else { run.advice.clone() },
        failed: run.state() == RunState::Failed,
        progress: open.then(|| progress_of(run, &href, &here)),
        decision: decision(&reader, run, &changes),
        decided: approval(&reader, run).await?,
        parent: parent(&reader, run).await?,
        books: (people && !open && run.state() != RunState::Failed).then(|| run.counts()),
        plan_only: run.plan_only,
        approval: run.kind() == RunKind::Approval,
        undo: run.kind() == RunKind::Undo,
        offer: undo::offer(&reader, run).await?,
        joined: triggers
            .iter()
            .skip(1)
            .map(|t| {
                let trigger = rialto_core::run::Trigger::from_name(&t.run_trigger).map_or("a trigger", text::trigger);
                (format!("{} ({trigger})", text::actor(&t.actor)), here.when(t.at))
            })
            .collect(),
        tabs,
        shown,
        href,
    };
    Ok(Html(page.render()?))
}

/// GET /sync-runs/{id}/export.csv: everybody of the list asked for.
pub async fn export(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let row = links::find_run(&reader.app, &id).await?;
    let changes = view::changes(reader.app.db.read(), row.run.id).await?;
    let tabs = run_changes::tabs(&changes, "", &asked.show);
    let tab = tabs.into_iter().find(|t| t.current).ok_or(Error::NotFound)?;
    Ok(run_changes::export(&reader, row, tab, asked))
}

/// GET /sync-runs/{id}/progress: the moving part alone; when the run is over, the whole page is wanted anew.
pub async fn progress(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let row = links::find_run(&reader.app, &id).await?;
    let href = links::run(row.run.created_at, row.run.id);
    let html = progress_of(&row.run, &href, &reader.here()).render()?;
    let mut headers = HeaderMap::new();
    if row.run.state().ended() {
        headers.insert("hx-refresh", HeaderValue::from_static("true"));
    }
    Ok((headers, Html(html)).into_response())
}

pub fn progress_of(run: &Run, href: &str, here: &Here) -> Progress {
    let at = match (run.state(), run.phase.as_deref()) {
        (RunState::Queued, _) => 0,
        (RunState::Running, Some("planning")) => 2,
        (RunState::Running, Some("applying")) => 3,
        (RunState::Running, _) => 1,
        _ => 4,
    };
    let names = ["Waiting", "Reading", "Planning", "Applying"];
    let mark = |i: usize| match i.cmp(&at) {
        std::cmp::Ordering::Less => "done",
        std::cmp::Ordering::Equal => "now",
        std::cmp::Ordering::Greater => "next",
    };
    let seconds = run.started_at.map_or(0, |s| here.now.0 - s).max(0) as f64 / 1e6;
    let rate = (at == 1 && run.progress > 0 && seconds >= 1.0).then(|| run.progress as f64 / seconds);
    let left = run.announced.map(|n| (n - run.progress).max(0));
    Progress {
        href: href.to_owned(),
        phases: names.iter().enumerate().map(|(i, name)| (*name, mark(i))).collect(),
        progress: run.progress,
        announced: run.announced.filter(|n| *n > 0),
        rate: rate.map(|r| format!("{} people a second", text::num(r.round() as i64))),
        remaining: rate
            .zip(left)
            .filter(|(_, left)| *left > 0)
            .map(|(r, left)| format!("about {} to go", text::span((left as f64 / r * 1e6) as i64))),
    }
}

/// Only a held run of people waits for somebody.
pub fn decision(reader: &Reader, run: &Run, changes: &Changes) -> Option<Decision> {
    (run.state() == RunState::Held && run.group_id.is_some()).then(|| Decision {
        withheld: changes.withheld,
        lifts: changes.lifts_withheld,
        may: reader.may(Permission::GroupsApprove),
    })
}

async fn approval(reader: &Reader, run: &Run) -> Result<Option<String>, Error> {
    if run.state() != RunState::Approved {
        return Ok(None);
    }
    Ok(view::approval_of(reader.app.db.read(), run.id).await?.map(|(id, at)| links::run(at, id)))
}

async fn parent(reader: &Reader, run: &Run) -> Result<Option<String>, Error> {
    let Some(id) = run.parent_run else { return Ok(None) };
    Ok(view::created_at(reader.app.db.read(), id).await?.map(|at| links::run(at, id)))
}

/// Used by the confirmation too.
pub fn group_link(row: &RunRow) -> Option<String> {
    row.group_created_at.zip(row.run.group_id).map(|(at, id)| links::group(at, id))
}
