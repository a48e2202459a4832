//! Audience lists and profile extensions: what there is, and what every page about one of them shows on top (L2).

mod fields;
mod form;
mod list;
mod rows;
mod settings;
mod tabs;

use axum::Router;
use axum::routing::{get, post};
use rialto_core::data_sync::MatchBy;
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::audiences::{self as store, Audience, Field};
use rialto_store::bridges;

use super::shell::{Page, Reader};
use super::{links, text};
use crate::api::audiences as api;
use crate::api::extract::Id;
use crate::error::Error;
use crate::state::App;

/// Rows that are counted without being asked to: a page does not wait for millions.
const COUNTED: i64 = 10_000;

pub fn router() -> Router<App> {
    Router::new()
        .route("/lists", get(list::lists))
        .route("/lists/new", get(form::new_list).post(form::create_list))
        .route("/lists/extensions", get(list::extensions))
        .route("/lists/extensions/new", get(form::new_extension).post(form::create_extension))
        .route("/lists/{id}", get(rows::show))
        .route("/lists/{id}/export.csv", get(rows::export))
        .route("/lists/{id}/fields", get(fields::show))
        .route("/lists/{id}/fields/new", get(fields::new).post(fields::add))
        .route("/lists/{id}/fields/{number}", get(fields::edit).post(fields::save))
        .route("/lists/{id}/fields/{number}/retire", post(fields::retire))
        .route("/lists/{id}/fields/{number}/bring-back", post(fields::bring_back))
        .route("/lists/{id}/extensions", get(tabs::extensions))
        .route("/lists/{id}/usage", get(tabs::usage))
        .route("/lists/{id}/settings", get(settings::show).post(settings::save))
        .route("/lists/{id}/delete", get(settings::ask_delete).post(settings::delete))
}

fn href(audience: &Audience) -> String {
    format!("/lists/{}", PublicId::new(Kind::AudienceList, Instant(audience.created_at), audience.id))
}

/// Where a data sync is looked at.
pub fn data_sync(created_at: i64, id: i64) -> String {
    format!("/data-exchange/{}", PublicId::new(Kind::DataSync, Instant(created_at), id))
}

async fn find(reader: &Reader, id: &str) -> Result<Audience, Error> {
    api::load(&reader.app, &Id(id.to_owned())).await
}

/// How rows meet subscribers, as the end of a sentence.
async fn matched(app: &App, audience: &Audience) -> Result<String, Error> {
    Ok(match audience.matching() {
        None => "not said yet".into(),
        Some(MatchBy::Email) => "by email address".into(),
        Some(MatchBy::RemoteId) => {
            let bridge = bridges::get(app.db.read(), audience.match_bridge.unwrap_or_default()).await?;
            bridge.map_or_else(|| "by Remote ID of a bridge that was deleted".into(), |b| format!("by Remote ID of {}", b.name))
        }
    })
}

/// How many rows there are, in words; counted no further than a page has time for.
async fn rows_of(app: &App, audience: &Audience) -> Result<String, Error> {
    let n = store::size(app.db.read(), audience.id, COUNTED + 1).await?;
    Ok(if n > COUNTED { format!("more than {}", text::num(COUNTED)) } else { text::num(n) })
}

/// The key and its type: `Loyalty ID, text(20)`.
fn key_words(fields: &[Field]) -> String {
    fields.iter().find(|f| f.is_key()).map(|f| format!("{}, {}", f.name, f.type_words())).unwrap_or_default()
}

fn in_use(fields: &[Field]) -> i64 {
    i64::try_from(fields.iter().filter(|f| f.retired_at.is_none()).count()).unwrap_or(i64::MAX)
}

/// The top of every page about a list or an extension.
struct Head {
    href: String,
    name: String,
    description: String,
    api_name: String,
    /// Where it stands; empty for no folder.
    folder: String,
    /// Address and name of the list that it extends.
    extends: Option<(String, String)>,
    scope: String,
    key: String,
    matched: String,
    rows: String,
    may_edit: bool,
    /// Name, address, and whether it is this page.
    tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    async fn of(reader: &Reader, audience: &Audience, fields: &[Field], tab: &str) -> Result<Self, Error> {
        let app = &reader.app;
        let extends = match audience.list_id {
            Some(id) => store::get(app.db.read(), id).await?.map(|list| (href(&list), list.name)),
            None => None,
        };
        let base = href(audience);
        let names = [("Rows", ""), ("Fields", "/fields"), ("Extensions", "/extensions"), ("Usage", "/usage"), ("Settings", "/settings")];
        let shown = names.into_iter().filter(|(name, _)| !(audience.is_extension() && *name == "Extensions"));
        Ok(Self {
            tabs: shown.map(|(name, path)| (name, format!("{base}{path}"), name == tab)).collect(),
            href: base,
            name: audience.name.clone(),
            description: audience.description.clone(),
            api_name: audience.api_name.clone(),
            folder: audience.folder.clone(),
            extends,
            scope: audience.scope.clone(),
            key: key_words(fields),
            matched: matched(app, audience).await?,
            rows: rows_of(app, audience).await?,
            may_edit: reader.may(Permission::ListsEdit),
        })
    }

    /// All that stand in the same folder.
    fn folder_href(&self) -> String {
        format!("{}{}", self.all().0, links::query(&[("folder", &self.folder)]))
    }

    /// Address and name of the list of all that are like it.
    fn all(&self) -> (&'static str, &'static str) {
        if self.scope.is_empty() { ("/lists", "Audience lists") } else { (EXTENSIONS, "Profile extensions") }
    }
}

const EXTENSIONS: &str = "/lists/extensions";

/// The frame of a page about a list or an extension: in the navigation it stands under those that are like it.
fn page(reader: &Reader, audience: &Audience, title: String) -> Page {
    reader.page_under(if audience.is_extension() { EXTENSIONS } else { "/lists" }, title)
}
