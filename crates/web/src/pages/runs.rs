//! Sync runs: the list.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_core::run::{RunKind, RunState};
use rialto_core::{Kind, PublicId};
use rialto_store::bridges;
use rialto_store::views::runs::{self as view, RunFilter};
use serde::Deserialize;

use super::links;
use super::runs_table::columns;
use super::shell::{Page, Reader};
use super::table::{LIMIT, Table, chosen, csv};
use crate::error::Error;

const TABLE: &str = "sync-runs";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    bridge: String,
    kind: String,
    state: String,
    before: String,
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

const KINDS: [(&str, &str); 5] = [
    ("", "Any kind"),
    ("people", "People of a target group"),
    ("lists", "Lists of a bridge"),
    ("approval", "Approved changes"),
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

    fn link(&self, path: &str, before: &str) -> String {
        let pairs = [("bridge", self.bridge.as_str()), ("kind", &self.kind), ("state", &self.state), ("before", before)];
        format!("{path}{}", links::query(&pairs))
    }
}

/// GET /sync-runs
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let filter = asked.filter();
    let db = &reader.app.db;
    let mut found = view::page(db.read(), &filter, asked.before.parse().unwrap_or(i64::MAX), LIMIT + 1).await?;
    let more = found.len() as i64 > LIMIT;
    found.truncate(LIMIT as usize);
    let busy = asked.before.is_empty() && found.iter().any(|r| !r.run.state().ended());
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &found, None);
    table.csv = Some(asked.link("/sync-runs/export.csv", ""));
    table.first = (!asked.before.is_empty()).then(|| asked.link("/sync-runs", ""));
    table.next = found.last().filter(|_| more).map(|r| asked.link("/sync-runs", &r.run.id.to_string()));
    table.next_name = "Older";
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
