//! Subscribers: search by address or Remote ID.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_store::views::members::Member;
use rialto_store::views::people;
use serde::Deserialize;

use super::links;
use super::people_table::{columns, persons, with_bridge};
use super::shell::{Page, Reader};
use super::table::{LIMIT, Table, chosen, csv};
use crate::error::Error;
use crate::state::App;

const TABLE: &str = "subscribers";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    /// `<id>~<canonical address>`.
    after: String,
}

#[derive(Template)]
#[template(path = "subscribers.html")]
struct Subscribers {
    page: Page,
    q: String,
    table: Table,
}

/// Where the next page begins.
fn place(m: &Member) -> String {
    format!("{}~{}", m.id, m.canonical)
}

/// People by the beginning of their address, after a place; on the first page those with the Remote ID come before them.
async fn find(app: &App, q: &str, after: &str, limit: i64) -> Result<(Vec<Member>, Option<String>), Error> {
    let db = &app.db;
    if q.is_empty() {
        return Ok((Vec::new(), None));
    }
    let (id, address) = after.split_once('~').unwrap_or(("0", ""));
    let mut found = people::by_address(db.read(), q, (address, id.parse().unwrap_or(0)), limit + 1).await?;
    let more = found.len() as i64 > limit;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(place);
    if after.is_empty() {
        found.splice(0..0, people::by_remote_id(db.read(), q, limit).await?);
    }
    Ok((found, next))
}

/// GET /subscribers
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let q = crate::api::extract::search(&asked.q)?;
    let (found, next) = find(&reader.app, q, &asked.after, LIMIT).await?;
    let people = persons(&reader.app, found).await?;
    let link = |path: &str, after: &str| format!("{path}{}", links::query(&[("q", q), ("after", after)]));
    let mut table = Table::of(TABLE, &reader, &columns(&reader, with_bridge(&people)), &people, None);
    table.csv = Some(link("/subscribers/export.csv", ""));
    table.next = next.map(|after| link("/subscribers", &after));
    table.first = (!asked.after.is_empty()).then(|| link("/subscribers", ""));
    Ok(Html(Subscribers { page: reader.page("Subscribers"), table, q: q.to_owned() }.render()?))
}

/// GET /subscribers/export.csv: everybody whom the search finds.
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let several = rialto_store::bridges::list(reader.app.db.read()).await?.len() > 1;
    let columns = chosen(&reader, TABLE, columns(&reader, several));
    let (app, q) = (reader.app.clone(), crate::api::extract::search(&asked.q)?.to_owned());
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let (found, next) = find(&app, &q, &place, csv::SLICE).await?;
            after = next;
            yield persons(&app, found).await?;
        }
    };
    Ok(csv::download("subscribers", columns, slices))
}
