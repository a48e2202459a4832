//! What people do with a target group as a whole: move, delete, let its syncs change it again.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::groups::{self, Edit};
use rialto_store::views::compound;
use rialto_store::{StoreError, folders as store_folders};
use serde::Deserialize;

use super::folders;
use super::links;
use super::shell::{Page, Reader};
use super::text;
use super::toast::{self, Toast};
use crate::auth::{Form, local};
use crate::error::Error;

/// Where a question was asked from.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct From {
    back: String,
}

/// A page of ours, or the one that is usual here.
fn back_to(text: &str, usual: &str) -> String {
    if text.is_empty() { usual.to_owned() } else { local(text).to_owned() }
}

#[derive(Template)]
#[template(path = "group_move.html")]
struct Move {
    page: Page,
    href: String,
    back: String,
    name: String,
    folder: String,
    places: Vec<String>,
    new: String,
    fault: Option<String>,
}

/// GET /target-groups/{id}/move
pub async fn ask_move(reader: Reader, Path(id): Path<String>, Query(from): Query<From>) -> Result<Response, Error> {
    let entered = Place { back: from.back, ..Place::default() };
    move_form(&reader, &id, entered, None).await
}

async fn move_form(reader: &Reader, id: &str, entered: Place, fault: Option<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, id).await?;
    let href = links::group(row.group.created_at, row.group.id);
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Move {
        page: reader.page(format!("Move {}", row.group.name)),
        back: back_to(&entered.back, &href),
        href,
        name: row.group.name,
        folder: row.group.folder,
        places: folders::paths(reader).await?,
        new: entered.new,
        fault,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// Where a group is to go.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Place {
    /// A path that is there; empty for no folder.
    folder: String,
    /// A path that may have to be made; goes before `folder`.
    new: String,
    back: String,
}

/// POST /target-groups/{id}/move
pub async fn relocate(reader: Reader, Path(id): Path<String>, Form(entered): Form<Place>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let wanted = if entered.new.trim().is_empty() { &entered.folder } else { &entered.new };
    let folder = match store_folders::path(wanted) {
        Ok(path) => path,
        Err(fault) => return move_form(&reader, &id, entered, Some(fault.to_owned())).await,
    };
    let row = links::find_group(&reader.app, &id).await?;
    let href = links::group(row.group.created_at, row.group.id);
    let app = &reader.app;
    let mut tx = app.db.write().await?;
    groups::edit(&mut tx, row.group.id, &Edit { folder: Some(folder.clone()), ..Edit::default() }, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let place = if folder.is_empty() { "out of its folder".to_owned() } else { format!("to {folder}") };
    let back = back_to(&entered.back, &href);
    let undo = [("folder", row.group.folder.as_str()), ("back", &back)];
    toast::done(&reader, &back, &Toast::new(format!("{} was moved {place}.", row.group.name)).undo(format!("{href}/move"), &undo))
}

#[derive(Template)]
#[template(path = "group_delete.html")]
struct Delete {
    page: Page,
    href: String,
    back: String,
    name: String,
    members: String,
    /// Why it cannot be deleted, where that is known already.
    refused: String,
}

/// GET /target-groups/{id}/delete
pub async fn ask_delete(reader: Reader, Path(id): Path<String>, Query(from): Query<From>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, &id).await?;
    let href = links::group(row.group.created_at, row.group.id);
    let users: Vec<String> = compound::users(reader.app.db.read(), row.group.id).await?.into_iter().map(|u| u.name).collect();
    let refused = match users.as_slice() {
        [] => String::new(),
        names => format!("These target groups are made of it: {}. Take it out of them first.", names.join(", ")),
    };
    let page = Delete {
        page: reader.page(format!("Delete {}", row.group.name)),
        back: back_to(&from.back, &href),
        href,
        members: text::people(row.group.members),
        name: row.group.name,
        refused,
    };
    Ok(Html(page.render()?))
}

/// POST /target-groups/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, &id).await?;
    let app = &reader.app;
    let mut tx = app.db.write().await?;
    groups::delete(&mut tx, row.group.id, &reader.session.actor(app)).await?;
    tx.commit().await?;
    app.wake.ring();
    let to = format!("/target-groups{}", links::query(&[("folder", &row.group.folder)]));
    toast::done(&reader, &to, &Toast::new(format!("{} was deleted. Its people stay in Rialto.", row.group.name)))
}

/// POST /target-groups/{id}/resume
pub async fn resume(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::GroupsApprove)?;
    let row = links::find_group(&reader.app, &id).await?;
    let app = &reader.app;
    let mut tx = app.db.write().await?;
    match groups::resume(&mut tx, row.group.id, &reader.session.actor(app)).await {
        Ok(()) => tx.commit().await?,
        // Somebody else pressed it a moment ago: what was wished is so.
        Err(StoreError::Conflict(_)) => drop(tx),
        Err(other) => return Err(other.into()),
    }
    let href = links::group(row.group.created_at, row.group.id);
    toast::done(&reader, &href, &Toast::new(format!("Syncs of {} change it again.", row.group.name)))
}
