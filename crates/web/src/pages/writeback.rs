//! One writeback: what it tells, where it stands and why, its tries, and what can be done.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_core::writeback::{Delivery, LONGEST_REASON, WritebackState};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::views::writebacks::WritebackRow;
use rialto_store::writebacks;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use super::writebacks::{chip, kind_label, link, system};
use crate::api::extract::Id;
use crate::api::writebacks as api;
use crate::auth::Form;
use crate::error::Error;

struct Attempt {
    number: i64,
    chip: Chip,
    answer: String,
    at: When,
    took: String,
    by: String,
}

#[derive(Template)]
#[template(path = "writeback.html")]
struct One {
    page: Page,
    busy: bool,
    href: String,
    kind: &'static str,
    chip: Chip,
    says: String,
    person: Option<(String, String, String)>,
    /// Everything that was told about the person.
    theirs: Option<String>,
    bridge: (String, String),
    decided: When,
    /// How many days it has been open, where that is long (WB-19): it goes all the same.
    old: Option<i64>,
    /// What stands, and what happens next: a sentence.
    next: String,
    reason: String,
    marker: String,
    tries: i64,
    attempts: Vec<Attempt>,
    told_reason: String,
    can_retry: bool,
    can_cancel: bool,
    can_mend: bool,
    longest: usize,
}

/// Days after which an open writeback is worth a word.
const LONG: i64 = 30;

fn outcome(name: &str) -> Chip {
    match name {
        "sent" => Chip::ok("Acknowledged"),
        "found_there" => Chip::ok("Found there"),
        "held" => Chip::look("Not sent"),
        "lost" => Chip::look("No answer kept"),
        _ => Chip::stop("Failed"),
    }
}

/// What happens next, in a sentence.
fn next(row: &WritebackRow, here: &text::Here) -> String {
    let w = &row.writeback;
    match (w.state(), w.next_at) {
        (Some(WritebackState::Sent), _) => "The remote system has acknowledged it. Nothing more happens.".into(),
        (Some(WritebackState::Cancelled), _) => "It was given up and is not sent.".into(),
        (Some(WritebackState::NoRemoteRecipients), _) => "Nobody in the remote system was concerned.".into(),
        (Some(WritebackState::Held), _) => {
            "Something of the remote system's set-up is missing. It goes out by itself when that is there; no try is lost.".into()
        }
        (Some(WritebackState::Processing), Some(until)) if row.is_fetched() => format!(
            "{} fetched it {}. What became of it is awaited until {}; without a word it comes again.",
            system(row),
            here.when(w.claimed_at.unwrap_or(until)).ago,
            here.minute(until)
        ),
        (Some(WritebackState::Processing), _) => "It is being sent.".into(),
        (Some(WritebackState::Scheduled), Some(at)) if row.delivery == Delivery::Polled.name() => {
            format!("It waits for its date, {}, and goes with the first fetch from then on.", here.minute(at))
        }
        (Some(WritebackState::Scheduled), Some(at)) => {
            format!(
                "It waits for its date, {}, and goes with the first cycle from then on. Run now in Writeback Settings takes it along.",
                here.minute(at)
            )
        }
        (Some(WritebackState::New), _) if row.waits_for_fetch() => {
            format!("It waits for {} to fetch it, after what the same person decided before.", system(row))
        }
        (Some(WritebackState::Error), Some(at)) if row.delivery == Delivery::Polled.name() => {
            format!("{} gets it again with the first fetch after {}.", system(row), here.minute(at))
        }
        (Some(WritebackState::New), Some(0)) if w.tries == 0 => "It goes out at once.".into(),
        (Some(WritebackState::New), Some(0)) => "It is tried once more, now.".into(),
        (Some(WritebackState::New), _) => "It goes out with the next cycle, after what the same person decided before.".into(),
        (Some(WritebackState::Error), Some(_)) => match row.next_try(here.now) {
            Some(at) => format!("It is tried again by itself with a later cycle, {}.", here.when(at).ago),
            None => "It is tried again by itself with the next cycle.".into(),
        },
        (Some(WritebackState::Error), None) => "Its tries by itself are used up. Somebody has to press Retry, or give it up.".into(),
        _ => String::new(),
    }
}

async fn find(reader: &Reader, id: &str) -> Result<WritebackRow, Error> {
    api::load(&reader.app, &Id(id.to_owned())).await
}

/// GET /writebacks/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = find(&reader, &id).await?;
    let (w, here) = (&row.writeback, reader.here());
    let state = w.state();
    let attempts = writebacks::tries(reader.app.db.read(), w.id).await?;
    let person = row.subscriber_created_at.map(|at| links::person(at, w.subscriber_id));
    let busy = matches!(state, Some(WritebackState::New | WritebackState::Processing));
    let frame = reader.page(format!("{} of {}", kind_label(&w.kind), row.remote_id));
    let may_retry = reader.may(Permission::WritebacksRetry);
    let open = state.is_some_and(|s| !s.is_final() && s != WritebackState::Processing);
    let page = One {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        href: link(w),
        kind: kind_label(&w.kind),
        chip: chip(state),
        says: api::row_says(&row),
        theirs: row.subscriber_created_at.map(|at| {
            let id = PublicId::new(Kind::Subscriber, Instant(at), w.subscriber_id).to_string();
            format!("/writebacks{}", links::query(&[("person", &id)]))
        }),
        person: person.map(|href| (href, row.address.clone(), row.remote_id.clone())),
        bridge: (links::bridge(row.bridge_created_at, w.bridge_id), row.bridge_name.clone()),
        decided: here.when(w.created_at),
        old: Some(here.now.seconds_since(Instant(w.created_at)) / 86_400).filter(|days| open && *days >= LONG),
        next: next(&row, &here),
        reason: w.reason.clone(),
        marker: PublicId::parse(&id, Kind::Writeback).map(rialto_core::writeback::marker).unwrap_or_default(),
        tries: w.tries,
        attempts: attempts
            .into_iter()
            .map(|t| Attempt {
                number: t.number,
                chip: outcome(&t.outcome),
                answer: t.answer,
                at: here.when(t.started_at),
                took: text::span(t.ended_at - t.started_at),
                by: if t.asked_by.is_empty() { "by itself".into() } else { text::actor(&t.asked_by) },
            })
            .collect(),
        told_reason: w.read_message().map(|m| m.reason).unwrap_or_default(),
        can_retry: may_retry && state == Some(WritebackState::Error),
        can_cancel: may_retry && open,
        can_mend: may_retry && open && w.mailing_id == 0,
        longest: LONGEST_REASON,
    };
    Ok(Html(page.render()?))
}

/// POST /writebacks/{id}/retry
pub async fn retry(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let row = find(&reader, &id).await?;
    api::do_retry(&reader.app, &row, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, &link(&row.writeback), &Toast::new("It is tried once more, now."))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Reason {
    reason: String,
}

/// POST /writebacks/{id}/cancel
pub async fn cancel(reader: Reader, Path(id): Path<String>, Form(given): Form<Reason>) -> Result<Response, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let row = find(&reader, &id).await?;
    api::do_cancel(&reader.app, &row, &given.reason, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, &link(&row.writeback), &Toast::new("Given up: it is not sent."))
}

/// POST /writebacks/{id}/mend
pub async fn mend(reader: Reader, Path(id): Path<String>, Form(given): Form<Reason>) -> Result<Response, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let row = find(&reader, &id).await?;
    let before = row.writeback.read_message().map(|m| m.reason).unwrap_or_default();
    api::do_mend(&reader.app, &row, &given.reason, &reader.session.actor(&reader.app)).await?;
    let href = link(&row.writeback);
    toast::done(&reader, &href, &Toast::new("The reason is mended.").undo(format!("{href}/mend"), &[("reason", &before)]))
}

/// GET /writebacks/{id}/cancel: asks for the reason before anything is given up.
pub async fn ask_cancel(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let row = find(&reader, &id).await?;
    let page = Cancel {
        page: reader.page("Give a writeback up"),
        href: link(&row.writeback),
        kind: kind_label(&row.writeback.kind),
        remote_id: row.remote_id.clone(),
        says: api::row_says(&row),
        bridge: row.bridge_name,
        longest: LONGEST_REASON,
    };
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "writeback_cancel.html")]
struct Cancel {
    page: Page,
    href: String,
    kind: &'static str,
    remote_id: String,
    says: String,
    bridge: String,
    longest: usize,
}
