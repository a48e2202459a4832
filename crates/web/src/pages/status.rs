//! Check Bridge Status: every bridge in one table, with what waits and what failed.

use askama::Template;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::bridges::{self as store, Bridge};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::views::bridges::{self as views, Health};
use rialto_store::views::runs as run_views;
use rialto_store::writebacks as queue;

use super::shell::{Page, Reader};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use super::{bridge_head, bridges, links, writebacks};
use crate::error::Error;

struct Line {
    href: String,
    /// The bridge's sync runs, to which a state is added.
    runs: String,
    name: String,
    kind: &'static str,
    chip: Chip,
    message: String,
    ok: bool,
    tested: Option<When>,
    lists: Option<When>,
    synced: Option<When>,
    health: Health,
    /// What the bridge was told and has not acknowledged, as address and words.
    told: Vec<(String, String)>,
    /// What is the matter with it as a destination, in sentences.
    notes: Vec<String>,
    running: Vec<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "status.html")]
struct Status {
    page: Page,
    busy: bool,
    lines: Vec<Line>,
    may_admin: bool,
    /// What to say first: how many are in order.
    summary: String,
    all_well: bool,
}

/// GET /admin/status
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let mut health = views::health(db.read()).await?;
    let open = run_views::open_of_bridges(db.read()).await?;
    let all = store::list(db.read()).await?;
    let counts = queue::counts(db.read(), 0).await?;
    let destinations = queue::destinations(db.read()).await?;
    let line = |b: &Bridge, health: Health| Line {
        href: links::bridge(b.created_at, b.id),
        runs: format!("/sync-runs?bridge={}", links::bridge_id(b)),
        name: b.name.clone(),
        kind: bridges::kind_name(b),
        chip: bridges::chip(b),
        message: b.test_message.clone(),
        ok: b.test_ok != Some(false),
        tested: here.maybe(b.tested_at),
        lists: here.maybe(b.lists_synced_at),
        synced: here.maybe(health.last_synced_at),
        health,
        told: told(b, &counts),
        notes: destinations.iter().find(|d| d.bridge_id == b.id).map(|d| writebacks::notes(d, &here)).unwrap_or_default(),
        running: open.iter().filter(|r| r.run.bridge_id == Some(b.id)).map(bridge_head::running).collect(),
    };
    let lines: Vec<Line> = all.iter().map(|b| line(b, health.remove(&b.id).unwrap_or_default())).collect();
    let well = |b: &Bridge, l: &Line| {
        b.enabled && l.chip.tone == "ok" && l.health.failed == 0 && l.health.held == 0 && l.told.is_empty() && l.notes.is_empty()
    };
    let in_order = all.iter().zip(&lines).filter(|(b, l)| well(b, l)).count();
    let busy = lines.iter().any(|l| !l.running.is_empty());
    let frame = reader.page("Check Bridge Status");
    let page = Status {
        page: if busy { frame.refreshing(3) } else { frame },
        busy,
        summary: summary(in_order, lines.len()),
        all_well: in_order == lines.len(),
        lines,
        may_admin: reader.may(Permission::BridgesAdmin),
    };
    Ok(Html(page.render()?))
}

/// Writebacks of a bridge that wait for somebody.
fn told(b: &Bridge, counts: &[(i64, String, i64)]) -> Vec<(String, String)> {
    let of = |state: &str| counts.iter().filter(|(id, s, _)| *id == b.id && s == state).map(|(.., n)| *n).sum::<i64>();
    let link = |state| format!("/writebacks?bridge={}&state={state}", links::bridge_id(b));
    let words = |n, what: &str| text::count(n, &format!("writeback {what}"), &format!("writebacks {what}"));
    let waiting = [("error", of("error"), "in Error"), ("held", of("held"), "held")];
    waiting.into_iter().filter(|(_, n, _)| *n > 0).map(|(state, n, what)| (link(state), words(n, what))).collect()
}

fn summary(in_order: usize, all: usize) -> String {
    match (in_order, all) {
        (1, 1) => "The bridge is in order.".into(),
        (n, all) if n == all => format!("All {all} bridges are in order."),
        (_, 1) => "The bridge wants a look.".into(),
        (n, all) => format!("{} of {all} bridges {} a look.", all - n, if all - n == 1 { "wants" } else { "want" }),
    }
}

/// POST /admin/status/test: tests every bridge that is switched on.
pub async fn test_all(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let on: Vec<Bridge> = store::list(app.db.read()).await?.into_iter().filter(|b| b.enabled).collect();
    let mut tx = app.db.write().await?;
    for b in &on {
        let test = NewRun::of(RunKind::Test, Subject::Test { bridge_id: b.id }, Trigger::RefreshBridge);
        runs::request(&mut tx, test, &reader.session.actor(app)).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    let said = format!("{} being tested; a test only reads.", text::count(on.len() as i64, "bridge is", "bridges are"));
    toast::done(&reader, "/admin/status", &Toast::new(said))
}
