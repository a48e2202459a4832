//! Slows down guessing of passwords: after a few failures every try must wait longer, never for ever.

use rialto_core::Instant;

use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{sql, statements};

/// Longest wait in seconds.
const LONGEST: i64 = 900;
/// Failures older than this are forgotten, in seconds.
const FORGET: i64 = 12 * 3_600;

statements! {
    // No row comes back when the subject must still wait.
    ATTEMPT = sql!("INSERT INTO login_throttle (subject, failures, last_at, blocked_until) VALUES ($1, 1, $2, 0)
        ON CONFLICT (subject) DO UPDATE SET
          failures = CASE WHEN login_throttle.last_at < $3 THEN 1 ELSE login_throttle.failures + 1 END, last_at = $2
        WHERE login_throttle.blocked_until <= $2 RETURNING failures");
    BLOCKED = sql!("SELECT blocked_until FROM login_throttle WHERE subject = $1");
    BLOCK = sql!("UPDATE login_throttle SET blocked_until = $2 WHERE subject = $1");
    FORGIVE = sql!("DELETE FROM login_throttle WHERE subject = $1");
    UNCOUNT = sql!("UPDATE login_throttle SET failures = failures - 1, blocked_until = 0 WHERE subject = $1 AND failures > 0");
    SWEEP = sql!("DELETE FROM login_throttle WHERE last_at < $1 AND blocked_until <= $2");
}

/// Counts a try before it is judged, so that many at once do not slip through. `Some(seconds)` when it must wait and was not
/// counted. From the `free`-th failure on, the next try waits 1, 2, 4 … seconds, at most a quarter of an hour.
pub async fn attempt(tx: &mut Tx, subject: &str, free: i64, now: Instant) -> Result<Option<i64>, StoreError> {
    let counted: Option<(i64,)> = tx.opt(ATTEMPT, args![subject, now, now.plus_seconds(-FORGET)]).await?;
    let Some((failures,)) = counted else {
        let (until,): (i64,) = tx.one(BLOCKED, args![subject]).await?;
        return Ok(Some((Instant(until).seconds_since(now) + 1).max(1)));
    };
    if failures >= free {
        let wait = (1_i64 << (failures - free).min(10)).min(LONGEST);
        tx.run(BLOCK, args![subject, now.plus_seconds(wait)]).await?;
    }
    Ok(None)
}

/// The try succeeded: the account starts afresh.
pub async fn forgive(tx: &mut Tx, subject: &str) -> Result<(), StoreError> {
    tx.run(FORGIVE, args![subject]).await.map(drop)
}

/// The try succeeded: it does not count against the address it came from, earlier failures do.
pub async fn uncount(tx: &mut Tx, subject: &str) -> Result<(), StoreError> {
    tx.run(UNCOUNT, args![subject]).await.map(drop)
}

/// Forgets what is long past.
pub async fn sweep(tx: &mut Tx, now: Instant) -> Result<(), StoreError> {
    tx.run(SWEEP, args![now.plus_seconds(-FORGET), now]).await.map(drop)
}
