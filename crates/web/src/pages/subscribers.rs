//! Subscribers: search by address or Remote ID.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_store::views::Way;
use rialto_store::views::members::Member;
use rialto_store::views::people;
use serde::Deserialize;

use super::links;
use super::people_table::{columns, export_columns, persons, with_bridge, with_groups};
use super::shell::{Page, Reader};
use super::table::{LIMIT, Table, Turn, Turned, chosen, csv};
use crate::error::Error;
use crate::state::App;

const TABLE: &str = "subscribers";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    /// `<id>~<canonical address>`: behind which a page begins, or before which it ends.
    after: String,
    before: String,
}

#[derive(Template)]
#[template(path = "subscribers.html")]
struct Subscribers {
    page: Page,
    q: String,
    table: Table,
}

/// Where somebody stands in the list.
fn place(m: &Member) -> String {
    format!("{}~{}", m.id, m.canonical)
}

/// People by the beginning of their address; on the first page those with the Remote ID come before them.
async fn find(app: &App, q: &str, turn: Turn<'_>) -> Result<Turned<Member>, Error> {
    let db = &app.db;
    if q.is_empty() {
        return Ok(turn.page(Vec::new()));
    }
    let (id, address) = turn.place.split_once('~').unwrap_or(("0", ""));
    let from = (address, id.parse().unwrap_or(0));
    let mut found = turn.page(match turn.way {
        Way::Onward => people::by_address(db.read(), q, from, turn.wanted()).await?,
        Way::Back => people::by_address_back(db.read(), q, from, turn.wanted()).await?,
    });
    found.behind &= !found.rows.is_empty();
    Ok(found)
}

/// Those with the Remote ID, when the list begins here.
async fn exact(app: &App, q: &str, found: &Turned<Member>) -> Result<Vec<Member>, Error> {
    if found.before || q.is_empty() {
        return Ok(Vec::new());
    }
    Ok(people::by_remote_id(app.db.read(), q, LIMIT).await?)
}

/// GET /subscribers
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let q = crate::api::extract::search(&asked.q)?;
    let found = find(&reader.app, q, Turn::new(&asked.after, &asked.before, LIMIT)).await?;
    let mut rows = exact(&reader.app, q, &found).await?;
    rows.extend(found.rows.iter().cloned());
    let people = persons(&reader.app, rows).await?;
    let link = |path: &str, after: &str, before: &str| format!("{path}{}", links::query(&[("q", q), ("after", after), ("before", before)]));
    let mut table = Table::of(TABLE, &reader, &columns(&reader, with_bridge(&people)), &people, None);
    table.csv = Some(link("/subscribers/export.csv", "", ""));
    found.links(&mut table, place, |after, before| link("/subscribers", after, before));
    Ok(Html(Subscribers { page: reader.page("Subscribers"), table, q: q.to_owned() }.render()?))
}

/// GET /subscribers/export.csv: everybody whom the search finds.
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let several = rialto_store::bridges::list(reader.app.db.read()).await?.len() > 1;
    let columns = export_columns(chosen(&reader, TABLE, columns(&reader, several)));
    let (app, q) = (reader.app.clone(), crate::api::extract::search(&asked.q)?.to_owned());
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let found = find(&app, &q, Turn::new(&place, "", csv::SLICE)).await?;
            let mut rows = exact(&app, &q, &found).await?;
            after = found.rows.last().filter(|_| found.behind).map(self::place);
            rows.extend(found.rows);
            yield with_groups(&app, persons(&app, rows).await?).await?;
        }
    };
    Ok(csv::download("subscribers", columns, slices))
}
