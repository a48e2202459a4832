//! The other tabs of a target group: its people, its runs, and what is known about it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Html;
use rialto_core::books::Line;
use rialto_store::views::groups as view;
use rialto_store::views::members::{self, Member};
use rialto_store::views::runs::{self, RunFilter};
use serde::Deserialize;

use super::group::Head;
use super::links;
use super::overview::{Recent, entry};
use super::shell::{Page, Reader};
use super::subscribers::{Person, persons};
use super::text::{When, filters};
use crate::error::Error;

const LIMIT: i64 = 50;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    line: String,
    q: String,
    sort: String,
    /// Where the page begins: an id, or `<id>~<canonical address>`.
    after: String,
    /// The group's state when the walk began.
    run: String,
}

#[derive(Template)]
#[template(path = "group_subscribers.html")]
struct Subscribers {
    page: Page,
    head: Head,
    people: Vec<Person>,
    lines: Vec<(&'static str, &'static str, bool)>,
    line_name: &'static str,
    q: String,
    by_address: bool,
    changed: bool,
    first: Option<String>,
    next: Option<String>,
    sort_href: String,
}

const LINES: [(&str, &str, Option<Line>); 10] = [
    ("", "All members", None),
    ("mailable", "Mailable", Some(Line::Mailable)),
    ("no_address", "No address", Some(Line::NoAddress)),
    ("malformed", "Malformed address", Some(Line::Malformed)),
    ("same_address", "Same address counted already", Some(Line::SameAddress)),
    ("invalid", "Invalid address", Some(Line::Invalid)),
    ("complaint", "Complained", Some(Line::Complaint)),
    ("unsubscribed_here", "Unsubscribed here", Some(Line::UnsubscribedHere)),
    ("admin_or_upload", "Blocked or uploaded as unsubscribed", Some(Line::AdminOrUpload)),
    ("remote_flag", "Unsubscribed from remote system", Some(Line::RemoteFlag)),
];

/// GET /target-groups/{id}/subscribers
pub async fn subscribers(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Subscribers").await?;
    let db = &reader.app.db;
    let (key, line_name, line) = LINES.into_iter().find(|(key, _, _)| *key == asked.line).unwrap_or(LINES[0]);
    let by_address = line.is_none() && asked.sort != "id";
    let after_id: i64 = asked.after.parse().unwrap_or(0);
    let q = crate::api::extract::search(&asked.q)?;
    let mut found = if !q.is_empty() {
        members::find(db.read(), row.group.id, q, LIMIT).await?
    } else if let Some(line) = line {
        members::on_line(db.read(), row.group.id, line, after_id, LIMIT + 1).await?
    } else if by_address {
        page_by_address(&reader, &row, &asked.after).await?
    } else {
        members::by_id(db.read(), row.group.id, after_id, LIMIT + 1).await?
    };
    let more = found.len() as i64 > LIMIT;
    found.truncate(LIMIT as usize);
    let walk = row.group.applied_run.to_string();
    let base = format!("{}/subscribers", head.href);
    let sort = if asked.sort == "id" { "id" } else { "" };
    let next = found
        .last()
        .filter(|_| more)
        .map(|m| format!("{base}{}", links::query(&[("line", key), ("sort", sort), ("after", &place(m, by_address)), ("run", &walk)])));
    let mut people = persons(&reader, &found).await?;
    // All members of a remote list come over the same bridge.
    people.iter_mut().for_each(|p| p.bridge.clear());
    let page = Subscribers {
        page: reader.page(format!("Subscribers of {}", row.group.name)),
        people,
        lines: LINES.iter().map(|(k, name, _)| (*k, *name, *k == key)).collect(),
        line_name,
        q: q.to_owned(),
        by_address,
        changed: !asked.after.is_empty() && asked.run != walk,
        first: (!asked.after.is_empty()).then(|| format!("{base}{}", links::query(&[("line", key), ("sort", sort)]))),
        next,
        sort_href: format!("{base}{}", links::query(&[("sort", if by_address { "id" } else { "" })])),
        head,
    };
    Ok(Html(page.render()?))
}

/// Members by address, those without one last. A place is `<id>~<canonical address>`.
async fn page_by_address(reader: &Reader, row: &view::GroupRow, after: &str) -> Result<Vec<Member>, Error> {
    let db = &reader.app.db;
    let (group_id, wanted) = (row.group.id, LIMIT + 1);
    // Nothing sorts between no address with the highest id and the first address.
    let (id, address) = after.split_once('~').map_or((i64::MAX, ""), |(id, address)| (id.parse().unwrap_or(0), address));
    if !after.is_empty() && address.is_empty() {
        return Ok(members::on_line(db.read(), group_id, Line::NoAddress, id, wanted).await?);
    }
    let mut found = members::by_address(db, group_id, row.group.members, (address, id), wanted).await?;
    let missing = wanted - found.len() as i64;
    if missing > 0 {
        found.extend(members::on_line(db.read(), group_id, Line::NoAddress, 0, missing).await?);
    }
    Ok(found)
}

fn place(m: &Member, by_address: bool) -> String {
    if by_address { format!("{}~{}", m.id, m.canonical) } else { m.id.to_string() }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    before: String,
}

#[derive(Template)]
#[template(path = "group_runs.html")]
struct Runs {
    page: Page,
    head: Head,
    runs: Vec<Recent>,
    next: Option<String>,
}

/// GET /target-groups/{id}/sync-runs
pub async fn sync_runs(reader: Reader, Path(id): Path<String>, Query(asked): Query<Before>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Sync runs").await?;
    let filter = RunFilter { group_id: row.group.id, ..RunFilter::default() };
    let mut found = runs::page(reader.app.db.read(), &filter, asked.before.parse().unwrap_or(i64::MAX), LIMIT + 1).await?;
    let more = found.len() as i64 > LIMIT;
    found.truncate(LIMIT as usize);
    let here = reader.here();
    let page = Runs {
        page: reader.page(format!("Sync runs of {}", row.group.name)),
        runs: found.iter().map(|r| entry(r, &here)).collect(),
        next: found.last().filter(|_| more).map(|r| format!("{}/sync-runs?before={}", head.href, r.run.id)),
        head,
    };
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "group_about.html")]
struct About {
    page: Page,
    head: Head,
    id: String,
    code: String,
    list_name: &'static str,
    created: When,
    regeneration: String,
    remote_members: Option<i64>,
    remote_refreshed: Option<When>,
    remote_modified: Option<When>,
    used: i64,
    used_at: Option<When>,
}

/// GET /target-groups/{id}/about
pub async fn about(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "About").await?;
    let (g, here) = (&row.group, reader.here());
    let (used, used_at) = view::uses(reader.app.db.read(), g.id).await?;
    let page = About {
        page: reader.page(format!("About {}", g.name)),
        id: rialto_core::PublicId::new(rialto_core::Kind::TargetGroup, rialto_core::Instant(g.created_at), g.id).to_string(),
        code: g.code.clone().unwrap_or_default(),
        list_name: rialto_connectors::kind(&row.bridge_kind).map_or("Remote list", |k| k.list_name),
        created: here.when(g.created_at),
        regeneration: g.regeneration.clone(),
        remote_members: g.remote_members,
        remote_refreshed: here.maybe(g.remote_refreshed_at),
        remote_modified: here.maybe(g.remote_modified_at),
        used,
        used_at: here.maybe(used_at),
        head,
    };
    Ok(Html(page.render()?))
}
