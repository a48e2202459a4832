//! Settings > System Settings > Remote Database Information: whether personas are sent, and how the table for them stands (UD-06, UD-08).

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{Html, Response};
use axum::routing::{get, post};
use rialto_core::permissions::Permission;
use rialto_core::writeback::WritebackKind;
use rialto_store::bridges::{self, Bridge};
use rialto_store::writebacks;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{Chip, When, filters};
use super::toast::{self, Toast};
use crate::api::personas::{send_now, takes_personas};
use crate::api::writeback_settings::destination;
use crate::auth::Form;
use crate::error::Error;
use crate::state::App;

const HERE: &str = "/settings/remote-database";

pub fn router() -> Router<App> {
    Router::new()
        .route("/settings/remote-database", get(show))
        .route("/settings/remote-database/{id}", post(switch))
        .route("/settings/remote-database/{id}/check", post(check))
        .route("/settings/remote-database/{id}/send", post(send))
}

struct Of {
    id: String,
    name: String,
    href: String,
    enabled: bool,
    on: bool,
    /// What the administrator of the remote system has to make.
    definition: String,
    table: String,
    chip: Chip,
    faults: Vec<String>,
    looked: Option<When>,
    away: Option<When>,
    held: i64,
    list: String,
    next: Option<When>,
    sent: Option<(When, i64)>,
}

#[derive(Template)]
#[template(path = "remote_database.html")]
struct RemoteDatabase {
    page: Page,
    may: bool,
    bridges: Vec<Of>,
}

/// GET /settings/remote-database
async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let mut shown = Vec::new();
    for bridge in bridges::list(reader.app.db.read()).await?.into_iter().filter(|b| takes_personas(&b.kind)) {
        shown.push(of(&reader, &bridge).await?);
    }
    let page = reader.page("Remote Database Information");
    Ok(Html(RemoteDatabase { page, may: reader.may(Permission::BridgesAdmin), bridges: shown }.render()?))
}

async fn of(reader: &Reader, bridge: &Bridge) -> Result<Of, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let d = destination(&reader.app, bridge.id).await?;
    let on = d.read_settings().personas;
    let faults: Vec<String> = d.set_up().into_iter().filter(|f| f.kinds.contains(&WritebackKind::Persona)).map(|f| f.detail).collect();
    let settings = bridge.settings()?;
    let table = settings.get("persona_table").filter(|t| !t.is_empty()).cloned().unwrap_or_else(|| "INFORMZ_PERSONA".into());
    let held = writebacks::held(db.read(), bridge.id, WritebackKind::Persona.name()).await?;
    let chip = match (on, faults.is_empty(), d.faults_at) {
        (false, ..) => Chip::off("Not sent"),
        (_, false, _) => Chip::stop("Table to be mended"),
        (_, _, None) => Chip::go("Looking at the table"),
        _ => Chip::ok("Table in order"),
    };
    Ok(Of {
        id: links::bridge_id(bridge).to_string(),
        name: bridge.name.clone(),
        href: links::bridge(bridge.created_at, bridge.id),
        enabled: bridge.enabled,
        on,
        definition: definition(&table),
        table,
        chip,
        faults: if on { faults } else { Vec::new() },
        looked: here.maybe(d.faults_at),
        away: here.maybe(d.blocked_at),
        held,
        list: format!("/writebacks?bridge={}&kind=persona", links::bridge_id(bridge)),
        next: (on && d.personas_next_at > reader.app.clock.now().0).then(|| here.when(d.personas_next_at)),
        sent: d.personas_looked_at.map(|at| (here.when(at), d.personas_last_queued)),
    })
}

/// For the administrator of the remote system, to be copied (UD-03).
fn definition(table: &str) -> String {
    format!(
        "User-defined table: {table}\nOf: contacts\nMultiple instances: allowed\n\nField        Type  Length  Prompt\nSCORE_NAME   Char  255     Persona Name\nSCORE_DESC   Char  2000    Persona Description"
    )
}

#[derive(Deserialize)]
struct Wanted {
    /// `yes` or `no`.
    personas: String,
}

/// POST /settings/remote-database/{id}
async fn switch(reader: Reader, Path(id): Path<String>, Form(wanted): Form<Wanted>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = of_personas(&reader, &id).await?;
    let on = match wanted.personas.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Error::BadRequest("Personas are sent or not.".into())),
    };
    let before = destination(&reader.app, bridge.id).await?.read_settings();
    let mut tx = reader.app.db.write().await?;
    let settings = writebacks::Settings { personas: on, ..before };
    writebacks::put_settings(&mut tx, bridge.id, &settings, &reader.session.actor(&reader.app)).await?;
    tx.commit().await?;
    reader.app.wake.ring();
    let said = if on { "Personas are sent from the next night on." } else { "Personas are not sent any more. What was sent stays there." };
    let back = if on { "no" } else { "yes" };
    toast::done(&reader, HERE, &Toast::new(said).undo(format!("{HERE}/{id}"), &[("personas", back)]))
}

/// POST /settings/remote-database/{id}/check
async fn check(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = of_personas(&reader, &id).await?;
    let mut tx = reader.app.db.write().await?;
    writebacks::ask_set_up(&mut tx, bridge.id).await?;
    tx.commit().await?;
    reader.app.wake.ring();
    toast::done(&reader, HERE, &Toast::new(format!("{} is being asked how the table stands.", bridge.name)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    /// `yes` for those as well whose persona did not change.
    everybody: String,
}

/// POST /settings/remote-database/{id}/send
async fn send(reader: Reader, Path(id): Path<String>, Form(asked): Form<Asked>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = of_personas(&reader, &id).await?;
    let everybody = asked.everybody == "yes";
    send_now(&reader.app, &bridge, everybody, &reader.session.actor(&reader.app)).await?;
    let what = if everybody { "Everybody’s persona" } else { "What changed" };
    toast::done(&reader, HERE, &Toast::new(format!("{what} is being put into the Writeback List.")))
}

async fn of_personas(reader: &Reader, id: &str) -> Result<Bridge, Error> {
    let bridge = links::find_bridge(&reader.app, id).await?;
    if takes_personas(&bridge.kind) { Ok(bridge) } else { Err(Error::NotFound) }
}
