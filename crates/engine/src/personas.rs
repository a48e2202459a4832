//! The daily look for changed personas (UD-03): what changed since a remote was told last is queued for it (`docs/adr/0121`).

use std::time::Duration;

use rialto_core::writeback::WritebackKind;
use rialto_store::StoreError;
use rialto_store::personas::{self, Daily, Look};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Parts};

/// How often to look whether the hour has come, or somebody asked.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks until `stop`.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(e) = all(engine.parts(), &stop).await {
            tracing::error!(error = %e, "changed personas could not be queued; it goes on later");
        }
        tokio::select! { () = tokio::time::sleep(PAUSE) => {}, () = stop.cancelled() => {} }
    }
}

/// Every bridge that is due, slice by slice. A bridge that was just switched on gets its first hour.
pub(crate) async fn all(parts: &Parts, stop: &CancellationToken) -> Result<(), StoreError> {
    for bridge in personas::daily(parts.db.read()).await?.into_iter().filter(|d| d.is_on() && takes_personas(&d.kind)) {
        one(parts, &bridge, stop).await?;
    }
    Ok(())
}

/// Whether a kind of bridge has a table for personas.
pub(crate) fn takes_personas(kind: &str) -> bool {
    rialto_connectors::kind(kind).is_some_and(|k| k.writebacks.contains(&WritebackKind::Persona))
}

async fn one(parts: &Parts, bridge: &Daily, stop: &CancellationToken) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let Some(next) = parts.settings.usual.daily().and_then(|daily| daily.after(now)) else { return Ok(()) };
    if bridge.personas_next_at == 0 {
        let mut tx = parts.db.write().await?;
        personas::set_next(&mut tx, bridge, next).await?;
        return tx.commit().await;
    }
    if bridge.personas_next_at > now.0 {
        return Ok(());
    }
    let mut queued = 0;
    while !stop.is_cancelled() {
        match personas::look(&parts.db, bridge, now, next).await? {
            Look::More(number) => queued += number,
            Look::Through => {
                tracing::info!(bridge = bridge.bridge_id, queued, "changed personas are queued");
                parts.wake.ring();
                return Ok(());
            }
            Look::Taken => return Ok(()),
        }
    }
    Ok(())
}
