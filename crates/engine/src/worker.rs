//! The worker loop: claim a run, keep its lease, carry it out, write how it ended; and take over from workers that died.

use std::time::Duration;

use rialto_core::run::{Phase, RunKind, RunState};
use rialto_core::{Counts, Instant};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::{StoreError, settings};
use tokio_util::sync::CancellationToken;

use crate::lease::Lease;
use crate::remote::Trouble;
use crate::{Engine, Parts, approval, bridge_test, chores, compound, lists, people, remote, take_over, undo, upload};

pub(crate) async fn work(engine: Engine, number: usize, stop: CancellationToken) {
    let name = format!("{}-{number}", engine.inner.name);
    let parts = engine.parts();
    while !stop.is_cancelled() {
        let worked = match step(&engine, &name, &stop).await {
            Ok(worked) => worked,
            Err(e) => {
                tracing::error!(error = %e, "the worker could not look for work");
                false
            }
        };
        if !worked {
            let pause = tokio::time::sleep(Duration::from_millis(parts.settings.poll_millis));
            tokio::select! { () = parts.wake.heard() => {}, () = pause => {}, () = stop.cancelled() => {} }
        }
    }
}

pub(crate) async fn until_idle(engine: &Engine, stop: &CancellationToken) -> Result<(), StoreError> {
    let name = format!("{}-idle", engine.inner.name);
    while step(engine, &name, stop).await? {}
    Ok(())
}

/// Takes over from dead workers, then does one run. False when there is nothing to do.
async fn step(engine: &Engine, worker: &str, stop: &CancellationToken) -> Result<bool, StoreError> {
    let parts = engine.parts();
    take_over::all(engine).await?;
    while rialto_store::compound::ask_outdated(&parts.db, parts.clock.now()).await? {}
    let mut tx = parts.db.write().await?;
    let run = runs::claim(&mut tx, worker, parts.clock.now(), parts.settings.lease_seconds).await?;
    tx.commit().await?;
    let Some(run) = run else { return chores::one(engine).await };
    // Others may find more work while this one is busy.
    parts.wake.ring();
    carry_out(engine, &run, worker, stop).await?;
    Ok(true)
}

async fn carry_out(engine: &Engine, run: &Run, worker: &str, stop: &CancellationToken) -> Result<(), StoreError> {
    let parts = engine.parts();
    let lease = Lease::new(run.id, worker, stop);
    let beats = tokio::spawn(lease.clone().keep(parts.db.clone(), parts.clock.clone(), parts.settings.lease_seconds));
    tracing::info!(run = run.id, kind = %run.kind, group = run.group_id, bridge = run.bridge_id, trigger = %run.run_trigger, "run begins");
    let outcome = match in_force(parts).await {
        Ok(parts) => do_work(&parts, run, &lease).await,
        Err(e) => Err(e.into()),
    };
    beats.abort();
    let ending = match outcome {
        Ok(ending) => ending,
        Err(Trouble::Interrupted) => return give_up(engine, run, &lease).await,
        Err(trouble) => failed(&trouble),
    };
    tracing::info!(run = run.id, state = %ending.state, reason = %ending.reason, "run ends");
    metrics::counter!("rialto_sync_runs_total", "kind" => run.kind.clone(), "state" => ending.state.name()).increment(1);
    finish(engine, run, worker, &ending).await
}

/// The parts with the settings that people have changed since the start.
async fn in_force(parts: &Parts) -> Result<Parts, StoreError> {
    let mut parts = parts.clone();
    parts.settings.limits = settings::limits(parts.db.read(), parts.settings.limits).await?;
    Ok(parts)
}

async fn do_work(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    match run.kind() {
        RunKind::People if run.bridge_id.is_none() => compound::run(parts, run, lease).await,
        kind @ (RunKind::Lists | RunKind::People) => {
            remote::listens(parts, run.bridge_id, run.trigger()).await?;
            if kind == RunKind::Lists { lists::run(parts, run, lease).await } else { people::run(parts, run, lease).await }
        }
        RunKind::Approval => approval::run(parts, run, lease).await,
        RunKind::Test => bridge_test::run(parts, run, lease).await,
        RunKind::Upload => upload::run(parts, run, lease).await,
        RunKind::Undo => undo::run(parts, run, lease).await,
    }
}

async fn finish(engine: &Engine, run: &Run, worker: &str, ending: &Ending) -> Result<(), StoreError> {
    let parts = engine.parts();
    let mut tx = parts.db.write().await?;
    if !runs::finish(&mut tx, run.id, worker, parts.clock.now(), ending).await? {
        tracing::warn!(run = run.id, "the run had been taken over; its ending is not written");
    }
    tx.commit().await
}

/// How a run ends that met trouble before anything could be decided.
pub(crate) fn failed(trouble: &Trouble) -> Ending {
    let (reason, advice, kind) = match trouble {
        Trouble::Remote(e) => (sentence(&e.to_string()), e.advice().to_owned(), e.kind().to_owned()),
        Trouble::Refused { reason, advice } => (reason.clone(), advice.clone(), "refused".to_owned()),
        Trouble::Store(e) => {
            tracing::error!(error = %e, "storage failed during a run");
            ("Rialto's own storage failed.".into(), "Try again; if it lasts, ask whoever runs Rialto.".into(), "storage".into())
        }
        Trouble::Interrupted => ("The run was interrupted.".into(), String::new(), "interrupted".into()),
    };
    Ending {
        state: RunState::Failed,
        counts: Counts::default(),
        reason,
        advice,
        error_kind: kind,
        data_as_of: None,
        stats: serde_json::json!({}),
    }
}

/// With a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let rest: String = chars.collect();
    format!("{first}{}{}", rest, if rest.ends_with('.') { "" } else { "." })
}

/// The process stops, or another worker has the run. In the first case the lease ends now, so that the next life goes on at once.
async fn give_up(engine: &Engine, run: &Run, lease: &Lease) -> Result<(), StoreError> {
    if lease.is_lost() {
        return Ok(());
    }
    let mut tx = engine.parts().db.write().await?;
    runs::heartbeat(&mut tx, run.id, &lease.worker, Instant(0), 0, Phase::Reading).await?;
    tx.commit().await
}
