//! `/audience-lists`: lists and profile extensions with their typed fields (L2; LO-10, LO-11, LO-16).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::audience::{self, MAX_FIELDS};
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::Actor;
use rialto_store::audiences::{self, Audience, Field, New, NewField};
use rialto_store::{bridges, folders};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audience_fields::{FieldInput, api_name, entered_field};
use super::extract::{Body, Faults, Id, Problem, found, maybe_time, name, public};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Longest description, in characters.
const DESCRIPTION: usize = 1_000;

#[derive(Serialize, ToSchema)]
pub struct AudienceField {
    /// 1 is the unique key. Its column in the database is `f<number>`.
    pub number: i64,
    pub name: String,
    pub api_name: String,
    /// `integer`, `long`, `text`, `longtext`, `float`, `datetime`, `date` or `boolean`.
    pub r#type: String,
    /// Of a text, in characters.
    pub length: Option<i64>,
    pub description: String,
    /// Stands in for an empty value in mailings.
    pub default: String,
    pub key: bool,
    #[schema(format = "date-time")]
    pub retired_at: Option<String>,
    /// How personalization names it, e.g. `LOYALTY.tier`.
    pub reference: String,
}

#[derive(Serialize, ToSchema)]
pub struct AudienceView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub api_name: String,
    pub folder: String,
    pub description: String,
    /// The list that it extends; null for a list.
    #[schema(format = "uuid")]
    pub extends: Option<String>,
    /// Scope name of an extension; empty for a list.
    pub scope: String,
    /// `email` or `remote_id`, once a data sync has said how rows meet subscribers.
    pub match_by: Option<String>,
    /// The bridge whose Remote IDs are meant.
    #[schema(format = "uuid")]
    pub match_bridge: Option<String>,
    /// The table that holds the rows: any SQL tool reads it.
    pub table: String,
    pub fields: Vec<AudienceField>,
}

#[derive(Serialize, ToSchema)]
pub struct AudienceList {
    pub items: Vec<AudienceView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudienceInput {
    pub name: String,
    pub api_name: Option<String>,
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub description: String,
    /// Of an extension only: letters, digits and underscores.
    pub scope: Option<String>,
    /// The unique key first: an integer, a long or a text.
    pub fields: Vec<FieldInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AudiencePatch {
    pub name: Option<String>,
    pub folder: Option<String>,
    pub description: Option<String>,
}

/// The list or extension with this id.
pub(crate) async fn load(app: &App, id: &Id) -> Result<Audience, Error> {
    let id = id.of(Kind::AudienceList)?;
    found(audiences::get(app.db.read(), id.id).await?, id, |a| a.created_at)
}

/// As named in a body.
pub(crate) async fn named(app: &App, text: &str, field: &str) -> Result<Audience, Error> {
    let fault = || Error::field(field, "There is no audience list or extension with this id.");
    let id = PublicId::parse(text, Kind::AudienceList).ok_or_else(fault)?;
    audiences::get(app.db.read(), id.id).await?.filter(|a| id.fits(Instant(a.created_at))).ok_or_else(fault)
}

pub(crate) async fn view(app: &App, audience: Audience) -> Result<AudienceView, Error> {
    let fields = audiences::fields(app.db.read(), audience.id).await?;
    let extends = match audience.list_id {
        Some(id) => audiences::get(app.db.read(), id).await?.map(|list| public(Kind::AudienceList, list.created_at, list.id)),
        None => None,
    };
    let match_bridge = match audience.match_bridge {
        Some(id) => bridges::get(app.db.read(), id).await?.map(|b| public(Kind::Bridge, b.created_at, b.id)),
        None => None,
    };
    Ok(AudienceView {
        id: public(Kind::AudienceList, audience.created_at, audience.id),
        fields: fields.iter().map(|f| field_view(&audience, f)).collect(),
        table: audiences::table(audience.id),
        name: audience.name,
        api_name: audience.api_name,
        folder: audience.folder,
        description: audience.description,
        extends,
        scope: audience.scope,
        match_by: audience.match_by,
        match_bridge,
    })
}

fn field_view(audience: &Audience, field: &Field) -> AudienceField {
    AudienceField {
        number: field.number,
        name: field.name.clone(),
        api_name: field.api_name.clone(),
        r#type: field.kind.clone(),
        length: field.length,
        description: field.description.clone(),
        default: field.default_value.clone(),
        key: field.is_key(),
        retired_at: maybe_time(field.retired_at),
        reference: audience.reference(field),
    }
}

pub(super) fn described(text: &str, at: &str, faults: &mut Faults) -> String {
    let text = text.trim();
    if text.chars().count() > DESCRIPTION || text.contains('\0') {
        faults.add(at, format!("Enter at most {DESCRIPTION} characters."));
    }
    text.to_owned()
}

/// Makes a list, or an extension of one: for API and page; the permission was asked for. Answers its internal id.
pub(crate) async fn make(app: &App, who: &Actor, input: AudienceInput, list: Option<&Audience>) -> Result<i64, Error> {
    let mut faults = Faults::default();
    let list_name = name(&input.name, "name", &mut faults);
    let api_name = api_name(input.api_name.as_deref(), &list_name, "api_name", &mut faults);
    let folder = folders::path(&input.folder).unwrap_or_else(|why| {
        faults.add("folder", why);
        String::new()
    });
    let description = described(&input.description, "description", &mut faults);
    let scope = input.scope.unwrap_or_default().trim().to_owned();
    match list {
        Some(_) if !audience::is_api_name(&scope) => {
            faults.add("scope", "An extension has a scope name of letters, digits and underscores, such as LOYALTY.");
        }
        None if !scope.is_empty() => faults.add("scope", "Only an extension has a scope name."),
        _ => {}
    }
    if input.fields.is_empty() || input.fields.len() > MAX_FIELDS {
        faults.add("fields", format!("Name 1 to {MAX_FIELDS} fields, the unique key first."));
    }
    let fields: Vec<NewField> =
        input.fields.iter().enumerate().filter_map(|(at, f)| entered_field(f, &format!("fields[{at}]"), &mut faults)).collect();
    if fields.first().is_some_and(|key| !key.kind.can_be_key()) {
        faults.add("fields[0].type", "The first field is the unique key: an integer, a long or a text.");
    }
    faults.none_or()?;
    let extends = list.map(|list| (list.id, scope.as_str()));
    let new = New { name: &list_name, api_name: &api_name, folder: &folder, description: &description, extends, fields: &fields };
    let mut tx = app.db.write().await?;
    let id = audiences::create(&mut tx, &new, who).await?;
    tx.commit().await?;
    Ok(id)
}

/// Changes name, folder and description: for API and page.
pub(crate) async fn save(app: &App, who: &Actor, audience: &Audience, to: AudiencePatch) -> Result<(), Error> {
    let mut faults = Faults::default();
    let new_name = to.name.map_or_else(|| audience.name.clone(), |n| name(&n, "name", &mut faults));
    let folder = to.folder.map_or_else(|| Ok(audience.folder.clone()), |f| folders::path(&f)).unwrap_or_else(|why| {
        faults.add("folder", why);
        String::new()
    });
    let description = to.description.map_or_else(|| audience.description.clone(), |d| described(&d, "description", &mut faults));
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    audiences::update(&mut tx, audience.id, &new_name, &folder, &description, who).await?;
    Ok(tx.commit().await?)
}

/// Deletes a list or extension: for API and page.
pub(crate) async fn remove(app: &App, who: &Actor, audience: &Audience) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    audiences::remove(&mut tx, audience.id, who).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn shown(app: &App, id: i64) -> Result<Json<AudienceView>, Error> {
    let audience = audiences::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok(Json(view(app, audience).await?))
}

async fn views(app: &App, keep: impl Fn(&Audience) -> bool) -> Result<Json<AudienceList>, Error> {
    let mut items = Vec::new();
    for audience in audiences::list(app.db.read()).await?.into_iter().filter(keep) {
        items.push(view(app, audience).await?);
    }
    Ok(Json(AudienceList { items }))
}

/// All lists, without their extensions.
#[utoipa::path(get, path = "/audience-lists", tag = "audience lists", responses((status = 200, body = AudienceList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<AudienceList>, Error> {
    views(&app, |a| !a.is_extension()).await
}

/// Makes a list with its fields, the unique key first.
#[utoipa::path(post, path = "/audience-lists", tag = "audience lists", request_body = AudienceInput,
    responses((status = 201, body = AudienceView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<AudienceInput>) -> Result<(StatusCode, Json<AudienceView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let id = make(&app, &caller.actor(&app), body.read()?, None).await?;
    Ok((StatusCode::CREATED, shown(&app, id).await?))
}

/// A list or an extension.
#[utoipa::path(get, path = "/audience-lists/{id}", tag = "audience lists", params(("id" = String, Path)),
    responses((status = 200, body = AudienceView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<AudienceView>, Error> {
    let audience = load(&app, &id).await?;
    Ok(Json(view(&app, audience).await?))
}

/// Changes name, folder and description; the API name and the scope stay, since templates rest on them.
#[utoipa::path(patch, path = "/audience-lists/{id}", tag = "audience lists", params(("id" = String, Path)), request_body = AudiencePatch,
    responses((status = 200, body = AudienceView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<AudiencePatch>) -> Result<Json<AudienceView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let (audience, to) = (load(&app, &id).await?, body.read()?);
    save(&app, &caller.actor(&app), &audience, to).await?;
    shown(&app, audience.id).await
}

/// Deletes a list or extension with its rows, while nothing uses it.
#[utoipa::path(delete, path = "/audience-lists/{id}", tag = "audience lists", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let audience = load(&app, &id).await?;
    remove(&app, &caller.actor(&app), &audience).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Extensions of a list. Each is read and changed at `/audience-lists/{id}` with its own id.
#[utoipa::path(get, path = "/audience-lists/{id}/extensions", tag = "audience lists", params(("id" = String, Path)),
    responses((status = 200, body = AudienceList), (status = 404, body = Problem)))]
pub async fn extensions(State(app): State<App>, _: Caller, id: Id) -> Result<Json<AudienceList>, Error> {
    let list = load(&app, &id).await?;
    views(&app, |a| a.list_id == Some(list.id)).await
}

/// Makes an extension that stands 1:1 beside a list.
#[utoipa::path(post, path = "/audience-lists/{id}/extensions", tag = "audience lists", params(("id" = String, Path)),
    request_body = AudienceInput,
    responses((status = 201, body = AudienceView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn extend(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    body: Body<AudienceInput>,
) -> Result<(StatusCode, Json<AudienceView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let list = load(&app, &id).await?;
    let made = make(&app, &caller.actor(&app), body.read()?, Some(&list)).await?;
    Ok((StatusCode::CREATED, shown(&app, made).await?))
}
