//! Info: a short look at a target group in a pop-up, each tab a page of its own (CT-01, CT-02).

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_store::bridges;
use rialto_store::views::groups::{self as view, GroupRow};
use serde::Deserialize;

use super::group::{Head, Line, lines_of};
use super::group_subscribers::{address_place, by_address};
use super::links;
use super::people_table::{self, Person, persons};
use super::shell::{Page, Reader};
use super::start;
use super::table::{Cell, Column, Table, Turn};
use super::text::{When, filters};
use crate::error::Error;

/// People on one page of the pop-up.
const PEOPLE: i64 = 15;
/// Mailings shown.
const MAILINGS: i64 = 50;

/// What stands above every tab.
pub struct Top {
    head: Head,
    tabs: Vec<(&'static str, String, bool)>,
    mailable: Option<i64>,
    counted: Option<When>,
}

impl Top {
    async fn of(reader: &Reader, row: &GroupRow, tab: &str) -> Result<Self, Error> {
        let head = Head::of(reader, row, "").await?;
        let all = [("Overview", ""), ("Counts", "/counts"), ("Subscribers", "/subscribers"), ("Active Mailings", "/mailings")];
        Ok(Self {
            tabs: all.map(|(name, path)| (name, format!("{}/info{path}", head.href), name == tab)).into(),
            mailable: row.group.waterfall().map(|w| w.mailable),
            counted: reader.here().maybe(row.group.waterfall_at),
            head,
        })
    }

    /// The page of a tab; read anew while a sync is under way, so that its counts come by themselves.
    fn page(&self, reader: &Reader) -> Page {
        let page = reader.page(self.head.name.clone());
        if self.head.running.is_some() { page.refreshing(5) } else { page }
    }
}

/// POST /target-groups/{id}/info: shows the last counts, and starts a sync where the kind of bridge has that trigger.
pub async fn start(reader: Reader, Path(id): Path<String>) -> Result<Redirect, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let usable = match row.group.bridge_id {
        Some(id) => bridges::get(reader.app.db.read(), id).await?.is_some_and(|b| b.enabled),
        None => false,
    };
    if usable && rialto_connectors::has_trigger(&row.bridge_kind, Trigger::Info) {
        reader.session.require(Permission::GroupsSync)?;
        start::ask_people(&reader, &row, Trigger::Info, false).await?;
    }
    Ok(Redirect::to(&format!("{}/info", links::group(row.group.created_at, row.group.id))))
}

#[derive(Template)]
#[template(path = "info_overview.html")]
struct Overview {
    page: Page,
    top: Top,
}

/// GET /target-groups/{id}/info
pub async fn overview(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let top = Top::of(&reader, &row, "Overview").await?;
    Ok(Html(Overview { page: top.page(&reader), top }.render()?))
}

#[derive(Template)]
#[template(path = "info_counts.html")]
struct Counts {
    page: Page,
    top: Top,
    lines: Vec<Line>,
}

impl Counts {
    fn head(&self) -> &Head {
        &self.top.head
    }

    fn counted(&self) -> Option<&When> {
        self.top.counted.as_ref()
    }
}

/// GET /target-groups/{id}/info/counts
pub async fn counts(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let top = Top::of(&reader, &row, "Counts").await?;
    Ok(Html(Counts { page: top.page(&reader), lines: lines_of(&reader, &row).await?, top }.render()?))
}

#[derive(Template)]
#[template(path = "info_subscribers.html")]
struct Subscribers {
    page: Page,
    top: Top,
    table: Table,
    pages: Table,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Places {
    after: String,
    before: String,
}

/// GET /target-groups/{id}/info/subscribers
pub async fn subscribers(reader: Reader, Path(id): Path<String>, Query(asked): Query<Places>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let top = Top::of(&reader, &row, "Subscribers").await?;
    let base = format!("{}/info/subscribers", top.head.href);
    let turn = Turn::new(&asked.after, &asked.before, PEOPLE);
    let found = turn.page(by_address(&reader.app, &row, turn, turn.wanted()).await?);
    let mut people = persons(&reader.app, found.rows.clone()).await?;
    let names = bridges::list(reader.app.db.read()).await?;
    for p in &mut people {
        p.bridge = names.iter().find(|b| b.id == p.member.bridge_id).map_or_else(|| "a deleted bridge".into(), |b| b.name.clone());
    }
    let mut columns: Vec<Column<Person>> = people_table::columns(&reader, false);
    columns.insert(2, Column::new("source", "Source", |p: &Person| Cell::Text(p.bridge.clone())));
    let table = Table::plain(&reader, &columns, &people);
    // Turned inside the pop-up, so below the table by links of its own.
    let mut pages = Table::plain::<Person>(&reader, &[], &[]);
    found.links(&mut pages, address_place, |after, before| format!("{base}{}", links::query(&[("after", after), ("before", before)])));
    let page = Subscribers { page: top.page(&reader), table, pages, top };
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "info_mailings.html")]
struct Mailings {
    page: Page,
    top: Top,
    /// Number of the mailing, and when it used the group.
    uses: Vec<(i64, When)>,
}

/// GET /target-groups/{id}/info/mailings
pub async fn mailings(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let top = Top::of(&reader, &row, "Active Mailings").await?;
    let here = reader.here();
    let uses = view::latest_uses(reader.app.db.read(), row.group.id, MAILINGS).await?;
    let uses = uses.into_iter().map(|(mailing, at)| (mailing, here.when(at))).collect();
    Ok(Html(Mailings { page: top.page(&reader), uses, top }.render()?))
}
