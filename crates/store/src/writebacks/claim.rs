//! Claiming: what is due, the head of each person's row only, with a lease and a fence that grows with every claim.

use rialto_core::Instant;
use serde_json::json;

use super::Writeback;
use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Consent waits for earlier consent of the same person at the same remote; everything else waits for all that came before it.
    DUE = sql!(
        sqlite "SELECT w.id FROM writeback w WHERE w.bridge_id = $1 AND w.urgency = $2 AND w.next_at <= $3 AND NOT EXISTS
            (SELECT 1 FROM writeback e WHERE e.subscriber_id = w.subscriber_id AND e.bridge_id = w.bridge_id AND e.id < w.id
            AND e.ended_at IS NULL AND e.subscriber_id <> 0 AND e.urgency <= w.urgency) ORDER BY w.next_at, w.id LIMIT $4",
        postgres "SELECT w.id FROM writeback w WHERE w.bridge_id = $1 AND w.urgency = $2 AND w.next_at <= $3 AND NOT EXISTS
            (SELECT 1 FROM writeback e WHERE e.subscriber_id = w.subscriber_id AND e.bridge_id = w.bridge_id AND e.id < w.id
            AND e.ended_at IS NULL AND e.subscriber_id <> 0 AND e.urgency <= w.urgency) ORDER BY w.next_at, w.id LIMIT $4
            FOR UPDATE OF w SKIP LOCKED"
    );
    /// A claim that ran out is written down as a lost try.
    LOST = sql!("INSERT INTO writeback_try (writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker)
        SELECT id, fence, claimed_at, CAST($2 AS BIGINT), 'lost', 'The worker did not come back; the message may have arrived.',
            asked_by, worker FROM writeback WHERE state = 'processing' AND id IN ", ids 1, "");
    TAKE = sql!("UPDATE writeback SET maybe_there = maybe_there OR state = 'processing', asked_by = CASE WHEN state = 'processing' THEN ''
        ELSE asked_by END, state = 'processing', fence = fence + 1, tries = tries + 1, claimed_at = $2, next_at = $3, worker = $4, reason = ''
        WHERE id IN ", ids 1, "");
    CLAIMED = sql!("SELECT w.id, w.created_at, w.bridge_id, w.kind, w.message, w.tries, w.fence, w.asked_by, w.maybe_there, w.claimed_at,
        w.subscriber_id, s.remote_id, s.remote_flag_run FROM writeback w JOIN subscriber s ON s.id = w.subscriber_id WHERE w.id IN ", ids 1, "
        ORDER BY w.id");
}

/// A claimed writeback, with what is known of its person at this moment.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Claimed {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub kind: String,
    pub message: String,
    /// Counted with this one.
    pub tries: i64,
    pub fence: i64,
    pub asked_by: String,
    pub maybe_there: bool,
    pub claimed_at: Option<i64>,
    pub subscriber_id: i64,
    pub remote_id: String,
    /// Not 0 while a cause of the remote's own is open: then no "yes" is written.
    pub remote_flag_run: i64,
}

impl Claimed {
    pub fn read_message(&self) -> Result<rialto_core::writeback::Message, StoreError> {
        serde_json::from_str(&self.message).map_err(|e| StoreError::Corrupt(format!("writeback {}: {e}", self.id)))
    }
}

/// Claims up to `most` writebacks of a bridge that were due by `cutoff`, consent first, until `lease_until`. Never two of one person
/// that must go one after the other. A claim whose lease ran out is taken again, its try written down as lost.
pub async fn claim(
    db: &Db,
    bridge_id: i64,
    worker: &str,
    cutoff: Instant,
    now: Instant,
    lease_until: Instant,
    most: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let mut tx = db.write().await?;
    let mut ids: Vec<i64> = Vec::new();
    for urgency in 0..=2_i64 {
        let left = most - ids.len() as i64;
        if left <= 0 {
            break;
        }
        let due: Vec<(i64,)> = tx.all(DUE, args![bridge_id, urgency, cutoff, left]).await?;
        ids.extend(due.into_iter().map(|(id,)| id));
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let claimed = take(&mut tx, &ids, worker, now, lease_until).await?;
    super::destination::spend(&mut tx, bridge_id, ids.len() as i64, now).await?;
    tx.commit().await?;
    Ok(claimed)
}

async fn take(tx: &mut Tx, ids: &[i64], worker: &str, now: Instant, lease_until: Instant) -> Result<Vec<Claimed>, StoreError> {
    let list = json!(ids).to_string();
    tx.run(LOST, args![&list, now]).await?;
    tx.run(TAKE, args![&list, now, lease_until, worker]).await?;
    tx.all(CLAIMED, args![&list]).await
}

impl Writeback {
    /// Whether a worker has it now.
    pub fn is_claimed(&self, now: Instant) -> bool {
        self.state == "processing" && self.next_at.is_some_and(|until| until > now.0)
    }
}
