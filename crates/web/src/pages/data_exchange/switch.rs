//! Enabling, disabling and deleting a data sync.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_store::audiences;
use serde::Deserialize;

use super::head::find;
use super::matching::title;
use super::{HERE, link};
use crate::api::data_syncs::{do_remove, do_switch};
use crate::auth::Form;
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::filters;
use crate::pages::toast::{self, Toast};

#[derive(Deserialize)]
pub struct Switch {
    /// `on` or `off`.
    to: String,
    /// The tab to come back to; `list` for the list.
    #[serde(default)]
    back: String,
}

/// POST /data-exchange/{id}/switch
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(switch): Form<Switch>) -> Result<Response, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    let (on, said, other) = match switch.to.as_str() {
        "on" => (true, "is enabled; it catches up with what came meanwhile", "off"),
        "off" => (false, "is disabled; its place in the stream is kept", "on"),
        _ => return Err(Error::BadRequest("A profile enrichment is switched on or off.".into())),
    };
    do_switch(&reader.app, &sync, on, &reader.session.actor(&reader.app)).await?;
    let own = link(&sync);
    let to = match switch.back.as_str() {
        "list" => HERE.to_owned(),
        tab @ ("matching" | "preview" | "history") => format!("{own}/{tab}"),
        _ => own.clone(),
    };
    let undo = [("to", other), ("back", switch.back.as_str())];
    toast::done(&reader, &to, &Toast::new(format!("{} {said}.", sync.name)).undo(format!("{own}/switch"), &undo))
}

#[derive(Template)]
#[template(path = "data_exchange/delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    destination: String,
    enabled: bool,
    /// Rejected events and values that nobody has settled.
    rejected: i64,
}

/// GET /data-exchange/{id}/delete: what it means, before it is done.
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    let audience = audiences::get(reader.app.db.read(), sync.audience_id).await?.ok_or(Error::NotFound)?;
    let (_, rejected) = rialto_store::streams::of_sync(reader.app.db.read(), sync.id, 0, 0).await?;
    let page = Delete {
        page: reader.page(format!("Delete {}", sync.name)),
        href: link(&sync),
        destination: title(&audience),
        enabled: sync.enabled,
        rejected,
        name: sync.name,
    };
    Ok(Html(page.render()?))
}

/// POST /data-exchange/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    do_remove(&reader.app, &sync, &reader.session.actor(&reader.app)).await?;
    let said = format!("{} was deleted. The rows and fields of {} stay as they are.", sync.name, sync.audience_name);
    toast::done(&reader, HERE, &Toast::new(said))
}
