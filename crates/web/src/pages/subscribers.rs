//! Subscribers: search by address or Remote ID.

use std::collections::HashMap;

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::AddressState;
use rialto_core::consent::Cause;
use rialto_store::bridges;
use rialto_store::views::members::{self, Member};
use rialto_store::views::people;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::Chip;
use crate::error::Error;

const LIMIT: i64 = 50;

/// A person as a line of a list.
pub struct Person {
    pub href: String,
    pub address: String,
    pub remote_id: String,
    pub bridge: String,
    pub chips: Vec<Chip>,
}

/// Lines for some people, with everything that stands against mailing them.
pub async fn persons(reader: &Reader, found: &[Member]) -> Result<Vec<Person>, Error> {
    let db = &reader.app.db;
    let causes = members::causes(db, found).await?;
    let all = bridges::list(db.read()).await?;
    // With one bridge its name would only repeat itself.
    let names: HashMap<i64, String> = if all.len() > 1 { all.into_iter().map(|b| (b.id, b.name)).collect() } else { HashMap::new() };
    Ok(found
        .iter()
        .map(|m| Person {
            href: links::person(m.created_at, m.id),
            address: m.address.clone(),
            remote_id: m.remote_id.clone(),
            bridge: names.get(&m.bridge_id).cloned().unwrap_or_default(),
            chips: chips(m.address_state, causes.get(&m.id).map_or(&[], Vec::as_slice)),
        })
        .collect())
}

/// What stands against mailing somebody; `Mailable` when nothing does.
pub fn chips(address_state: i16, causes: &[Cause]) -> Vec<Chip> {
    let mut chips = match AddressState::from_i16(address_state) {
        AddressState::Usable => Vec::new(),
        AddressState::Missing => vec![Chip::off("No address")],
        AddressState::Malformed => vec![Chip::look("Malformed address")],
    };
    chips.extend(causes.iter().map(|c| Chip::stop(c.label())));
    if chips.is_empty() {
        chips.push(Chip::ok("Mailable"));
    }
    chips
}

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
    people: Vec<Person>,
    next: Option<String>,
}

/// GET /subscribers
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let q = crate::api::extract::search(&asked.q)?;
    let (mut found, mut more) = (Vec::new(), false);
    if !q.is_empty() {
        let (id, address) = asked.after.split_once('~').unwrap_or(("0", ""));
        found = people::by_address(db.read(), q, (address, id.parse().unwrap_or(0)), LIMIT + 1).await?;
        more = found.len() as i64 > LIMIT;
        found.truncate(LIMIT as usize);
    }
    let next = found
        .last()
        .filter(|_| more)
        .map(|m| format!("/subscribers{}", links::query(&[("q", q), ("after", &format!("{}~{}", m.id, m.canonical))])));
    if !q.is_empty() && asked.after.is_empty() {
        let by_id = people::by_remote_id(db.read(), q, LIMIT).await?;
        found.splice(0..0, by_id);
    }
    let page = Subscribers { page: reader.page("Subscribers"), people: persons(&reader, &found).await?, q: q.to_owned(), next };
    Ok(Html(page.render()?))
}
