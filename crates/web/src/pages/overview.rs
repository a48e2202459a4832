//! The Overview: the loop as a bridge, what needs a person, what happened lately.

use askama::Template;
use axum::response::Html;
use rialto_store::bridges;
use rialto_store::runs::Run;
use rialto_store::views::overview::{self, Figures, Named};
use rialto_store::views::runs::{self, RunFilter, RunRow};
use rialto_store::writebacks::{Destination, destinations};

use super::shell::{Page, Reader};
use super::stations::{Queue, Station, Troubles, stations};
use super::table::Table;
use super::text::{Chip, Here, When};
use super::writebacks::stays_away;
use super::{links, runs_table};
use crate::error::Error;

/// One line of "Needs you".
struct Need {
    chip: Chip,
    what: String,
    why: String,
    href: String,
    action: &'static str,
    at: Option<When>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    page: Page,
    stations: Vec<Station>,
    needs: Vec<Need>,
    recent: Option<Table>,
    has_bridges: bool,
    figures: Figures,
}

/// GET /
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let figures = overview::figures(db).await?;
    let bridges = bridges::list(db.read()).await?;
    let open = Open {
        held: overview::held(db.read()).await?,
        failed: overview::failed(db.read()).await?,
        gone: overview::gone(db.read()).await?,
        plan_only: overview::plan_only(db.read()).await?,
        away: destinations(db.read()).await?.into_iter().filter(|d| d.stays_away(here.now).is_some()).collect(),
    };
    let recent = runs::page(db.read(), &RunFilter::default(), i64::MAX, 8).await?;
    let lately = ["what", "state", "outcome", "when"];
    let columns: Vec<_> = runs_table::columns(&reader).into_iter().filter(|c| lately.contains(&c.key.as_ref())).collect();
    let troubles = Troubles { held: open.held.len(), failed: open.failed.len(), gone: open.gone.len() };
    let page = Overview {
        page: reader.page("Overview"),
        stations: stations(&figures, &bridges, troubles, &queue(db).await?, &here),
        needs: needs(&open, &bridges, &here),
        recent: (!recent.is_empty()).then(|| Table::plain(&reader, &columns, &recent)),
        has_bridges: !bridges.is_empty(),
        figures,
    };
    Ok(Html(page.render()?))
}

/// How the queue of writebacks stands.
async fn queue(db: &rialto_store::Db) -> Result<Queue, Error> {
    let counts = rialto_store::writebacks::counts(db.read(), 0).await?;
    let of = |states: &[&str]| counts.iter().filter(|(_, s, _)| states.contains(&s.as_str())).map(|(.., n)| n).sum();
    let blocked = rialto_store::writebacks::destinations(db.read()).await?.iter().filter(|d| d.blocked_at.is_some()).count();
    let oldest = rialto_store::views::writebacks::oldest_waiting(db.read(), 0).await?;
    Ok(Queue { waiting: of(&["new", "processing", "scheduled"]), errors: of(&["error"]), held: of(&["held"]), blocked, oldest })
}

/// What is not settled.
struct Open {
    held: Vec<RunRow>,
    failed: Vec<RunRow>,
    gone: Vec<Named>,
    plan_only: Vec<Named>,
    /// Where nobody comes to fetch.
    away: Vec<Destination>,
}

/// What waits for a decision comes first, then what has stopped, then what only plans.
fn needs(open: &Open, bridges: &[bridges::Bridge], here: &Here) -> Vec<Need> {
    let at = |r: &Run| Some(here.when(r.finished_at.unwrap_or(r.created_at)));
    let of_run = |r: &RunRow, chip, action| Need {
        chip,
        what: if r.group_name.is_empty() { r.bridge_name.clone() } else { r.group_name.clone() },
        why: format!("{} {}", r.run.reason, if action == "Decide" { "" } else { r.run.advice.as_str() }).trim().to_owned(),
        href: links::run(r.run.created_at, r.run.id),
        action,
        at: at(&r.run),
    };
    let of_group = |g: &Named, chip, why: &str| Need {
        chip,
        what: g.name.clone(),
        why: why.into(),
        href: links::group(g.created_at, g.id),
        action: "Look",
        at: None,
    };
    let untested = bridges.iter().filter(|b| b.enabled && b.test_ok == Some(false)).map(|b| Need {
        chip: Chip::stop("Test failed"),
        what: b.name.clone(),
        why: b.test_message.clone(),
        href: "/admin/bridges".into(),
        action: "Look",
        at: here.maybe(b.tested_at),
    });
    let not_fetched = |d: &Destination| {
        let bridge = bridges.iter().find(|b| b.id == d.bridge_id)?;
        let since = here.when(d.stays_away(here.now)?);
        Some(Need {
            chip: Chip::stop("Not fetched"),
            what: bridge.name.clone(),
            why: stays_away(d, &since),
            href: format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id)),
            action: "Look",
            at: Some(since),
        })
    };
    let gone = "The remote system no longer offers this list. Its people are kept as they were; mailings to it stop.";
    let plan_only = "Automatic syncs of this group only plan until somebody presses Resume.";
    open.held
        .iter()
        .map(|r| of_run(r, Chip::look("Held"), "Decide"))
        .chain(untested)
        .chain(open.away.iter().filter_map(not_fetched))
        .chain(open.failed.iter().map(|r| of_run(r, Chip::stop("Failed"), "Look")))
        .chain(open.gone.iter().map(|g| of_group(g, Chip::stop("Gone"), gone)))
        .chain(open.plan_only.iter().map(|g| of_group(g, Chip::look("Only plans"), plan_only)))
        .collect()
}
