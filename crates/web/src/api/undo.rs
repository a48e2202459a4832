//! `/sync-runs/{id}/undo`: takes a run back, as a run of its own.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::runs::{self, NewRun, Requested, Run};
use rialto_store::{Actor, undo as store};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Body, Id, Problem};
use super::runs::{Started, accepted, load};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UndoRequest {
    /// Names what would go back and what would stay; changes nothing.
    pub plan_only: bool,
}

/// Takes back what a run changed, where nothing came later: members, values of fields, addresses; whom it made mailable is silent again.
/// Nobody becomes mailable by it. What stays is named by notes of kind `kept`. Afterwards syncs of the target group only plan until
/// `POST /target-groups/{id}/resume`. Refused (409) for plans, runs of lists, and uploads of unsubscribers.
#[utoipa::path(post, path = "/sync-runs/{id}/undo", tag = "sync-runs", params(("id" = String, Path)), request_body = Option<UndoRequest>,
    responses((status = 202, body = Started), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn undo(State(app): State<App>, caller: Caller, id: Id, body: Body<UndoRequest>) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::GroupsApprove)?;
    let asked = body.read_or_default()?;
    let run = load(&app, &id).await?;
    let asked = ask(&app, &run, asked.plan_only, Trigger::Api, &caller.actor(&app)).await?;
    accepted(&app, asked.run_id).await
}

/// The act itself, for API and pages; the permission was asked for.
pub async fn ask(app: &App, run: &Run, plan_only: bool, trigger: Trigger, who: &Actor) -> Result<Requested, Error> {
    if !run.state().ended() {
        return Err(Error::Conflict("This run is still under way. Undo it when it has ended.".into()));
    }
    if let Some((why, advice)) = store::refusal(&app.db, run).await? {
        return Err(Error::Conflict([why, advice].join(" ").trim_end().to_owned()));
    }
    let subject = store::subject(run).ok_or(Error::NotFound)?;
    let new = NewRun { parent_run: Some(run.id), plan_only, ..NewRun::of(RunKind::Undo, subject, trigger) };
    let asked = runs::request_now(&app.db, new, who).await?;
    app.wake.ring();
    Ok(asked)
}
