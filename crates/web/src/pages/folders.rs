//! Folders of target groups: the tree beside their list, and making, renaming, moving and deleting one.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::StoreError;
use rialto_store::folders;
use rialto_store::views::folders::{self as view, FolderRow};
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::count;
use super::toast::{self, Toast};
use crate::auth::Form;
use crate::error::Error;

/// Stands in the URL for "in no folder"; no path can be this.
pub const NOWHERE: &str = "/";

/// A folder as a line of the tree.
pub struct Branch {
    pub href: String,
    pub name: String,
    /// 0 to 4, for its indent.
    pub depth: usize,
    /// Target groups in it.
    pub groups: i64,
    /// Set for the folder in which a bridge's new lists land, where its own name does not say so.
    pub bridge: String,
    pub current: bool,
}

/// The folder that is shown.
pub struct Shown {
    /// Its own name.
    pub name: String,
    /// Those above it, as address and name.
    pub above: Vec<(String, String)>,
    pub edit: String,
    pub delete: String,
    /// Makes one in it.
    pub new: String,
}

/// The tree beside the list of target groups.
pub struct Tree {
    pub branches: Vec<Branch>,
    pub all: i64,
    pub nowhere: i64,
    /// As in the URL: empty for all, `NOWHERE` for those in no folder.
    pub path: String,
    pub shown: Option<Shown>,
    rows: Vec<FolderRow>,
}

fn list(path: &str) -> String {
    format!("/target-groups{}", links::query(&[("folder", path)]))
}

fn link(f: &FolderRow) -> String {
    format!("/target-groups/folders/{}", PublicId::new(Kind::Folder, Instant(f.created_at), f.id))
}

impl Tree {
    pub async fn read(reader: &Reader, path: &str) -> Result<Self, Error> {
        let db = &reader.app.db;
        let rows = view::tree(db.read()).await?;
        let nowhere = view::in_no_folder(db.read()).await?;
        let all = nowhere + rows.iter().map(|f| f.own).sum::<i64>();
        let branches = rows
            .iter()
            .map(|f| Branch {
                href: list(&f.name),
                name: f.last_name().to_owned(),
                depth: f.depth().min(4),
                groups: f.own,
                bridge: if f.last_name().contains(&f.bridge_name) { String::new() } else { f.bridge_name.clone() },
                current: f.name == path,
            })
            .collect();
        let shown = rows.iter().find(|f| f.name == path).map(|f| shown(f, &rows));
        Ok(Self { branches, all, nowhere, path: path.to_owned(), shown, rows })
    }

    pub fn everything(&self) -> bool {
        self.path.is_empty()
    }

    pub fn nowhere_shown(&self) -> bool {
        self.path == NOWHERE
    }

    /// What the menu of the tree says on a phone.
    pub fn label(&self) -> &str {
        match self.path.as_str() {
            "" => "All folders",
            NOWHERE => "In no folder",
            path => path,
        }
    }

    /// Target groups of several folders stand in what is shown.
    pub fn several(&self, path: &str) -> bool {
        path.is_empty() && self.rows.len() + usize::from(self.nowhere > 0) > 1
    }

    /// Whether the bridge's own section is in what is shown: with everything, or in its folder.
    pub fn shows_bridge(&self, bridge_id: i64) -> bool {
        self.everything() || self.rows.iter().any(|f| f.bridge_id == Some(bridge_id) && f.name == self.path)
    }

    /// The path of the bridge's own folder, once it has one.
    pub fn own_folder(&self, bridge_id: i64) -> Option<String> {
        self.rows.iter().find(|f| f.bridge_id == Some(bridge_id)).map(|f| f.name.clone())
    }
}

fn shown(f: &FolderRow, rows: &[FolderRow]) -> Shown {
    let mut above = Vec::new();
    let mut next = f.above();
    while let Some(folder) = next.and_then(|path| rows.iter().find(|r| r.name == path)) {
        above.insert(0, (list(&folder.name), folder.last_name().to_owned()));
        next = folder.above();
    }
    Shown {
        name: f.last_name().to_owned(),
        above,
        edit: format!("{}/edit", link(f)),
        delete: format!("{}/delete", link(f)),
        new: format!("/target-groups/folders/new{}", links::query(&[("in", &f.name)])),
    }
}

/// Paths of all folders, for choosing one.
pub async fn paths(reader: &Reader) -> Result<Vec<String>, Error> {
    Ok(view::tree(reader.app.db.read()).await?.into_iter().map(|f| f.name).collect())
}

async fn find(reader: &Reader, text: &str) -> Result<FolderRow, Error> {
    let id = PublicId::parse(text, Kind::Folder).ok_or(Error::NotFound)?;
    let row = view::tree(reader.app.db.read()).await?.into_iter().find(|f| f.id == id.id);
    row.filter(|f| id.fits(Instant(f.created_at))).ok_or(Error::NotFound)
}

#[derive(Template)]
#[template(path = "folder_form.html")]
struct FolderForm {
    page: Page,
    action: String,
    back: String,
    name: String,
    /// The folder above; empty for none.
    above: String,
    /// Where it can stand.
    places: Vec<String>,
    button: &'static str,
    help: &'static str,
    fault: Option<String>,
}

impl FolderForm {
    fn answer(self) -> Result<Response, Error> {
        let status = if self.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok((status, Html(self.render()?)).into_response())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct In {
    /// Path of the folder above.
    #[serde(rename = "in")]
    above: String,
}

/// What was entered for a folder.
#[derive(Deserialize)]
pub struct Entered {
    name: String,
    #[serde(default, rename = "in")]
    above: String,
}

impl Entered {
    /// The whole path; `Err` says what to enter.
    fn path(&self) -> Result<String, String> {
        let name = self.name.trim();
        if name.is_empty() || name.contains('/') {
            return Err("Enter one name, without /.".into());
        }
        let whole = if self.above.is_empty() { name.to_owned() } else { format!("{}/{name}", self.above) };
        folders::path(&whole).map_err(|_| "Folders stand at most five deep, and their path has at most 200 characters.".into())
    }
}

async fn new_form(reader: &Reader, entered: Entered, fault: Option<String>) -> Result<Response, Error> {
    let form = FolderForm {
        page: reader.page("New folder"),
        action: "/target-groups/folders/new".into(),
        back: list(&entered.above),
        name: entered.name,
        above: entered.above,
        places: paths(reader).await?,
        button: "Make the folder",
        help: "For example a season or a team. Target groups are moved into it from their menus.",
        fault,
    };
    form.answer()
}

/// GET /target-groups/folders/new
pub async fn new(reader: Reader, Query(place): Query<In>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    new_form(&reader, Entered { name: String::new(), above: place.above }, None).await
}

/// POST /target-groups/folders/new
pub async fn create(reader: Reader, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let path = match entered.path() {
        Ok(path) => path,
        Err(fault) => return new_form(&reader, entered, Some(fault)).await,
    };
    let mut tx = reader.app.db.write().await?;
    match folders::create(&mut tx, &path, &reader.session.actor(&reader.app)).await {
        Ok(_) => tx.commit().await?,
        Err(StoreError::Conflict(fault)) => {
            drop(tx);
            return new_form(&reader, entered, Some(fault)).await;
        }
        Err(other) => return Err(other.into()),
    }
    toast::done(&reader, &list(&path), &Toast::new(format!("The folder {path} was made.")))
}

async fn edit_form(reader: &Reader, folder: &FolderRow, entered: Entered, fault: Option<String>) -> Result<Response, Error> {
    let below = format!("{}/", folder.name);
    let form = FolderForm {
        page: reader.page(format!("Rename or move {}", folder.last_name())),
        action: format!("{}/edit", link(folder)),
        back: list(&folder.name),
        name: entered.name,
        above: entered.above,
        places: paths(reader).await?.into_iter().filter(|p| *p != folder.name && !p.starts_with(&below)).collect(),
        button: "Save",
        help: "Everything in it comes along.",
        fault,
    };
    form.answer()
}

/// GET /target-groups/folders/{id}/edit
pub async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let folder = find(&reader, &id).await?;
    let now = Entered { name: folder.last_name().to_owned(), above: folder.above().unwrap_or_default().to_owned() };
    edit_form(&reader, &folder, now, None).await
}

/// POST /target-groups/folders/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let folder = find(&reader, &id).await?;
    let path = match entered.path() {
        Ok(path) => path,
        Err(fault) => return edit_form(&reader, &folder, entered, Some(fault)).await,
    };
    let mut tx = reader.app.db.write().await?;
    match folders::relocate(&mut tx, folder.id, &path, &reader.session.actor(&reader.app)).await {
        Ok(()) => tx.commit().await?,
        Err(StoreError::Conflict(fault)) => {
            drop(tx);
            return edit_form(&reader, &folder, entered, Some(fault)).await;
        }
        Err(other) => return Err(other.into()),
    }
    let toast = Toast::new(format!("{} is now {path}.", folder.name));
    let undo = [("name", folder.last_name()), ("in", folder.above().unwrap_or_default())];
    toast::done(&reader, &list(&path), &toast.undo(format!("{}/edit", link(&folder)), &undo))
}

#[derive(Template)]
#[template(path = "folder_delete.html")]
struct Delete {
    page: Page,
    href: String,
    back: String,
    name: String,
    empty: bool,
    holds: String,
    bridge: String,
}

/// GET /target-groups/folders/{id}/delete
pub async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let folder = find(&reader, &id).await?;
    let below = format!("{}/", folder.name);
    let inner = paths(&reader).await?.iter().filter(|p| p.starts_with(&below)).count();
    let groups = folder.own + folder.below;
    let page = Delete {
        page: reader.page(format!("Delete {}", folder.last_name())),
        href: link(&folder),
        back: list(&folder.name),
        empty: groups == 0 && inner == 0,
        holds: format!(
            "{} and {}",
            count(groups, "target group", "target groups"),
            count(i64::try_from(inner).unwrap_or(i64::MAX), "folder", "folders")
        ),
        bridge: folder.bridge_name.clone(),
        name: folder.name,
    };
    Ok(Html(page.render()?))
}

/// POST /target-groups/folders/{id}/delete
pub async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let folder = find(&reader, &id).await?;
    let mut tx = reader.app.db.write().await?;
    folders::delete(&mut tx, folder.id, &reader.session.actor(&reader.app)).await?;
    tx.commit().await?;
    let toast = Toast::new(format!("The folder {} was deleted.", folder.name));
    let undo = [("name", folder.last_name()), ("in", folder.above().unwrap_or_default())];
    toast::done(&reader, &list(folder.above().unwrap_or_default()), &toast.undo("/target-groups/folders/new", &undo))
}
