//! What the search box in the head finds: people by the beginning of their address or by Remote ID, target groups by name.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_store::views::{people, search};
use serde::Deserialize;

use super::links;
use super::people_table::{self, Person};
use super::shell::{Page, Reader};
use super::table::{Cell, Column, Table};
use crate::error::Error;

const GROUPS: i64 = 8;
const PEOPLE: i64 = 20;
/// Longest text to look for, in characters.
const LONGEST: usize = 200;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    page: Page,
    q: String,
    groups: Option<Table>,
    /// To all groups found, when there are more than shown.
    more_groups: Option<String>,
    people: Option<Table>,
    more_people: Option<String>,
}

/// GET /search
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let q: String = asked.q.trim().chars().take(LONGEST).collect();
    let mut frame = reader.page(if q.is_empty() { "Search".to_owned() } else { format!("Search for {q}") });
    frame.find.clone_from(&q);
    let (groups, more_groups) = groups(&reader, &q).await?;
    let (people, more_people) = people(&reader, &q).await?;
    Ok(Html(Search { page: frame, groups, more_groups, people, more_people, q }.render()?))
}

async fn groups(reader: &Reader, q: &str) -> Result<(Option<Table>, Option<String>), Error> {
    let mut found = search::groups(reader.app.db.read(), q, GROUPS + 1).await?;
    let more = (found.len() as i64 > GROUPS).then(|| format!("/target-groups{}", links::query(&[("q", q)])));
    found.truncate(GROUPS as usize);
    let here = reader.here();
    let columns = [
        Column::new("name", "Name", |g: &search::Found| Cell::link(links::group(g.created_at, g.id), &*g.name)),
        Column::new("members", "Members", |g: &search::Found| Cell::Number(g.members)).number(),
        Column::new("synced", "Synced", move |g: &search::Found| Cell::time(here.maybe(g.synced_at), "never")).short(),
    ];
    Ok(((!found.is_empty()).then(|| Table::plain(reader, &columns, &found)), more))
}

async fn people(reader: &Reader, q: &str) -> Result<(Option<Table>, Option<String>), Error> {
    if q.is_empty() {
        return Ok((None, None));
    }
    let db = &reader.app.db;
    let mut found = people::by_remote_id(db.read(), q, PEOPLE).await?;
    found.extend(people::by_address(db.read(), q, ("", 0), PEOPLE + 1).await?);
    let more = (found.len() as i64 > PEOPLE).then(|| format!("/subscribers{}", links::query(&[("q", q)])));
    found.truncate(PEOPLE as usize);
    let people: Vec<Person> = people_table::persons(&reader.app, found).await?;
    Ok((
        (!people.is_empty()).then(|| Table::plain(reader, &people_table::columns(reader, people_table::with_bridge(&people)), &people)),
        more,
    ))
}
