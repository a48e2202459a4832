//! Households: people who share an address with somebody who decided. Whether their remote is told is for a person to say
//! (`docs/adr/0093`).

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::consent::Cause;
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::households::{self, Household, State};
use serde::Deserialize;

use super::links;
use super::people_table::{Person, chips, persons};
use super::shell::{Page, Reader};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use crate::api::households::carry_out;
use crate::auth::Form;
use crate::error::Error;

/// Questions of one page, and answers shown below them.
const EACH: i64 = 20;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    after: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Entered {
    decision: String,
    tell: Vec<String>,
}

struct Record {
    id: String,
    href: String,
    remote_id: String,
    chips: Vec<Chip>,
}

struct Question {
    id: String,
    /// What was decided, as the pages say it.
    cause: &'static str,
    at: When,
    by: String,
    href: String,
    address: String,
    remote_id: String,
    bridge: String,
    others: String,
    standing: bool,
    records: Vec<Record>,
}

struct Answered {
    href: String,
    address: String,
    bridge: String,
    told: bool,
    at: When,
    by: String,
}

#[derive(Template)]
#[template(path = "households.html")]
struct Households {
    page: Page,
    total: i64,
    may: bool,
    questions: Vec<Question>,
    next: Option<i64>,
    answered: Vec<Answered>,
}

/// GET /subscribers/households
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let (mut waiting, total) = households::list(db.read(), State::Waiting, asked.after.max(0), EACH + 1).await?;
    let more = waiting.len() as i64 > EACH;
    waiting.truncate(EACH as usize);
    let next = waiting.last().filter(|_| more).map(|h| h.id);
    let mut questions = Vec::with_capacity(waiting.len());
    for household in waiting {
        questions.push(question(&reader, household).await?);
    }
    let (decided, _) = households::list(db.read(), State::Decided, i64::MAX, EACH).await?;
    let answered = decided.into_iter().map(|h| answered(&reader, h)).collect();
    let may = reader.may(Permission::ListsEdit);
    Ok(Html(Households { page: reader.page("Households"), total, may, questions, next, answered }.render()?))
}

async fn question(reader: &Reader, h: Household) -> Result<Question, Error> {
    let records = persons(&reader.app, households::records(reader.app.db.read(), &h).await?).await?;
    Ok(Question {
        id: PublicId::new(Kind::Household, Instant(h.created_at), h.id).to_string(),
        cause: Cause::from_name(&h.cause).map_or("decided", Cause::label),
        at: reader.here().when(h.created_at),
        by: text::actor(&h.actor),
        href: links::person(h.made_at, h.subscriber_id),
        others: text::count(records.len() as i64, "other record", "other records"),
        records: records.into_iter().map(record).collect(),
        address: h.address,
        remote_id: h.remote_id,
        bridge: h.bridge_name,
        standing: h.standing,
    })
}

fn record(p: Person) -> Record {
    Record {
        id: PublicId::new(Kind::Subscriber, Instant(p.member.created_at), p.member.id).to_string(),
        href: links::person(p.member.created_at, p.member.id),
        chips: chips(p.member.address_state, &p.causes),
        remote_id: p.member.remote_id,
    }
}

fn answered(reader: &Reader, h: Household) -> Answered {
    Answered {
        href: links::person(h.made_at, h.subscriber_id),
        told: h.decision == "told",
        at: reader.here().when(h.decided_at.unwrap_or(h.created_at)),
        by: text::actor(&h.decided_by),
        address: h.address,
        bridge: h.bridge_name,
    }
}

/// POST /subscribers/households/{id}
pub async fn decide(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let public = PublicId::parse(&id, Kind::Household).ok_or(Error::NotFound)?;
    let household = households::get(reader.app.db.read(), public.id).await?;
    let household = household.filter(|h| public.fits(Instant(h.created_at))).ok_or(Error::NotFound)?;
    let tell = match entered.decision.as_str() {
        "leave" => Vec::new(),
        "tell" => chosen(&entered.tell)?,
        _ => return Err(Error::BadRequest("Decide to leave or to tell.".into())),
    };
    carry_out(&reader.app, household.id, &tell, &reader.session.actor(&reader.app)).await?;
    let told = match tell.len() as i64 {
        0 => format!("Left as they are: {} is told nothing about the others.", household.bridge_name),
        n => format!("{} will be told of {}.", household.bridge_name, text::count(n, "record", "records")),
    };
    toast::done(&reader, "/subscribers/households", &Toast::new(told))
}

fn chosen(ids: &[String]) -> Result<Vec<i64>, Error> {
    let read = ids.iter().map(|text| PublicId::parse(text, Kind::Subscriber).map(|id| id.id)).collect::<Option<Vec<i64>>>();
    match read {
        Some(ids) if !ids.is_empty() && ids.len() as i64 <= households::MOST => Ok(ids),
        _ => Err(Error::BadRequest("Choose at least one of the records to tell about, or leave them as they are.".into())),
    }
}
