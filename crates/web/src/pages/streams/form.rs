//! A stream connection made, changed, switched off and on, deleted.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::streams::{self as store, Stream};
use serde::Deserialize;

use super::{find, href};
use crate::api::streams::{self as api, StreamInput, StreamPatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};
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

fn form(reader: &Reader, own: Option<&Stream>, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let (faults, whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    let page = StreamForm {
        page: reader.page(own.map_or("New stream connection".to_owned(), |s| format!("Edit {}", s.name))),
        action: own.map_or("/admin/streams/new".to_owned(), |s| format!("{}/edit", href(s))),
        back: own.map_or("/admin/streams".to_owned(), href),
        edit: own.is_some(),
        sent,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /admin/streams/new
pub async fn new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    form(&reader, None, Sent { enabled: "yes".into(), ..Sent::default() }, None)
}

/// POST /admin/streams/new
pub async fn create(reader: Reader, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let app = &reader.app;
    let input = StreamInput { name: sent.name.clone(), kind: "http".into(), sources: sent.units(), enabled: sent.enabled == "yes" };
    match api::make(app, &reader.session.actor(app), &input).await {
        Ok(id) => {
            let made = store::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
            let said = Toast::new(format!("{} is made. Make its token next: events are sent with it.", made.name));
            toast::done(&reader, &href(&made), &said)
        }
        Err(error) => form(&reader, None, sent, Some(error)),
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
    };
    form(&reader, Some(&stream), sent, None)
}

/// POST /admin/streams/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let (app, stream) = (&reader.app, find(&reader, &id).await?);
    let to = StreamPatch { name: Some(sent.name.clone()), sources: Some(sent.units()), enabled: Some(sent.enabled == "yes") };
    match api::save(app, &reader.session.actor(app), &stream, to).await {
        Ok(()) => toast::done(&reader, &href(&stream), &Toast::new(format!("{} is saved.", sent.name.trim()))),
        Err(error) => form(&reader, Some(&stream), sent, Some(error)),
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
        "off" => (false, "is switched off; whoever sends events is told so, and data syncs rest", "on"),
        _ => return Err(Error::BadRequest("A stream connection is switched on or off.".into())),
    };
    let to = StreamPatch { name: None, sources: None, enabled: Some(on) };
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
