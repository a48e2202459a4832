//! History of a data sync: what it did, minute by minute, and what it could not take, with the reason; to be replayed after a fix, or put aside.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::{self, DataSync, Minute, Which};
use rialto_store::streams::{self, Rejected};
use serde::Deserialize;

use super::head::{Head, find};
use super::link;
use crate::api::data_sync_history::{do_dismiss, do_replay};
use crate::auth::Form;
use crate::error::Error;
use crate::pages::links;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, Table};
use crate::pages::text::{Chip, When, count, filters};
use crate::pages::toast::{self, Toast};

/// Minutes and rejected values of a page.
const MINUTES: i64 = 20;
const REJECTED: i64 = 50;
/// Longest part of an event that is shown, in characters.
const SHOWN: usize = 4_000;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// Minutes before this one, in microseconds.
    minute: String,
    /// Rejected ones before this one.
    before: String,
    /// `open` for those alone that nobody has settled.
    state: String,
}

struct Refused {
    id: i64,
    at: When,
    subject: String,
    /// Empty: the whole event.
    field: String,
    reason: String,
    chip: Chip,
    settled: Option<When>,
    open: bool,
    event: String,
}

#[derive(Template)]
#[template(path = "data_exchange/history.html")]
struct History {
    page: Page,
    head: Head,
    table: Table,
    rejected: Vec<Refused>,
    older: Option<String>,
    open: i64,
    /// Only open ones are shown.
    only_open: bool,
    replaying: bool,
}

/// Books of a minute as columns, behind what says which minute it is.
pub fn columns<R: 'static>(of: impl Fn(&R) -> &Minute + Clone + Send + Sync + 'static) -> Vec<Column<R>> {
    let column = |key: &'static str, label: &'static str, figure: fn(&Minute) -> i64| {
        let of = of.clone();
        Column::new(key, label, move |r: &R| Cell::Number(figure(of(r)))).number()
    };
    vec![
        column("read", "Read", |m| m.read),
        column("applied", "Applied", |m| m.applied),
        column("older", "Older", |m| m.older),
        column("duplicates", "Twice", |m| m.duplicates),
        column("other", "Other kind", |m| m.other),
        column("rejected", "Rejected", |m| m.rejected),
        column("values", "Values rejected", |m| m.values_rejected),
    ]
}

/// GET /data-exchange/{id}/history
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let sync = find(&reader, id).await?;
    let (db, here, href) = (&reader.app.db, reader.here(), format!("{}/history", link(&sync)));
    let place = |text: &str| text.parse().unwrap_or(i64::MAX);
    let mut minutes = data_syncs::history(db.read(), sync.id, place(&asked.minute), MINUTES + 1).await?;
    let further = minutes.len() as i64 > MINUTES;
    minutes.truncate(MINUTES as usize);
    let mut all = vec![Column::new("minute", "Minute", move |m: &Minute| Cell::Text(here.short(m.minute))).always().short()];
    all.extend(columns(|m: &Minute| m));
    let mut table = Table::plain(&reader, &all, &minutes);
    let of =
        |minute: &str, before: &str| format!("{href}{}", links::query(&[("state", &asked.state), ("minute", minute), ("before", before)]));
    table.next = minutes.last().filter(|_| further).map(|m| of(&m.minute.to_string(), ""));
    table.next_name = "Older minutes";
    table.first = (!asked.minute.is_empty()).then(|| of("", ""));

    let only_open = asked.state == "open";
    let (mut rows, open) = if only_open {
        streams::open_before(db.read(), sync.id, place(&asked.before), REJECTED + 1).await?
    } else {
        streams::of_sync(db.read(), sync.id, place(&asked.before), REJECTED + 1).await?
    };
    let more = rows.len() as i64 > REJECTED;
    rows.truncate(REJECTED as usize);
    let frame = reader.page(format!("{}: history", sync.name));
    let page = History {
        // Without JavaScript a page that loads itself anew would take away what was chosen.
        page: if open == 0 || sync.replays() { frame.refreshing(5) } else { frame },
        head: Head::of(&reader, &sync, "history").await?,
        older: rows.last().filter(|_| more).map(|r| of("", &r.id.to_string())),
        rejected: rows.into_iter().map(|r| refused(&reader, r)).collect(),
        table,
        open,
        only_open,
        replaying: sync.replays(),
    };
    Ok(Html(page.render()?))
}

fn refused(reader: &Reader, r: Rejected) -> Refused {
    let chip = match r.state.as_str() {
        "open" => Chip::look("Open"),
        "replayed" => Chip::ok("Replayed"),
        "superseded" => Chip::off("Superseded"),
        _ => Chip::off("Dismissed"),
    };
    let here = reader.here();
    Refused {
        id: r.id,
        at: here.when(r.created_at),
        chip,
        settled: here.maybe(r.settled_at),
        open: r.state == "open",
        event: r.body.chars().take(SHOWN).collect(),
        subject: r.subject,
        field: r.field,
        reason: r.reason,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Chosen {
    /// `replay` or `dismiss` for those that are chosen, `replay_all` or `dismiss_all` for all that are open.
    act: String,
    rejected: Vec<i64>,
}

/// POST /data-exchange/{id}/rejected
pub async fn settle(reader: Reader, Path(id): Path<String>, Form(chosen): Form<Chosen>) -> Result<Response, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    let all = chosen.act.ends_with("_all");
    let back = format!("{}/history", link(&sync));
    if !all && chosen.rejected.is_empty() {
        return toast::done(&reader, &back, &Toast::new("Nothing was chosen."));
    }
    let which = if all { Which::All } else { Which::These(&chosen.rejected) };
    let said = match chosen.act.as_str() {
        "replay" | "replay_all" => replay(&reader, &sync, which).await?,
        "dismiss" | "dismiss_all" => {
            let dismissed = do_dismiss(&reader.app, &sync, which).await?;
            format!("{} put aside.", count(i64::try_from(dismissed).unwrap_or(i64::MAX), "was", "were"))
        }
        _ => return Err(Error::BadRequest("Rejected events are replayed or put aside.".into())),
    };
    toast::done(&reader, &back, &Toast::new(said))
}

async fn replay(reader: &Reader, sync: &DataSync, which: Which<'_>) -> Result<String, Error> {
    match do_replay(&reader.app, sync, which, &reader.session.actor(&reader.app)).await {
        Ok(()) => Ok("They are taken once more; what became of them stands below in a moment.".to_owned()),
        Err(Error::NotFound) => Ok("They are settled already.".to_owned()),
        Err(other) => Err(other),
    }
}
