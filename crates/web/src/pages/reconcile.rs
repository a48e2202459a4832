//! The standing check of a bridge on its Writebacks tab: what was delivered against what the remote shows, and the repair.

use axum::extract::Path;
use axum::response::Response;
use rialto_core::permissions::Permission;
use rialto_store::bridges::Bridge;
use rialto_store::reconcile;

use super::links;
use super::shell::Reader;
use super::text::{self, Chip, When};
use super::toast::{self, Toast};
use crate::api::reconcile as api;
use crate::error::Error;

/// Findings shown; the API has more.
const SHOWN: i64 = 50;

/// The latest check.
pub struct Standing {
    pub chip: Chip,
    /// What it found, in a sentence.
    pub told: String,
    pub at: When,
    pub by: String,
    pub findings: Vec<String>,
    /// Findings that a repair puts right.
    pub repairable: usize,
    pub busy: bool,
}

/// The latest check of a bridge; `None` when there was none yet.
pub async fn latest(reader: &Reader, bridge_id: i64) -> Result<Option<Standing>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let Some(check) = reconcile::latest(db.read(), bridge_id, 1).await?.pop() else { return Ok(None) };
    let findings = reconcile::findings(db.read(), check.id, 0, SHOWN).await?;
    let busy = check.ended_at.is_none();
    let told = match check.state.as_str() {
        "failed" => format!("It broke off after {}. {}", text::people(check.checked), check.reason),
        _ if busy => format!("{} looked up so far.", text::people(check.checked)),
        _ if check.differing == 0 => format!("{} looked up; the remote system shows all that was delivered.", text::people(check.checked)),
        _ => format!(
            "Something differs about {} of {}: a drift of {:.2} %.",
            text::num(check.differing),
            text::people(check.checked),
            check.drift() * 100.0
        ),
    };
    Ok(Some(Standing {
        chip: match check.state.as_str() {
            "failed" => Chip::stop("Failed"),
            _ if busy => Chip::go("Under way"),
            _ if check.differing == 0 => Chip::ok("No drift"),
            _ => Chip::look("Drift"),
        },
        told,
        at: here.when(check.ended_at.unwrap_or(check.created_at)),
        by: text::actor(&check.asked_by),
        repairable: findings.iter().filter(|f| f.repairable && f.outcome.is_empty()).count(),
        findings: findings.into_iter().map(|f| f.detail + outcome(&f.outcome)).collect(),
        busy,
    }))
}

fn outcome(name: &str) -> &'static str {
    match name {
        "queued" => " It was queued once more.",
        "overtaken" => " A later decision has overtaken it.",
        _ => "",
    }
}

fn tab(bridge: &Bridge) -> String {
    format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id))
}

/// POST /admin/bridges/{id}/writebacks/check
pub async fn check(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    api::do_start(&reader.app, bridge.id, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, &tab(&bridge), &Toast::new("The standing check has begun; it only reads."))
}

/// POST /admin/bridges/{id}/writebacks/repair
pub async fn repair(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let done = api::do_repair(&reader.app, bridge.id, &reader.session.actor(&reader.app)).await?;
    let queued = text::count(i64::try_from(done.queued).unwrap_or(0), "writeback is", "writebacks are");
    toast::done(&reader, &tab(&bridge), &Toast::new(format!("{queued} queued once more, for the next cycle.")))
}
