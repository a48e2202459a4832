//! Audit: every change by a person, a token or a schedule, newest first.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_store::Db;
use rialto_store::audit::{self, AuditRow, Filter};
use rialto_store::views::Way;
use rialto_store::views::api::{self as views, Made};
use serde::Deserialize;
use serde_json::Value;

use super::links;
use super::shell::{Page, Reader};
use super::table::{Cell, Column, LIMIT, Table, Turn, Turned, chosen, csv};
use super::text;
use crate::error::Error;

const TABLE: &str = "audit";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    actor: String,
    object: String,
    /// Ids of rows: behind which a page begins (older), or before which it ends (newer).
    before: String,
    newer: String,
}

impl Asked {
    fn filter(&self) -> Filter {
        Filter { actor: self.actor.clone(), object: self.object.clone() }
    }

    fn link(&self, path: &str, before: &str, newer: &str) -> String {
        let pairs = [("actor", self.actor.as_str()), ("object", &self.object), ("before", before), ("newer", newer)];
        format!("{path}{}", links::query(&pairs))
    }
}

/// Name, value, and whether it is chosen.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "settings_audit.html")]
struct Audit {
    page: Page,
    table: Table,
    actors: Vec<Choice>,
    objects: Vec<Choice>,
    filtered: bool,
}

/// A row with where its object can be looked at.
struct Line {
    row: AuditRow,
    href: Option<String>,
}

/// GET /settings/audit
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::AuditRead)?;
    let db = &reader.app.db;
    let turn = Turn::new(&asked.before, &asked.newer, LIMIT);
    let place = turn.place.parse().unwrap_or(i64::MAX);
    let found = turn.page(audit::filtered(db.read(), &asked.filter(), turn.way, place, turn.wanted()).await?);
    let (before, behind) = (found.before, found.behind);
    let lines = Turned { rows: lines(db, found.rows).await?, before, behind };
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &lines.rows, None);
    table.csv = Some(asked.link("/settings/audit/export.csv", "", ""));
    lines.links(&mut table, |l| l.row.id.to_string(), |before, newer| asked.link("/settings/audit", before, newer));
    table.next_name = "Older";
    let (actors, objects) = audit::choices(db.read()).await?;
    let choice = |value: String, name: String, asked: &str| (name, value.clone(), value == asked);
    let page = Audit {
        page: reader.page("Audit"),
        table,
        actors: actors.into_iter().map(|a| choice(a.clone(), who(&a), &asked.actor)).collect(),
        objects: objects.into_iter().map(|o| choice(o.clone(), words(&o), &asked.object)).collect(),
        filtered: !asked.actor.is_empty() || !asked.object.is_empty(),
    };
    Ok(Html(page.render()?))
}

/// GET /settings/audit/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    reader.session.require(Permission::AuditRead)?;
    let columns = chosen(&reader, TABLE, columns(&reader));
    let (app, filter) = (reader.app.clone(), asked.filter());
    let slices = async_stream::try_stream! {
        let mut before = i64::MAX;
        loop {
            let rows = audit::filtered(app.db.read(), &filter, Way::Onward, before, csv::SLICE).await?;
            let Some(last) = rows.last() else { break };
            before = last.id;
            yield rows.into_iter().map(|row| Line { row, href: None }).collect::<Vec<_>>();
        }
    };
    Ok(csv::download("audit", columns, slices))
}

async fn lines(db: &Db, rows: Vec<AuditRow>) -> Result<Vec<Line>, Error> {
    let mut made: HashMap<(&str, i64), i64> = HashMap::new();
    for (object, table) in
        [("bridge", Made::Bridges), ("target_group", Made::Groups), ("sync_run", Made::Runs), ("subscriber", Made::Subscribers)]
    {
        let ids: Vec<i64> = rows.iter().filter(|r| r.object == object).filter_map(|r| r.object_id).collect();
        made.extend(views::made(db.read(), table, &ids).await?.into_iter().map(|(id, at)| ((object, id), at)));
    }
    let href = |r: &AuditRow| {
        let id = r.object_id?;
        let at = *made.get(&(r.object.as_str(), id))?;
        Some(match r.object.as_str() {
            "bridge" => links::bridge(at, id),
            "target_group" => links::group(at, id),
            "sync_run" => links::run(at, id),
            _ => links::person(at, id),
        })
    };
    Ok(rows.into_iter().map(|row| Line { href: href(&row), row }).collect())
}

/// `target_group` → `target group`.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn who(actor: &str) -> String {
    if actor == "schedule" { "the clock".into() } else { text::actor(actor) }
}

/// The detail as `name: value`, one after the other; objects inside it stay as they were written.
fn detail(text: &str) -> String {
    let Ok(Value::Object(map)) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    map.iter().map(|(name, value)| format!("{}: {}", words(name), said(value))).collect::<Vec<_>>().join(", ")
}

fn said(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "none".into(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.is_empty() => "none".into(),
        Value::Array(all) => all.iter().map(said).collect::<Vec<_>>().join(" and "),
        Value::Null => "none".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => other.to_string(),
    }
}

fn columns(reader: &Reader) -> Vec<Column<Line>> {
    let here = reader.here();
    let object = |l: &Line| match &l.href {
        Some(href) => Cell::link(href, words(&l.row.object)),
        None => Cell::Text(words(&l.row.object)),
    };
    vec![
        Column::new("when", "When", move |l: &Line| Cell::Time(here.when(l.row.created_at))).always().short(),
        Column::new("who", "Who", |l: &Line| Cell::Text(who(&l.row.actor))),
        Column::new("action", "Action", |l: &Line| Cell::Code(l.row.action.clone())),
        Column::new("object", "On", object).short(),
        Column::new("detail", "Detail", |l: &Line| Cell::Text(detail(&l.row.detail))).wide(),
        Column::new("request", "Request", |l: &Line| Cell::Code(l.row.request_id.clone())).on_request(),
    ]
}

#[cfg(test)]
mod tests {
    use super::detail;

    #[test]
    fn a_detail_reads_as_names_and_values() {
        assert_eq!(
            detail(r#"{"name":"A","enabled":true,"length_of":3,"to":{"x":1}}"#),
            "enabled: yes, length of: 3, name: A, to: {\"x\":1}"
        );
        assert_eq!(
            detail(r#"{"denied":[],"granted":["audit.read","lists.edit"],"zone":""}"#),
            "denied: none, granted: audit.read and lists.edit, zone: none"
        );
        assert_eq!(detail("odd"), "odd");
    }
}
