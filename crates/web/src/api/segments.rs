//! `/segments`: rules over profiles (`docs/adr/0152`). A segment is a target group of that kind, with the same id.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_core::segment::{Fault, Reference, Segment, Today};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::groups::{self, Edit, Group};
use rialto_store::segments::{self, Context, Kept, New};
use rialto_store::{Actor, compound};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem, maybe_time, name, public};
use super::groups::{folder, load as load_group, text};
use crate::auth::Caller;
use crate::error::{Error, FieldError};
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct SegmentView {
    /// Also the id of its target group.
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub description: String,
    pub folder: String,
    /// Who belongs, see `SegmentInput`.
    #[schema(value_type = Object)]
    pub rule: Value,
    /// Records in its target group.
    pub people: i64,
    /// Of those, addresses that a mailing would go to; null until they are counted.
    pub mailable: Option<i64>,
    /// `ready`, `following` (its people are about to be found anew) or `blocked`.
    pub state: &'static str,
    /// Why its people are kept as they were; empty when they follow.
    pub blocked: String,
    /// When it was last asked who is in it.
    #[schema(format = "date-time")]
    pub asked_at: Option<String>,
    /// How long that took.
    pub took_ms: i64,
    /// Who is in it may change from day to day, without anything being changed.
    pub relative: bool,
    pub used_by: Vec<SegmentUse>,
}

/// A target group that is made of it.
#[derive(Serialize, ToSchema)]
pub struct SegmentUse {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// `compound`, `segment` or `persona`.
    pub kind: String,
}

#[derive(Serialize, ToSchema)]
pub struct SegmentList {
    pub items: Vec<SegmentView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentInput {
    /// 1 to 200 characters.
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// A path such as `Spring/Newsletters`; folders that are missing are made.
    #[serde(default)]
    pub folder: String,
    /// `{"all": [...]}`, `{"any": [...]}` or `{"none": [...]}`, up to 5 deep, of groups and conditions, such as
    /// `{"field": {"of": {"audience": "<id>"}, "number": 2, "is": {"text": {"is": ["Gold"]}}}}`,
    /// `{"member": {"of": {"persona": "<id>"}, "is": true}}` (or `interest`, `group`), `{"address": {"contains": "@x.example"}}`,
    /// `{"added": {"in_last": {"n": 30, "unit": "days"}}}`, `{"mailable": true}`. What a field is asked: `empty`, `not_empty`, or one of
    /// `text` (`is`, `is_not`, `contains`, `does_not_contain`, `starts_with`), `number` (`is`, `is_not`, `less`, `at_most`, `more`, `at_least`,
    /// `between`), `time` (`today`, `on`, `before`, `after`, `between`, `in_last`, `longer_ago`, `in_next`, `further_ahead`, `anniversary`) and
    /// `boolean`. People without a value are among those who are asked for by `is_not`, `does_not_contain`, `empty` and `none`.
    #[schema(value_type = Object)]
    pub rule: Value,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentPatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub folder: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub rule: Option<Value>,
}

/// What segments can speak of today, where the account is.
pub async fn context(app: &App) -> Result<Context, Error> {
    let today = Today::in_zone(app.clock.now(), &app.settings.timezone);
    Ok(Context::load(app.db.read(), today).await?)
}

fn kind(of: &Reference<i64>) -> (Kind, i64) {
    match of {
        Reference::Bridge(id) => (Kind::Bridge, *id),
        Reference::Audience(id) => (Kind::AudienceList, *id),
        Reference::Persona(id) => (Kind::Persona, *id),
        Reference::Interest(id) => (Kind::Interest, *id),
        Reference::Group(id) => (Kind::TargetGroup, *id),
    }
}

/// The public id of something that a segment speaks of.
pub fn public_of(context: &Context, of: Reference<i64>) -> String {
    let (kind, id) = kind(&of);
    public(kind, context.created_at(of).unwrap_or_default(), id)
}

/// The rule as the API writes it.
pub fn written(segment: &Segment, context: &Context) -> Result<Value, Error> {
    let root = segment.root.clone().try_map(&mut |of| Ok::<_, Error>(public_of(context, of)))?;
    serde_json::to_value(Segment { root }).map_err(|e| Error::BadRequest(e.to_string()))
}

/// An id that nothing has: what is named so is told as not being there, at its place.
const NOTHING: i64 = -1;

/// A rule as sent, checked; faults stand at the fields that are to be mended.
pub fn read(rule: &Value, context: &Context) -> Result<Segment, Error> {
    let segment = parse(rule, context).map_err(|fault| Error::Invalid(vec![field_error(&fault)]))?;
    let faults: Vec<FieldError> = context.check(&segment).iter().map(field_error).collect();
    if faults.is_empty() { Ok(segment) } else { Err(Error::Invalid(faults)) }
}

fn parse(rule: &Value, context: &Context) -> Result<Segment, Fault> {
    let internal = |wanted: Kind, text: String, of: fn(i64) -> Reference<i64>| {
        let id = PublicId::parse(&text, wanted).filter(|id| context.created_at(of(id.id)).is_some_and(|at| id.fits(Instant(at))));
        id.map_or(NOTHING, |id| id.id)
    };
    let root = Segment::<String>::read(rule)?.root.try_map(&mut |of| {
        Ok::<_, Fault>(match of {
            Reference::Bridge(text) => internal(Kind::Bridge, text, Reference::Bridge),
            Reference::Audience(text) => internal(Kind::AudienceList, text, Reference::Audience),
            Reference::Persona(text) => internal(Kind::Persona, text, Reference::Persona),
            Reference::Interest(text) => internal(Kind::Interest, text, Reference::Interest),
            Reference::Group(text) => internal(Kind::TargetGroup, text, Reference::Group),
        })
    })?;
    Ok(Segment { root })
}

/// `/all/0/address` as `rule.all[0].address`.
fn field_error(fault: &Fault) -> FieldError {
    let mut field = "rule".to_owned();
    for step in fault.path.split('/').skip(1) {
        match step.parse::<usize>() {
            Ok(n) => field.push_str(&format!("[{n}]")),
            Err(_) => field.push_str(&format!(".{step}")),
        }
    }
    FieldError { field, detail: fault.message.clone() }
}

/// `ready`, `following` or `blocked`.
pub fn state(group: &Group, kept: &Kept, blocked: &str) -> &'static str {
    match (blocked.is_empty(), kept.looked_at == 0 || group.synced_at.is_none()) {
        (false, _) => "blocked",
        (_, true) => "following",
        _ => "ready",
    }
}

async fn view(app: &App, group: Group, kept: &Kept, context: &Context) -> Result<SegmentView, Error> {
    let blocked = compound::blocked(app.db.read(), group.id).await?;
    let used_by = segments::used_by(app.db.read(), group.id).await?;
    let used = |u: segments::Use| SegmentUse { id: public(Kind::TargetGroup, u.created_at, u.id), name: u.name, kind: u.kind };
    Ok(SegmentView {
        id: public(Kind::TargetGroup, group.created_at, group.id),
        rule: written(&kept.segment, context)?,
        people: group.members,
        mailable: group.waterfall().map(|w| w.mailable),
        state: state(&group, kept, &blocked),
        blocked,
        asked_at: maybe_time((kept.looked_at > 0).then_some(kept.looked_at)),
        took_ms: kept.took_ms,
        relative: kept.segment.moves_with_the_day(),
        used_by: used_by.into_iter().map(used).collect(),
        name: group.name,
        description: group.description,
        folder: group.folder,
    })
}

/// The group and its rule; `NotFound` for groups of other kinds.
pub async fn load(app: &App, id: &Id) -> Result<(Group, Kept), Error> {
    let group = load_group(app, id).await?;
    let kept = segments::get(app.db.read(), group.id).await?.ok_or(Error::NotFound)?;
    Ok((group, kept))
}

/// All segments, by name.
#[utoipa::path(get, path = "/segments", tag = "segments", responses((status = 200, body = SegmentList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<SegmentList>, Error> {
    let context = context(&app).await?;
    let mut items = Vec::new();
    for kept in segments::list(app.db.read()).await? {
        if let Some(group) = groups::get(app.db.read(), kept.group_id).await? {
            items.push(view(&app, group, &kept, &context).await?);
        }
    }
    Ok(Json(SegmentList { items }))
}

#[utoipa::path(get, path = "/segments/{id}", tag = "segments", params(("id" = String, Path)),
    responses((status = 200, body = SegmentView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<SegmentView>, Error> {
    let (group, kept) = load(&app, &id).await?;
    view(&app, group, &kept, &context(&app).await?).await.map(Json)
}

/// Makes a segment. Its people are found at once, and again whenever something that it asks about has changed.
#[utoipa::path(post, path = "/segments", tag = "segments", request_body = SegmentInput,
    responses((status = 201, body = SegmentView), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<SegmentInput>) -> Result<(StatusCode, Json<SegmentView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let context = context(&app).await?;
    let id = make(&app, &body.read()?, &context, &caller.actor(&app)).await?;
    let group = groups::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    let kept = segments::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(view(&app, group, &kept, &context).await?)))
}

/// The act itself, for API and page; answers the id.
pub async fn make(app: &App, input: &SegmentInput, context: &Context, who: &Actor) -> Result<i64, Error> {
    let (edit, segment) = checked(Some(&input.name), Some(&input.description), Some(&input.folder), Some(&input.rule), context)?;
    let segment = segment.ok_or_else(|| Error::field("rule", "This field is required."))?;
    let (label, description, folder) =
        (edit.name.unwrap_or_default(), edit.description.unwrap_or_default(), edit.folder.unwrap_or_default());
    let mut tx = app.db.write().await?;
    let new = New { name: &label, description: &description, folder: &folder };
    let id = segments::create(&mut tx, &new, &segment, context, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(id)
}

/// What is sent, checked; all faults at once.
fn checked(
    label: Option<&str>,
    description: Option<&str>,
    path: Option<&str>,
    rule: Option<&Value>,
    context: &Context,
) -> Result<(Edit, Option<Segment>), Error> {
    let mut faults = Faults::default();
    let edit = Edit {
        name: label.map(|label| name(label, "name", &mut faults)),
        description: description.map(|told| text(told, "description", 2_000, &mut faults)),
        folder: path.map(|path| folder(path, &mut faults)),
    };
    let segment = match rule.map(|rule| read(rule, context)).transpose() {
        Ok(segment) => segment,
        Err(Error::Invalid(of_rule)) => {
            faults.0.extend(of_rule);
            None
        }
        Err(other) => return Err(other),
    };
    faults.none_or()?;
    Ok((edit, segment))
}

/// Changes what is sent. Another rule finds other people: they follow at once.
#[utoipa::path(patch, path = "/segments/{id}", tag = "segments", params(("id" = String, Path)), request_body = SegmentPatch,
    responses((status = 200, body = SegmentView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<SegmentPatch>) -> Result<Json<SegmentView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let change = body.read()?;
    let (group, kept) = load(&app, &id).await?;
    save(&app, group.id, &kept, &change, &caller.actor(&app)).await?;
    get(State(app), caller, id).await
}

/// The act itself, for API and page.
pub async fn save(app: &App, id: i64, before: &Kept, change: &SegmentPatch, who: &Actor) -> Result<(), Error> {
    let context = context(app).await?;
    let SegmentPatch { name, description, folder, rule } = change;
    let (edit, segment) = checked(name.as_deref(), description.as_deref(), folder.as_deref(), rule.as_ref(), &context)?;
    let mut tx = app.db.write().await?;
    if let Some(segment) = segment.filter(|s| *s != before.segment) {
        segments::redefine(&mut tx, id, &segment, &context, who).await?;
    }
    if edit.name.is_some() || edit.description.is_some() || edit.folder.is_some() {
        groups::edit(&mut tx, id, &edit, who).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}

/// Deletes a segment with its target group. Refused while another target group is made of it.
#[utoipa::path(delete, path = "/segments/{id}", tag = "segments", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let (group, _) = load(&app, &id).await?;
    remove(&app, group.id, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The act itself, for API and page.
pub async fn remove(app: &App, id: i64, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    groups::delete(&mut tx, id, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}
