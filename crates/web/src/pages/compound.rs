//! Compound groups: making and changing them (CT-08). Without JavaScript each step is a press of a button; nothing entered is lost.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_core::compound::{Compound, Definition, Mode};
use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::StoreError;
use rialto_store::compound::{self as store, New};
use rialto_store::groups::{self, Edit};
use rialto_store::views::compound::{self as views, Made};
use rialto_store::views::groups::GroupRow;
use serde::Deserialize;

use super::compound_form::{Counted, Picker, Sent, words};
use super::shell::{Page, Reader};
use super::text::filters;
use super::toast::{self, Toast};
use super::{folders, links};
use crate::api::compound::compound_of;
use crate::api::extract::{Faults, name};
use crate::api::groups::{folder, text};
use crate::auth::Form;
use crate::error::{Error, FieldError};

#[derive(Template)]
#[template(path = "compound_form.html")]
struct Editor {
    page: Page,
    action: String,
    back: String,
    edit: bool,
    /// A part of a split: only its name, folder and description can be changed.
    share: bool,
    sent: Sent,
    picker: Picker,
    counted: Counted,
    places: Vec<String>,
    faults: Vec<FieldError>,
}

impl Editor {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }

    /// What is amiss with the groups that were chosen, or with the whole.
    fn whole(&self) -> String {
        let of: Vec<FieldError> = self
            .faults
            .iter()
            .filter(|f| !matches!(f.field.as_str(), "name" | "description" | "folder"))
            .map(|f| FieldError { field: String::new(), detail: f.detail.clone() })
            .collect();
        words(&of)
    }

    fn include_all(&self) -> bool {
        self.sent.include_mode == Mode::All
    }

    fn exclude_all(&self) -> bool {
        self.sent.exclude_mode == Mode::All
    }
}

#[derive(Template)]
#[template(path = "compound_picker.html")]
struct PickerPart {
    picker: Picker,
}

#[derive(Template)]
#[template(path = "compound_count.html")]
struct CountPart {
    counted: Counted,
}

/// Where a new group is to stand.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct In {
    folder: String,
}

/// What is edited; `None` while a new group is made.
type Edited<'a> = Option<(&'a GroupRow, bool)>;

async fn editor(reader: &Reader, edited: Edited<'_>, sent: Sent, faults: Vec<FieldError>) -> Result<Response, Error> {
    let href = edited.map(|(row, _)| links::group(row.group.created_at, row.group.id));
    let share = edited.is_some_and(|(_, share)| share);
    let counted =
        if share || sent.act.is_empty() && edited.is_none() { Counted::default() } else { Counted::of(&reader.app, &sent).await? };
    let page = Editor {
        page: reader.page(edited.map_or_else(|| "New compound group".to_owned(), |(row, _)| format!("Edit {}", row.group.name))),
        action: href.as_ref().map_or_else(|| "/target-groups/new".to_owned(), |h| format!("{h}/edit")),
        back: href.unwrap_or_else(|| format!("/target-groups{}", links::query(&[("folder", &sent.folder)]))),
        edit: edited.is_some(),
        share,
        picker: Picker::read(reader, &sent).await?,
        counted,
        places: folders::paths(reader).await?,
        sent,
        faults,
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /target-groups/new
pub async fn new(reader: Reader, Query(place): Query<In>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    editor(&reader, None, Sent { folder: place.folder, ..Sent::default() }, Vec::new()).await
}

/// What passes the checks.
struct Checked {
    name: String,
    description: String,
    folder: String,
    /// `None` for a share, which keeps its definition.
    compound: Option<Compound>,
}

async fn check(reader: &Reader, sent: &Sent, share: bool) -> Result<Checked, Vec<FieldError>> {
    let mut faults = Faults::default();
    let label = name(&sent.name, "name", &mut faults);
    let description = text(&sent.description.replace("\r\n", "\n"), "description", 2_000, &mut faults);
    let place = folder(&sent.folder, &mut faults);
    let (include, exclude) = sent.sides();
    let compound = if share { Ok(None) } else { compound_of(&reader.app, &include, exclude.as_ref()).await.map(Some) };
    match compound {
        Ok(compound) if faults.0.is_empty() => Ok(Checked { name: label, description, folder: place, compound }),
        Ok(_) => Err(faults.0),
        Err(Error::Invalid(more)) => Err(faults.0.into_iter().chain(more).collect()),
        Err(other) => Err(vec![FieldError { field: String::new(), detail: other.to_string() }]),
    }
}

/// POST /target-groups/new: finds, counts, or makes the group and has its members computed.
pub async fn create(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let sent = Sent { group: String::new(), ..Sent::read(pairs) };
    if sent.act != "save" {
        return editor(&reader, None, sent, Vec::new()).await;
    }
    let checked = match check(&reader, &sent, false).await {
        Ok(checked) => checked,
        Err(faults) => return editor(&reader, None, sent, faults).await,
    };
    let Some(compound) = checked.compound else { return Err(Error::NotFound) };
    let app = &reader.app;
    let who = reader.session.actor(app);
    let new = New { name: &checked.name, description: &checked.description, folder: &checked.folder };
    let mut tx = app.db.write().await?;
    let id = match store::create(&mut tx, &new, &Definition::Compound(compound), &who).await {
        Ok(id) => id,
        Err(StoreError::Conflict(detail)) => {
            drop(tx);
            return editor(&reader, None, sent, vec![FieldError { field: String::new(), detail }]).await;
        }
        Err(other) => return Err(other.into()),
    };
    store::ask(&mut tx, id, Trigger::Resync, false, &who).await?;
    tx.commit().await?;
    app.wake.ring();
    let href = links::group(who.at.0, id);
    toast::done(
        &reader,
        &href,
        &Toast::new(format!("{} was made. Its members are computed now, and again whenever its parts change.", checked.name)),
    )
}

/// A group made of others, and whether it is a share of a split.
async fn load(reader: &Reader, id: &str) -> Result<(GroupRow, Made), Error> {
    reader.session.require(Permission::ListsEdit)?;
    let row = links::find_group(&reader.app, id).await?;
    let made = views::made(&reader.app.db, row.group.id).await?;
    let made = made.ok_or_else(|| {
        Error::Conflict("Name and description of this target group come from the remote system; change them there. It can be moved.".into())
    })?;
    Ok((row, made))
}

/// GET /target-groups/{id}/edit
pub async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    if links::find_group(&reader.app, &id).await?.group.kind == "segment" {
        return Ok(Redirect::to(&format!("/subscribers/segments/{id}/edit")).into_response());
    }
    let (row, made) = load(&reader, &id).await?;
    let public = |side: &'static str| {
        made.side(side).map(|p| PublicId::new(Kind::TargetGroup, Instant(p.created_at), p.id).to_string()).collect::<Vec<_>>()
    };
    let mut sent = Sent {
        name: row.group.name.clone(),
        description: row.group.description.clone(),
        folder: row.group.folder.clone(),
        include: public("include"),
        exclude: public("exclude"),
        group: id,
        ..Sent::default()
    };
    let share = match &made.definition {
        Definition::Compound(c) => {
            sent.include_mode = c.include().mode();
            sent.exclude_mode = c.exclude().map_or(Mode::Any, rialto_core::compound::Side::mode);
            false
        }
        Definition::Share(_) => true,
    };
    editor(&reader, Some((&row, share)), sent, Vec::new()).await
}

/// POST /target-groups/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    let (row, made) = load(&reader, &id).await?;
    let share = matches!(made.definition, Definition::Share(_));
    let sent = Sent { group: id, ..Sent::read(pairs) };
    if sent.act != "save" {
        return editor(&reader, Some((&row, share)), sent, Vec::new()).await;
    }
    let checked = match check(&reader, &sent, share).await {
        Ok(checked) => checked,
        Err(faults) => return editor(&reader, Some((&row, share)), sent, faults).await,
    };
    match save(&reader, &row, &made, checked).await {
        Ok(()) => {}
        Err(StoreError::Conflict(detail)) => {
            return editor(&reader, Some((&row, share)), sent, vec![FieldError { field: String::new(), detail }]).await;
        }
        Err(other) => return Err(other.into()),
    }
    toast::done(&reader, &links::group(row.group.created_at, row.group.id), &Toast::new("Saved."))
}

async fn save(reader: &Reader, row: &GroupRow, made: &Made, checked: Checked) -> Result<(), StoreError> {
    let (app, id) = (&reader.app, row.group.id);
    let who = reader.session.actor(app);
    let mut tx = app.db.write().await?;
    let changed = |new: String, old: &str| (new != old).then_some(new);
    let edit = Edit {
        name: changed(checked.name, &row.group.name),
        description: changed(checked.description, &row.group.description),
        folder: changed(checked.folder, &row.group.folder),
    };
    if edit.name.is_some() || edit.description.is_some() || edit.folder.is_some() {
        groups::edit(&mut tx, id, &edit, &who).await?;
    }
    if let Some(compound) = checked.compound.filter(|c| made.definition != Definition::Compound(c.clone())) {
        store::redefine(&mut tx, id, &compound, &who).await?;
        store::ask(&mut tx, id, Trigger::Resync, false, &who).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

/// POST /target-groups/count: the part of the editor that says how many people it would be.
pub async fn count(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let counted = Counted::of(&reader.app, &Sent::read(pairs)).await?;
    Ok(Html(CountPart { counted }.render()?))
}

/// POST /target-groups/pick: the part of the editor that offers groups.
pub async fn pick(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let picker = Picker::read(&reader, &Sent::read(pairs)).await?;
    Ok(Html(PickerPart { picker }.render()?))
}
