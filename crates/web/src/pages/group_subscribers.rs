//! The people of a target group: as a whole, or standing on one line of the counts.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::books::Line;
use rialto_store::fields::{self, Field};
use rialto_store::views::groups::GroupRow;
use rialto_store::views::members::{self, Member};
use rialto_store::views::people;
use serde::Deserialize;

use super::group::Head;
use super::links;
use super::people_table::{self, Person, columns, field_column, persons};
use super::shell::{Page, Reader};
use super::table::{Column, LIMIT, Order, Sorting, Table, chosen, csv};
use super::text::filters;
use crate::error::Error;
use crate::state::App;

const TABLE: &str = "group-subscribers";

#[derive(Deserialize, Default, Clone)]
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
    table: Table,
    lines: Vec<(&'static str, &'static str, bool)>,
    line_name: &'static str,
    q: String,
    filtered: bool,
    changed: bool,
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

/// How the members are gone through.
#[derive(Clone)]
enum Walk {
    Find(String),
    OnLine(Line),
    ByAddress,
    ById,
}

impl Asked {
    fn line(&self) -> (&'static str, &'static str, Option<Line>) {
        LINES.into_iter().find(|(key, _, _)| *key == self.line).unwrap_or(LINES[0])
    }

    fn walk(&self) -> Walk {
        let q = self.q.trim();
        match self.line().2 {
            _ if !q.is_empty() => Walk::Find(q.to_owned()),
            Some(line) => Walk::OnLine(line),
            None if self.sort == "came" => Walk::ById,
            None => Walk::ByAddress,
        }
    }
}

impl Walk {
    /// The order that the heads of the columns show; a part of the members is not sorted by anything people see.
    fn order(&self) -> Option<Order<'static>> {
        match self {
            Self::ByAddress => Some(Order { key: "address", down: false }),
            Self::ById => Some(Order { key: "came", down: false }),
            Self::Find(_) | Self::OnLine(_) => None,
        }
    }

    /// Members after a place; and where the next page begins.
    async fn read(&self, app: &App, group: &GroupRow, after: &str, limit: i64) -> Result<(Vec<Member>, Option<String>), Error> {
        let (db, id, wanted) = (&app.db, group.group.id, limit + 1);
        let number: i64 = after.parse().unwrap_or(0);
        let mut found = match self {
            Self::Find(q) => members::find(db.read(), id, q, limit).await?,
            Self::OnLine(line) => members::on_line(db.read(), id, *line, number, wanted).await?,
            Self::ByAddress => by_address(app, group, after, wanted).await?,
            Self::ById => members::by_id(db.read(), id, number, wanted).await?,
        };
        let more = found.len() as i64 > limit;
        found.truncate(limit as usize);
        let place = |m: &Member| if matches!(self, Self::ByAddress) { format!("{}~{}", m.id, m.canonical) } else { m.id.to_string() };
        let next = found.last().filter(|_| more).map(place);
        Ok((found, next))
    }
}

/// Members by address, those without one last. A place is `<id>~<canonical address>`.
pub async fn by_address(app: &App, group: &GroupRow, after: &str, wanted: i64) -> Result<Vec<Member>, Error> {
    let (db, group_id) = (&app.db, group.group.id);
    // Nothing sorts between no address with the highest id and the first address.
    let (id, address) = after.split_once('~').map_or((i64::MAX, ""), |(id, address)| (id.parse().unwrap_or(0), address));
    if !after.is_empty() && address.is_empty() {
        return Ok(members::on_line(db.read(), group_id, Line::NoAddress, id, wanted).await?);
    }
    let mut found = members::by_address(db, group_id, group.group.members, (address, id), wanted).await?;
    let missing = wanted - found.len() as i64;
    if missing > 0 {
        found.extend(members::on_line(db.read(), group_id, Line::NoAddress, 0, missing).await?);
    }
    Ok(found)
}

/// The shared columns, sorted as this list can be, and one for each personalization field of the bridge.
async fn all_columns(reader: &Reader, group: &GroupRow) -> Result<(Vec<Column<Person>>, Vec<Field>), Error> {
    let fields: Vec<Field> = match group.group.bridge_id {
        Some(id) => fields::list(reader.app.db.read(), id).await?.into_iter().filter(|f| f.gone_at.is_none() && f.shown).collect(),
        None => Vec::new(),
    };
    let shared = columns(reader, false).into_iter().map(|c| match c.key.as_ref() {
        "address" | "came" => c.sorted(Sorting::Up),
        _ => c,
    });
    Ok((shared.chain(fields.iter().map(field_column)).collect(), fields))
}

/// Lines for members, with the values of the fields that are shown.
async fn lines(app: &App, bridge_id: Option<i64>, fields: &[Field], found: Vec<Member>) -> Result<Vec<Person>, Error> {
    let mut people = persons(app, found).await?;
    let Some(bridge_id) = bridge_id.filter(|_| !fields.is_empty()) else { return Ok(people) };
    let ids: Vec<i64> = people.iter().map(|p| p.member.id).collect();
    let mut profiles = people::profiles(&app.db, bridge_id, fields, &ids).await?;
    for person in &mut people {
        person.profile = profiles.remove(&person.member.id).unwrap_or_default();
    }
    Ok(people)
}

/// The fields among the columns that this reader sees.
fn asked_for(reader: &Reader, fields: Vec<Field>) -> Vec<Field> {
    let shown = chosen(reader, TABLE, fields.iter().map(field_column).collect());
    fields.into_iter().filter(|f| shown.iter().any(|c| c.key == format!("f{}", f.number))).collect()
}

/// GET /target-groups/{id}/subscribers
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Subscribers").await?;
    let (key, line_name, line) = asked.line();
    let walk = asked.walk();
    let (columns, fields) = all_columns(&reader, &row).await?;
    let (found, next) = walk.read(&reader.app, &row, &asked.after, LIMIT).await?;
    let mut people = lines(&reader.app, row.group.bridge_id, &asked_for(&reader, fields), found).await?;
    // All members of a remote list come over the same bridge.
    people.iter_mut().for_each(|p| p.bridge.clear());

    let state = row.group.applied_run.to_string();
    let base = format!("{}/subscribers", head.href);
    let (q, sort) = (crate::api::extract::search(&asked.q)?, if asked.sort == "came" { "came" } else { "" });
    let link = |sort: &str, after: &str, run: &str| {
        format!("{base}{}", links::query(&[("line", key), ("q", q), ("sort", sort), ("after", after), ("run", run)]))
    };
    let by = |o: Order<'_>| link(if o.key == "came" { "came" } else { "" }, "", "");
    let mut table = Table::of(TABLE, &reader, &columns, &people, walk.order().map(|o| (o, &by as &dyn Fn(Order<'_>) -> String)));
    table.csv = Some(format!("{base}/export.csv{}", links::query(&[("line", key), ("q", q), ("sort", sort)])));
    table.first = (!asked.after.is_empty()).then(|| link(sort, "", ""));
    table.next = next.map(|after| link(sort, &after, &state));
    let page = Subscribers {
        page: reader.page(format!("Subscribers of {}", row.group.name)),
        table,
        lines: LINES.iter().map(|(k, name, _)| (*k, *name, *k == key)).collect(),
        line_name,
        filtered: line.is_some() || !q.is_empty(),
        q: q.to_owned(),
        changed: !asked.after.is_empty() && asked.run != state,
        head,
    };
    Ok(Html(page.render()?))
}

/// GET /target-groups/{id}/subscribers/export.csv: everybody on the line asked for, with the columns this reader sees.
pub async fn export(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let (columns, fields) = all_columns(&reader, &row).await?;
    let (columns, fields) = (chosen(&reader, TABLE, columns), asked_for(&reader, fields));
    let (app, walk) = (reader.app.clone(), asked.walk());
    let name = format!("subscribers-{}", row.group.code.as_deref().map(file_part).unwrap_or_default());
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let (found, next) = walk.read(&app, &row, &place, csv::SLICE).await?;
            after = next;
            yield lines(&app, row.group.bridge_id, &fields, found).await?;
        }
    };
    Ok(csv::download(name.trim_end_matches('-'), columns, slices))
}

/// A remote code as a part of a file's name.
fn file_part(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(60).collect()
}

/// Lines for the others who share an address.
pub async fn same_address(reader: &Reader, found: Vec<Member>) -> Result<Option<Table>, Error> {
    let people = persons(&reader.app, found).await?;
    let columns = columns(reader, people_table::with_bridge(&people));
    Ok((!people.is_empty()).then(|| Table::plain(reader, &columns, &people)))
}
