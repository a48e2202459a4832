//! What is put in order when no run waits: segments about which something has changed, counts that a person's act made stale, members of deleted groups, sessions and failed
//! sign-ins that are long past.

use std::sync::atomic::Ordering;

use rialto_core::run::RunKind;
use rialto_core::{Counts, Instant};
use rialto_store::groups::Group;
use rialto_store::waterfall::{self, Basis};
use rialto_store::{Actor, StoreError, groups, runs, sessions, settings, throttle, uploads};

use crate::{Engine, Parts, segments};

/// Pause between two sweeps of this process, in microseconds.
const SWEEP_EVERY: i64 = 600 * 1_000_000;

/// Does one piece of it. False when there is nothing to do.
pub(crate) async fn one(engine: &Engine) -> Result<bool, StoreError> {
    let parts = engine.parts();
    Ok(segments::follow(parts).await? || recount(parts).await? || groups::purge(&parts.db).await? || sweep(engine).await?)
}

/// Forgets sessions and failed sign-ins that are long past, from time to time.
async fn sweep(engine: &Engine) -> Result<bool, StoreError> {
    let (parts, swept_at) = (engine.parts(), engine.swept_at());
    let now = parts.clock.now();
    if now.0.saturating_sub(swept_at.load(Ordering::Relaxed)) < SWEEP_EVERY {
        return Ok(false);
    }
    let mut tx = parts.db.write().await?;
    sessions::sweep(&mut tx, now).await?;
    let more = throttle::sweep(&mut tx, now).await?;
    tx.commit().await?;
    let more = uploads::expire(&parts.db, now).await? || more;
    clean_doubles(parts, now).await?;
    if !more {
        swept_at.store(now.0, Ordering::Relaxed);
    }
    Ok(more)
}

/// The night's clean-up of doubles, where it is switched on. The first night is the one after the switch.
async fn clean_doubles(parts: &Parts, now: Instant) -> Result<(), StoreError> {
    if settings::get(parts.db.read(), uploads::CLEAN_SETTING).await?.is_none() {
        return Ok(());
    }
    let last = settings::get(parts.db.read(), uploads::CLEANED_AT).await?.and_then(|at| at.parse().ok()).map(Instant);
    let due = last.is_none_or(|last| parts.settings.usual.daily().is_some_and(|daily| daily.due(last, now).is_some()));
    if !due || !uploads::begin_clean(&parts.db, last, now).await? || last.is_none() {
        return Ok(());
    }
    let who = Actor { name: "schedule".into(), request_id: String::new(), at: now };
    let silenced = uploads::silence_doubles(&parts.db, &who).await?;
    tracing::info!(silenced, "doubles of uploads were silenced");
    Ok(())
}

/// Counts a stale waterfall again. The rows read are those of the last count: only who may be mailed has changed.
async fn recount(parts: &Parts) -> Result<bool, StoreError> {
    let Some(group) = groups::stale(parts.db.read(), parts.clock.now()).await? else { return Ok(false) };
    let read = last_read(parts, &group).await?;
    let basis = Basis::now(&parts.db, group.applied_run).await?;
    let counted = waterfall::compute(&parts.db, group.id, group.members, read).await?;
    let mut tx = parts.db.write().await?;
    groups::recounted(&mut tx, &group, &counted, basis, parts.clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the last whole read brought: as counted then, or by the run that was applied but died before it could count.
async fn last_read(parts: &Parts, group: &Group) -> Result<Counts, StoreError> {
    let run = runs::get(parts.db.read(), group.applied_run).await?.filter(|r| matches!(r.kind(), RunKind::People | RunKind::Upload));
    if let Some(run) = run {
        return Ok(run.counts());
    }
    let last = group.waterfall().unwrap_or_default();
    Ok(Counts { read: last.read, rejected: last.rejected, duplicate: last.duplicate, left_out: last.left_out, ..Counts::default() })
}
