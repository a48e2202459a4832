//! What people do with writebacks: try once more, mend a text, give up.

use rialto_core::writeback::Message;
use serde_json::json;

use super::DAY;
use crate::args;
use crate::audit::{self, Actor};
use crate::db::Tx;
use crate::error::StoreError;
use crate::interests;
use crate::sql::{sql, statements};

statements! {
    /// Due at once, whatever the cycle: 0 lies before every cutoff.
    RETRY = sql!("UPDATE writeback SET state = 'new', next_at = 0, asked_by = $2 WHERE id = $1 AND state = 'error'");
    /// Looked at once more where the row is locked: it may have been claimed since it was found.
    RETRY_ALL = sql!("UPDATE writeback SET state = 'new', next_at = 0, asked_by = $3 WHERE id IN
        (SELECT id FROM writeback WHERE bridge_id = $1 AND state = 'error' AND ($2 = '' OR kind = $2) ORDER BY id LIMIT 10000)
        AND state = 'error'");
    MEND = sql!("UPDATE writeback SET message = $2 WHERE id = $1 AND state IN ('error', 'held', 'new', 'scheduled')");
    CANCEL = sql!("UPDATE writeback SET state = 'cancelled', next_at = NULL, ended_at = $2, reason = $3
        WHERE id = $1 AND state IN ('scheduled', 'new', 'held', 'error')");
    CANCELLED = sql!("INSERT INTO writeback_ended (bridge_id, state, day, number) SELECT bridge_id, 'cancelled', CAST($2 AS BIGINT), 1
        FROM writeback WHERE id = $1 ON CONFLICT (bridge_id, state, day) DO UPDATE SET number = writeback_ended.number + 1");
}

/// Asks for one more try of a writeback in Error; false when it is not. Its earlier tries stay.
pub async fn retry(tx: &mut Tx, id: i64, who: &Actor) -> Result<bool, StoreError> {
    let found = tx.run(RETRY, args![id, &who.name]).await? > 0;
    if found {
        audit::write(tx, who, "writeback.retry", "writeback", Some(id), json!({})).await?;
    }
    Ok(found)
}

/// The same for all in Error of a bridge, of one kind or (empty) of any; at most 10,000 at once. Answers how many.
pub async fn retry_all(tx: &mut Tx, bridge_id: i64, kind: &str, who: &Actor) -> Result<u64, StoreError> {
    let found = tx.run(RETRY_ALL, args![bridge_id, kind, &who.name]).await?;
    if found > 0 {
        audit::write(tx, who, "writeback.retry_all", "bridge", Some(bridge_id), json!({"kind": kind, "number": found})).await?;
    }
    Ok(found)
}

/// Replaces what is told, before it was: a reason that the remote refuses, for example. False when it cannot be mended any more.
pub async fn mend(tx: &mut Tx, id: i64, message: &Message, who: &Actor) -> Result<bool, StoreError> {
    let text = serde_json::to_string(message).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let found = tx.run(MEND, args![id, text]).await? > 0;
    if found {
        audit::write(tx, who, "writeback.mend", "writeback", Some(id), json!({})).await?;
    }
    Ok(found)
}

/// Gives a writeback up, with a reason that stays. False when it was sent, is being sent, or was given up.
pub async fn cancel(tx: &mut Tx, id: i64, reason: &str, who: &Actor) -> Result<bool, StoreError> {
    let found = tx.run(CANCEL, args![id, who.at, reason]).await? > 0;
    if found {
        tx.run(CANCELLED, args![id, who.at.0.div_euclid(DAY)]).await?;
        interests::given_up(tx, id, who.at).await?;
        audit::write(tx, who, "writeback.cancel", "writeback", Some(id), json!({"reason": reason})).await?;
    }
    Ok(found)
}
