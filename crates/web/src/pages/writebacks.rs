//! Writeback List: the queue of what is told to the remote systems.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_core::writeback::{WritebackKind, WritebackState};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges::{self, Bridge};
use rialto_store::views::members::Member;
use rialto_store::views::people;
use rialto_store::views::writebacks::{self as view, Filter, WritebackRow};
use rialto_store::writebacks::{self, Destination};

use super::links;
use super::shell::{Page, Reader};
use super::table::{Cell, Column, LIMIT, Table, Turn, chosen, csv};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use super::writebacks_asked::{Asked, Faults};
use crate::api::writeback_settings as settings;
use crate::api::writebacks::row_says;
use crate::error::Error;

const TABLE: &str = "writebacks";

/// A state with its figure, as a link.
struct Figure {
    href: String,
    chip: Chip,
    number: String,
    /// The list shows this state.
    here: bool,
}

/// What stands about one remote system as a destination.
struct Station {
    name: String,
    href: String,
    run: String,
    chip: Chip,
    /// What is the matter, in sentences.
    notes: Vec<String>,
    next: Option<When>,
    last: Option<When>,
    /// When the remote system last came, where it fetches.
    fetched: Option<Option<When>>,
    left: Option<String>,
    /// A cycle can be begun by hand.
    can_run: bool,
    errors: i64,
    retry: String,
}

#[derive(Template)]
#[template(path = "writebacks.html")]
struct List {
    page: Page,
    table: Table,
    busy: bool,
    bridges: Vec<(String, String, bool)>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    states: Vec<(&'static str, &'static str, bool)>,
    asked: Asked,
    /// Whom alone it is about, and the same list about everybody.
    person: Option<(String, String)>,
    faults: Faults,
    /// Where the days of the filter begin and end.
    zone: String,
    filtered: bool,
    /// The same list without its state.
    any_state: Option<String>,
    figures: Vec<Figure>,
    total: String,
    /// The figures are of the newest only.
    partial: bool,
    /// The figures are of all that was ever queued.
    exact: bool,
    stations: Vec<Station>,
    may_admin: bool,
    may_retry: bool,
}

pub fn chip(state: Option<WritebackState>) -> Chip {
    match state {
        Some(WritebackState::Scheduled) => Chip::off("Scheduled"),
        Some(WritebackState::New) => Chip::go("New"),
        Some(WritebackState::Held) => Chip::look("Held"),
        Some(WritebackState::Processing) => Chip::go("Processing"),
        Some(WritebackState::Sent) => Chip::ok("Sent"),
        Some(WritebackState::Error) => Chip::stop("Error"),
        Some(WritebackState::NoRemoteRecipients) => Chip::off("No Remote Recipients"),
        Some(WritebackState::Cancelled) => Chip::off("Cancelled"),
        None => Chip::off("Unknown"),
    }
}

pub fn link(w: &writebacks::Writeback) -> String {
    format!("/writebacks/{}", PublicId::new(Kind::Writeback, Instant(w.created_at), w.id))
}

/// The remote system's name, as its kind has it.
pub fn system(r: &WritebackRow) -> &str {
    rialto_connectors::kind(&r.bridge_kind).map_or(r.bridge_name.as_str(), |k| k.name)
}

pub fn kind_label(name: &str) -> &'static str {
    WritebackKind::from_name(name).map_or("Unknown", WritebackKind::label)
}

fn columns(reader: &Reader) -> Vec<Column<WritebackRow>> {
    let (here, begun) = (reader.here(), reader.here());
    let ended = reader.here();
    vec![
        Column::new("what", "What", |r: &WritebackRow| Cell::Link {
            href: link(&r.writeback),
            text: kind_label(&r.writeback.kind).to_owned(),
            note: r.remote_id.clone(),
        })
        .always(),
        Column::new("state", "State", |r: &WritebackRow| Cell::Chips(vec![chip(r.writeback.state())])).short(),
        Column::new("says", "Tells", |r: &WritebackRow| Cell::Text(row_says(r))).wide(),
        Column::new("reason", "Why", |r: &WritebackRow| match r.writeback.reason.as_str() {
            "" if r.waits_for_fetch() => Cell::Text(format!("waits for {} to fetch it", system(r))),
            "" if r.is_fetched() => Cell::Text(format!("{} fetched it; not acknowledged yet", system(r))),
            "" => Cell::None(""),
            reason => Cell::Text(reason.to_owned()),
        })
        .wide(),
        Column::new("person", "Person", |r: &WritebackRow| match r.subscriber_created_at {
            Some(at) => Cell::link(links::person(at, r.writeback.subscriber_id), r.address.clone()),
            None => Cell::None("many"),
        })
        .on_request(),
        Column::new("bridge", "Bridge", |r: &WritebackRow| Cell::Text(r.bridge_name.clone())).on_request(),
        Column::new("tries", "Tries", |r: &WritebackRow| Cell::Number(r.writeback.tries)).number(),
        Column::new("decided", "Decided", move |r: &WritebackRow| Cell::Time(begun.when(r.writeback.created_at))).short(),
        Column::new("next", "Next try", move |r: &WritebackRow| Cell::time(r.next_try(here.now).map(|at| here.when(at)), "–"))
            .short()
            .on_request(),
        Column::new("ended", "Ended", move |r: &WritebackRow| Cell::time(ended.maybe(r.writeback.ended_at), "–")).short(),
    ]
}

/// GET /writebacks
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let zone = reader.app.settings.timezone.clone();
    let (filter, faults) = asked.filter(&zone);
    let db = &reader.app.db;
    let turn = Turn::new(&asked.before, &asked.newer, LIMIT);
    let place = turn.place.parse().unwrap_or(i64::MAX);
    // Rows that a faulty filter does not mean would mislead.
    let read = if faults.any() { Vec::new() } else { view::turn(db.read(), &filter, turn.way, place, turn.wanted()).await? };
    let found = turn.page(read);
    let busy = turn.begins() && found.rows.iter().any(|r| matches!(r.writeback.state.as_str(), "new" | "processing"));
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &found.rows, None);
    table.csv = Some(asked.link("/writebacks/export.csv", &asked.state, "", ""));
    found.links(&mut table, |r| r.writeback.id.to_string(), |before, newer| asked.link("/writebacks", &asked.state, before, newer));
    let all = bridges::list(db.read()).await?;
    let counts = writebacks::counts(db.read(), filter.bridge_id).await?;
    let counted = Counted::of(&reader, &filter, &counts, faults.any()).await?;
    table.counted = counted.said(&filter);
    let figures = WritebackState::ALL
        .iter()
        .map(|s| Figure {
            href: asked.link("/writebacks", s.name(), "", ""),
            chip: chip(Some(*s)),
            number: text::num(counted.number(s.name())),
            here: s.name() == filter.state,
        })
        .collect();
    let frame = reader.page("Writeback List");
    let status = if faults.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = List {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        table,
        kinds: kinds(&filter.kind),
        states: states(&filter.state),
        bridges: all
            .iter()
            .map(|b| (links::bridge_id(b).to_string(), b.name.clone(), links::bridge_id(b).to_string() == asked.bridge))
            .collect(),
        filtered: asked.narrows(),
        any_state: (!filter.state.is_empty()).then(|| asked.link("/writebacks", "", "", "")),
        total: text::num(counted.total()),
        partial: counted.partial(),
        exact: counted.exact,
        figures,
        stations: stations(&reader, &all, &filter, &counts).await?,
        may_admin: reader.may(Permission::BridgesAdmin),
        may_retry: reader.may(Permission::WritebacksRetry),
        person: person(&reader, &filter, &asked).await?,
        asked,
        faults,
        zone,
    };
    Ok((status, Html(page.render()?)).into_response())
}

async fn person(reader: &Reader, filter: &Filter, asked: &Asked) -> Result<Option<(String, String)>, Error> {
    let found = match filter.subscriber_id {
        0 => None,
        id => people::one(reader.app.db.read(), id).await?,
    };
    let name = |m: Member| if m.address.is_empty() { m.remote_id } else { m.address };
    let everybody = Asked { person: String::new(), ..asked.clone() }.link("/writebacks", &asked.state, "", "");
    Ok(found.map(|m| (name(m), everybody)))
}

/// How many stand in each state: of a bridge or of all from the books of the queue, else of the newest that fit the filter.
struct Counted {
    states: Vec<(String, i64)>,
    exact: bool,
}

impl Counted {
    async fn of(reader: &Reader, filter: &Filter, counts: &[(i64, String, i64)], nothing: bool) -> Result<Self, Error> {
        let plain = Filter { bridge_id: filter.bridge_id, state: filter.state.clone(), ..Filter::default() };
        if nothing || *filter == plain {
            let states = if nothing { Vec::new() } else { counts.iter().map(|(_, state, n)| (state.clone(), *n)).collect() };
            return Ok(Self { states, exact: true });
        }
        Ok(Self { states: view::states(reader.app.db.read(), filter).await?, exact: false })
    }

    fn number(&self, state: &str) -> i64 {
        self.states.iter().filter(|(s, _)| s == state).map(|(_, n)| n).sum()
    }

    fn total(&self) -> i64 {
        self.states.iter().map(|(_, n)| n).sum()
    }

    /// There may be more than were counted.
    fn partial(&self) -> bool {
        !self.exact && self.total() >= view::MOST_COUNTED
    }

    /// How many rows the list has, as far as they were counted.
    fn said(&self, filter: &Filter) -> String {
        let number = if filter.state.is_empty() { self.total() } else { self.number(&filter.state) };
        match (self.partial(), filter.state.is_empty()) {
            (false, _) => text::count(number, "writeback", "writebacks"),
            (true, true) => format!("{} writebacks or more", text::num(number)),
            (true, false) => format!("{} of the newest {}", text::num(number), text::num(view::MOST_COUNTED)),
        }
    }
}

fn kinds(chosen: &str) -> Vec<(&'static str, &'static str, bool)> {
    let all = WritebackKind::ALL.iter().map(|k| (k.name(), k.label(), k.name() == chosen));
    std::iter::once(("", "Any kind", chosen.is_empty())).chain(all).collect()
}

fn states(chosen: &str) -> Vec<(&'static str, &'static str, bool)> {
    let all = WritebackState::ALL.iter().map(|s| (s.name(), s.label(), s.name() == chosen));
    std::iter::once(("", "Any state", chosen.is_empty())).chain(all).collect()
}

async fn stations(reader: &Reader, all: &[Bridge], filter: &Filter, counts: &[(i64, String, i64)]) -> Result<Vec<Station>, Error> {
    let (here, now) = (reader.here(), reader.app.clock.now());
    let known: Vec<Destination> = writebacks::destinations(reader.app.db.read()).await?;
    let mut out = Vec::new();
    for b in all.iter().filter(|b| filter.bridge_id == 0 || b.id == filter.bridge_id) {
        let d = known.iter().find(|d| d.bridge_id == b.id);
        let number = |state: &str| counts.iter().filter(|(id, s, _)| *id == b.id && s == state).map(|(.., n)| n).sum::<i64>();
        let href = links::bridge(b.created_at, b.id);
        out.push(Station {
            name: b.name.clone(),
            run: format!("{href}/writebacks/run"),
            retry: format!("{href}/writebacks/retry"),
            chip: station_chip(b, d, counts.iter().any(|(id, ..)| *id == b.id), now),
            notes: d.map(|d| notes(d, &here)).unwrap_or_default(),
            fetched: d.filter(|d| d.is_polled()).map(|d| here.maybe(d.polled_at)),
            next: d.filter(|d| d.next_cycle_at > 0 && d.read_settings().automatic && !d.is_polled()).map(|d| here.when(d.next_cycle_at)),
            last: d.filter(|d| d.cutoff > 0).map(|d| here.when(d.cutoff)),
            left: d.and_then(|d| d.left_today(now)).map(text::num),
            // Whoever fetches begins the cycle by it.
            can_run: b.enabled && d.is_none_or(|d| !d.is_polled() || !d.read_settings().automatic),
            errors: number("error"),
            href,
        });
    }
    Ok(out)
}

/// How a bridge stands as a destination; `used`: something was queued for it once.
pub fn station_chip(b: &Bridge, d: Option<&Destination>, used: bool, now: Instant) -> Chip {
    match d {
        _ if !b.enabled => Chip::off("Switched off"),
        Some(d) if d.stays_away(now).is_some() => Chip::stop("Not fetched"),
        Some(d) if d.blocked_at.is_some() => Chip::stop("Away"),
        Some(d) if !d.set_up().is_empty() => Chip::look("Set-up missing"),
        Some(d) if !d.read_settings().automatic => Chip::off("By hand"),
        Some(d) if d.is_polled() && d.polled_at.is_none() => Chip::look("Not fetched yet"),
        Some(d) if d.cutoff > 0 && used => Chip::ok("In order"),
        _ => Chip::off("Not yet used"),
    }
}

/// What it means that nobody fetches.
pub fn stays_away(d: &Destination, since: &When) -> String {
    let what =
        if d.polled_at.is_some_and(|at| at >= d.delivery_since) { "Not fetched since" } else { "To be fetched, and never was, since" };
    format!(
        "{what} {}. What is due waits here, and nothing is lost. Look at the job in the remote system: whether it runs, and has this bridge's address and its present token.",
        since.ago
    )
}

/// What is the matter with a destination, in sentences.
pub fn notes(d: &Destination, here: &text::Here) -> Vec<String> {
    let mut notes: Vec<String> = d
        .set_up()
        .into_iter()
        .map(|f| {
            let kinds: Vec<&str> = f.kinds.iter().map(|k| k.label()).collect();
            format!("Held ({}): {}", kinds.join(", "), f.detail)
        })
        .collect();
    if let Some(since) = d.stays_away(here.now) {
        notes.push(stays_away(d, &here.when(since)));
    }
    if let Some(at) = d.blocked_at {
        let probe = if d.probe_at > 0 { format!(" It is asked again {}.", here.when(d.probe_at).ago) } else { String::new() };
        notes.push(format!("Away since {}: {} Nothing is lost; what waits costs no try.{probe}", here.minute(at), d.blocked_reason));
    }
    notes
}

/// GET /writebacks/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let columns = chosen(&reader, TABLE, columns(&reader));
    let (filter, faults) = asked.filter(&reader.app.settings.timezone);
    if faults.any() {
        return Err(Error::BadRequest("The days of the filter are not in order: correct them on the page of the list.".into()));
    }
    let app = reader.app.clone();
    let slices = async_stream::try_stream! {
        let mut before = i64::MAX;
        loop {
            let found = view::turn(app.db.read(), &filter, rialto_store::views::Way::Onward, before, csv::SLICE).await?;
            let Some(last) = found.last() else { break };
            before = last.writeback.id;
            yield found;
        }
    };
    Ok(csv::download("writebacks", columns, slices))
}

/// POST /admin/bridges/{id}/writebacks/run: a cycle now.
pub async fn run(reader: Reader, axum::extract::Path(id): axum::extract::Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    settings::do_run(&reader.app, &bridge, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, "/writebacks", &Toast::new("Begun: everything that is due goes out now."))
}
