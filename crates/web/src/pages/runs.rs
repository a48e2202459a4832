//! Sync runs: the list.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::run::{RunKind, RunState};
use rialto_core::{Kind, PublicId};
use rialto_store::bridges;
use rialto_store::views::runs::{self as view, RunFilter};
use serde::Deserialize;

use super::links;
use super::overview::{Recent, entry};
use super::shell::{Page, Reader};
use crate::error::Error;

const LIMIT: i64 = 50;

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
    runs: Vec<Recent>,
    bridges: Vec<(String, String, bool)>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    states: Vec<(&'static str, &'static str, bool)>,
    filtered: bool,
    next: Option<String>,
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

pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let kind = RunKind::from_name(&asked.kind).map_or("", RunKind::name);
    let state = RunState::from_name(&asked.state).map_or("", RunState::name);
    let bridge_id = PublicId::parse(&asked.bridge, Kind::Bridge).map_or(0, |id| id.id);
    let filter = RunFilter { bridge_id, group_id: 0, state: state.into(), kind: kind.into() };
    let db = &reader.app.db;
    let mut found = view::page(db.read(), &filter, asked.before.parse().unwrap_or(i64::MAX), LIMIT + 1).await?;
    let more = found.len() as i64 > LIMIT;
    found.truncate(LIMIT as usize);
    let here = reader.here();
    let busy = asked.before.is_empty() && found.iter().any(|r| !r.run.state().ended());
    let frame = reader.page("Sync runs");
    let page = Runs {
        page: if busy { frame.refreshing(5) } else { frame },
        runs: found.iter().map(|r| entry(r, &here)).collect(),
        bridges: bridges::list(db.read())
            .await?
            .iter()
            .map(|b| {
                let id = links::bridge_id(b).to_string();
                let chosen = id == asked.bridge;
                (id, b.name.clone(), chosen)
            })
            .collect(),
        kinds: KINDS.iter().map(|(k, n)| (*k, *n, *k == kind)).collect(),
        states: STATES.iter().map(|(k, n)| (*k, *n, *k == state)).collect(),
        filtered: bridge_id != 0 || !kind.is_empty() || !state.is_empty(),
        next: found.last().filter(|_| more).map(|r| {
            format!(
                "/sync-runs{}",
                links::query(&[("bridge", &asked.bridge), ("kind", kind), ("state", state), ("before", &r.run.id.to_string())])
            )
        }),
    };
    Ok(Html(page.render()?))
}
