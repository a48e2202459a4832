//! Mailings › Personalization: a text with fields, the fields that there are, and what a chosen subscriber reads, with the newest values (L7).

mod fields;
mod preview;

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_store::views::members::Member;
use rialto_store::views::people;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::filters;
use crate::api::extract::{public, search};
use crate::api::personalization::{Known, subscriber};
use crate::auth::Form;
use crate::error::Error;
use fields::Fields;
use preview::Preview;
use rialto_core::Kind;

pub const PATH: &str = "/mailings/personalization";
/// People whom a search offers.
const OFFERED: i64 = 8;

/// The form as the browser sends it.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Sent {
    subject: String,
    text: String,
    /// Who reads.
    subscriber: String,
    /// How the address of a subscriber begins, or a Remote ID.
    q: String,
    /// Part of the name of a field.
    f: String,
}

impl Sent {
    /// Browsers send line ends in two characters.
    fn clean(mut self) -> Self {
        self.text = self.text.replace("\r\n", "\n");
        self
    }
}

/// Somebody who can be chosen.
struct Person {
    id: String,
    address: String,
    remote_id: String,
    href: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "personalization/people.html")]
struct People {
    q: String,
    people: Vec<Person>,
    more: bool,
}

#[derive(Template)]
#[template(path = "personalization/page.html")]
struct Shown {
    page: Page,
    sent: Sent,
    people: People,
    fields: Fields,
    preview: Preview,
    /// Fields in all.
    total: i64,
    /// When the values were read.
    as_of: String,
}

/// GET /mailings/personalization
pub async fn show(reader: Reader, Query(sent): Query<Sent>) -> Result<Html<String>, Error> {
    whole(&reader, sent.clean()).await
}

/// POST /mailings/personalization: the same with the text, which is too long for an address. Nothing is kept.
pub async fn submit(reader: Reader, Form(sent): Form<Sent>) -> Result<Html<String>, Error> {
    whole(&reader, sent.clean()).await
}

/// POST /mailings/personalization/preview: what the subscriber reads now.
pub async fn preview(reader: Reader, Form(sent): Form<Sent>) -> Result<Html<String>, Error> {
    let sent = sent.clean();
    let chosen = subscriber(&reader.app, &sent.subscriber).await?;
    let known = Known::load(&reader.app).await?;
    Ok(Html(Preview::of(&reader.app, &known, chosen.as_ref(), &sent).await?.render()?))
}

/// POST /mailings/personalization/people: subscribers who can be chosen.
pub async fn find(reader: Reader, Form(sent): Form<Sent>) -> Result<Html<String>, Error> {
    let chosen = subscriber(&reader.app, &sent.subscriber).await?;
    Ok(Html(found(&reader, chosen, &sent.q).await?.render()?))
}

/// POST /mailings/personalization/fields: the fields that the search finds, with the chosen subscriber's values.
pub async fn fields(reader: Reader, Form(sent): Form<Sent>) -> Result<Html<String>, Error> {
    let chosen = subscriber(&reader.app, &sent.subscriber).await?;
    let known = Known::load(&reader.app).await?;
    Ok(Html(Fields::of(&reader.app, &known, chosen.as_ref(), &sent.f).await?.render()?))
}

async fn whole(reader: &Reader, sent: Sent) -> Result<Html<String>, Error> {
    let here = reader.here();
    let chosen = subscriber(&reader.app, &sent.subscriber).await?;
    let known = Known::load(&reader.app).await?;
    let preview = Preview::of(&reader.app, &known, chosen.as_ref(), &sent).await?;
    let fields = Fields::of(&reader.app, &known, chosen.as_ref(), &sent.f).await?;
    let people = found(reader, chosen, &sent.q).await?;
    let total = known.offers.len() as i64;
    let as_of = here.now.timestamp().to_zoned(here.zone.clone()).strftime("%H:%M:%S").to_string();
    Ok(Html(Shown { page: reader.page("Personalization"), sent, people, fields, preview, total, as_of }.render()?))
}

/// The chosen subscriber first, then those whom the search finds.
async fn found(reader: &Reader, chosen: Option<Member>, q: &str) -> Result<People, Error> {
    let q = search(q)?;
    let mut rows: Vec<Member> = Vec::new();
    if !q.is_empty() {
        let db = &reader.app.db;
        rows = people::by_remote_id(db.read(), q, OFFERED).await?;
        rows.extend(people::by_address(db.read(), q, ("", 0), OFFERED + 1).await?);
    }
    rows.retain(|m| chosen.as_ref().is_none_or(|c| c.id != m.id));
    let more = rows.len() as i64 > OFFERED;
    rows.truncate(usize::try_from(OFFERED).unwrap_or_default());
    let first = chosen.map(|m| person(m, true));
    let people = first.into_iter().chain(rows.into_iter().map(|m| person(m, false))).collect();
    Ok(People { q: q.to_owned(), people, more })
}

fn person(m: Member, chosen: bool) -> Person {
    Person {
        id: public(Kind::Subscriber, m.created_at, m.id),
        href: links::person(m.created_at, m.id),
        remote_id: if m.bridge_id == rialto_core::upload::SOURCE { String::new() } else { m.remote_id },
        address: m.address,
        chosen,
    }
}
