//! A new list or extension with its fields: several are entered at once, and more rows are a button, so that it works without scripts.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::audience::{FieldType, MAX_FIELDS, MAX_TEXT};
use rialto_core::permissions::Permission;
use rialto_store::audiences::{self as store, Audience};
use serde::Deserialize;

use super::fields::{kinds, length};
use super::{EXTENSIONS, href, settings};
use crate::api::audience_fields::FieldInput;
use crate::api::audiences::{self as api, AudienceInput};
use crate::api::extract::{Id, public};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::pages::shell::{Page, Reader};
use crate::pages::toast::{self, Toast};

/// Rows of a new form, and how many more a press brings.
const ROWS: usize = 6;
const MORE: usize = 5;
/// Parts of a form that are looked at: five a field, and what stands above them.
const PARTS: usize = MAX_FIELDS * 5 + 20;

/// A field as entered. A row without names and default is a blank one.
#[derive(Clone)]
struct SentField {
    name: String,
    api_name: String,
    kind: String,
    length: String,
    default_value: String,
}

impl SentField {
    fn blank() -> Self {
        let none = String::new;
        Self { name: none(), api_name: none(), kind: FieldType::Text.name().into(), length: "100".into(), default_value: none() }
    }

    fn is_blank(&self) -> bool {
        [&self.name, &self.api_name, &self.default_value].iter().all(|text| text.trim().is_empty())
    }

    fn input(&self) -> FieldInput {
        FieldInput {
            name: self.name.clone(),
            api_name: filled(&self.api_name),
            r#type: self.kind.clone(),
            length: length(&self.length, &self.kind),
            description: String::new(),
            default: self.default_value.clone(),
        }
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

/// The form as the browser sends it; parts of a field stand in `f<row>.<part>`.
#[derive(Clone)]
struct Sent {
    name: String,
    api_name: String,
    folder: String,
    description: String,
    /// Of an extension: the list that it extends, and its scope name.
    list: String,
    scope: String,
    rows: Vec<SentField>,
    /// More rows are asked for, and nothing else.
    more: bool,
}

impl Sent {
    fn blank(list: String) -> Self {
        let none = String::new;
        Self {
            name: none(),
            api_name: none(),
            folder: none(),
            description: none(),
            list,
            scope: none(),
            rows: vec![SentField::blank(); ROWS],
            more: false,
        }
    }

    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut sent = Self { rows: Vec::new(), ..Self::blank(String::new()) };
        for (name, value) in pairs.into_iter().take(PARTS) {
            match name.as_str() {
                "name" => sent.name = value,
                "api_name" => sent.api_name = value,
                "folder" => sent.folder = value,
                "description" => sent.description = value.replace("\r\n", "\n"),
                "list" => sent.list = value,
                "scope" => sent.scope = value,
                "act" => sent.more = value == "more",
                part => sent.read_field(part, value),
            }
        }
        sent
    }

    fn read_field(&mut self, part: &str, value: String) {
        let Some((row, part)) = part.strip_prefix('f').and_then(|rest| rest.split_once('.')) else { return };
        let Some(row) = row.parse::<usize>().ok().filter(|row| *row < MAX_FIELDS) else { return };
        while self.rows.len() <= row {
            self.rows.push(SentField::blank());
        }
        let Some(field) = self.rows.get_mut(row) else { return };
        match part {
            "name" => field.name = value,
            "api_name" => field.api_name = value,
            "type" => field.kind = value,
            "length" => field.length = value,
            "default" => field.default_value = value,
            _ => {}
        }
    }

    /// Rows that are to become fields: the key, and those in which something was entered.
    fn kept(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|row| *row == 0 || self.rows.get(*row).is_some_and(|f| !f.is_blank())).collect()
    }

    fn input(&self, extension: bool) -> AudienceInput {
        AudienceInput {
            name: self.name.clone(),
            api_name: filled(&self.api_name),
            folder: self.folder.clone(),
            description: self.description.clone(),
            scope: extension.then(|| self.scope.clone()),
            fields: self.kept().into_iter().filter_map(|row| self.rows.get(row)).map(SentField::input).collect(),
        }
    }
}

/// A field's row as it is shown.
struct Line {
    number: usize,
    sent: SentField,
    kinds: Vec<(&'static str, &'static str, bool)>,
    /// Faults of name, API name, type, length and default.
    faults: [Option<String>; 5],
}

#[derive(Template)]
#[template(path = "audiences/form.html")]
struct NewForm {
    page: Page,
    extension: bool,
    action: &'static str,
    back: (String, &'static str),
    sent: Sent,
    lines: Vec<Line>,
    /// Id and name of the lists that can be extended, and whether one is chosen.
    lists: Vec<(String, String, bool)>,
    folders: Vec<String>,
    room: bool,
    longest: u32,
    faults: Vec<FieldError>,
    whole: String,
}

impl NewForm {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

fn line(number: usize, sent: &SentField, place: Option<usize>, faults: &[FieldError]) -> Line {
    let fault = |part: &str| {
        let at = format!("fields[{}].{part}", place?);
        faults.iter().find(|f| f.field == at).map(|f| f.detail.clone())
    };
    Line {
        number,
        kinds: kinds(&sent.kind, number == 0),
        faults: ["name", "api_name", "type", "length", "default"].map(fault),
        sent: sent.clone(),
    }
}

async fn form(reader: &Reader, extension: bool, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let (faults, mut whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    if let Some(fault) = faults.iter().find(|f| f.field == "fields") {
        whole.clone_from(&fault.detail);
    }
    let all = store::list(reader.app.db.read()).await?;
    let id = |a: &Audience| public(rialto_core::Kind::AudienceList, a.created_at, a.id);
    let kept = sent.kept();
    let place = |row: usize| kept.iter().position(|k| *k == row);
    let chosen = all.iter().find(|a| !a.is_extension() && id(a) == sent.list);
    let page = NewForm {
        page: reader.page_under(
            if extension { EXTENSIONS } else { "/lists" },
            if extension { "New profile extension" } else { "New audience list" },
        ),
        extension,
        action: if extension { "/lists/extensions/new" } else { "/lists/new" },
        back: match chosen {
            Some(list) if extension => (format!("{}/extensions", href(list)), "Extensions"),
            _ if extension => (EXTENSIONS.into(), "Profile extensions"),
            _ => ("/lists".into(), "Audience lists"),
        },
        lines: sent.rows.iter().enumerate().map(|(row, f)| line(row, f, place(row), &faults)).collect(),
        lists: all.iter().filter(|a| !a.is_extension()).map(|a| (id(a), a.name.clone(), id(a) == sent.list)).collect(),
        folders: settings::folders(reader).await?,
        room: sent.rows.len() < MAX_FIELDS,
        longest: MAX_TEXT,
        sent,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /lists/new
pub async fn new_list(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    form(&reader, false, Sent::blank(String::new()), None).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Beside {
    /// Id of the list to be extended, once it is chosen.
    list: String,
}

/// GET /lists/extensions/new
pub async fn new_extension(reader: Reader, Query(beside): Query<Beside>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    form(&reader, true, Sent::blank(beside.list), None).await
}

/// POST /lists/new
pub async fn create_list(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    create(&reader, Sent::read(pairs), false).await
}

/// POST /lists/extensions/new
pub async fn create_extension(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    create(&reader, Sent::read(pairs), true).await
}

async fn create(reader: &Reader, mut sent: Sent, extension: bool) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    if sent.rows.is_empty() || sent.more {
        let rows = (sent.rows.len() + MORE).min(MAX_FIELDS);
        sent.rows.resize(rows, SentField::blank());
    }
    if sent.more {
        return form(reader, extension, sent, None).await;
    }
    match make(reader, &sent, extension).await {
        Ok(made) => {
            let said = format!("{} is made. A data sync fills it; more fields can be added at any time.", made.name);
            toast::done(reader, &format!("{}/fields", href(&made)), &Toast::new(said))
        }
        Err(error) => form(reader, extension, sent, Some(error)).await,
    }
}

async fn make(reader: &Reader, sent: &Sent, extension: bool) -> Result<Audience, Error> {
    let app = &reader.app;
    let list = match extension {
        true if sent.list.is_empty() => return Err(Error::field("list", "Choose the list that it extends.")),
        true => Some(api::load(app, &Id(sent.list.clone())).await.map_err(|_| Error::field("list", "This list is not there any more."))?),
        false => None,
    };
    let id = api::make(app, &reader.session.actor(app), sent.input(extension), list.as_ref()).await?;
    store::get(app.db.read(), id).await?.ok_or(Error::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn rows_left_blank_between_others_are_no_fields() {
        let sent =
            Sent::read(pairs(&[("f0.name", "ID"), ("f1.length", "50"), ("f3.name", "Points"), ("f3.type", "integer"), ("f3.length", "x")]));
        assert_eq!((sent.rows.len(), sent.kept()), (4, vec![0, 3]));
        let fields = sent.input(false).fields;
        assert_eq!((fields[1].name.as_str(), fields[1].length), ("Points", None), "only a text has a length");
        let faults = [FieldError { field: "fields[1].name".into(), detail: "Why.".into() }];
        let kept = sent.kept();
        let place = kept.iter().position(|k| *k == 3);
        assert_eq!(line(3, &sent.rows[3], place, &faults).faults[0].as_deref(), Some("Why."), "a fault stands at its own row");
        assert_eq!(line(1, &sent.rows[1], None, &faults).faults[0], None);
    }

    #[test]
    fn rows_far_beyond_what_a_list_may_have_are_not_made() {
        assert!(Sent::read(pairs(&[("f999999999.name", "x"), ("f-1.name", "x"), ("fx", "y")])).rows.is_empty());
        let bad = Sent::read(pairs(&[("f0.name", "ID"), ("f0.type", "text"), ("f0.length", "many")]));
        assert_eq!(bad.input(false).fields[0].length, Some(0), "no number is a length that does not fit, and is said so");
    }
}
