//! Stream connections (L1): where profile events come from, which business units they read, and how they flow.

mod form;
mod list;
mod show;
mod token;

use axum::Router;
use axum::routing::{get, post};
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::streams::{self as store, Alarm, Stream};

use super::shell::Reader;
use super::table::Action;
use super::text::{self, Chip, When};
use crate::api::extract::Id;
use crate::api::streams as api;
use crate::error::Error;
use crate::state::App;

pub fn router() -> Router<App> {
    Router::new()
        .route("/admin/streams", get(list::show))
        .route("/admin/streams/new", get(form::new).post(form::create))
        .route("/admin/streams/new/{kind}", get(form::new).post(form::create))
        .route("/admin/streams/{id}", get(show::overview))
        .route("/admin/streams/{id}/fields", get(show::fields))
        .route("/admin/streams/{id}/rejected", get(show::rejected))
        .route("/admin/streams/{id}/rejected/dismiss", post(show::dismiss))
        .route("/admin/streams/{id}/alarms/{number}/settle", post(show::settle))
        .route("/admin/streams/{id}/edit", get(form::edit).post(form::update))
        .route("/admin/streams/{id}/switch", post(form::switch))
        .route("/admin/streams/{id}/delete", get(form::ask_delete).post(form::delete))
        .route("/admin/streams/{id}/token", get(token::ask).post(token::make))
}

fn href(stream: &Stream) -> String {
    format!("/admin/streams/{}", PublicId::new(Kind::Stream, Instant(stream.created_at), stream.id))
}

async fn find(reader: &Reader, id: &str) -> Result<Stream, Error> {
    api::load(&reader.app, &Id(id.to_owned())).await
}

/// How a connection stands.
fn chip(stream: &Stream, alarms: &[Alarm]) -> Chip {
    match (stream.enabled, stream.trouble.is_empty(), alarms.is_empty()) {
        (false, ..) => Chip::off("Switched off"),
        (true, false, _) => Chip::stop("Stopped"),
        (true, true, false) => Chip::look("Gap"),
        (true, true, true) if stream.last_event_at.is_none() => Chip::off("No event yet"),
        (true, true, true) => Chip::ok("Receiving"),
    }
}

/// What kind of connection it is.
fn kind_name(stream: &Stream) -> &'static str {
    rialto_connectors::streams::feed(&stream.kind).map_or("HTTP inbox", |kind| kind.name)
}

/// What the menu of a connection offers to those who may change it.
fn menu(reader: &Reader, stream: &Stream) -> Vec<Action> {
    if !reader.may(Permission::ProfileStream) {
        return Vec::new();
    }
    let href = href(stream);
    let switch = if stream.enabled {
        Action::post("Switch off", format!("{href}/switch?to=off"))
    } else {
        Action::post("Switch on", format!("{href}/switch?to=on"))
    };
    vec![Action::link("Edit", format!("{href}/edit")), switch, Action::dialog("Delete …", format!("{href}/delete"))]
}

/// How a connection flows.
struct Flow {
    chip: Chip,
    sources: Vec<String>,
    last_event: Option<When>,
    /// `12 events in the last minute`.
    rate: String,
    taken: i64,
    alarms: Vec<Alarm>,
    /// Data syncs that have not looked through everything, though they are enabled.
    behind: i64,
    readers: Vec<store::Reader>,
    /// Of a broker: messages that were not fetched yet, and when it was asked.
    waiting: Option<(i64, Option<When>)>,
    /// What endangers events there.
    warnings: Vec<String>,
    /// Events of other business units, and whose the last ones were.
    passed: Option<(i64, String)>,
}

impl Flow {
    async fn of(reader: &Reader, stream: &Stream) -> Result<Self, Error> {
        let db = &reader.app.db;
        let alarms = store::alarms(db.read(), stream.id).await?;
        let readers = store::readers(db.read(), stream).await?;
        let feed = store::feed::get(db.read(), stream.id).await?;
        let late = readers.iter().filter(|r| r.enabled && r.behind > 0).count();
        Ok(Self {
            chip: chip(stream, &alarms),
            sources: api::read_sources(&reader.app, stream).await?,
            last_event: reader.here().maybe(stream.last_event_at),
            rate: text::count(api::last_minute(&reader.app, stream).await?, "event", "events"),
            taken: stream.next_position,
            behind: i64::try_from(late).unwrap_or(i64::MAX),
            waiting: feed.as_ref().map(|f| (f.waiting, reader.here().maybe(f.looked_at))),
            warnings: feed.map(|f| f.warnings()).unwrap_or_default(),
            passed: (stream.passed_over > 0).then(|| (stream.passed_over, stream.passed_source.clone())),
            alarms,
            readers,
        })
    }
}
