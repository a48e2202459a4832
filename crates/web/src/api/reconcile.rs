//! `/bridges/{id}/reconcile`: the standing check of what was delivered against what the remote shows, and its repair.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_store::Actor;
use rialto_store::reconcile::{self, Check, Finding, Repaired};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Id, Problem, maybe_time, time};
use super::writeback_settings::bridge;
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Findings shown with a check.
const FINDINGS: i64 = 200;

#[derive(Serialize, ToSchema)]
pub struct CheckView {
    /// The check's number.
    pub number: i64,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub state: String,
    pub by: String,
    /// People asked for so far.
    pub checked: i64,
    /// Of those, people about whom something differs.
    pub differing: i64,
    /// Of those, people whom the remote does not have any more.
    pub gone: i64,
    /// Differing by checked: 0 when all is as delivered.
    pub drift: f64,
    /// Why it failed, and what to do.
    pub reason: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    pub ended_at: Option<String>,
    /// The first 200.
    pub findings: Vec<FindingView>,
}

#[derive(Serialize, ToSchema)]
pub struct FindingView {
    /// `missing`, `flag`, `doubled` or `unexpected`.
    pub kind: String,
    /// A sentence.
    pub detail: String,
    /// Whether a repair can put it right.
    pub repairable: bool,
    /// `queued`, or `overtaken` by a later decision; empty while nobody asked for the repair.
    pub outcome: String,
}

#[derive(Serialize, ToSchema)]
pub struct RepairView {
    /// Findings for which a writeback was queued.
    pub queued: usize,
    /// Findings that a later decision has overtaken: nothing was queued.
    pub overtaken: usize,
}

/// The run of a check, as long work answers.
#[derive(Serialize, ToSchema)]
pub struct StartedCheck {
    pub run: CheckView,
}

fn view(check: &Check, findings: Vec<Finding>) -> CheckView {
    CheckView {
        number: check.id,
        state: check.state.clone(),
        by: check.asked_by.clone(),
        checked: check.checked,
        differing: check.differing,
        gone: check.gone,
        drift: check.drift(),
        reason: check.reason.clone(),
        created_at: time(check.created_at),
        ended_at: maybe_time(check.ended_at),
        findings: findings
            .into_iter()
            .map(|f| FindingView { kind: f.kind, detail: f.detail, repairable: f.repairable, outcome: f.outcome })
            .collect(),
    }
}

async fn latest(app: &App, bridge_id: i64) -> Result<Check, Error> {
    reconcile::latest(app.db.read(), bridge_id, 1).await?.pop().ok_or(Error::NotFound)
}

/// The latest check of a bridge.
#[utoipa::path(get, path = "/bridges/{id}/reconcile", tag = "bridges", params(("id" = String, Path)),
    responses((status = 200, body = CheckView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<CheckView>, Error> {
    let check = latest(&app, bridge(&app, &id).await?.id).await?;
    let findings = reconcile::findings(app.db.read(), check.id, 0, FINDINGS).await?;
    Ok(Json(view(&check, findings)))
}

/// Checks now; joins the check under way.
#[utoipa::path(post, path = "/bridges/{id}/reconcile", tag = "bridges", params(("id" = String, Path)),
    responses((status = 202, body = StartedCheck), (status = 404, body = Problem)))]
pub async fn start(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<StartedCheck>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = bridge(&app, &id).await?;
    let check = do_start(&app, bridge.id, &caller.actor(&app)).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedCheck { run: view(&check, Vec::new()) })))
}

/// The act itself, for API and page; the permission was asked for.
pub async fn do_start(app: &App, bridge_id: i64, who: &Actor) -> Result<Check, Error> {
    let mut tx = app.db.write().await?;
    let (check, _) = reconcile::ask(&mut tx, bridge_id, who).await?;
    tx.commit().await?;
    app.wake.ring();
    reconcile::get(app.db.read(), check).await?.ok_or(Error::NotFound)
}

/// Carries out the repair plan of the latest check: what is missing at the remote and still holds is queued once more, up to 1,000
/// findings a call.
#[utoipa::path(post, path = "/bridges/{id}/reconcile/repair", tag = "bridges", params(("id" = String, Path)),
    responses((status = 200, body = RepairView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn repair(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<RepairView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = bridge(&app, &id).await?;
    let done = do_repair(&app, bridge.id, &caller.actor(&app)).await?;
    Ok(Json(RepairView { queued: done.queued, overtaken: done.overtaken }))
}

/// As `do_start`.
pub async fn do_repair(app: &App, bridge_id: i64, who: &Actor) -> Result<Repaired, Error> {
    let check = latest(app, bridge_id).await?;
    if check.ended_at.is_none() {
        return Err(Error::Conflict("The check is still under way. Repair when it has ended.".into()));
    }
    let mut tx = app.db.write().await?;
    let done = reconcile::repair(&mut tx, &check, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(done)
}
