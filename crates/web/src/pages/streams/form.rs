//! A stream connection made, changed, switched off and on, deleted.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_connectors::streams::{self, FeedKind};
use rialto_core::permissions::Permission;
use rialto_store::streams::{self as store, Stream, feed};
use serde::Deserialize;

use super::{find, href};
use crate::api::streams::{self as api, StreamInput, StreamPatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::pages::entry_fields::{self, Field};
use crate::pages::shell::{Page, Reader};
use crate::pages::text::filters;
use crate::pages::toast::{self, Toast};

/// A connection as the browser sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    name: String,
    /// A business unit a line.
    sources: String,
    enabled: String,
    /// Of a broker: `settings.<key>` and `secrets.<key>`.
    #[serde(flatten)]
    more: BTreeMap<String, String>,
}

impl Sent {
    fn units(&self) -> Vec<String> {
        self.sources.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

#[derive(Template)]
#[template(path = "streams/form.html")]
struct StreamForm {
    page: Page,
    action: String,
    back: String,
    edit: bool,
    /// The kind of broker, and what is asked for it; `None` for the inbox.
    broker: Option<&'static FeedKind>,
    fields: Vec<Field>,
    more_open: bool,
    sent: Sent,
    faults: Vec<FieldError>,
    whole: String,
}

impl StreamForm {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }

    /// Faults of the business units: of all of them, or of one.
    fn source_fault(&self) -> Option<&str> {
        self.faults.iter().find(|f| f.field.starts_with("sources")).map(|f| f.detail.as_str())
    }
}

/// What the form is about: a connection that is edited, or the kind of a new one; and the secrets that are stored.
struct About<'a> {
    own: Option<&'a Stream>,
    broker: Option<&'static FeedKind>,
    stored: Vec<String>,
}

impl<'a> About<'a> {
    async fn of(reader: &Reader, stream: &'a Stream) -> Result<Self, Error> {
        let stored = match feed::get(reader.app.db.read(), stream.id).await? {
            Some(feed) => feed.secret_names()?,
            None => Vec::new(),
        };
        Ok(Self { own: Some(stream), broker: streams::feed(&stream.kind), stored })
    }
}

fn form(reader: &Reader, about: &About<'_>, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let About { own, broker, stored } = about;
    let (faults, whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    let fields = broker.map_or_else(Vec::new, |kind| {
        let (settings, _) = entry_fields::read(kind.into(), &sent.more);
        entry_fields::of(kind.into(), &settings, stored, &faults)
    });
    let page = StreamForm {
        broker: *broker,
        more_open: fields.iter().any(|f| f.advanced && f.error.is_some()),
        fields,
        page: reader.page(own.map_or("New stream connection".to_owned(), |s| format!("Edit {}", s.name))),
        action: match (own, broker) {
            (Some(stream), _) => format!("{}/edit", href(stream)),
            (None, Some(kind)) => format!("/admin/streams/new/{}", kind.kind),
            (None, None) => "/admin/streams/new".to_owned(),
        },
        back: own.map_or("/admin/streams".to_owned(), href),
        edit: own.is_some(),
        sent,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// The kind of a new connection; without one it is the inbox.
fn kind_of(named: Option<Path<String>>) -> Result<Option<&'static FeedKind>, Error> {
    named.map(|Path(kind)| streams::feed(&kind).ok_or(Error::NotFound)).transpose()
}

/// GET /admin/streams/new and /admin/streams/new/{kind}
pub async fn new(reader: Reader, kind: Option<Path<String>>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let about = About { own: None, broker: kind_of(kind)?, stored: Vec::new() };
    form(&reader, &about, Sent { enabled: "yes".into(), ..Sent::default() }, None)
}

/// POST /admin/streams/new and /admin/streams/new/{kind}
pub async fn create(reader: Reader, kind: Option<Path<String>>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let app = &reader.app;
    let broker = kind_of(kind)?;
    let (settings, secrets) = broker.map_or_else(Default::default, |kind| entry_fields::read(kind.into(), &sent.more));
    let kind = broker.map_or("http", |kind| kind.kind).to_owned();
    let input = StreamInput { name: sent.name.clone(), kind, sources: sent.units(), enabled: sent.enabled == "yes", settings, secrets };
    match api::make(app, &reader.session.actor(app), &input).await {
        Ok(id) => {
            let made = store::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
            let next = if broker.is_some() { "Rialto begins to fetch." } else { "Make its token next: events are sent with it." };
            toast::done(&reader, &href(&made), &Toast::new(format!("{} is made. {next}", made.name)))
        }
        Err(error) => form(&reader, &About { own: None, broker, stored: Vec::new() }, sent, Some(error)),
    }
}

/// GET /admin/streams/{id}/edit
pub async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let stream = find(&reader, &id).await?;
    let sent = Sent {
        name: stream.name.clone(),
        sources: api::read_sources(&reader.app, &stream).await?.join("\n"),
        enabled: if stream.enabled { "yes".into() } else { String::new() },
        more: match feed::get(reader.app.db.read(), stream.id).await? {
            Some(feed) => feed.settings()?.into_iter().map(|(key, value)| (format!("settings.{key}"), value)).collect(),
            None => BTreeMap::new(),
        },
    };
    form(&reader, &About::of(&reader, &stream).await?, sent, None)
}

/// POST /admin/streams/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let (app, stream) = (&reader.app, find(&reader, &id).await?);
    let about = About::of(&reader, &stream).await?;
    let (settings, secrets) = match about.broker {
        Some(kind) => {
            let (settings, secrets) = entry_fields::read(kind.into(), &sent.more);
            (Some(settings), Some(secrets))
        }
        None => (None, None),
    };
    let (name, enabled) = (Some(sent.name.clone()), Some(sent.enabled == "yes"));
    let to = StreamPatch { name, sources: Some(sent.units()), enabled, settings, secrets };
    match api::save(app, &reader.session.actor(app), &stream, to).await {
        Ok(()) => toast::done(&reader, &href(&stream), &Toast::new(format!("{} is saved.", sent.name.trim()))),
        Err(error) => form(&reader, &about, sent, Some(error)),
    }
}

/// Where a connection is to be switched.
#[derive(Deserialize)]
pub struct Switch {
    /// `on` or `off`.
    to: String,
}

/// POST /admin/streams/{id}/switch?to=on|off
pub async fn switch(reader: Reader, Path(id): Path<String>, Query(switch): Query<Switch>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let (app, stream) = (&reader.app, find(&reader, &id).await?);
    let (on, said, other) = match switch.to.as_str() {
        "on" => (true, "is switched on", "off"),
        "off" => (false, "is switched off: nothing comes in, and data syncs rest", "on"),
        _ => return Err(Error::BadRequest("A stream connection is switched on or off.".into())),
    };
    let to = StreamPatch { name: None, sources: None, enabled: Some(on), settings: None, secrets: None };
    api::save(app, &reader.session.actor(app), &stream, to).await?;
    let back = format!("{}/switch?to={other}", href(&stream));
    toast::done(&reader, &href(&stream), &Toast::new(format!("{} {said}.", stream.name)).undo(back, &[]))
}

#[derive(Template)]
#[template(path = "streams/delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    taken: i64,
    /// Why it cannot be; empty where it can.
    refused: String,
}

fn asked(reader: &Reader, stream: &Stream, refused: String) -> Result<Response, Error> {
    let status = if refused.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    let page = Delete {
        page: reader.page(format!("Delete {}", stream.name)),
        href: href(stream),
        name: stream.name.clone(),
        taken: stream.next_position,
        refused,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /admin/streams/{id}/delete: what it means, before it is done.
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let stream = find(&reader, &id).await?;
    asked(&reader, &stream, String::new())
}

/// POST /admin/streams/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let (app, stream) = (&reader.app, find(&reader, &id).await?);
    match api::remove(app, &reader.session.actor(app), &stream).await {
        Ok(()) => toast::done(&reader, "/admin/streams", &Toast::new(format!("{} was deleted. Its inbox is closed.", stream.name))),
        Err(Error::Conflict(why)) => asked(&reader, &stream, why),
        Err(other) => Err(other),
    }
}
