//! Writeback List: the queue of what is told to the remote systems.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_core::writeback::{WritebackKind, WritebackState};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::bridges::{self, Bridge};
use rialto_store::views::writebacks::{self as view, Filter, WritebackRow};
use rialto_store::writebacks::{self, Destination};
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::table::{Cell, Column, LIMIT, Table, Turn, chosen, csv};
use super::text::{self, Chip, When};
use super::toast::{self, Toast};
use crate::api::writeback_settings as settings;
use crate::api::writebacks::{self as api, row_says};
use crate::auth::Form;
use crate::error::Error;

const TABLE: &str = "writebacks";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    bridge: String,
    kind: String,
    state: String,
    /// A subscriber's public id.
    person: String,
    /// Ids of writebacks: behind which a page begins (older), or before which it ends (newer).
    before: String,
    newer: String,
}

/// A state with its figure, as a link.
struct Figure {
    href: String,
    chip: Chip,
    number: String,
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
    left: Option<String>,
    enabled: bool,
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
    person: String,
    filtered: bool,
    figures: Vec<Figure>,
    total: String,
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

pub fn kind_label(name: &str) -> &'static str {
    WritebackKind::from_name(name).map_or("Unknown", WritebackKind::label)
}

impl Asked {
    fn filter(&self) -> Filter {
        let id = |text: &str, kind| PublicId::parse(text, kind).map_or(0, |id| id.id);
        Filter {
            bridge_id: id(&self.bridge, Kind::Bridge),
            subscriber_id: id(&self.person, Kind::Subscriber),
            state: WritebackState::from_name(&self.state).map_or("", WritebackState::name).into(),
            kind: WritebackKind::from_name(&self.kind).map_or("", WritebackKind::name).into(),
            since: None,
            until: None,
        }
    }

    fn link(&self, path: &str, state: &str, before: &str, newer: &str) -> String {
        let pairs = [
            ("bridge", self.bridge.as_str()),
            ("kind", &self.kind),
            ("person", &self.person),
            ("state", state),
            ("before", before),
            ("newer", newer),
        ];
        format!("{path}{}", links::query(&pairs))
    }
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
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let filter = asked.filter();
    let db = &reader.app.db;
    let turn = Turn::new(&asked.before, &asked.newer, LIMIT);
    let place = turn.place.parse().unwrap_or(i64::MAX);
    let found = turn.page(view::turn(db.read(), &filter, turn.way, place, turn.wanted()).await?);
    let busy = turn.begins() && found.rows.iter().any(|r| matches!(r.writeback.state.as_str(), "new" | "processing"));
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &found.rows, None);
    table.csv = Some(asked.link("/writebacks/export.csv", &asked.state, "", ""));
    found.links(&mut table, |r| r.writeback.id.to_string(), |before, newer| asked.link("/writebacks", &asked.state, before, newer));
    let all = bridges::list(db.read()).await?;
    let counts = writebacks::counts(db.read(), filter.bridge_id).await?;
    let number = |state: &str| counts.iter().filter(|(_, s, _)| s == state).map(|(.., n)| n).sum::<i64>();
    let figures = WritebackState::ALL
        .iter()
        .map(|s| Figure {
            href: Asked { bridge: asked.bridge.clone(), ..Asked::default() }.link("/writebacks", s.name(), "", ""),
            chip: chip(Some(*s)),
            number: text::num(number(s.name())),
        })
        .collect();
    let frame = reader.page("Writeback List");
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
        filtered: filter != Filter::default(),
        person: asked.person.clone(),
        figures,
        total: text::num(counts.iter().map(|(.., n)| n).sum()),
        stations: stations(&reader, &all, &filter, &counts).await?,
        may_admin: reader.may(Permission::BridgesAdmin),
        may_retry: reader.may(Permission::WritebacksRetry),
    };
    Ok(Html(page.render()?))
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
            chip: station_chip(b, d, counts.iter().any(|(id, ..)| *id == b.id)),
            notes: d.map(|d| notes(d, &here)).unwrap_or_default(),
            next: d.filter(|d| d.next_cycle_at > 0 && d.read_settings().automatic).map(|d| here.when(d.next_cycle_at)),
            last: d.filter(|d| d.cutoff > 0).map(|d| here.when(d.cutoff)),
            left: d.and_then(|d| d.left_today(now)).map(text::num),
            enabled: b.enabled,
            errors: number("error"),
            href,
        });
    }
    Ok(out)
}

/// How a bridge stands as a destination; `used`: something was queued for it once.
pub fn station_chip(b: &Bridge, d: Option<&Destination>, used: bool) -> Chip {
    match d {
        _ if !b.enabled => Chip::off("Switched off"),
        Some(d) if d.blocked_at.is_some() => Chip::stop("Away"),
        Some(d) if !d.set_up().is_empty() => Chip::look("Set-up missing"),
        Some(d) if !d.read_settings().automatic => Chip::off("By hand"),
        Some(d) if d.cutoff > 0 && used => Chip::ok("In order"),
        _ => Chip::off("Not yet used"),
    }
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
    if let Some(at) = d.blocked_at {
        let probe = if d.probe_at > 0 { format!(" It is asked again {}.", here.when(d.probe_at).ago) } else { String::new() };
        notes.push(format!("Away since {}: {} Nothing is lost; what waits costs no try.{probe}", here.minute(at), d.blocked_reason));
    }
    notes
}

/// GET /writebacks/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let columns = chosen(&reader, TABLE, columns(&reader));
    let (app, filter) = (reader.app.clone(), asked.filter());
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

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Bulk {
    kind: String,
}

/// POST /admin/bridges/{id}/writebacks/retry: once more, everything in Error.
pub async fn retry_all(
    reader: Reader,
    axum::extract::Path(id): axum::extract::Path<String>,
    Form(bulk): Form<Bulk>,
) -> Result<Response, Error> {
    reader.session.require(Permission::WritebacksRetry)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let kind = WritebackKind::from_name(&bulk.kind).map_or("", WritebackKind::name);
    let number = api::do_retry_all(&reader.app, bridge.id, kind, &reader.session.actor(&reader.app)).await?;
    let said = match number {
        0 => "Nothing was in Error.".to_owned(),
        n => format!("{} out once more.", text::count(i64::try_from(n).unwrap_or(0), "writeback goes", "writebacks go")),
    };
    toast::done(&reader, "/writebacks", &Toast::new(said))
}
