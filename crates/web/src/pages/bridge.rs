//! A bridge's own page: whether the connection holds, how old everything is, what waits.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::run::{RunKind, RunState};
use rialto_store::bridges::Bridge;
use rialto_store::fields;
use rialto_store::views::bridges::{self as views, Health};
use rialto_store::views::runs::{self, RunFilter, RunRow};

use super::bridge_head::Head;
use super::shell::{Page, Reader};
use super::table::Table;
use super::text::{self, When, filters};
use super::{links, runs_table};
use crate::error::Error;

/// When something last went well, who set it off, and where to read about it.
struct Last {
    at: When,
    who: String,
    run: String,
    reason: String,
}

/// A figure that wants a look, with where to look.
struct Waits {
    words: String,
    href: String,
}

#[derive(Template)]
#[template(path = "bridge.html")]
struct BridgePage {
    page: Page,
    head: Head,
    busy: bool,
    base_url: String,
    test_ok: Option<bool>,
    test_message: String,
    tested: Option<Last>,
    lists: Option<Last>,
    synced: Option<When>,
    groups: i64,
    groups_gone: i64,
    people: String,
    fields: usize,
    fields_gone: usize,
    waits: Vec<Waits>,
    lately: Option<Table>,
    all_runs: String,
}

/// GET /admin/bridges/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let (db, here) = (&reader.app.db, reader.here());
    let head = Head::of(&reader, &bridge, "Connection").await?;
    let health = views::health(db.read()).await?.remove(&bridge.id).unwrap_or_default();
    let lately = runs::page(db.read(), &of_bridge(&bridge, ""), i64::MAX, 8).await?;
    let columns: Vec<_> =
        runs_table::columns(&reader).into_iter().filter(|c| ["what", "state", "outcome", "when"].contains(&c.key.as_ref())).collect();
    let all = fields::list(db.read(), bridge.id).await?;
    let public = links::bridge_id(&bridge).to_string();
    let frame = reader.page(bridge.name.clone());
    let busy = !head.running.is_empty();
    let page = BridgePage {
        page: if busy { frame.refreshing(3) } else { frame },
        busy,
        base_url: bridge.settings()?.remove("base_url").unwrap_or_default(),
        test_ok: bridge.test_ok,
        test_message: bridge.test_message.clone(),
        tested: last(&reader, &bridge, RunKind::Test).await?,
        lists: last(&reader, &bridge, RunKind::Lists).await?,
        synced: here.maybe(health.last_synced_at),
        groups: health.groups,
        groups_gone: health.groups_gone,
        people: super::bridges::people_of(db, bridge.id).await?,
        fields: all.iter().filter(|f| f.is_valid()).count(),
        fields_gone: all.iter().filter(|f| !f.is_valid()).count(),
        waits: waits(&health, &public),
        lately: (!lately.is_empty()).then(|| Table::plain(&reader, &columns, &lately)),
        all_runs: format!("/sync-runs{}", links::query(&[("bridge", &public)])),
        head,
    };
    Ok(Html(page.render()?))
}

fn of_bridge(bridge: &Bridge, kind: &str) -> RunFilter {
    RunFilter { bridge_id: bridge.id, kind: kind.into(), ..RunFilter::default() }
}

/// The newest of the last runs of a kind that ended well. A test that ended is one, whatever it found.
async fn last(reader: &Reader, bridge: &Bridge, kind: RunKind) -> Result<Option<Last>, Error> {
    let found = runs::page(reader.app.db.read(), &of_bridge(bridge, kind.name()), i64::MAX, 20).await?;
    let well = |r: &&RunRow| r.run.state() == RunState::Succeeded || (kind == RunKind::Test && r.run.state() == RunState::Failed);
    Ok(found.iter().find(well).map(|r| Last {
        at: reader.here().when(r.run.finished_at.unwrap_or(r.run.created_at)),
        who: format!("{} ({})", text::actor(&r.run.actor), text::trigger(r.run.trigger())),
        run: links::run(r.run.created_at, r.run.id),
        reason: r.run.reason.clone(),
    }))
}

fn waits(h: &Health, bridge: &str) -> Vec<Waits> {
    let all = [
        (h.held, "held", "run waits for a decision", "runs wait for a decision"),
        (h.failed, "failed", "failure that nothing has made good", "failures that nothing has made good"),
        (h.running, "running", "run is under way", "runs are under way"),
        (h.queued, "queued", "run waits for its turn", "runs wait for their turn"),
    ];
    all.into_iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, state, one, many)| Waits {
            words: text::count(n, one, many),
            href: format!("/sync-runs{}", links::query(&[("bridge", bridge), ("state", state)])),
        })
        .collect()
}
