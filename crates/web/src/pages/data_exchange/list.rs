//! Data Exchange › Profile enrichment: all data syncs, what they do of late, and the buttons that run, stop, edit and delete them (LO-01, LO-05).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::{self, DataSync, Figures};
use rialto_store::streams::{self, Stream};
use serde::Deserialize;

use super::{HERE, Standing, choices, link, mode_chip};
use crate::error::Error;
use crate::pages::links;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::{Chip, Here, When, filters};

/// Rows of a page.
const ROWS: usize = 50;
/// What "of late" is, in seconds.
const DAY: i64 = 86_400;
/// Length of a minute of the books, in microseconds.
const MINUTE: i64 = 60_000_000;

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Asked {
    state: String,
    folder: String,
    label: String,
    /// Number of the page, from 1.
    page: usize,
}

impl Asked {
    fn narrows(&self) -> bool {
        !self.state.is_empty() || !self.folder.is_empty() || !self.label.is_empty()
    }

    fn link(&self, page: usize) -> String {
        let number = if page > 1 { page.to_string() } else { String::new() };
        let query = [("state", self.state.as_str()), ("folder", &self.folder), ("label", &self.label), ("page", &number)];
        format!("{HERE}{}", links::query(&query))
    }

    /// In the folder, or below it.
    fn takes_folder(&self, folder: &str) -> bool {
        self.folder.is_empty() || folder == self.folder || folder.strip_prefix(&self.folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

struct Row {
    href: String,
    name: String,
    folder: String,
    labels: Vec<String>,
    mode: Chip,
    state: &'static str,
    chip: Chip,
    why: String,
    review: bool,
    enabled: bool,
    unit: String,
    stream: String,
    destination: String,
    behind: i64,
    applied: i64,
    rejected: i64,
    last: Option<When>,
}

#[derive(Template)]
#[template(path = "data_exchange/list.html")]
struct List {
    page: Page,
    rows: Vec<Row>,
    all: usize,
    asked: Asked,
    states: Vec<(&'static str, &'static str, bool)>,
    folders: Vec<(String, bool)>,
    labels: Vec<(String, bool)>,
    /// Why none can be made; empty for nothing.
    closed: &'static str,
    may: bool,
    back: Option<String>,
    next: Option<String>,
}

/// GET /data-exchange
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let rows = rows(&reader).await?;
    let all = rows.len();
    let distinct = |of: &dyn Fn(&Row) -> Vec<String>, chosen: &str| -> Vec<(String, bool)> {
        let names: BTreeSet<String> = rows.iter().flat_map(of).filter(|name| !name.is_empty()).collect();
        names.into_iter().map(|name| (name == chosen, name)).map(|(chosen, name)| (name, chosen)).collect()
    };
    let folders = distinct(&|r| vec![r.folder.clone()], &asked.folder);
    let labels = distinct(&|r| r.labels.clone(), &asked.label);
    let fits = |r: &Row| {
        (asked.state.is_empty() || r.state == asked.state)
            && asked.takes_folder(&r.folder)
            && (asked.label.is_empty() || r.labels.contains(&asked.label))
    };
    let number = asked.page.max(1);
    let mut found: Vec<Row> = rows.into_iter().filter(fits).skip((number - 1).saturating_mul(ROWS)).take(ROWS + 1).collect();
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let busy = found.iter().any(|r| r.enabled && r.behind > 0);
    let frame = reader.page("Profile enrichment");
    let page = List {
        page: if busy { frame.refreshing(10) } else { frame },
        rows: found,
        all,
        states: Standing::ALL.iter().map(|(name, title)| (*name, *title, *name == asked.state)).collect(),
        folders,
        labels,
        closed: choices::closed(&reader).await?,
        may: reader.may(Permission::DataExchangeEdit),
        back: (number > 1).then(|| asked.link(number - 1)),
        next: more.then(|| asked.link(number + 1)),
        asked,
    };
    Ok(Html(page.render()?))
}

async fn rows(reader: &Reader) -> Result<Vec<Row>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let streams: HashMap<i64, Stream> = streams::list(db.read()).await?.into_iter().map(|s| (s.id, s)).collect();
    let mut read = BTreeSet::new();
    for id in streams.keys() {
        read.extend(streams::sources(db.read(), *id).await?.into_iter().filter(|s| !s.retired).map(|s| s.id));
    }
    let since = reader.app.clock.now().plus_seconds(-DAY);
    let figures: HashMap<i64, Figures> = data_syncs::figures(db.read(), since).await?.into_iter().map(|f| (f.sync_id, f)).collect();
    let mut labels: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (sync, label) in data_syncs::labels_by_sync(db.read()).await? {
        labels.entry(sync).or_default().push(label);
    }
    let syncs = data_syncs::list(db.read()).await?;
    let row = |sync: DataSync| {
        let stream = streams.get(&sync.stream_id)?;
        let figures = figures.get(&sync.id).copied().unwrap_or_default();
        Some(row(&here, sync, stream, &read, figures, &mut labels))
    };
    Ok(syncs.into_iter().filter_map(row).collect())
}

fn row(
    here: &Here,
    sync: DataSync,
    stream: &Stream,
    read: &BTreeSet<i64>,
    figures: Figures,
    labels: &mut BTreeMap<i64, Vec<String>>,
) -> Row {
    let standing = Standing::of(&sync, stream, read.contains(&sync.source_id));
    Row {
        last: last_applied(&sync, figures).map(|at| here.when(at)),
        href: link(&sync),
        labels: labels.remove(&sync.id).unwrap_or_default(),
        mode: mode_chip(&sync),
        state: standing.name,
        chip: standing.chip,
        why: standing.why,
        review: sync.review,
        enabled: sync.enabled,
        unit: sync.source,
        stream: sync.stream_name,
        behind: (stream.next_position - sync.position).max(0),
        applied: figures.applied,
        rejected: figures.rejected,
        name: sync.name,
        folder: sync.folder,
        destination: sync.audience_name,
    }
}

/// When an event was applied last: the books know the minute, and the last event that was read tells more where it came within it.
fn last_applied(sync: &DataSync, figures: Figures) -> Option<i64> {
    let minute = figures.applied_at?;
    let within = |at: &i64| (minute..minute + MINUTE).contains(at);
    Some(sync.last_event_at.filter(within).unwrap_or(minute))
}
