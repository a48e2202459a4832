//! Events and values that could not be taken: kept with their reason, to be replayed after a fix (I18).

use std::collections::HashSet;

use rialto_core::Instant;
use rialto_core::event::MAX_EVENT;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, insert_rows};
use crate::sql::{sql, statements};

statements! {
    OF_STREAM = sql!("SELECT id, created_at, stream_id, sync_id, event_id, subject, field, reason, body, state, settled_at FROM stream_rejected
        WHERE stream_id = $1 AND sync_id IS NULL AND id < $2 ORDER BY id DESC LIMIT $3");
    OF_SYNC = sql!("SELECT id, created_at, stream_id, sync_id, event_id, subject, field, reason, body, state, settled_at FROM stream_rejected
        WHERE sync_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    OPEN_OF_SYNC = sql!("SELECT id, created_at, stream_id, sync_id, event_id, subject, field, reason, body, state, settled_at FROM stream_rejected
        WHERE sync_id = $1 AND state = 'open' AND id > $2 AND (chosen OR NOT $4) ORDER BY id LIMIT $3");
    OPEN_BEFORE = sql!("SELECT id, created_at, stream_id, sync_id, event_id, subject, field, reason, body, state, settled_at FROM stream_rejected
        WHERE sync_id = $1 AND state = 'open' AND id < $2 ORDER BY id DESC LIMIT $3");
    OPEN_AMONG = sql!("SELECT event_id, field FROM stream_rejected WHERE sync_id = $2 AND state = 'open' AND event_id ", among texts 1, "");
    COUNT_OF_SYNC = sql!("SELECT COUNT(*) FROM stream_rejected WHERE sync_id = $1 AND state = 'open'");
    COUNT_OF_STREAM = sql!("SELECT COUNT(*) FROM stream_rejected WHERE stream_id = $1 AND sync_id IS NULL AND state = 'open'");
    SETTLE = sql!("UPDATE stream_rejected SET state = $2, settled_at = $3 WHERE state = 'open' AND id ", among 1, "");
    DISMISS_OF_STREAM = sql!("UPDATE stream_rejected SET state = 'dismissed', settled_at = $2 WHERE stream_id = $1 AND sync_id IS NULL AND state = 'open'");
    DISMISS_OF_SYNC = sql!("UPDATE stream_rejected SET state = 'dismissed', settled_at = $2 WHERE sync_id = $1 AND state = 'open'");
    DISMISS_CHOSEN = sql!("UPDATE stream_rejected SET state = 'dismissed', settled_at = $3 WHERE sync_id = $2 AND state = 'open' AND id ",
        among 1, "");
}

/// What became of a rejected event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Taken after all.
    Replayed,
    /// A newer state of the profile was taken meanwhile.
    Superseded,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Rejected {
    pub id: i64,
    pub created_at: i64,
    pub stream_id: i64,
    /// `None`: the stream itself refused it.
    pub sync_id: Option<i64>,
    /// Empty when the event does not tell.
    pub event_id: String,
    pub subject: String,
    /// Name of the destination's field; empty when the whole event was refused.
    pub field: String,
    /// A sentence.
    pub reason: String,
    /// The event as it came, cut where it is too long for one.
    pub body: String,
    /// `open`, `replayed`, `superseded` or `dismissed`.
    pub state: String,
    pub settled_at: Option<i64>,
}

/// One to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub event_id: String,
    pub subject: String,
    pub field: String,
    pub reason: String,
    pub body: String,
}

pub async fn of_stream(mut read: Read<'_>, stream_id: i64, before: i64, limit: i64) -> Result<(Vec<Rejected>, i64), StoreError> {
    let (open,): (i64,) = read.one(COUNT_OF_STREAM, args![stream_id]).await?;
    Ok((read.all(OF_STREAM, args![stream_id, before, limit]).await?, open))
}

/// The newest first, before an id; and how many are open.
pub async fn of_sync(mut read: Read<'_>, sync_id: i64, before: i64, limit: i64) -> Result<(Vec<Rejected>, i64), StoreError> {
    let (open,): (i64,) = read.one(COUNT_OF_SYNC, args![sync_id]).await?;
    Ok((read.all(OF_SYNC, args![sync_id, before, limit]).await?, open))
}

/// Open ones alone, the newest first, before an id; and how many are open.
pub async fn open_before(mut read: Read<'_>, sync_id: i64, before: i64, limit: i64) -> Result<(Vec<Rejected>, i64), StoreError> {
    let (open,): (i64,) = read.one(COUNT_OF_SYNC, args![sync_id]).await?;
    Ok((read.all(OPEN_BEFORE, args![sync_id, before, limit]).await?, open))
}

/// Open ones in the order in which they came, after an id; only those that were chosen to be replayed, if so wanted.
pub async fn open_of_sync(tx: &mut Tx, sync_id: i64, after: i64, limit: i64, chosen: bool) -> Result<Vec<Rejected>, StoreError> {
    tx.all(OPEN_OF_SYNC, args![sync_id, after, limit, chosen]).await
}

/// Of these, what does not stand open already: event and field.
pub async fn unknown(tx: &mut Tx, sync_id: i64, mut refused: Vec<Refused>) -> Result<Vec<Refused>, StoreError> {
    if refused.is_empty() {
        return Ok(refused);
    }
    let ids: Vec<&String> = refused.iter().map(|r| &r.event_id).collect();
    let open: HashSet<(String, String)> =
        tx.all(OPEN_AMONG, args![serde_json::json!(ids).to_string(), sync_id]).await?.into_iter().collect();
    refused.retain(|r| !open.contains(&(r.event_id.clone(), r.field.clone())));
    Ok(refused)
}

/// Keeps what could not be taken.
pub async fn keep(tx: &mut Tx, stream_id: i64, sync_id: Option<i64>, refused: &[Refused], now: Instant) -> Result<(), StoreError> {
    if refused.is_empty() {
        return Ok(());
    }
    let first = ids::take(tx, "stream_rejected", refused.len() as i64).await?;
    let columns =
        ["id", "created_at", "stream_id", "sync_id", "event_id", "subject", "field", "reason", "body", "state"].map(str::to_owned);
    let texts: Vec<[String; 5]> = refused.iter().map(kept).collect();
    let mut cells = Vec::with_capacity(refused.len() * columns.len());
    for (id, row) in (first..).zip(&texts) {
        cells.extend([Bound::Int(id), Bound::Int(now.0), Bound::Int(stream_id), sync_id.map_or(Bound::Null, Bound::Int)]);
        cells.extend(row.iter().map(|text| Bound::Text(text)));
        cells.push(Bound::Text("open"));
    }
    insert_rows(tx, "stream_rejected", &columns, &cells).await
}

/// As both databases can keep it: without NUL, bounded.
fn kept(refused: &Refused) -> [String; 5] {
    let bounded = |text: &str, most: usize| text.get(..text.floor_char_boundary(most)).unwrap_or_default().replace('\0', "\u{fffd}");
    [
        bounded(&refused.event_id, 300),
        bounded(&refused.subject, 300),
        bounded(&refused.field, 300),
        bounded(&refused.reason, 600),
        bounded(&refused.body, MAX_EVENT),
    ]
}

/// Says what became of open ones.
pub async fn settle(tx: &mut Tx, ids: &[i64], state: State, now: Instant) -> Result<(), StoreError> {
    let state = match state {
        State::Replayed => "replayed",
        State::Superseded => "superseded",
    };
    tx.run(SETTLE, args![serde_json::json!(ids).to_string(), state, now]).await.map(drop)
}

/// Puts all open ones of a stream (`sync_id` is `None`) or of a data sync aside; answers how many.
pub async fn dismiss(tx: &mut Tx, stream_id: i64, sync_id: Option<i64>, now: Instant) -> Result<u64, StoreError> {
    match sync_id {
        Some(sync) => tx.run(DISMISS_OF_SYNC, args![sync, now]).await,
        None => tx.run(DISMISS_OF_STREAM, args![stream_id, now]).await,
    }
}

/// Puts open ones of a data sync aside by their ids; answers how many.
pub async fn dismiss_chosen(tx: &mut Tx, sync_id: i64, ids: &[i64], now: Instant) -> Result<u64, StoreError> {
    tx.run(DISMISS_CHOSEN, args![serde_json::json!(ids).to_string(), sync_id, now]).await
}
