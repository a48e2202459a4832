//! The books of data syncs, a row a minute: read = applied + older + duplicates + other + rejected.

use rialto_core::Instant;
use rialto_core::data_sync::Books;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ADD = sql!("INSERT INTO data_sync_minute (sync_id, minute, read, applied, older, duplicates, other, rejected, values_rejected, replayed,
            first_position, last_position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (sync_id, minute) DO UPDATE SET read = data_sync_minute.read + excluded.read,
            applied = data_sync_minute.applied + excluded.applied, older = data_sync_minute.older + excluded.older,
            duplicates = data_sync_minute.duplicates + excluded.duplicates, other = data_sync_minute.other + excluded.other,
            rejected = data_sync_minute.rejected + excluded.rejected,
            values_rejected = data_sync_minute.values_rejected + excluded.values_rejected,
            replayed = data_sync_minute.replayed + excluded.replayed, last_position = excluded.last_position");
    HISTORY = sql!("SELECT minute, read, applied, older, duplicates, other, rejected, values_rejected, replayed, first_position, last_position
        FROM data_sync_minute WHERE sync_id = $1 AND minute < $2 ORDER BY minute DESC LIMIT $3");
    OF_ALL = sql!("SELECT m.*, s.name, s.created_at FROM data_sync_minute m JOIN data_sync s ON s.id = m.sync_id
        WHERE s.deleted_at IS NULL AND (m.minute, m.sync_id) < ($1, $2) ORDER BY m.minute DESC, m.sync_id DESC LIMIT $3");
    CLEAN = sql!("DELETE FROM data_sync_minute WHERE minute < $1");
}

/// What a data sync did in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub sync_id: i64,
    pub books: Books,
    /// Positions of the log that it went through.
    pub from: i64,
    pub to: i64,
}

/// What a data sync did in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Minute {
    /// Its beginning, in microseconds.
    pub minute: i64,
    pub read: i64,
    pub applied: i64,
    pub older: i64,
    pub duplicates: i64,
    pub other: i64,
    pub rejected: i64,
    pub values_rejected: i64,
    pub replayed: i64,
    pub first_position: i64,
    pub last_position: i64,
}

/// A minute of any data sync, and which one it was.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MinuteOf {
    pub sync_id: i64,
    pub name: String,
    /// When the data sync was made.
    pub created_at: i64,
    #[sqlx(flatten)]
    pub minute: Minute,
}

pub async fn record(tx: &mut Tx, batch: &Batch, now: Instant) -> Result<(), StoreError> {
    let b = batch.books;
    if b.read == 0 {
        return Ok(());
    }
    let minute = now.0 - now.0.rem_euclid(60_000_000);
    let row = args![
        batch.sync_id,
        minute,
        b.read,
        b.applied,
        b.older,
        b.duplicates,
        b.other,
        b.rejected,
        b.values_rejected,
        b.replayed,
        batch.from,
        batch.to
    ];
    tx.run(ADD, row).await.map(drop)
}

/// Minutes in which something happened, the newest first, before one.
pub async fn history(mut read: Read<'_>, sync_id: i64, before: i64, limit: i64) -> Result<Vec<Minute>, StoreError> {
    read.all(HISTORY, args![sync_id, before, limit]).await
}

/// The same of all data syncs that were not deleted: before a minute, and within it before a data sync.
pub async fn history_of_all(mut read: Read<'_>, before: (i64, i64), limit: i64) -> Result<Vec<MinuteOf>, StoreError> {
    read.all(OF_ALL, args![before.0, before.1, limit]).await
}

/// Throws away what is older.
pub async fn clean(tx: &mut Tx, before: Instant) -> Result<(), StoreError> {
    tx.run(CLEAN, args![before]).await.map(drop)
}
