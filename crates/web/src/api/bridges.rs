//! `/bridges`: configured connections to remote systems.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_connectors::BridgeKind;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Kind, PublicId};
use rialto_store::bridges::{self, Bridge, Entered};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::views::api as views;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, found, limit, maybe_time, name, page, public, time};
use super::groups::GroupView;
use super::runs::{self, Started};
use super::{bridge_input, groups};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct KindView {
    pub kind: &'static str,
    pub name: &'static str,
    /// What this system calls a list.
    pub list_name: &'static str,
    pub settings: Vec<FormFieldView>,
    pub secrets: Vec<FormFieldView>,
    pub triggers: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub struct FormFieldView {
    pub key: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// `text`, `url`, `number`, `secret` or `choice`.
    #[schema(value_type = String)]
    pub input: rialto_connectors::form::Input,
    pub required: bool,
    pub default: &'static str,
    pub options: &'static [&'static str],
    pub advanced: bool,
}

impl From<&rialto_connectors::form::FormField> for FormFieldView {
    fn from(f: &rialto_connectors::form::FormField) -> Self {
        Self {
            key: f.key,
            label: f.label,
            help: f.help,
            input: f.input,
            required: f.required,
            default: f.default,
            options: f.options,
            advanced: f.advanced,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct BridgeView {
    #[schema(format = "uuid")]
    pub id: String,
    pub kind: String,
    pub name: String,
    pub settings: BTreeMap<String, String>,
    /// Which secrets are set. Their values are never shown.
    pub secrets_set: Vec<String>,
    pub enabled: bool,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    pub lists_synced_at: Option<String>,
    pub test: Option<TestView>,
}

#[derive(Serialize, ToSchema)]
pub struct TestView {
    #[schema(format = "date-time")]
    pub at: String,
    pub ok: bool,
    pub message: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBridge {
    pub kind: String,
    pub name: String,
    /// Values are texts; numbers and booleans are taken as their text.
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    #[serde(default)]
    pub secrets: BTreeMap<String, Value>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// Fields left out stay; inside `settings`, null takes a key away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeChange {
    pub name: Option<String>,
    pub settings: Option<BTreeMap<String, Value>>,
    pub secrets: Option<BTreeMap<String, Value>>,
    pub enabled: Option<bool>,
}

fn view(bridge: &Bridge) -> Result<BridgeView, Error> {
    let test =
        bridge.tested_at.map(|at| TestView { at: time(at), ok: bridge.test_ok.unwrap_or(false), message: bridge.test_message.clone() });
    Ok(BridgeView {
        id: public(Kind::Bridge, bridge.created_at, bridge.id),
        kind: bridge.kind.clone(),
        name: bridge.name.clone(),
        settings: bridge.settings()?,
        secrets_set: bridge.secret_names()?,
        enabled: bridge.enabled,
        created_at: time(bridge.created_at),
        lists_synced_at: maybe_time(bridge.lists_synced_at),
        test,
    })
}

pub(super) async fn load(app: &App, id: &Id) -> Result<Bridge, Error> {
    let id = id.of(Kind::Bridge)?;
    found(bridges::get(app.db.read(), id.id).await?, id, |b| b.created_at)
}

/// Scalars as texts. Null takes the key out of `into`.
fn merge(entered: BTreeMap<String, Value>, part: &str, into: &mut BTreeMap<String, String>, faults: &mut Faults) {
    for (key, value) in entered {
        let text = match value {
            Value::Null => {
                into.remove(&key);
                continue;
            }
            Value::String(text) => text,
            Value::Number(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
            _ => {
                faults.add(format!("{part}.{key}"), "Send a text.");
                continue;
            }
        };
        into.insert(key, text);
    }
}

fn kind_of(name: &str) -> Option<&'static BridgeKind> {
    rialto_connectors::kind(name)
}

/// What kinds of bridges there are, each with its form.
#[utoipa::path(get, path = "/bridge-kinds", tag = "bridges", responses((status = 200, body = List<KindView>)))]
pub async fn kinds(_: Caller) -> Json<List<KindView>> {
    let items: Vec<KindView> = rialto_connectors::kinds()
        .iter()
        .map(|k| KindView {
            kind: k.kind,
            name: k.name,
            list_name: k.list_name,
            settings: k.settings.iter().map(Into::into).collect(),
            secrets: k.secrets.iter().map(Into::into).collect(),
            triggers: k.triggers.iter().map(|t| t.name()).collect(),
        })
        .collect();
    Json(List { total: items.len() as i64, items, next_cursor: None })
}

#[utoipa::path(get, path = "/bridges", tag = "bridges", params(Paging), responses((status = 200, body = List<BridgeView>)))]
pub async fn list(State(app): State<App>, _: Caller, Params(paging): Params<Paging>) -> Result<Json<List<BridgeView>>, Error> {
    let limit = limit(paging.limit)?;
    let (position, id) = after::<(i64, i64)>(paging.cursor.as_deref())?.unwrap_or((i64::MIN, 0));
    let all = bridges::list(app.db.read()).await?;
    let total = all.len() as i64;
    let rows: Vec<(i64, i64, BridgeView)> = all
        .iter()
        .filter(|b| (b.position, b.id) > (position, id))
        .take(usize::try_from(limit).unwrap_or(0) + 1)
        .map(|b| Ok((b.position, b.id, view(b)?)))
        .collect::<Result<_, Error>>()?;
    Ok(Json(page(rows, limit, total, |r| (r.0, r.1), |r| r.2)))
}

#[utoipa::path(post, path = "/bridges", tag = "bridges", request_body = NewBridge,
    responses((status = 201, body = BridgeView), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<NewBridge>) -> Result<(StatusCode, Json<BridgeView>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let new = body.read()?;
    let mut faults = Faults::default();
    let mut entered = Entered { name: name(&new.name, "name", &mut faults), enabled: new.enabled, ..Entered::default() };
    merge(new.settings, "settings", &mut entered.settings, &mut faults);
    merge(new.secrets, "secrets", &mut entered.secrets, &mut faults);
    match kind_of(&new.kind) {
        Some(kind) => faults.0.extend(bridge_input::check(kind, &entered.settings, &entered.secrets, &[])),
        None => faults.add("kind", "There is no such kind of bridge; see /api/v1/bridge-kinds."),
    }
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    let id = bridges::create(&mut tx, &app.vault, &new.kind, &entered, &caller.actor(&app)).await?;
    tx.commit().await?;
    let bridge = bridges::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(view(&bridge)?)))
}

#[utoipa::path(get, path = "/bridges/{id}", tag = "bridges", params(("id" = String, Path)),
    responses((status = 200, body = BridgeView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<BridgeView>, Error> {
    Ok(Json(view(&load(&app, &id).await?)?))
}

/// Changes what is sent. When `base_url` changes, secrets must be entered again: a stored password does not travel to another host.
#[utoipa::path(patch, path = "/bridges/{id}", tag = "bridges", params(("id" = String, Path)), request_body = BridgeChange,
    responses((status = 200, body = BridgeView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<BridgeChange>) -> Result<Json<BridgeView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let change = body.read()?;
    let bridge = load(&app, &id).await?;
    let mut faults = Faults::default();
    let before = bridge.settings()?;
    let new_name = change.name.as_deref().map_or_else(|| bridge.name.clone(), |n| name(n, "name", &mut faults));
    let mut entered =
        Entered { name: new_name, settings: before.clone(), enabled: change.enabled.unwrap_or(bridge.enabled), ..Entered::default() };
    let touched = change.settings.is_some() || change.secrets.is_some();
    merge(change.settings.unwrap_or_default(), "settings", &mut entered.settings, &mut faults);
    merge(change.secrets.unwrap_or_default(), "secrets", &mut entered.secrets, &mut faults);
    let moved = before.get("base_url") != entered.settings.get("base_url");
    let kept = if moved { Vec::new() } else { bridge.secret_names()? };
    if let Some(kind) = kind_of(&bridge.kind).filter(|_| touched) {
        faults.0.extend(bridge_input::check(kind, &entered.settings, &entered.secrets, &kept));
    }
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    bridges::update(&mut tx, &app.vault, bridge.id, &entered, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(Json(view(&load(&app, &id).await?)?))
}

/// Takes a bridge out of use and forgets its secrets. Its people and groups stay readable.
#[utoipa::path(delete, path = "/bridges/{id}", tag = "bridges", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    bridges::delete(&mut tx, bridge.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Looks at the remote system without changing anything.
#[utoipa::path(post, path = "/bridges/{id}/test", tag = "bridges", params(("id" = String, Path)),
    responses((status = 202, body = Started), (status = 404, body = Problem)))]
pub async fn test(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = load(&app, &id).await?;
    runs::start(&app, &caller, NewRun::of(RunKind::Test, Subject::Test { bridge_id: bridge.id }, Trigger::Api)).await
}

/// Reads lists and fields, never counts.
#[utoipa::path(post, path = "/bridges/{id}/refresh", tag = "bridges", params(("id" = String, Path)),
    responses((status = 202, body = Started), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn refresh(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<Started>), Error> {
    if !caller.allows(Permission::BridgesAdmin) {
        caller.require(Permission::GroupsSync)?;
    }
    let bridge = load(&app, &id).await?;
    if !bridge.enabled {
        return Err(Error::Conflict("This bridge is switched off.".into()));
    }
    runs::start(&app, &caller, NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge.id }, Trigger::Api)).await
}

/// The remote lists of a bridge, each with its target group.
#[utoipa::path(get, path = "/bridges/{id}/lists", tag = "bridges", params(("id" = String, Path), Paging),
    responses((status = 200, body = List<GroupView>), (status = 404, body = Problem)))]
pub async fn lists(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<List<GroupView>>, Error> {
    let bridge = load(&app, &id).await?;
    let filter = views::GroupFilter { bridge_id: bridge.id, kind: "remote".into(), ..Default::default() };
    groups::page_of(&app, &filter, paging.limit, paging.cursor.as_deref()).await
}

/// The internal id of the bridge that a filter names.
pub(super) async fn filter(app: &App, id: Option<&str>) -> Result<i64, Error> {
    let Some(text) = id else { return Ok(0) };
    let unknown = || Error::field("bridge", "There is no such bridge.");
    let id = PublicId::parse(text, Kind::Bridge).ok_or_else(unknown)?;
    let made = views::made(app.db.read(), views::Made::Bridges, &[id.id]).await?;
    made.get(&id.id).filter(|at| id.fits(rialto_core::Instant(**at))).map(|_| id.id).ok_or_else(unknown)
}
