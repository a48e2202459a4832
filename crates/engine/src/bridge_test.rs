//! A read-only test of a bridge.

use rialto_connectors::ProbeReport;
use rialto_core::run::RunState;
use rialto_core::{Counts, figure};
use rialto_store::bridges;
use rialto_store::runs::{Ending, Run};

use crate::Parts;
use crate::lease::Lease;
use crate::remote::{self, Trouble};
use crate::worker::failed;

async fn probe(parts: &Parts, run: &Run) -> Result<ProbeReport, Trouble> {
    let remote = remote::open(parts, run.bridge_id).await?;
    Ok(remote.connector.probe().await?)
}

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let outcome = tokio::select! {
        outcome = probe(parts, run) => outcome,
        () = lease.gone() => return Err(Trouble::Interrupted),
    };
    let (ok, ending) = match outcome {
        Ok(report) => {
            let mut reason =
                format!("The remote system answers: {} lists, {} fields.", figure(report.lists as u64), figure(report.fields as u64));
            for warning in &report.warnings {
                reason.push(' ');
                reason.push_str(warning);
            }
            let stats = serde_json::json!({"lists": report.lists, "fields": report.fields, "warnings": report.warnings});
            (
                true,
                Ending {
                    state: RunState::Succeeded,
                    counts: Counts::default(),
                    reason,
                    advice: String::new(),
                    error_kind: String::new(),
                    data_as_of: None,
                    stats,
                },
            )
        }
        Err(Trouble::Store(e)) => return Err(e.into()),
        Err(trouble) => (false, failed(&trouble)),
    };
    if let Some(bridge_id) = run.bridge_id {
        let message = [ending.reason.as_str(), ending.advice.as_str()].join(" ");
        let mut tx = parts.db.write().await?;
        bridges::tested(&mut tx, bridge_id, parts.clock.now(), ok, message.trim()).await?;
        tx.commit().await?;
    }
    Ok(ending)
}
