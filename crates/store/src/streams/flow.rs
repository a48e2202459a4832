//! How a stream flows: what came lately, and how far each data sync is behind.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rialto_core::Instant;

use super::Stream;
use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Walks back from the newest row: only what came since then is passed.
    BEFORE = sql!("SELECT position + events FROM stream_log WHERE stream_id = $1 AND received_at < $2 ORDER BY position DESC LIMIT 1");
    /// When the row came in which a position stands, or the next one behind it that is kept.
    RECEIVED = sql!("SELECT received_at FROM stream_log WHERE stream_id = $1 AND position + events > $2 AND position > $2 - 5000
        ORDER BY position LIMIT 1");
    READERS = sql!("SELECT s.id, s.created_at, s.name, s.enabled, s.position, s.trouble, o.source, o.retired AS source_retired,
            a.name AS audience_name
        FROM data_sync s JOIN stream_source o ON o.id = s.source_id JOIN audience a ON a.id = s.audience_id
        WHERE o.stream_id = $1 AND s.deleted_at IS NULL ORDER BY s.name_folded, s.id");
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    created_at: i64,
    name: String,
    enabled: bool,
    position: i64,
    trouble: String,
    source: String,
    source_retired: bool,
    audience_name: String,
}

/// A data sync that reads a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub enabled: bool,
    /// Where it stands in the log.
    pub position: i64,
    /// Why it does not get on, as a sentence; empty for nothing.
    pub trouble: String,
    /// The business unit whose events it takes.
    pub source: String,
    /// The connection does not read that business unit any more.
    pub source_retired: bool,
    pub audience_name: String,
    /// Events of the connection that it has not looked through, of whichever business unit.
    pub behind: i64,
    /// When the oldest of these came; `None` when it is through.
    pub waiting_since: Option<i64>,
}

/// How many events came since a moment that is not long ago.
pub async fn events_since(mut read: Read<'_>, stream: &Stream, since: Instant) -> Result<i64, StoreError> {
    let before: Option<(i64,)> = read.opt(BEFORE, args![stream.id, since]).await?;
    // More may come between two looks; what was thrown away came long before.
    Ok((stream.next_position - before.map_or(stream.kept_from, |(end,)| end)).max(0))
}

/// All data syncs that read it, by name, also disabled ones.
pub async fn readers(mut read: Read<'_>, stream: &Stream) -> Result<Vec<Reader>, StoreError> {
    let rows: Vec<Row> = read.all(READERS, args![stream.id]).await?;
    // Most stand at one place.
    let mut received: HashMap<i64, Option<i64>> = HashMap::new();
    for row in rows.iter().filter(|row| row.position < stream.next_position) {
        if let Entry::Vacant(unknown) = received.entry(row.position) {
            let at: Option<(i64,)> = read.opt(RECEIVED, args![stream.id, row.position]).await?;
            unknown.insert(at.map(|(at,)| at));
        }
    }
    let reader = |row: Row| Reader {
        behind: (stream.next_position - row.position).max(0),
        waiting_since: received.get(&row.position).copied().flatten(),
        id: row.id,
        created_at: row.created_at,
        name: row.name,
        enabled: row.enabled,
        position: row.position,
        trouble: row.trouble,
        source: row.source,
        source_retired: row.source_retired,
        audience_name: row.audience_name,
    };
    Ok(rows.into_iter().map(reader).collect())
}
