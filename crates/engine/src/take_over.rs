//! Runs whose worker died.

use std::collections::HashMap;
use std::time::Duration;

use rialto_core::Instant;
use rialto_core::run::RunKind;
use rialto_store::runs::{self, Ending, NewRun, Run, Subject};
use rialto_store::{Actor, StoreError, Tx, membership};
use tokio::sync::Mutex;

use crate::Engine;
use crate::remote::Trouble;
use crate::worker::failed;

/// Tries of a run whose worker died, the first one included.
const MAX_ATTEMPTS: i64 = 3;

/// Leases that are over by this node's clock, since when they were seen unchanged. A live worker renews its lease each second: one
/// that changes belongs to a node whose clock goes otherwise.
#[derive(Default)]
pub(crate) struct Watch(Mutex<HashMap<i64, (i64, tokio::time::Instant)>>);

impl Watch {
    async fn silent(&self, run: &Run, patience: Duration) -> bool {
        let mut seen = self.0.lock().await;
        let now = tokio::time::Instant::now();
        let (lease, since) = *seen
            .entry(run.id)
            .and_modify(|s| {
                if s.0 != run.lease_until {
                    *s = (run.lease_until, now)
                }
            })
            .or_insert((run.lease_until, now));
        // Given up in order: nobody holds it.
        lease == 0 || now.duration_since(since) >= patience
    }

    async fn keep(&self, expired: &[Run]) {
        self.0.lock().await.retain(|id, _| expired.iter().any(|r| r.id == *id));
    }
}

/// Runs whose worker died end: as they were to end when their plan was carried over, else as failed, and then they are tried again as
/// new runs: a run id is never used twice.
pub(crate) async fn all(engine: &Engine) -> Result<(), StoreError> {
    let parts = engine.parts();
    let expired = runs::expired(parts.db.read(), parts.clock.now()).await?;
    engine.inner.watch.keep(&expired).await;
    let patience = Duration::from_millis(parts.settings.silence_millis);
    for dead in expired {
        if engine.inner.watch.silent(&dead, patience).await {
            one(engine, &dead).await?;
        }
    }
    Ok(())
}

async fn one(engine: &Engine, dead: &Run) -> Result<(), StoreError> {
    let parts = engine.parts();
    let now = parts.clock.now();
    let mut tx = parts.db.write().await?;
    let Some(run) = runs::lock(&mut tx, dead.id, &dead.worker).await?.filter(|r| r.lease_until == dead.lease_until) else { return Ok(()) };
    let applied = run.outcome.is_some();
    if applied {
        runs::finish_applied(&mut tx, run.id, now).await?;
    } else {
        try_again(&mut tx, &run, now).await?;
    }
    tx.commit().await?;
    if !applied {
        membership::drop_plan(&parts.db, run.id).await?;
    }
    tracing::warn!(run = run.id, applied, "took over from a worker that died");
    Ok(())
}

async fn try_again(tx: &mut Tx, dead: &Run, now: Instant) -> Result<(), StoreError> {
    // Giving a run up in order, because the process stops, is no failed try.
    let attempt = if dead.lease_until == 0 { dead.attempt } else { dead.attempt + 1 };
    let again = attempt <= MAX_ATTEMPTS && dead.kind() != RunKind::Test;
    let reason = if again {
        "The worker stopped in the middle; the run is tried again as a new one."
    } else {
        "The worker stopped in the middle, for the last time."
    };
    let ending = Ending { reason: reason.into(), ..failed(&Trouble::Interrupted) };
    if runs::finish(tx, dead.id, &dead.worker, now, &ending).await? && again {
        let new = NewRun {
            kind: dead.kind(),
            subject: subject(dead),
            trigger: dead.trigger(),
            plan_only: dead.plan_only,
            parent_run: if matches!(dead.kind(), RunKind::Approval | RunKind::Undo) { dead.parent_run } else { Some(dead.id) },
            attempt,
        };
        let who = Actor { name: dead.actor.clone(), request_id: String::new(), at: now };
        let next = runs::request(tx, new, &who).await?;
        runs::hand_on(tx, dead.id, next.run_id).await?;
    }
    Ok(())
}

fn subject(run: &Run) -> Subject {
    if let Some(upload_id) = run.upload_id {
        return Subject::Upload { upload_id, group_id: run.group_id };
    }
    if let (None, Some(group_id)) = (run.bridge_id, run.group_id) {
        return Subject::Derived { group_id };
    }
    let bridge_id = run.bridge_id.unwrap_or(0);
    match (run.kind(), run.group_id) {
        (_, Some(group_id)) => Subject::Group { group_id, bridge_id },
        (RunKind::Test, None) => Subject::Test { bridge_id },
        _ => Subject::Lists { bridge_id },
    }
}
