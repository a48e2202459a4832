//! Whether the destination is there and set up: probed after a try that puts it in doubt, and while it is blocked or something is held.

use std::time::Duration;

use rialto_connectors::{Connector, ConnectorError, SetUpFault};
use rialto_core::Instant;
use rialto_core::writeback::WritebackKind;
use rialto_store::StoreError;
use rialto_store::writebacks::{self, SetUp};

use super::deliver::Doubt;
use crate::Parts;
use crate::remote::Trouble;

/// First and longest pause between two probes of a destination that is away, in microseconds; in between they grow with the outage.
const FIRST: i64 = 30_000_000;
const LONGEST: i64 = 600_000_000;
/// Longest wait that the remote itself can ask for.
const ASKED: Duration = Duration::from_secs(3_600);

/// Why a destination is blocked, in words, and when the remote said to come back.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub reason: String,
    pub retry_after: Option<Duration>,
}

impl Away {
    pub fn of(error: &ConnectorError) -> Self {
        let retry_after = match error {
            ConnectorError::Limited { retry_after } => *retry_after,
            _ => None,
        };
        Self { reason: format!("{} {}", crate::worker::sentence(&error.to_string()), error.advice()), retry_after }
    }

    /// The bridge cannot even be opened.
    pub fn closed(trouble: &Trouble) -> Self {
        let ending = crate::worker::failed(trouble);
        Self { reason: format!("{} {}", ending.reason, ending.advice), retry_after: None }
    }
}

/// One read-only request or two: is it there, and what is missing?
pub(super) async fn probe(connector: &dyn Connector, limit: Duration) -> Result<Vec<SetUpFault>, Away> {
    match tokio::time::timeout(limit, connector.set_up_faults()).await {
        Ok(Ok(faults)) => Ok(faults),
        Ok(Err(error)) => Err(Away::of(&error)),
        Err(_) => Err(Away::of(&ConnectorError::Transient { detail: format!("no answer within {} seconds", limit.as_secs_f32()) })),
    }
}

/// The remote said when to come back: asking before would be against its word.
pub(super) fn told_to_wait(doubt: &Doubt) -> Option<Away> {
    match doubt {
        Doubt::Away { retry_after: Some(wait) } if !wait.is_zero() => {
            let reason = format!("The remote system asks to slow down, and to come back in {} seconds.", wait.min(&ASKED).as_secs().max(1));
            Some(Away { reason, retry_after: Some(*wait) })
        }
        _ => None,
    }
}

pub(super) async fn block(parts: &Parts, bridge_id: i64, away: &Away) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let since = writebacks::destination(parts.db.read(), bridge_id).await?.and_then(|d| d.blocked_at);
    tracing::warn!(bridge = bridge_id, reason = %away.reason, "the destination of writebacks is blocked");
    let mut tx = parts.db.write().await?;
    writebacks::block(&mut tx, bridge_id, &away.reason, now, probe_at(since, now, away.retry_after)).await?;
    tx.commit().await
}

fn probe_at(since: Option<i64>, now: Instant, asked: Option<Duration>) -> Instant {
    let wait = match asked {
        Some(wait) => i64::try_from(wait.clamp(Duration::from_secs(1), ASKED).as_micros()).unwrap_or(LONGEST),
        None => since.map_or(FIRST, |at| now.0.saturating_sub(at)).clamp(FIRST, LONGEST),
    };
    Instant(now.0.saturating_add(wait))
}

/// Keeps what a probe found, and lets a blocked destination go on. `found`: what a delivery met, which a probe may not look for.
pub(super) async fn there(
    parts: &Parts,
    bridge_id: i64,
    faults: Vec<SetUpFault>,
    found: &[(WritebackKind, String)],
) -> Result<Vec<SetUp>, StoreError> {
    let mut kept: Vec<SetUp> = faults.into_iter().map(|f| SetUp { kinds: f.kinds, detail: f.detail }).collect();
    for (kind, missing) in found {
        if !kept.iter().any(|f| f.kinds.contains(kind)) {
            kept.push(SetUp { kinds: vec![*kind], detail: missing.clone() });
        }
    }
    let now = parts.clock.now();
    let mut tx = parts.db.write().await?;
    // Nobody has to make a table for what is not to be written.
    if !writebacks::is_on(&mut tx, bridge_id, WritebackKind::Persona).await? {
        kept.retain(|f| f.kinds != [WritebackKind::Persona]);
    }
    writebacks::keep_faults(&mut tx, bridge_id, &kept, now).await?;
    writebacks::unblock(&mut tx, bridge_id).await?;
    tx.commit().await?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_come_less_often_the_longer_it_lasts() {
        let wait = |since: Option<i64>, asked: Option<u64>| {
            probe_at(since, Instant(10_000_000_000), asked.map(Duration::from_secs)).seconds_since(Instant(10_000_000_000))
        };
        assert_eq!((wait(None, None), wait(Some(10_000_000_000 - 45_000_000), None), wait(Some(0), None)), (30, 45, 600));
        assert_eq!((wait(None, Some(5)), wait(None, Some(120)), wait(None, Some(1_000_000_000))), (5, 120, 3_600));
    }
}
