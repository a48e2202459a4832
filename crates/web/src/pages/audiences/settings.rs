//! What a list or extension is called and where it stands; deleting it while nothing depends on it.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::audiences::{self as store, Audience};
use serde::Deserialize;

use super::{EXTENSIONS, Head, data_sync, find, href, page, rows_of};
use crate::api::audiences::{self as api, AudiencePatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::pages::shell::{Page, Reader};
use crate::pages::text::When;
use crate::pages::toast::{self, Toast};

#[derive(Clone, Deserialize)]
pub struct Sent {
    name: String,
    #[serde(default)]
    folder: String,
    #[serde(default)]
    description: String,
}

#[derive(Template)]
#[template(path = "audiences/settings.html")]
struct Settings {
    page: Page,
    head: Head,
    sent: Sent,
    folders: Vec<String>,
    table_name: String,
    id: String,
    made: When,
    faults: Vec<FieldError>,
}

impl Settings {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

/// Folders that lists and extensions stand in.
pub(super) async fn folders(reader: &Reader) -> Result<Vec<String>, Error> {
    let all = store::list(reader.app.db.read()).await?;
    let mut folders: Vec<String> = all.into_iter().map(|a| a.folder).filter(|f| !f.is_empty()).collect();
    folders.sort_unstable();
    folders.dedup();
    Ok(folders)
}

/// GET /lists/{id}/settings
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let audience = find(&reader, &id).await?;
    let sent = Sent { name: audience.name.clone(), folder: audience.folder.clone(), description: audience.description.clone() };
    form(&reader, &audience, sent, Vec::new()).await
}

async fn form(reader: &Reader, audience: &Audience, sent: Sent, faults: Vec<FieldError>) -> Result<Response, Error> {
    let fields = store::fields(reader.app.db.read(), audience.id).await?;
    let head = Head::of(reader, audience, &fields, "Settings").await?;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = Settings {
        page: page(reader, audience, format!("Settings of {}", audience.name)),
        folders: folders(reader).await?,
        table_name: store::table(audience.id),
        id: head.href.trim_start_matches("/lists/").to_owned(),
        made: reader.here().when(audience.created_at),
        head,
        sent,
        faults,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// POST /lists/{id}/settings
pub async fn save(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    let to = AudiencePatch {
        name: Some(sent.name.clone()),
        folder: Some(sent.folder.clone()),
        description: Some(sent.description.replace("\r\n", "\n")),
    };
    match api::save(&reader.app, &reader.session.actor(&reader.app), &audience, to).await {
        Ok(()) => {
            let said = Toast::new(format!("{} is saved.", sent.name.trim()));
            toast::done(&reader, &format!("{}/settings", href(&audience)), &said)
        }
        Err(Error::Invalid(faults)) => form(&reader, &audience, sent, faults).await,
        Err(other) => Err(other),
    }
}

#[derive(Template)]
#[template(path = "audiences/delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    rows: String,
    /// Address and name of what depends on it: it cannot be deleted.
    depends: Vec<(String, String)>,
}

/// What stands against deleting it.
async fn dependants(reader: &Reader, audience: &Audience) -> Result<Vec<(String, String)>, Error> {
    let db = &reader.app.db;
    let extensions = store::list(db.read()).await?.into_iter().filter(|a| a.list_id == Some(audience.id));
    let mut all: Vec<(String, String)> = extensions.map(|a| (href(&a), format!("the extension {}", a.name))).collect();
    for user in store::usage(db.read(), audience.id).await? {
        let at = if user.kind == "data_sync" { data_sync(user.created_at, user.id) } else { format!("{}/usage", href(audience)) };
        all.push((at, format!("the {} {}", user.kind.replace('_', " "), user.name)));
    }
    Ok(all)
}

async fn asked(reader: &Reader, audience: &Audience, status: StatusCode) -> Result<Response, Error> {
    let page = Delete {
        page: page(reader, audience, format!("Delete {}", audience.name)),
        href: href(audience),
        name: audience.name.clone(),
        rows: rows_of(&reader.app, audience).await?,
        depends: dependants(reader, audience).await?,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /lists/{id}/delete: what it means, or why it cannot be.
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    asked(&reader, &audience, StatusCode::OK).await
}

/// POST /lists/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    match api::remove(&reader.app, &reader.session.actor(&reader.app), &audience).await {
        Ok(()) => {
            let to = if audience.is_extension() { EXTENSIONS } else { "/lists" };
            toast::done(&reader, to, &Toast::new(format!("{} was deleted with its rows.", audience.name)))
        }
        // Something began to use it meanwhile: the page says what.
        Err(Error::Conflict(_)) => asked(&reader, &audience, StatusCode::CONFLICT).await,
        Err(other) => Err(other),
    }
}
