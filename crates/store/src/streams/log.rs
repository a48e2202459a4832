//! The log of a stream: durable before anything is acknowledged, read by every data sync from its own position, thrown away after 30 days.

use rialto_core::Instant;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Holds the connection's row to the end of the transaction: positions become visible in their order.
    TAKE = sql!("UPDATE stream SET next_position = next_position + $2, last_event_at = $3 WHERE id = $1 RETURNING next_position");
    INSERT = sql!("INSERT INTO stream_log (stream_id, position, events, received_at, body) VALUES ($1, $2, $3, $4, $5)");
    /// How large the next rows are, without reading them.
    SIZES = sql!("SELECT position, events, CAST(octet_length(body) AS BIGINT) FROM stream_log
        WHERE stream_id = $1 AND position + events > $2 AND position > $2 - 5000 ORDER BY position LIMIT 5000");
    ROWS = sql!("SELECT position, events, received_at, body FROM stream_log
        WHERE stream_id = $1 AND position >= $2 AND position <= $3 ORDER BY position");
    LAST_OLD = sql!("SELECT MAX(position + events) FROM stream_log WHERE stream_id = $1 AND received_at < $2");
    CLEAN = sql!("DELETE FROM stream_log WHERE stream_id = $1 AND position + events <= $2");
    KEPT = sql!("UPDATE stream SET kept_from = $2 WHERE id = $1 AND kept_from < $2");
    BEHIND = sql!("SELECT s.id, s.name, s.position FROM data_sync s JOIN stream_source o ON o.id = s.source_id
        WHERE o.stream_id = $1 AND s.deleted_at IS NULL AND s.position < $2 ORDER BY s.id");
}

/// Most bytes of the log that are read at once, unless one row alone is larger.
const BYTES: i64 = 8 << 20;

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

/// Appends events, at most 5,000 a call (`rialto_core::event::MAX_BATCH`).
pub async fn append(tx: &mut Tx, stream_id: i64, events: i64, body: &str, now: Instant) -> Result<(), StoreError> {
    let (next,): (i64,) = tx.one(TAKE, args![stream_id, events, now]).await?;
    tx.run(INSERT, args![stream_id, next - events, events, now, body]).await.map(drop)
}

/// Rows of the log from a position on, the first of which may begin before it: as many as hold `events` and 8 MiB, and one at least, so that
/// memory stays flat however far behind a reader is.
pub async fn chunk(mut read: Read<'_>, stream_id: i64, position: i64, events: i64) -> Result<Vec<Chunk>, StoreError> {
    let sizes: Vec<(i64, i64, i64)> = read.all(SIZES, args![stream_id, position]).await?;
    let Some((first, mut taken, mut bytes)) = sizes.first().copied() else { return Ok(Vec::new()) };
    let mut last = first;
    for (position, more, size) in sizes.into_iter().skip(1) {
        (taken, bytes) = (taken + more, bytes + size);
        if taken > events || bytes > BYTES {
            break;
        }
        last = position;
    }
    read.all(ROWS, args![stream_id, first, last]).await
}

/// A data sync that had not read what was thrown away.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Behind {
    pub id: i64,
    pub name: String,
    /// Where it stands.
    pub position: i64,
}

/// Throws away what came before; answers the position at which the log begins now, and who had not read so far.
pub async fn clean(tx: &mut Tx, stream_id: i64, before: Instant) -> Result<(i64, Vec<Behind>), StoreError> {
    let (end,): (Option<i64>,) = tx.one(LAST_OLD, args![stream_id, before]).await?;
    let Some(end) = end else { return Ok((0, Vec::new())) };
    tx.run(CLEAN, args![stream_id, end]).await?;
    tx.run(KEPT, args![stream_id, end]).await?;
    Ok((end, tx.all(BEHIND, args![stream_id, end]).await?))
}
