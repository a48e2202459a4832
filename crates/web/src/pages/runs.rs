//! Sync runs: the list.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_core::run::{RunKind, RunState};
use rialto_core::{Kind, PublicId};
use rialto_store::bridges;
use rialto_store::views::runs::{self as view, RunFilter, RunRow};
use serde::Deserialize;

use super::links;
use super::runs_table::columns;
use super::shell::{Page, Reader};
use super::table::{LIMIT, Table, Turn, Turned, chosen, csv};
use crate::error::Error;

const TABLE: &str = "sync-runs";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    bridge: String,
    kind: String,
    state: String,
    /// Ids of runs: behind which a page begins (older), or before which it ends (newer).
    before: String,
    newer: String,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Runs {
    page: Page,
    table: Table,
    busy: bool,
    bridges: Vec<(String, String, bool)>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    states: Vec<(&'static str, &'static str, bool)>,
    filtered: bool,
}

const KINDS: [(&str, &str); 7] = [
    ("", "Any kind"),
    ("people", "People of a target group"),
    ("lists", "Lists of a bridge"),
    ("upload", "Upload of a file"),
    ("approval", "Approved changes"),
    ("undo", "Undo of a run"),
    ("test", "Test of a bridge"),
];

const STATES: [(&str, &str); 10] = [
    ("", "Any state"),
    ("queued", "Queued"),
    ("running", "Running"),
    ("succeeded", "Succeeded"),
    ("incomplete", "Incomplete"),
    ("held", "Held"),
    ("approved", "Approved"),
    ("discarded", "Discarded"),
    ("superseded", "Superseded"),
    ("failed", "Failed"),
];

impl Asked {
    fn filter(&self) -> RunFilter {
        RunFilter {
            bridge_id: PublicId::parse(&self.bridge, Kind::Bridge).map_or(0, |id| id.id),
            group_id: 0,
            state: RunState::from_name(&self.state).map_or("", RunState::name).into(),
            kind: RunKind::from_name(&self.kind).map_or("", RunKind::name).into(),
        }
    }

    fn link(&self, path: &str, before: &str, newer: &str) -> String {
        let pairs = [("bridge", self.bridge.as_str()), ("kind", &self.kind), ("state", &self.state), ("before", before), ("newer", newer)];
        format!("{path}{}", links::query(&pairs))
    }
}

/// A page of runs, newest first; `places`: the ids behind which it begins, and before which it ends.
pub async fn turn<'a>(reader: &Reader, filter: &RunFilter, places: (&'a str, &'a str)) -> Result<(Turn<'a>, Turned<RunRow>), Error> {
    let turn = Turn::new(places.0, places.1, LIMIT);
    let found = view::turn(reader.app.db.read(), filter, turn.way, turn.place.parse().unwrap_or(i64::MAX), turn.wanted()).await?;
    Ok((turn, turn.page(found)))
}

/// GET /sync-runs
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let filter = asked.filter();
    let db = &reader.app.db;
    let (turn, found) = turn(&reader, &filter, (&asked.before, &asked.newer)).await?;
    let busy = turn.begins() && found.rows.iter().any(|r| !r.run.state().ended());
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &found.rows, None);
    table.csv = Some(asked.link("/sync-runs/export.csv", "", ""));
    found.links(&mut table, |r| r.run.id.to_string(), |before, newer| asked.link("/sync-runs", before, newer));
    let frame = reader.page("Sync runs");
    let bridges = bridges::list(db.read()).await?;
    let page = Runs {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        table,
        bridges: bridges
            .iter()
            .map(|b| {
                let id = links::bridge_id(b).to_string();
                let chosen = id == asked.bridge;
                (id, b.name.clone(), chosen)
            })
            .collect(),
        kinds: KINDS.iter().map(|(k, n)| (*k, *n, *k == filter.kind)).collect(),
        states: STATES.iter().map(|(k, n)| (*k, *n, *k == filter.state)).collect(),
        filtered: filter.bridge_id != 0 || !filter.kind.is_empty() || !filter.state.is_empty(),
    };
    Ok(Html(page.render()?))
}

/// GET /sync-runs/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let columns = chosen(&reader, TABLE, columns(&reader));
    let (app, filter) = (reader.app.clone(), asked.filter());
    let slices = async_stream::try_stream! {
        let mut before = i64::MAX;
        loop {
            let found = view::page(app.db.read(), &filter, before, csv::SLICE).await?;
            let Some(last) = found.last() else { break };
            before = last.run.id;
            yield found;
        }
    };
    Ok(csv::download("sync-runs", columns, slices))
}
