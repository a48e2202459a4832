//! The log of a stream: durable before anything is acknowledged, read by every data sync from its own position, thrown away after 30 days.

use rialto_core::Instant;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Holds the connection's row to the end of the transaction: positions become visible in their order.
    TAKE = sql!("UPDATE stream SET next_position = next_position + $2, last_event_at = $3, remote_position = $4
        WHERE id = $1 AND (remote_position < $4 OR $4 = 0) RETURNING next_position");
    FOREIGN = sql!("UPDATE stream SET foreign_events = foreign_events + $2, remote_position = CASE WHEN $3 > remote_position THEN $3 ELSE remote_position END
        WHERE id = $1");
    INSERT = sql!("INSERT INTO stream_log (stream_id, position, events, received_at, body) VALUES ($1, $2, $3, $4, $5)");
    CHUNK = sql!("SELECT position, events, received_at, body FROM stream_log
        WHERE stream_id = $1 AND position + events > $2 AND position > $2 - 5000 ORDER BY position LIMIT $3");
    STATE = sql!("SELECT MIN(position), COUNT(*), COALESCE(SUM(events), 0) FROM stream_log WHERE stream_id = $1");
    LAST_OLD = sql!("SELECT MAX(position + events) FROM stream_log WHERE stream_id = $1 AND received_at < $2");
    CLEAN = sql!("DELETE FROM stream_log WHERE stream_id = $1 AND position + events <= $2");
    KEPT = sql!("UPDATE stream SET kept_from = $2 WHERE id = $1 AND kept_from < $2");
    BEHIND = sql!("SELECT s.id, s.name, s.position FROM data_sync s JOIN stream_source o ON o.id = s.source_id
        WHERE o.stream_id = $1 AND s.deleted_at IS NULL AND s.position < $2 ORDER BY s.id");
    AT = sql!("SELECT received_at FROM stream_log WHERE stream_id = $1 AND position <= $2 ORDER BY position DESC LIMIT 1");
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Chunk {
    /// That of the first event.
    pub position: i64,
    pub events: i64,
    pub received_at: i64,
    /// A JSON array of events.
    pub body: String,
}

/// Appends events. `remote` is the broker's own count of the last of them, 0 for none: what the broker brought before is not taken
/// twice, and `false` is answered then. At most 5,000 events a call (`rialto_core::event::MAX_BATCH`).
pub async fn append(tx: &mut Tx, stream_id: i64, events: i64, body: &str, remote: i64, now: Instant) -> Result<bool, StoreError> {
    let Some((next,)) = tx.opt::<(i64,)>(TAKE, args![stream_id, events, now, remote]).await? else { return Ok(false) };
    tx.run(INSERT, args![stream_id, next - events, events, now, body]).await?;
    Ok(true)
}

/// Counts events of other business units, and that the broker's count has come so far.
pub async fn pass_over(tx: &mut Tx, stream_id: i64, events: i64, remote: i64) -> Result<(), StoreError> {
    tx.run(FOREIGN, args![stream_id, events, remote]).await.map(drop)
}

/// Rows of the log from a position on; the first may begin before it.
pub async fn chunk(mut read: Read<'_>, stream_id: i64, position: i64, rows: i64) -> Result<Vec<Chunk>, StoreError> {
    read.all(CHUNK, args![stream_id, position, rows]).await
}

/// Oldest position, rows and events of the log.
pub async fn state(mut read: Read<'_>, stream_id: i64) -> Result<(Option<i64>, i64, i64), StoreError> {
    read.one(STATE, args![stream_id]).await
}

/// When the event at a position came.
pub async fn at_of(mut read: Read<'_>, stream_id: i64, position: i64) -> Result<Option<Instant>, StoreError> {
    let row: Option<(i64,)> = read.opt(AT, args![stream_id, position]).await?;
    Ok(row.map(|(at,)| Instant(at)))
}

/// Throws away what came before; answers the data syncs that had not read it yet, with how many events they lost.
pub async fn clean(tx: &mut Tx, stream_id: i64, before: Instant) -> Result<Vec<(i64, String, i64)>, StoreError> {
    let (end,): (Option<i64>,) = tx.one(LAST_OLD, args![stream_id, before]).await?;
    let Some(end) = end else { return Ok(Vec::new()) };
    tx.run(CLEAN, args![stream_id, end]).await?;
    tx.run(KEPT, args![stream_id, end]).await?;
    let behind: Vec<(i64, String, i64)> = tx.all(BEHIND, args![stream_id, end]).await?;
    Ok(behind.into_iter().map(|(id, name, position)| (id, name, end - position)).collect())
}
