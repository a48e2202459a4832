//! Fields of a list or extension: added, renamed, made longer, retired and brought back (LO-11).

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::audience::{FieldType, MAX_TEXT};
use rialto_core::permissions::Permission;
use rialto_store::audiences::{self as store, Audience, Field};
use serde::Deserialize;

use super::{Head, find, href, page};
use crate::api::audience_fields::{self as api, FieldInput, FieldPatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Action, Cell, Column, Table};
use crate::pages::text::{Chip, filters};
use crate::pages::toast::{self, Toast};

#[derive(Template)]
#[template(path = "audiences/fields.html")]
struct Fields {
    page: Page,
    head: Head,
    table: Table,
    in_use: i64,
    retired: i64,
    /// Why what was asked for was not done; empty for nothing.
    refused: String,
}

/// GET /lists/{id}/fields
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let audience = find(&reader, &id).await?;
    listed(&reader, &audience, String::new()).await
}

async fn listed(reader: &Reader, audience: &Audience, refused: String) -> Result<Response, Error> {
    let fields = store::fields(reader.app.db.read(), audience.id).await?;
    let head = Head::of(reader, audience, &fields, "Fields").await?;
    let in_use = super::in_use(&fields);
    let retired = i64::try_from(fields.len()).unwrap_or(i64::MAX) - in_use;
    let mut table = Table::plain(reader, &columns(reader, audience, retired > 0), &fields);
    if head.may_edit {
        table = table.with_menus(&fields, |f| (f.name.clone(), menu(&head.href, f)));
    }
    let page = Fields { page: page(reader, audience, format!("Fields of {}", audience.name)), retired, in_use, head, table, refused };
    let status = if page.refused.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok((status, Html(page.render()?)).into_response())
}

fn columns(reader: &Reader, audience: &Audience, retired: bool) -> Vec<Column<Field>> {
    let (here, of) = (reader.here(), audience.clone());
    let mut columns = vec![
        Column::new("name", "Name", |f: &Field| Cell::Text(f.name.clone())).always().wide(),
        Column::new("reference", "In mailings", move |f: &Field| Cell::Code(of.reference(f))),
        Column::new("type", "Type", |f: &Field| Cell::Text(f.type_words())).short(),
        Column::new("default", "Default", |f: &Field| {
            if f.default_value.is_empty() { Cell::None("none") } else { Cell::Text(f.default_value.clone()) }
        }),
        Column::new("description", "Description", |f: &Field| Cell::Text(f.description.clone())).wide(),
        Column::new("state", "State", |f: &Field| Cell::Chips(chip(f))),
    ];
    if retired {
        columns.push(Column::new("retired", "Retired", move |f: &Field| Cell::time(here.maybe(f.retired_at), "")).short());
    }
    columns
}

fn chip(field: &Field) -> Vec<Chip> {
    match (field.is_key(), field.retired_at) {
        (true, _) => vec![Chip::ok("Unique key")],
        (_, Some(_)) => vec![Chip::off("Retired")],
        _ => vec![Chip::ok("In use")],
    }
}

fn menu(list: &str, field: &Field) -> Vec<Action> {
    let at = format!("{list}/fields/{}", field.number);
    let mut menu = vec![Action::link("Edit", &*at)];
    match field.retired_at {
        Some(_) => menu.push(Action::post("Bring back", format!("{at}/bring-back"))),
        None if field.is_key() => {}
        None => menu.push(Action::post("Retire", format!("{at}/retire"))),
    }
    menu
}

/// A field as the browser sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Sent {
    name: String,
    api_name: String,
    #[serde(rename = "type")]
    kind: String,
    length: String,
    #[serde(rename = "default")]
    default_value: String,
    description: String,
}

#[derive(Template)]
#[template(path = "audiences/field.html")]
struct FieldForm {
    page: Page,
    /// Address and name of the list, and where its fields are.
    list: (String, String),
    action: String,
    sent: Sent,
    /// Set for a field that is there: what cannot be changed of it.
    known: Option<Field>,
    kinds: Vec<(&'static str, &'static str, bool)>,
    longest: u32,
    faults: Vec<FieldError>,
    whole: String,
}

impl FieldForm {
    fn fault(&self, part: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field.strip_prefix("field.") == Some(part)).map(|f| f.detail.as_str())
    }

    /// A new field may be a text; one that is there may have no length.
    fn has_length(&self) -> bool {
        self.known.as_ref().is_none_or(|f| f.length.is_some())
    }
}

/// Name and title of every type, and whether it is chosen.
pub(super) fn kinds(chosen: &str, key: bool) -> Vec<(&'static str, &'static str, bool)> {
    FieldType::ALL.iter().filter(|t| !key || t.can_be_key()).map(|t| (t.name(), t.title(), t.name() == chosen)).collect()
}

fn form(reader: &Reader, audience: &Audience, known: Option<Field>, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let (faults, whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    let at = known.as_ref().map_or("new".to_owned(), |f| f.number.to_string());
    let title = known.as_ref().map_or("Add a field".to_owned(), |f| format!("Edit {}", f.name));
    let page = FieldForm {
        page: page(reader, audience, title),
        action: format!("{}/fields/{at}", href(audience)),
        list: (href(audience), audience.name.clone()),
        kinds: kinds(&sent.kind, false),
        longest: MAX_TEXT,
        known,
        sent,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /lists/{id}/fields/new
pub async fn new(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    let sent = Sent { kind: FieldType::Text.name().into(), length: "100".into(), ..Sent::default() };
    form(&reader, &audience, None, sent, None)
}

/// A length as entered: nothing of what is no text; what is no number is refused as one that does not fit.
pub(super) fn length(text: &str, kind: &str) -> Option<u32> {
    (kind == FieldType::Text.name()).then(|| text.trim().parse().unwrap_or(0))
}

fn blank_or(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

/// POST /lists/{id}/fields/new
pub async fn add(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    let input = FieldInput {
        name: sent.name.clone(),
        api_name: blank_or(&sent.api_name),
        r#type: sent.kind.clone(),
        length: length(&sent.length, &sent.kind),
        description: sent.description.replace("\r\n", "\n"),
        default: sent.default_value.clone(),
    };
    match api::add(&reader.app, &reader.session.actor(&reader.app), &audience, &input).await {
        Ok(()) => {
            let said =
                Toast::new(format!("The field {} is there. Data syncs fill it once it is in their field matching.", sent.name.trim()));
            toast::done(&reader, &format!("{}/fields", href(&audience)), &said)
        }
        Err(error) => form(&reader, &audience, None, sent, Some(error)),
    }
}

/// GET /lists/{id}/fields/{number}
pub async fn edit(reader: Reader, Path((id, number)): Path<(String, String)>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    let field = api::field_at(&reader.app, &audience, &number).await?;
    let sent = Sent {
        name: field.name.clone(),
        length: field.length.map(|n| n.to_string()).unwrap_or_default(),
        default_value: field.default_value.clone(),
        description: field.description.clone(),
        ..Sent::default()
    };
    form(&reader, &audience, Some(field), sent, None)
}

/// POST /lists/{id}/fields/{number}
pub async fn save(reader: Reader, Path((id, number)): Path<(String, String)>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(&reader, &id).await?;
    let field = api::field_at(&reader.app, &audience, &number).await?;
    let to = FieldPatch {
        name: Some(sent.name.clone()),
        description: Some(sent.description.replace("\r\n", "\n")),
        default: Some(sent.default_value.clone()),
        length: length(&sent.length, &field.kind),
        retired: None,
    };
    match api::change(&reader.app, &reader.session.actor(&reader.app), &audience, &field, to).await {
        Ok(()) => {
            let said = Toast::new(format!("{} is saved.", sent.name.trim()));
            toast::done(&reader, &format!("{}/fields", href(&audience)), &said)
        }
        Err(error) => form(&reader, &audience, Some(field), sent, Some(error)),
    }
}

/// POST /lists/{id}/fields/{number}/retire
pub async fn retire(reader: Reader, Path((id, number)): Path<(String, String)>) -> Result<Response, Error> {
    switch(&reader, &id, &number, true).await
}

/// POST /lists/{id}/fields/{number}/bring-back
pub async fn bring_back(reader: Reader, Path((id, number)): Path<(String, String)>) -> Result<Response, Error> {
    switch(&reader, &id, &number, false).await
}

async fn switch(reader: &Reader, id: &str, number: &str, retired: bool) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let audience = find(reader, id).await?;
    let field = api::field_at(&reader.app, &audience, number).await?;
    let to = FieldPatch { name: None, description: None, default: None, length: None, retired: Some(retired) };
    match api::change(&reader.app, &reader.session.actor(&reader.app), &audience, &field, to).await {
        Ok(()) => {
            let fields = format!("{}/fields", href(&audience));
            let (said, other) = if retired { ("is retired; its values are kept", "bring-back") } else { ("is in use again", "retire") };
            let back = format!("{fields}/{}/{other}", field.number);
            toast::done(reader, &fields, &Toast::new(format!("{} {said}.", field.name)).undo(back, &[]))
        }
        Err(Error::Conflict(why)) => listed(reader, &audience, why).await,
        Err(other) => Err(other),
    }
}
