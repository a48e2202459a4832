//! Alarms of a stream: events that were never seen. They stay until somebody has looked (B8).

use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    OPEN = sql!("SELECT id, stream_id, created_at, kind, detail FROM stream_alarm WHERE stream_id = $1 AND settled_at IS NULL ORDER BY id DESC LIMIT 50");
    SAME = sql!("SELECT COUNT(*) FROM stream_alarm WHERE stream_id = $1 AND settled_at IS NULL AND kind = $2 AND detail = $3");
    RAISE = sql!("INSERT INTO stream_alarm (id, stream_id, created_at, kind, detail) VALUES ($1, $2, $3, $4, $5)");
    SETTLE = sql!("UPDATE stream_alarm SET settled_at = $3, settled_by = $4 WHERE id = $1 AND stream_id = $2 AND settled_at IS NULL");
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Alarm {
    pub id: i64,
    pub stream_id: i64,
    pub created_at: i64,
    /// `retention`: events were thrown away before a data sync had read them.
    pub kind: String,
    /// What happened and what to do, in sentences.
    pub detail: String,
}

/// Those that nobody has put aside, the newest first.
pub async fn open(mut read: Read<'_>, stream_id: i64) -> Result<Vec<Alarm>, StoreError> {
    read.all(OPEN, args![stream_id]).await
}

/// Raises an alarm; one that says the same and is open stays alone.
pub async fn raise(tx: &mut Tx, stream_id: i64, kind: &str, detail: &str, now: rialto_core::Instant) -> Result<(), StoreError> {
    if tx.one::<(i64,)>(SAME, args![stream_id, kind, detail]).await?.0 > 0 {
        return Ok(());
    }
    let id = ids::next(tx, "stream_alarm").await?;
    tx.run(RAISE, args![id, stream_id, now, kind, detail]).await.map(drop)
}

/// Puts an alarm aside.
pub async fn settle(tx: &mut Tx, stream_id: i64, id: i64, who: &Actor) -> Result<(), StoreError> {
    if tx.run(SETTLE, args![id, stream_id, who.at, &who.name]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "stream_alarm.settle", "stream", Some(stream_id), json!({"alarm": id})).await
}
