//! `/folders`: where target groups stand (`docs/adr/0014`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::folders;
use rialto_store::views::folders::{self as views, FolderRow};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Id, List, Paging, Params, Problem, after, found, limit, page, public};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct FolderView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// With the folders above it, e.g. `Spring/Newsletters`: what `folder` of a target group holds.
    pub path: String,
    #[schema(format = "uuid")]
    pub parent: Option<String>,
    /// Folders above it.
    pub depth: usize,
    /// The bridge whose new lists land here.
    #[schema(format = "uuid")]
    pub bridge: Option<String>,
    /// Target groups in it, and in folders below it.
    pub groups: i64,
    pub groups_below: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFolder {
    /// 1 to 200 characters, without `/`.
    pub name: String,
    /// The folder above; left out or null for none.
    #[schema(format = "uuid")]
    pub parent: Option<String>,
}

/// What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderChange {
    pub name: Option<String>,
    /// The folder to move it into; null for the top.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub parent: Option<Option<String>>,
}

fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(d).map(Some)
}

fn show(all: &[FolderRow], f: &FolderRow, bridges: &std::collections::HashMap<i64, i64>) -> FolderView {
    let parent = f.above().and_then(|above| all.iter().find(|p| p.name == above));
    FolderView {
        id: public(Kind::Folder, f.created_at, f.id),
        name: f.last_name().to_owned(),
        path: f.name.clone(),
        parent: parent.map(|p| public(Kind::Folder, p.created_at, p.id)),
        depth: f.depth(),
        bridge: f.bridge_id.and_then(|id| bridges.get(&id).map(|at| public(Kind::Bridge, *at, id))),
        groups: f.own,
        groups_below: f.below,
    }
}

async fn views_of(app: &App) -> Result<Vec<(i64, FolderView)>, Error> {
    let all = views::tree(app.db.read()).await?;
    let ids: Vec<i64> = all.iter().filter_map(|f| f.bridge_id).collect();
    let bridges = rialto_store::views::api::made(app.db.read(), rialto_store::views::api::Made::Bridges, &ids).await?;
    Ok(all.iter().map(|f| (f.id, show(&all, f, &bridges))).collect())
}

async fn one(app: &App, id: i64) -> Result<FolderView, Error> {
    views_of(app).await?.into_iter().find(|(known, _)| *known == id).map(|(_, f)| f).ok_or(Error::NotFound)
}

async fn load(app: &App, id: &Id) -> Result<FolderRow, Error> {
    let id = id.of(Kind::Folder)?;
    let row = views::tree(app.db.read()).await?.into_iter().find(|f| f.id == id.id);
    found(row, id, |f| f.created_at)
}

/// One name of a path.
fn name(text: &str) -> Result<String, Error> {
    let fault = |detail: &str| Error::field("name", detail);
    match folders::path(text) {
        Ok(path) if path.is_empty() => Err(fault("Enter 1 to 200 characters.")),
        Ok(path) if path.contains('/') => Err(fault("Enter one name without /; say in parent where the folder stands.")),
        Ok(path) => Ok(path),
        Err(detail) => Err(fault(detail)),
    }
}

/// The path of a folder called `name` in `parent`.
async fn place(app: &App, parent: Option<&str>, name: &str) -> Result<String, Error> {
    let path = match parent {
        None => return Ok(name.to_owned()),
        Some(id) => {
            let above = load(app, &Id(id.to_owned())).await.map_err(|e| match e {
                Error::NotFound => Error::field("parent", "There is no such folder."),
                other => other,
            })?;
            format!("{}/{name}", above.name)
        }
    };
    folders::path(&path).map_err(|detail| Error::field("parent", detail))
}

/// All folders as a tree: each after the one it stands in.
#[utoipa::path(get, path = "/folders", tag = "administration", params(Paging), responses((status = 200, body = List<FolderView>)))]
pub async fn list(State(app): State<App>, _: Caller, Params(paging): Params<Paging>) -> Result<Json<List<FolderView>>, Error> {
    let limit = limit(paging.limit)?;
    let skip = after::<usize>(paging.cursor.as_deref())?.unwrap_or(0);
    let all = views_of(&app).await?;
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let rows: Vec<(usize, FolderView)> = all.into_iter().map(|(_, f)| f).enumerate().skip(skip).collect();
    Ok(Json(page(rows, limit, total, |(n, _)| n + 1, |(_, f)| f)))
}

#[utoipa::path(get, path = "/folders/{id}", tag = "administration", params(("id" = String, Path)),
    responses((status = 200, body = FolderView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<FolderView>, Error> {
    one(&app, load(&app, &id).await?.id).await.map(Json)
}

#[utoipa::path(post, path = "/folders", tag = "administration", request_body = NewFolder,
    responses((status = 201, body = FolderView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<NewFolder>) -> Result<(StatusCode, Json<FolderView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let new = body.read()?;
    let path = place(&app, new.parent.as_deref(), &name(&new.name)?).await?;
    let mut tx = app.db.write().await?;
    let id = folders::create(&mut tx, &path, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(one(&app, id).await?)))
}

/// Renames a folder or moves it into another, with all that is in it.
#[utoipa::path(patch, path = "/folders/{id}", tag = "administration", params(("id" = String, Path)), request_body = FolderChange,
    responses((status = 200, body = FolderView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<FolderChange>) -> Result<Json<FolderView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let change = body.read()?;
    let folder = load(&app, &id).await?;
    let last = match &change.name {
        Some(text) => name(text)?,
        None => folder.last_name().to_owned(),
    };
    let path = match (&change.parent, folder.above()) {
        (Some(parent), _) => place(&app, parent.as_deref(), &last).await?,
        (None, Some(above)) => format!("{above}/{last}"),
        (None, None) => last,
    };
    let path = folders::path(&path).map_err(|detail| Error::field("name", detail))?;
    let mut tx = app.db.write().await?;
    folders::relocate(&mut tx, folder.id, &path, &caller.actor(&app)).await?;
    tx.commit().await?;
    one(&app, folder.id).await.map(Json)
}

/// Deletes an empty folder.
#[utoipa::path(delete, path = "/folders/{id}", tag = "administration", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let folder = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    folders::delete(&mut tx, folder.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
