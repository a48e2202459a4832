//! The undo of a run: first its plan, with names and numbers; then, confirmed on the plan's page, the undo itself.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::runs::{self, Run};
use rialto_store::undo;
use serde::Deserialize;

use super::links;
use super::shell::Reader;
use super::text;
use crate::api::undo::ask;
use crate::auth::Form;
use crate::error::Error;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Entered {
    /// The plan that was looked at, as the confirmation names it.
    plan: String,
}

/// What a run's page says about taking it back.
pub enum Offer {
    /// Begins with a plan.
    Plan,
    /// This run is the plan: what the button does, and where.
    Confirm { button: String, to: String },
    /// Another run has taken it back: its page.
    Undone(String),
}

impl Offer {
    pub fn plan(&self) -> bool {
        matches!(self, Self::Plan)
    }

    pub fn confirm(&self) -> Option<(&str, &str)> {
        if let Self::Confirm { button, to } = self { Some((button, to)) } else { None }
    }

    pub fn undone(&self) -> Option<&str> {
        if let Self::Undone(href) = self { Some(href) } else { None }
    }
}

/// What there is to say to this reader; nothing where nothing can be undone.
pub async fn offer(reader: &Reader, run: &Run) -> Result<Option<Offer>, Error> {
    let db = &reader.app.db;
    if !run.state().ended() || run.group_id.is_none() {
        return Ok(None);
    }
    if run.kind() == RunKind::Undo && run.plan_only {
        return confirm(reader, run).await;
    }
    if let Some((id, at)) = undo::last_of(db.read(), run.id).await? {
        return Ok(Some(Offer::Undone(links::run(at, id))));
    }
    let can = reader.may(Permission::GroupsApprove) && undo::refusal(db, run).await?.is_none();
    Ok(can.then_some(Offer::Plan))
}

async fn confirm(reader: &Reader, plan: &Run) -> Result<Option<Offer>, Error> {
    let counts = plan.counts();
    let nothing = counts.added + counts.removed + counts.updated + counts.suppressed == 0;
    if plan.state() != RunState::Succeeded || nothing || !reader.may(Permission::GroupsApprove) {
        return Ok(None);
    }
    let Some(of) = plan.parent_run else { return Ok(None) };
    let db = &reader.app.db;
    if let Some((id, at)) = undo::last_of(db.read(), of).await?.filter(|(id, _)| *id > plan.id) {
        return Ok(Some(Offer::Undone(links::run(at, id))));
    }
    let Some(of) = runs::get(db.read(), of).await? else { return Ok(None) };
    let acts = [
        (counts.added, "put", "back"),
        (counts.removed, "remove", ""),
        (counts.updated, "give earlier values back to", ""),
        (counts.suppressed, "silence", "again"),
    ];
    let words: Vec<String> = acts
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, verb, after)| format!("{verb} {} {after}", text::people(*n)).trim_end().to_owned())
        .collect();
    Ok(Some(Offer::Confirm { button: format!("Undo: {}", words.join(", ")), to: format!("{}/undo", links::run(of.created_at, of.id)) }))
}

/// POST /sync-runs/{id}/undo: without a plan that was looked at, the plan comes first.
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::GroupsApprove)?;
    let row = links::find_run(&reader.app, &id).await?;
    let seen = match PublicId::parse(&entered.plan, Kind::SyncRun) {
        Some(plan) => runs::get(reader.app.db.read(), plan.id).await?.is_some_and(|p| {
            p.kind() == RunKind::Undo && p.plan_only && p.parent_run == Some(row.run.id) && p.state() == RunState::Succeeded
        }),
        None => false,
    };
    let asked = ask(&reader.app, &row.run, !seen, Trigger::Resync, &reader.session.actor(&reader.app)).await?;
    let run = PublicId::new(Kind::SyncRun, Instant(asked.created_at), asked.run_id);
    Ok(Redirect::to(&format!("/sync-runs/{run}")).into_response())
}
