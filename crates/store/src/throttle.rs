//! Slows down guessing of passwords: after a few failures every try must wait longer, never for ever (`docs/adr/0050`).

use rialto_core::Instant;

use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{sql, statements};

/// Longest wait in seconds.
const LONGEST: i64 = 900;
/// Failures older than this are forgotten, in seconds.
const FORGET: i64 = 12 * 3_600;
/// Rows a sweep takes away at once.
const SWEPT: i64 = 1_000;

statements! {
    // No row comes back when the subject must still wait. Failures are halved for every whole hour since `last_at`, which then
    // moves on by those hours only: tries in between do not keep old failures alive.
    ATTEMPT = sql!("INSERT INTO login_throttle (subject, failures, last_at, blocked_until) VALUES ($1, 1, $2, 0)
        ON CONFLICT (subject) DO UPDATE SET
          failures = CASE WHEN login_throttle.last_at < $3 THEN 1
            ELSE (login_throttle.failures >> CAST(($2 - login_throttle.last_at) / 3600000000 AS INTEGER)) + 1 END,
          last_at = CASE WHEN login_throttle.last_at < $3 THEN $2 ELSE $2 - ($2 - login_throttle.last_at) % 3600000000 END
        WHERE login_throttle.blocked_until <= $2 RETURNING failures");
    FAILURES = sql!("SELECT failures FROM login_throttle WHERE subject = $1");
    BLOCKED = sql!("SELECT blocked_until FROM login_throttle WHERE subject = $1");
    BLOCK = sql!("UPDATE login_throttle SET blocked_until = $2 WHERE subject = $1");
    FORGIVE = sql!("DELETE FROM login_throttle WHERE subject = $1");
    UNCOUNT = sql!("UPDATE login_throttle SET failures = CASE WHEN failures > $2 THEN failures - $2 ELSE 0 END, blocked_until = 0
        WHERE subject = $1");
    SWEEP = sql!("DELETE FROM login_throttle WHERE subject IN (SELECT subject FROM login_throttle WHERE last_at < $1
        AND blocked_until <= $2 LIMIT $3)");
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

/// The try succeeded: the account starts afresh, and its tries no longer count against the peer they came from. Failures at
/// other accounts still do. Rows are locked in the order in which `attempt` is called: peer, then account.
pub async fn succeeded(tx: &mut Tx, peer: &str, account: &str) -> Result<(), StoreError> {
    let tries = tx.opt::<(i64,)>(FAILURES, args![account]).await?.map_or(1, |(n,)| n.max(1));
    tx.run(UNCOUNT, args![peer, tries]).await?;
    tx.run(FORGIVE, args![account]).await.map(drop)
}

/// Forgets what is long past, a bounded number of rows. True when there was any.
pub async fn sweep(tx: &mut Tx, now: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(SWEEP, args![now.plus_seconds(-FORGET), now, SWEPT]).await? > 0)
}
