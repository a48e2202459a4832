//! The file of an upload, in chunks: any node can read it, a backup holds it, and no chunk is larger than memory should be.

use rialto_core::Instant;

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BYTES = sql!("SELECT bytes FROM upload_chunk WHERE upload_id = $1 AND number = $2");
    STILL = sql!("SELECT id FROM upload WHERE id = $1 AND state = 'receiving'");
    /// Files past their time, but none that a run still reads.
    PAST = sql!("SELECT id, state FROM upload WHERE dropped = FALSE AND expires_at <= $1 AND NOT EXISTS
        (SELECT 1 FROM sync_run r WHERE r.upload_id = upload.id AND r.state IN ('queued', 'running')) ORDER BY expires_at LIMIT 1");
    DROP = sql!("DELETE FROM upload_chunk WHERE upload_id = $1 AND number IN
        (SELECT number FROM upload_chunk WHERE upload_id = $1 ORDER BY number LIMIT 32)");
    DROPPED = sql!("UPDATE upload SET dropped = TRUE, state = CASE WHEN state IN ('receiving', 'received') THEN 'expired' ELSE state END
        WHERE id = $1");
    CHUNK_OF = sql!("INSERT INTO upload_chunk (upload_id, number, bytes) VALUES ($1, $2, $3)");
}

/// Bytes of a chunk.
pub const CHUNK: usize = 1 << 20;

/// Keeps a file that comes in pieces. Each chunk is a transaction of its own.
pub struct Writer {
    upload_id: i64,
    number: i64,
    piece: Vec<u8>,
}

impl Writer {
    pub fn new(upload_id: i64) -> Self {
        Self { upload_id, number: 0, piece: Vec::with_capacity(CHUNK) }
    }

    pub async fn push(&mut self, db: &Db, mut bytes: &[u8]) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == CHUNK {
                self.write(db).await?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub async fn finish(mut self, db: &Db) -> Result<(), StoreError> {
        if self.piece.is_empty() { Ok(()) } else { self.write(db).await }
    }

    async fn write(&mut self, db: &Db) -> Result<(), StoreError> {
        let mut tx = db.write().await?;
        if tx.opt::<(i64,)>(STILL, args![self.upload_id]).await?.is_none() {
            return Err(StoreError::Conflict("This upload was given up.".into()));
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(CHUNK));
        tx.run(CHUNK_OF, args![self.upload_id, self.number, piece]).await?;
        self.number += 1;
        tx.commit().await
    }
}

/// One chunk of a file, counted from 0; `None` behind the last.
pub async fn chunk(mut read: Read<'_>, upload_id: i64, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(read.opt::<(Vec<u8>,)>(BYTES, args![upload_id, number]).await?.map(|(bytes,)| bytes))
}

/// Drops a part of a file past its time; an upload that nobody applied expires with it. False when there is none.
pub async fn expire(db: &Db, now: Instant) -> Result<bool, StoreError> {
    let Some((id, _)) = db.read().opt::<(i64, String)>(PAST, args![now]).await? else { return Ok(false) };
    let mut tx = db.write().await?;
    if tx.run(DROP, args![id]).await? == 0 {
        tx.run(DROPPED, args![id]).await?;
    }
    tx.commit().await?;
    Ok(true)
}
