//! Adding and editing a bridge: the form comes from the catalogue, so a new kind needs no page of its own.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_connectors::{BridgeKind, FieldError, kind, kinds as all_kinds};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::bridges::{self, Bridge, Entered};
use rialto_store::runs::{self, NewRun, Subject};

use super::bridge_head::Head;
use super::entry_fields::{self, Field};
use super::links;
use super::shell::{Page, Reader};
use crate::api::bridge_input;
use crate::auth::Form;
use crate::error::Error;

/// A form as the browser sends it: `name`, `enabled`, `settings.<key>`, `secrets.<key>`.
type Sent = BTreeMap<String, String>;

const LONGEST_NAME: usize = 100;

#[derive(Template)]
#[template(path = "bridge_kinds.html")]
struct Kinds {
    page: Page,
    kinds: Vec<(&'static str, &'static str, &'static str)>,
}

/// GET /admin/bridges/new
pub async fn kinds(reader: Reader) -> Result<Html<String>, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let kinds = all_kinds().iter().map(|k| (k.kind, k.name, k.list_name)).collect();
    Ok(Html(Kinds { page: reader.page("Add a bridge"), kinds }.render()?))
}

#[derive(Template)]
#[template(path = "bridge_form.html")]
struct BridgeForm {
    page: Page,
    action: String,
    kind_name: &'static str,
    edit: bool,
    /// Of the bridge that is edited.
    head: Option<Head>,
    name: String,
    name_error: Option<String>,
    enabled: bool,
    fields: Vec<Field>,
    faults: usize,
    more_open: bool,
}

/// What the form is filled with.
struct Filled<'a> {
    kind: &'static BridgeKind,
    action: String,
    /// The bridge that is edited; `None` while one is added.
    bridge: Option<&'a Bridge>,
    entered: &'a Entered,
    /// Names of secrets that are stored.
    stored: &'a [String],
    faults: &'a [FieldError],
}

async fn form(reader: &Reader, filled: &Filled<'_>) -> Result<Response, Error> {
    let Filled { kind, entered, stored, faults, .. } = filled;
    let error = |path: &str| faults.iter().find(|f| f.field == path).map(|f| f.detail.clone());
    let fields = entry_fields::of((*kind).into(), &entered.settings, stored, faults);
    let title = if filled.bridge.is_some() { format!("Edit {}", entered.name) } else { format!("Add a bridge to {}", kind.name) };
    let page = BridgeForm {
        page: reader.page(title),
        action: filled.action.clone(),
        kind_name: kind.name,
        edit: filled.bridge.is_some(),
        head: match filled.bridge {
            Some(bridge) => Some(Head::of(reader, bridge, "Settings").await?),
            None => None,
        },
        name: entered.name.clone(),
        name_error: error("name"),
        enabled: entered.enabled,
        more_open: fields.iter().any(|f| f.advanced && f.error.is_some()),
        faults: faults.len(),
        fields,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// Reads what was sent. Empty secrets were not entered; settings equal to their default are not stored.
fn read(kind: &BridgeKind, sent: &Sent) -> Entered {
    let (settings, secrets) = entry_fields::read(kind.into(), sent);
    Entered {
        name: sent.get("name").map(|n| n.trim().to_owned()).unwrap_or_default(),
        settings,
        secrets,
        enabled: sent.get("enabled").is_some_and(|v| v == "yes"),
    }
}

fn check(kind: &BridgeKind, entered: &Entered, kept: &[String]) -> Vec<FieldError> {
    let mut faults = bridge_input::check(kind, &entered.settings, &entered.secrets, kept);
    if entered.name.is_empty() {
        faults.insert(0, FieldError { field: "name".into(), detail: "Give the bridge a name by which people recognise it.".into() });
    } else if entered.name.chars().count() > LONGEST_NAME {
        faults.insert(0, FieldError { field: "name".into(), detail: format!("Use at most {LONGEST_NAME} characters.") });
    }
    faults
}

/// GET /admin/bridges/new/{kind}
pub async fn new(reader: Reader, Path(name): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let kind = kind(&name).ok_or(Error::NotFound)?;
    let entered = Entered { name: kind.name.to_owned(), enabled: true, ..Entered::default() };
    form(
        &reader,
        &Filled { kind, action: format!("/admin/bridges/new/{}", kind.kind), bridge: None, entered: &entered, stored: &[], faults: &[] },
    )
    .await
}

/// POST /admin/bridges/new/{kind}: stores the bridge, and has it tested at once.
pub async fn create(reader: Reader, Path(name): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let kind = kind(&name).ok_or(Error::NotFound)?;
    let entered = read(kind, &sent);
    let faults = check(kind, &entered, &[]);
    if !faults.is_empty() {
        let action = format!("/admin/bridges/new/{}", kind.kind);
        return form(&reader, &Filled { kind, action, bridge: None, entered: &entered, stored: &[], faults: &faults }).await;
    }
    let app = &reader.app;
    let who = reader.session.actor(app);
    let mut tx = app.db.write().await?;
    let bridge_id = bridges::create(&mut tx, &app.vault, kind.kind, &entered, &who).await?;
    runs::request(&mut tx, NewRun::of(RunKind::Test, Subject::Test { bridge_id }, Trigger::RefreshBridge), &who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(Redirect::to("/admin/bridges").into_response())
}

/// GET /admin/bridges/{id}/edit
pub async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let kind = kind(&bridge.kind).ok_or(Error::NotFound)?;
    let stored = bridge.secret_names()?;
    let entered = Entered { name: bridge.name.clone(), settings: bridge.settings()?, secrets: BTreeMap::new(), enabled: bridge.enabled };
    let action = format!("{}/edit", links::bridge(bridge.created_at, bridge.id));
    form(&reader, &Filled { kind, action, bridge: Some(&bridge), entered: &entered, stored: &stored, faults: &[] }).await
}

/// POST /admin/bridges/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(sent): Form<Sent>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let kind = kind(&bridge.kind).ok_or(Error::NotFound)?;
    let entered = read(kind, &sent);
    // A stored password must not travel to another address: there it has to be entered again.
    let moved = bridge.settings()?.get("base_url") != entered.settings.get("base_url");
    let stored = if moved { Vec::new() } else { bridge.secret_names()? };
    let faults = check(kind, &entered, &stored);
    if !faults.is_empty() {
        let action = format!("{}/edit", links::bridge(bridge.created_at, bridge.id));
        return form(&reader, &Filled { kind, action, bridge: Some(&bridge), entered: &entered, stored: &stored, faults: &faults }).await;
    }
    let who = reader.session.actor(app);
    let mut tx = app.db.write().await?;
    bridges::update(&mut tx, &app.vault, bridge.id, &entered, &who).await?;
    if entered.enabled {
        let test = NewRun::of(RunKind::Test, Subject::Test { bridge_id: bridge.id }, Trigger::RefreshBridge);
        runs::request(&mut tx, test, &who).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(Redirect::to("/admin/bridges").into_response())
}
