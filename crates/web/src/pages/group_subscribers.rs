//! The people of a target group: as a whole, or standing on one line of the counts.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::books::Line;
use rialto_store::fields::{self, Field};
use rialto_store::views::Way;
use rialto_store::views::groups::GroupRow;
use rialto_store::views::members::{self, Member};
use rialto_store::views::people;
use serde::Deserialize;

use super::group::Head;
use super::links;
use super::people_table::{self, Person, columns, export_columns, field_column, persons, with_groups};
use super::shell::{Page, Reader};
use super::table::{Column, LIMIT, Order, Sorting, Table, Turn, Turned, chosen, csv};
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
    /// Where the page ends instead.
    before: String,
    /// `mailing`: an export with defaults in the place of empty values.
    values: String,
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
    /// The first page.
    start: String,
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

    /// One page of members.
    async fn read(&self, app: &App, group: &GroupRow, turn: Turn<'_>) -> Result<Turned<Member>, Error> {
        let (db, id, wanted) = (&app.db, group.group.id, turn.wanted());
        let number: i64 = turn.place.parse().unwrap_or(0);
        if let Self::Find(q) = self {
            return Ok(Turned { rows: members::find(db.read(), id, q, wanted - 1).await?, before: false, behind: false });
        }
        let found = match self {
            Self::OnLine(line) => members::on_line(db.read(), id, *line, turn.way, number, wanted).await?,
            Self::ById => members::by_id(db.read(), id, turn.way, number, wanted).await?,
            _ => by_address(app, group, turn, wanted).await?,
        };
        Ok(turn.page(found))
    }

    /// Where somebody stands in the list.
    fn place(&self, m: &Member) -> String {
        if matches!(self, Self::ByAddress) { address_place(m) } else { m.id.to_string() }
    }
}

/// Where somebody stands among members by address: `<id>~<canonical address>`.
pub fn address_place(m: &Member) -> String {
    format!("{}~{}", m.id, m.canonical)
}

/// Members by address, those without one last.
pub async fn by_address(app: &App, group: &GroupRow, turn: Turn<'_>, wanted: i64) -> Result<Vec<Member>, Error> {
    let (db, group_id, members) = (&app.db, group.group.id, group.group.members);
    let without = async |from, wanted| members::on_line(db.read(), group_id, Line::NoAddress, turn.way, from, wanted).await;
    // Nothing sorts between no address with the highest id and the first address.
    let (id, address) = turn.place.split_once('~').map_or((i64::MAX, ""), |(id, address)| (id.parse().unwrap_or(0), address));
    let among_those_without = !turn.begins() && address.is_empty();
    if turn.way == Way::Back {
        let mut found = if among_those_without { without(id, wanted).await? } else { Vec::new() };
        let missing = wanted - found.len() as i64;
        if missing > 0 {
            let from = if among_those_without { ("\u{10FFFF}", i64::MAX) } else { (address, id) };
            found.extend(members::by_address(db, group_id, members, turn.way, from, missing).await?);
        }
        return Ok(found);
    }
    if among_those_without {
        return Ok(without(id, wanted).await?);
    }
    let mut found = members::by_address(db, group_id, members, turn.way, (address, id), wanted).await?;
    let missing = wanted - found.len() as i64;
    if missing > 0 {
        found.extend(without(0, missing).await?);
    }
    Ok(found)
}

/// Whose fields the members have: their bridge's, or those of uploads.
fn source(group: &GroupRow) -> Option<i64> {
    group.group.bridge_id.or((group.group.kind == "upload").then_some(rialto_core::upload::SOURCE))
}

/// The shared columns, sorted as this list can be, and one for each personalization field of the bridge.
async fn all_columns(reader: &Reader, group: &GroupRow, filled: bool) -> Result<(Vec<Column<Person>>, Vec<Field>), Error> {
    let fields: Vec<Field> = match source(group) {
        Some(id) => fields::list(reader.app.db.read(), id).await?.into_iter().filter(|f| f.gone_at.is_none() && f.shown).collect(),
        None => Vec::new(),
    };
    let shared = columns(reader, group.group.bridge_id.is_none()).into_iter().map(|c| match c.key.as_ref() {
        "address" | "came" => c.sorted(Sorting::Up),
        _ => c,
    });
    Ok((shared.chain(fields.iter().map(|f| field_column(f, filled))).collect(), fields))
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
    let shown = chosen(reader, TABLE, fields.iter().map(|f| field_column(f, false)).collect());
    fields.into_iter().filter(|f| shown.iter().any(|c| c.key == format!("f{}", f.number))).collect()
}

/// GET /target-groups/{id}/subscribers
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Subscribers").await?;
    let (key, line_name, line) = asked.line();
    let walk = asked.walk();
    let (columns, fields) = all_columns(&reader, &row, false).await?;
    let fields = asked_for(&reader, fields);
    let defaults = fields.iter().any(|f| !f.default_value.is_empty());
    let found = walk.read(&reader.app, &row, Turn::new(&asked.after, &asked.before, LIMIT)).await?;
    let people = lines(&reader.app, source(&row), &fields, found.rows.clone()).await?;

    let state = row.group.applied_run.to_string();
    let base = format!("{}/subscribers", head.href);
    let (q, sort) = (crate::api::extract::search(&asked.q)?, if asked.sort == "came" { "came" } else { "" });
    let link = |sort: &str, after: &str, before: &str| {
        let run = if after.is_empty() && before.is_empty() { "" } else { &state };
        let pairs = [("line", key), ("q", q), ("sort", sort), ("after", after), ("before", before), ("run", run)];
        format!("{base}{}", links::query(&pairs))
    };
    let by = |o: Order<'_>| link(if o.key == "came" { "came" } else { "" }, "", "");
    let mut table = Table::of(TABLE, &reader, &columns, &people, walk.order().map(|o| (o, &by as &dyn Fn(Order<'_>) -> String)));
    let csv = |values| format!("{base}/export.csv{}", links::query(&[("line", key), ("q", q), ("sort", sort), ("values", values)]));
    table.csv = Some(csv(""));
    table.csv_filled = defaults.then(|| csv("mailing"));
    found.links(&mut table, |m| walk.place(m), |after, before| link(sort, after, before));
    let page = Subscribers {
        page: reader.page(format!("Subscribers of {}", row.group.name)),
        table,
        lines: LINES.iter().map(|(k, name, _)| (*k, *name, *k == key)).collect(),
        line_name,
        filtered: line.is_some() || !q.is_empty(),
        q: q.to_owned(),
        changed: !(asked.after.is_empty() && asked.before.is_empty()) && asked.run != state,
        start: link(sort, "", ""),
        head,
    };
    Ok(Html(page.render()?))
}

/// GET /target-groups/{id}/subscribers/export.csv: everybody on the line asked for, with the columns this reader sees.
pub async fn export(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let (columns, fields) = all_columns(&reader, &row, asked.values == "mailing").await?;
    let (columns, fields) = (export_columns(chosen(&reader, TABLE, columns)), asked_for(&reader, fields));
    let (app, walk) = (reader.app.clone(), asked.walk());
    let name = format!("subscribers-{}", row.group.code.as_deref().map(file_part).unwrap_or_default());
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let found = walk.read(&app, &row, Turn::new(&place, "", csv::SLICE)).await?;
            after = found.rows.last().filter(|_| found.behind).map(|m| walk.place(m));
            yield with_groups(&app, lines(&app, source(&row), &fields, found.rows).await?).await?;
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
