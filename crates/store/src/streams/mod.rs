//! Stream connections (L1): where profile events come from, which business units they read, and the log that every data sync reads from its
//! own position (docs/adr/0150).

mod alarms;
pub mod feed;
mod flow;
mod intake;
mod log;
mod rejected;
mod seen;

use rialto_core::Instant;
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::fold;
use crate::ids;
use crate::sql::{sql, statements};

pub use alarms::{Alarm, open as alarms, raise, settle};
pub use flow::{Reader, events_since, readers};
pub use intake::{Batch, Fields, NoBatch, Noted, Passed, take};
pub use log::{Behind, Chunk, append, chunk, clean};
pub use rejected::{
    Refused, Rejected, State as RejectedState, dismiss, dismiss_chosen, keep, of_stream, of_sync, open_before, open_of_sync,
    settle as settle_rejected, unknown,
};
pub use seen::{SeenField, merge as merge_seen, of_source as seen_of_source};
#[cfg(test)]
pub(crate) use {
    alarms::ALL as ALARMS_ALL, feed::ALL as FEED_ALL, flow::ALL as FLOW_ALL, log::ALL as LOG_ALL, rejected::ALL as REJECTED_ALL,
    seen::ALL as SEEN_ALL,
};

statements! {
    LIST = sql!("SELECT * FROM stream ORDER BY name_folded, id");
    GET = sql!("SELECT * FROM stream WHERE id = $1");
    BY_NAME = sql!("SELECT COUNT(*) FROM stream WHERE name_folded = $1 AND id <> $2");
    INSERT = sql!("INSERT INTO stream (id, created_at, kind, name, name_folded, enabled) VALUES ($1, $2, $3, $4, $5, $6)");
    UPDATE = sql!("UPDATE stream SET name = $2, name_folded = $3, enabled = $4, trouble = '' WHERE id = $1");
    TOKEN = sql!("UPDATE stream SET token_hash = $2 WHERE id = $1");
    SOURCES = sql!("SELECT * FROM stream_source WHERE stream_id = $1 ORDER BY source");
    SOURCE = sql!("SELECT * FROM stream_source WHERE id = $1");
    INSERT_SOURCE = sql!("INSERT INTO stream_source (id, stream_id, source) VALUES ($1, $2, $3)
        ON CONFLICT (stream_id, source) DO UPDATE SET retired = FALSE");
    RETIRE_SOURCE = sql!("UPDATE stream_source SET retired = TRUE WHERE id = $1");
    LEASE = sql!("UPDATE stream SET worker = $2, lease_until = $3 WHERE id = $1 AND (worker = $2 OR lease_until < $4)");
    RELEASE = sql!("UPDATE stream SET worker = '', lease_until = 0 WHERE id = $1 AND worker = $2");
    PASSED = sql!("UPDATE stream SET passed_over = passed_over + $2, passed_source = $3, passed_at = $4 WHERE id = $1");
    TROUBLE = sql!("UPDATE stream SET trouble = $2 WHERE id = $1 AND trouble <> $2");
    USED = sql!("SELECT s.name FROM data_sync s JOIN stream_source o ON o.id = s.source_id WHERE o.stream_id = $1 AND s.deleted_at IS NULL
        ORDER BY s.id LIMIT 1");
    GONE_LOG = sql!("DELETE FROM stream_log WHERE stream_id = $1");
    GONE_REJECTED = sql!("DELETE FROM stream_rejected WHERE stream_id = $1");
    GONE_ALARMS = sql!("DELETE FROM stream_alarm WHERE stream_id = $1");
    GONE_FIELDS = sql!("DELETE FROM stream_field WHERE source_id IN (SELECT id FROM stream_source WHERE stream_id = $1)");
    GONE_TOMBSTONES = sql!("DELETE FROM audience_tombstone WHERE source_id IN (SELECT id FROM stream_source WHERE stream_id = $1)");
    PAST = sql!("SELECT COUNT(*) FROM data_sync s JOIN stream_source o ON o.id = s.source_id WHERE o.stream_id = $1");
    GONE_SOURCES = sql!("DELETE FROM stream_source WHERE stream_id = $1");
    GONE = sql!("DELETE FROM stream WHERE id = $1");
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Stream {
    pub id: i64,
    pub created_at: i64,
    /// `http`: events are sent to Rialto.
    pub kind: String,
    pub name: String,
    pub enabled: bool,
    /// SHA-256 of what opens the inbox; empty for none.
    pub token_hash: String,
    /// Events ever taken.
    pub next_position: i64,
    /// Position before which the log was thrown away.
    pub kept_from: i64,
    pub last_event_at: Option<i64>,
    /// What stands in the way, as a sentence; empty for nothing.
    pub trouble: String,
    pub worker: String,
    pub lease_until: i64,
    /// Events of business units that it does not read, whose the last ones were, and when they came.
    pub passed_over: i64,
    pub passed_source: String,
    pub passed_at: Option<i64>,
}

/// A business unit of a connection.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Source {
    pub id: i64,
    pub stream_id: i64,
    /// As events name it; compared whole.
    pub source: String,
    /// No longer read.
    pub retired: bool,
}

/// A connection as entered; checked by the caller.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    pub name: String,
    pub sources: Vec<String>,
    pub enabled: bool,
}

pub async fn list(mut read: Read<'_>) -> Result<Vec<Stream>, StoreError> {
    read.all(LIST, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Stream>, StoreError> {
    read.opt(GET, args![id]).await
}

/// Its business units, also those that are no longer read.
pub async fn sources(mut read: Read<'_>, stream_id: i64) -> Result<Vec<Source>, StoreError> {
    read.all(SOURCES, args![stream_id]).await
}

pub async fn source(mut read: Read<'_>, id: i64) -> Result<Option<Source>, StoreError> {
    read.opt(SOURCE, args![id]).await
}

pub(crate) async fn source_in(tx: &mut Tx, id: i64) -> Result<Source, StoreError> {
    tx.one(SOURCE, args![id]).await
}

pub(crate) async fn get_in(tx: &mut Tx, id: i64) -> Result<Stream, StoreError> {
    tx.one(GET, args![id]).await
}

async fn name_is_free(tx: &mut Tx, name: &str, own: i64) -> Result<(), StoreError> {
    if tx.one::<(i64,)>(BY_NAME, args![fold(name), own]).await?.0 > 0 {
        return Err(StoreError::Conflict(format!("There is a stream connection named {name} already.")));
    }
    Ok(())
}

/// Makes a connection; answers its id.
pub async fn create(tx: &mut Tx, kind: &str, entered: &Entered, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "stream").await?;
    name_is_free(tx, &entered.name, 0).await?;
    tx.run(INSERT, args![id, who.at, kind, &entered.name, fold(&entered.name), entered.enabled]).await?;
    set_sources(tx, id, &entered.sources).await?;
    audit::write(tx, who, "stream.create", "stream", Some(id), json!({"kind": kind, "name": entered.name, "sources": entered.sources}))
        .await?;
    Ok(id)
}

/// Changes a connection.
pub async fn update(tx: &mut Tx, id: i64, entered: &Entered, who: &Actor) -> Result<(), StoreError> {
    get_in(tx, id).await?;
    name_is_free(tx, &entered.name, id).await?;
    tx.run(UPDATE, args![id, &entered.name, fold(&entered.name), entered.enabled]).await?;
    set_sources(tx, id, &entered.sources).await?;
    let detail = json!({"name": entered.name, "enabled": entered.enabled, "sources": entered.sources});
    audit::write(tx, who, "stream.update", "stream", Some(id), detail).await
}

async fn set_sources(tx: &mut Tx, id: i64, wanted: &[String]) -> Result<(), StoreError> {
    let known: Vec<Source> = tx.all(SOURCES, args![id]).await?;
    for source in wanted {
        let number = ids::next(tx, "stream_source").await?;
        tx.run(INSERT_SOURCE, args![number, id, source]).await?;
    }
    for gone in known.iter().filter(|k| !k.retired && !wanted.contains(&k.source)) {
        tx.run(RETIRE_SOURCE, args![gone.id]).await?;
    }
    Ok(())
}

/// Keeps the hash of a new token; the one before opens nothing any more.
pub async fn set_token(tx: &mut Tx, id: i64, token_hash: &str, who: &Actor) -> Result<(), StoreError> {
    let before = get_in(tx, id).await?;
    tx.run(TOKEN, args![id, token_hash]).await?;
    let action = if before.token_hash.is_empty() { "stream_token.make" } else { "stream_token.replace" };
    audit::write(tx, who, action, "stream", Some(id), json!({})).await
}

/// Deletes a connection with its log. `Conflict` while a data sync reads it, or ever did: its history says what came by it.
pub async fn remove(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let stream = get_in(tx, id).await?;
    if let Some((name,)) = tx.opt::<(String,)>(USED, args![id]).await? {
        return Err(StoreError::Conflict(format!("The data sync {name} reads this connection. Delete it first.")));
    }
    if tx.one::<(i64,)>(PAST, args![id]).await?.0 > 0 {
        return Err(StoreError::Conflict(
            "Data syncs have read this connection, and their history rests on it. Switch it off instead.".into(),
        ));
    }
    feed::remove(tx, id).await?;
    for text in [GONE_LOG, GONE_REJECTED, GONE_ALARMS, GONE_FIELDS, GONE_TOMBSTONES, GONE_SOURCES, GONE] {
        tx.run(text, args![id]).await?;
    }
    audit::write(tx, who, "stream.delete", "stream", Some(id), json!({"name": stream.name})).await
}

/// Takes or keeps the lease on a connection; false while another worker has it.
pub async fn lease(tx: &mut Tx, id: i64, worker: &str, until: Instant, now: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(LEASE, args![id, worker, until, now]).await? > 0)
}

pub async fn release(tx: &mut Tx, id: i64, worker: &str) -> Result<(), StoreError> {
    tx.run(RELEASE, args![id, worker]).await.map(drop)
}

/// Counts events of business units that the connection does not read (L1), and keeps whose the last one was.
pub async fn pass_over(tx: &mut Tx, id: i64, events: i64, source: &str, now: Instant) -> Result<(), StoreError> {
    tx.run(PASSED, args![id, events, source, now]).await.map(drop)
}

/// Says what stands in the way of a connection; empty for nothing.
pub async fn set_trouble(tx: &mut Tx, id: i64, words: &str) -> Result<(), StoreError> {
    tx.run(TROUBLE, args![id, words]).await.map(drop)
}
