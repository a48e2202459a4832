//! Buttons that start runs. What a run does, the engine does; these only ask for it, and lead to where it can be watched.

use axum::extract::{Path, Query};
use axum::response::Redirect;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::runs::{self, NewRun, Requested, Subject};
use rialto_store::views::groups::GroupRow;
use rialto_store::{bridges, compound};
use serde::Deserialize;

use super::links;
use super::shell::Reader;
use crate::auth::{Form, local};
use crate::error::Error;

async fn ask(reader: &Reader, new: NewRun) -> Result<Requested, Error> {
    let app = &reader.app;
    let mut tx = app.db.write().await?;
    let requested = runs::request(&mut tx, new, &reader.session.actor(app)).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(requested)
}

/// A bridge that can be asked for something now.
async fn usable(reader: &Reader, bridge_id: i64) -> Result<bridges::Bridge, Error> {
    let gone = || Error::Conflict("The bridge of this target group was deleted; there is nothing to sync with.".into());
    let bridge = bridges::get(reader.app.db.read(), bridge_id).await?.ok_or_else(gone)?;
    if bridge.enabled {
        Ok(bridge)
    } else {
        Err(Error::Conflict(format!(
            "The bridge {} is switched off. Switch it on under Bridge Configuration, then try again.",
            bridge.name
        )))
    }
}

/// Whose lists to read.
#[derive(Deserialize)]
pub struct Which {
    /// The bridge's public id.
    bridge: String,
    /// The page it was asked from.
    #[serde(default)]
    back: String,
}

/// POST /target-groups/refresh
pub async fn refresh_groups(reader: Reader, Form(which): Form<Which>) -> Result<Redirect, Error> {
    reader.session.require(Permission::GroupsSync)?;
    let bridge = links::find_bridge(&reader.app, &which.bridge).await?;
    let bridge = usable(&reader, bridge.id).await?;
    ask(&reader, NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge.id }, Trigger::RefreshGroups)).await?;
    Ok(Redirect::to(if which.back.is_empty() { "/target-groups" } else { local(&which.back) }))
}

/// Which page a button of a bridge stood on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct From {
    /// `bridge`, `status`, or nothing for the list of bridges.
    back: String,
}

impl From {
    fn to(&self, bridge: &bridges::Bridge) -> Redirect {
        match self.back.as_str() {
            "bridge" => Redirect::to(&links::bridge(bridge.created_at, bridge.id)),
            "status" => Redirect::to("/admin/status"),
            _ => Redirect::to("/admin/bridges"),
        }
    }
}

/// POST /admin/bridges/{id}/refresh: for those who set bridges up too.
pub async fn refresh_bridge(reader: Reader, Path(id): Path<String>, Query(from): Query<From>) -> Result<Redirect, Error> {
    if !reader.may(Permission::BridgesAdmin) {
        reader.session.require(Permission::GroupsSync)?;
    }
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let bridge = usable(&reader, bridge.id).await?;
    ask(&reader, NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge.id }, Trigger::RefreshBridge)).await?;
    Ok(from.to(&bridge))
}

/// POST /admin/bridges/{id}/test
pub async fn test_bridge(reader: Reader, Path(id): Path<String>, Query(from): Query<From>) -> Result<Redirect, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    ask(&reader, NewRun::of(RunKind::Test, Subject::Test { bridge_id: bridge.id }, Trigger::RefreshBridge)).await?;
    Ok(from.to(&bridge))
}

/// POST /target-groups/{id}/resync
pub async fn resync(reader: Reader, Path(id): Path<String>) -> Result<Redirect, Error> {
    people(&reader, &id, false).await
}

/// POST /target-groups/{id}/plan
pub async fn plan(reader: Reader, Path(id): Path<String>) -> Result<Redirect, Error> {
    people(&reader, &id, true).await
}

async fn people(reader: &Reader, id: &str, plan_only: bool) -> Result<Redirect, Error> {
    reader.session.require(Permission::GroupsSync)?;
    let row = links::find_group(&reader.app, id).await?;
    // Where Info starts syncs, its own Resync Now is that trigger, too.
    let by_info = rialto_connectors::has_trigger(&row.bridge_kind, Trigger::Info)
        && !rialto_connectors::has_trigger(&row.bridge_kind, Trigger::Resync);
    let asked = ask_people(reader, &row, if by_info { Trigger::Info } else { Trigger::Resync }, plan_only).await?;
    let run = PublicId::new(Kind::SyncRun, Instant(asked.created_at), asked.run_id);
    Ok(Redirect::to(&format!("/sync-runs/{run}")))
}

/// Asks for the run that brings a group's people: from its bridge, or from the groups it is made of.
pub async fn ask_people(reader: &Reader, row: &GroupRow, trigger: Trigger, plan_only: bool) -> Result<Requested, Error> {
    if row.group.is_derived() {
        let app = &reader.app;
        let mut tx = app.db.write().await?;
        let requested = compound::ask(&mut tx, row.group.id, trigger, plan_only, &reader.session.actor(app)).await?;
        tx.commit().await?;
        app.wake.ring();
        return Ok(requested);
    }
    let none = || Error::Conflict("This target group mirrors no remote list; there is nothing to sync.".into());
    let bridge_id = row.group.bridge_id.ok_or_else(none)?;
    usable(reader, bridge_id).await?;
    let subject = Subject::Group { group_id: row.group.id, bridge_id };
    ask(reader, NewRun { plan_only, ..NewRun::of(RunKind::People, subject, trigger) }).await
}
