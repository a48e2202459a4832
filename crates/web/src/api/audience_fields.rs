//! `/audience-lists/{id}/fields`: fields of lists and extensions, added, renamed, made longer, retired and brought back (LO-11).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::audience::{self, FieldType, MAX_TEXT};
use rialto_core::permissions::Permission;
use rialto_store::Actor;
use rialto_store::audiences::{self, Audience, Field, NewField};
use serde::Deserialize;
use utoipa::ToSchema;

use super::audiences::{AudienceView, described, load, shown};
use super::extract::{Body, Faults, Id, Problem, name};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldInput {
    pub name: String,
    /// Letters, digits and underscores; made from the name when left out.
    pub api_name: Option<String>,
    pub r#type: String,
    pub length: Option<u32>,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub default: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldPatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub default: Option<String>,
    /// Longer than before.
    pub length: Option<u32>,
    /// True retires the field, false brings it back. Its values stay.
    pub retired: Option<bool>,
}

/// The API name as entered, or what the name gives by itself; of a name that must be mended, only that is said.
pub(super) fn api_name(entered: Option<&str>, name: &str, at: &str, faults: &mut Faults) -> String {
    let api_name = entered.map_or_else(|| audience::api_name(name), |n| n.trim().to_owned());
    if !audience::is_api_name(&api_name) && (entered.is_some() || !name.is_empty()) {
        faults.add(at, "Use letters, digits and underscores, beginning with a letter, at most 50 of them.");
    }
    api_name
}

/// A field as entered, checked; faults are told at `at`.
pub(crate) fn entered_field(input: &FieldInput, at: &str, faults: &mut Faults) -> Option<NewField> {
    let before = faults.0.len();
    let field_name = name(&input.name, &format!("{at}.name"), faults);
    let api_name = api_name(input.api_name.as_deref(), &field_name, &format!("{at}.api_name"), faults);
    let kind = FieldType::from_name(&input.r#type);
    if kind.is_none() {
        let names: Vec<&str> = FieldType::ALL.iter().map(|t| t.name()).collect();
        faults.add(format!("{at}.type"), format!("Use one of: {}.", names.join(", ")));
    }
    if kind == Some(FieldType::Text) && !input.length.is_some_and(|n| (1..=MAX_TEXT).contains(&n)) {
        faults.add(format!("{at}.length"), format!("A text has a length of 1 to {MAX_TEXT} characters; longer ones are of type longtext."));
    }
    let default_value = kind.map_or_else(String::new, |kind| default(&input.default, kind, input.length, at, faults));
    let description = described(&input.description, &format!("{at}.description"), faults);
    let kind = kind.filter(|_| faults.0.len() == before)?;
    Some(NewField { name: field_name, api_name, kind, length: input.length, description, default_value })
}

fn default(text: &str, kind: FieldType, length: Option<u32>, at: &str, faults: &mut Faults) -> String {
    let text = text.trim();
    if !text.is_empty()
        && let Err(misfit) = audience::fit(&audience::Sent::Text(text.to_owned()), kind, length)
    {
        faults.add(format!("{at}.default"), format!("It is {misfit}."));
    }
    text.to_owned()
}

/// Adds a field: for API and page. Faults are told at `field`.
pub(crate) async fn add(app: &App, who: &Actor, audience: &Audience, input: &FieldInput) -> Result<(), Error> {
    let mut faults = Faults::default();
    let new = entered_field(input, "field", &mut faults);
    faults.none_or()?;
    let new = new.ok_or(Error::NotFound)?;
    let mut tx = app.db.write().await?;
    audiences::add(&mut tx, audience.id, &new, who).await?;
    Ok(tx.commit().await?)
}

/// Renames, lengthens, retires or brings back a field: for API and page. Faults are told at `field`.
pub(crate) async fn change(app: &App, who: &Actor, audience: &Audience, field: &Field, to: FieldPatch) -> Result<(), Error> {
    let before = FieldInput {
        name: to.name.unwrap_or_else(|| field.name.clone()),
        api_name: Some(field.api_name.clone()),
        r#type: field.kind.clone(),
        length: to.length.or_else(|| field.length.and_then(|n| u32::try_from(n).ok())),
        description: to.description.unwrap_or_else(|| field.description.clone()),
        default: to.default.unwrap_or_else(|| field.default_value.clone()),
    };
    let mut faults = Faults::default();
    let wanted = entered_field(&before, "field", &mut faults);
    faults.none_or()?;
    let wanted = wanted.ok_or(Error::NotFound)?;
    let mut tx = app.db.write().await?;
    audiences::rename(&mut tx, audience.id, field.number, &wanted, who).await?;
    if let Some(retired) = to.retired {
        audiences::retire(&mut tx, audience.id, field.number, retired, who).await?;
    }
    Ok(tx.commit().await?)
}

/// The field of a list with this number.
pub(crate) async fn field_at(app: &App, audience: &Audience, number: &str) -> Result<Field, Error> {
    let number: i64 = number.parse().map_err(|_| Error::NotFound)?;
    let fields = audiences::fields(app.db.read(), audience.id).await?;
    fields.into_iter().find(|f| f.number == number).ok_or(Error::NotFound)
}

/// Adds a field.
#[utoipa::path(post, path = "/audience-lists/{id}/fields", tag = "audience lists", params(("id" = String, Path)), request_body = FieldInput,
    responses((status = 201, body = AudienceView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn add_field(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    body: Body<FieldInput>,
) -> Result<(StatusCode, Json<AudienceView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let audience = load(&app, &id).await?;
    add(&app, &caller.actor(&app), &audience, &body.read()?).await?;
    Ok((StatusCode::CREATED, shown(&app, audience.id).await?))
}

/// Renames, lengthens, retires or brings back a field.
#[utoipa::path(patch, path = "/audience-lists/{id}/fields/{number}", tag = "audience lists",
    params(("id" = String, Path), ("number" = i64, Path)), request_body = FieldPatch,
    responses((status = 200, body = AudienceView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch_field(
    State(app): State<App>,
    caller: Caller,
    axum::extract::Path((id, number)): axum::extract::Path<(String, String)>,
    body: Body<FieldPatch>,
) -> Result<Json<AudienceView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let audience = load(&app, &Id(id)).await?;
    let field = field_at(&app, &audience, &number).await?;
    change(&app, &caller.actor(&app), &audience, &field, body.read()?).await?;
    shown(&app, audience.id).await
}
