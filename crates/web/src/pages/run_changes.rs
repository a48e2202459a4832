//! The people and rows behind the figures of a run, with what stood there before.

use std::collections::HashMap;

use axum::response::Response;
use rialto_store::fields::{self, Field};
use rialto_store::views::api::{self, ChangeKind, Changed};
use rialto_store::views::people::{self, Profile};
use rialto_store::views::runs::{self as view, Changes, NoteRow, RunRow};

use super::links;
use super::shell::Reader;
use super::table::{Cell, Column, csv};
use crate::error::Error;
use crate::state::App;

const LIMIT: i64 = 50;

/// Where a tab's rows come from.
#[derive(Clone, Copy)]
enum Source {
    Change(ChangeKind),
    Note(&'static str),
}

pub struct Tab {
    key: &'static str,
    pub name: &'static str,
    pub count: i64,
    pub href: String,
    pub current: bool,
    source: Source,
}

/// One field of one person, before and now.
pub struct Difference {
    pub label: String,
    pub before: String,
    pub after: String,
}

pub struct Line {
    pub number: i64,
    pub href: Option<String>,
    pub address: String,
    pub remote_id: String,
    pub detail: String,
    pub differences: Vec<Difference>,
}

/// The page of the current tab.
#[derive(Default)]
pub struct Shown {
    pub lines: Vec<Line>,
    pub help: &'static str,
    /// Rows that no person stands behind.
    pub rows_only: bool,
    pub detailed: bool,
    pub detail_name: &'static str,
    pub first: Option<String>,
    pub next: Option<String>,
    /// All of it as a download.
    pub csv: String,
}

/// The tabs that have something to show; the one asked for, or the first, is current.
pub fn tabs(c: &Changes, href: &str, asked: &str) -> Vec<Tab> {
    let member = |op| Source::Change(ChangeKind::Member(op));
    let flag = |op| Source::Change(ChangeKind::Flag(op));
    let all = [
        ("withheld", "Would leave", c.withheld, member(3)),
        ("lifts_withheld", "Would be mailable again", c.lifts_withheld, flag(3)),
        ("seen_again", "Seen again since", c.seen_again, member(4)),
        ("plan_leave", "Would leave", c.plan_leaves, Source::Note("plan_leave")),
        ("plan_join", "Would join", c.plan_joins, Source::Note("plan_join")),
        ("plan_update", "Would change", c.plan_updates, Source::Note("plan_update")),
        ("plan_suppress", "Would be unsubscribed", c.plan_suppresses, Source::Note("plan_suppress")),
        ("plan_lift", "Would be mailable again", c.plan_lifts, Source::Note("plan_lift")),
        ("left", "Left", c.leaves, member(2)),
        ("joined", "Joined", c.joins, member(1)),
        ("changed", "Changed", c.updated, Source::Change(ChangeKind::Person)),
        ("suppressed", "Unsubscribed", c.suppressed, flag(1)),
        ("lifted", "Mailable again", c.lifted, flag(2)),
        ("rejected", "Rejected rows", c.rejected, Source::Note("rejected")),
        ("duplicate", "Duplicate rows", c.duplicate, Source::Note("duplicate")),
        ("misfit", "Values that do not fit", c.misfits, Source::Note("misfit")),
    ];
    let mut tabs: Vec<Tab> = all
        .into_iter()
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(key, name, count, source)| Tab {
            key,
            name,
            count,
            href: format!("{href}?show={key}#changes"),
            current: key == asked,
            source,
        })
        .collect();
    if !tabs.iter().any(|t| t.current)
        && let Some(first) = tabs.first_mut()
    {
        first.current = true;
    }
    tabs
}

fn help(key: &str) -> &'static str {
    match key {
        "withheld" => "The remote system no longer lists them. They are still members, and can be mailed as before.",
        "lifts_withheld" => "The remote system now says yes to mail for them. They are not mailed yet.",
        "seen_again" => "A later read brought them again, so they stay whatever is decided.",
        "left" => "They left this list. Nobody was unsubscribed by that.",
        "suppressed" => "The remote system says no to mail for them: unsubscribed from remote system.",
        "lifted" => "The remote system says yes again, and it alone had said no.",
        "changed" => "What stood here before this run, and what stands here now.",
        "rejected" => "Rows without a readable key. Nothing is stored of them, and nobody is removed while there are any.",
        "duplicate" => "The same key came twice in one read; the first row counts.",
        "misfit" => "The person was stored; only these values were left as they were, or cut.",
        _ => "",
    }
}

/// Reads the page of a tab after a number.
pub async fn read(reader: &Reader, row: &RunRow, tab: &Tab, after: i64) -> Result<Shown, Error> {
    let base = links::run(row.run.created_at, row.run.id);
    let mut lines = lines(&reader.app, row, tab.source, after, LIMIT + 1).await?;
    let more = lines.len() as i64 > LIMIT;
    lines.truncate(LIMIT as usize);
    let (rows_only, detailed, detail_name) = match tab.source {
        Source::Change(kind) => (false, kind == ChangeKind::Person, "Before → now"),
        Source::Note(kind) => (!kind.starts_with("plan_"), !kind.starts_with("plan_"), "Why"),
    };
    Ok(Shown {
        help: help(tab.key),
        rows_only,
        detailed,
        detail_name,
        first: (after > 0).then(|| tab.href.clone()),
        next: lines.last().filter(|_| more).map(|l| format!("{base}?show={}&after={}#changes", tab.key, l.number)),
        csv: format!("{base}/export.csv?show={}", tab.key),
        lines,
    })
}

/// Lines after a number.
async fn lines(app: &App, row: &RunRow, source: Source, after: i64, limit: i64) -> Result<Vec<Line>, Error> {
    let (db, run_id) = (&app.db, row.run.id);
    Ok(match source {
        Source::Change(kind) => {
            let found = api::changes(db.read(), run_id, kind, after, limit).await?;
            let compare = if kind == ChangeKind::Person { Some(Now::read(app, row, &found).await?) } else { None };
            found.into_iter().map(|c| line(c, compare.as_ref())).collect()
        }
        Source::Note(kind) => {
            view::notes(db.read(), run_id, &[kind], rialto_store::views::Way::Onward, after, limit).await?.into_iter().map(noted).collect()
        }
    })
}

/// All lines of a tab as a download.
pub fn export(app: App, row: RunRow, tab: &Tab) -> Response {
    let source = tab.source;
    let columns = vec![
        Column::new("person", "Person", |l: &Line| Cell::Text(l.address.clone())),
        Column::new("remote_id", "Remote ID", |l: &Line| Cell::Code(l.remote_id.clone())),
        Column::new("detail", "Detail", |l: &Line| Cell::Text(l.told())),
    ];
    let name = format!("sync-run-{}", tab.key);
    let slices = async_stream::try_stream! {
        let mut after = 0;
        loop {
            let found = lines(&app, &row, source, after, csv::SLICE).await?;
            let Some(last) = found.last() else { break };
            after = last.number;
            yield found;
        }
    };
    csv::download(&name, columns, slices)
}

impl Line {
    /// Why, or what differs, in one text.
    fn told(&self) -> String {
        let differences = self.differences.iter().map(|d| format!("{}: {} → {}", d.label, d.before, d.after));
        Some(self.detail.clone()).filter(|d| !d.is_empty()).into_iter().chain(differences).collect::<Vec<_>>().join("; ")
    }
}

fn line(c: Changed, now: Option<&Now>) -> Line {
    Line {
        number: c.number,
        href: Some(links::person(c.created_at, c.number)),
        differences: now.map(|n| n.differences(&c)).unwrap_or_default(),
        address: c.address,
        remote_id: c.remote_id,
        detail: String::new(),
    }
}

fn noted(n: NoteRow) -> Line {
    let address = serde_json::from_str::<serde_json::Value>(&n.detail).ok().and_then(|v| Some(v.get("address")?.as_str()?.to_owned()));
    Line {
        number: n.number,
        href: n.subscriber_id.zip(n.subscriber_created_at).map(|(id, at)| links::person(at, id)),
        detail: if address.is_some() { String::new() } else { n.detail },
        address: address.unwrap_or_default(),
        remote_id: n.remote_id,
        differences: Vec::new(),
    }
}

/// Today's values of the people of a page, to set beside what was kept.
struct Now {
    fields: Vec<Field>,
    profiles: HashMap<i64, Profile>,
}

impl Now {
    async fn read(app: &App, row: &RunRow, found: &[Changed]) -> Result<Self, Error> {
        let db = &app.db;
        let Some(bridge_id) = row.run.bridge_id else { return Ok(Self { fields: Vec::new(), profiles: HashMap::new() }) };
        let fields = fields::list(db.read(), bridge_id).await?;
        let ids: Vec<i64> = found.iter().map(|c| c.number).collect();
        let profiles = people::profiles(db, bridge_id, &fields, &ids).await?;
        Ok(Self { fields, profiles })
    }

    fn differences(&self, c: &Changed) -> Vec<Difference> {
        let Ok(kept) = serde_json::from_str::<serde_json::Value>(&c.detail) else { return Vec::new() };
        let before = kept["profile"].as_object().cloned().map(people::profile_of).unwrap_or_default();
        let none = Profile::new();
        let after = self.profiles.get(&c.number).unwrap_or(&none);
        compare(&self.fields, (kept["address"].as_str().unwrap_or_default(), &before), (&c.address, after))
    }
}

/// What differs between two states of a record: address and values of the fields that the remote still offers.
pub fn compare(fields: &[Field], before: (&str, &Profile), after: (&str, &Profile)) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |label: &str, before: String, after: String| {
        if before != after {
            found.push(Difference { label: label.to_owned(), before, after });
        }
    };
    add("Address", before.0.to_owned(), after.0.to_owned());
    for f in fields.iter().filter(|f| f.gone_at.is_none()) {
        add(f.title(), value(before.1.get(&f.number), &f.kind), value(after.1.get(&f.number), &f.kind));
    }
    found
}

/// A stored value as people read it; empty for none.
pub fn value(value: Option<&serde_json::Value>, kind: &str) -> String {
    use serde_json::Value as V;
    match value {
        None | Some(V::Null) => String::new(),
        Some(V::Bool(true)) => "yes".into(),
        Some(V::Bool(false)) => "no".into(),
        Some(v) if kind == "boolean" => {
            if v.as_i64() == Some(0) || v.as_str() == Some("0") {
                "no".into()
            } else {
                "yes".into()
            }
        }
        Some(V::String(s)) if kind == "date_time" => s.replacen('T', " ", 1).trim_end_matches(" 00:00:00").to_owned(),
        Some(V::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}
