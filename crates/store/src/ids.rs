//! Internal ids: dense numbers from the `counter` table, taken in blocks, so that a batch knows its ids before it is written.

use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    TAKE = sql!("INSERT INTO counter (name, next_id) VALUES ($1, $2 + 1)
        ON CONFLICT (name) DO UPDATE SET next_id = counter.next_id + $2 RETURNING next_id");
}

/// Takes `count` ids of a table inside the caller's transaction; answers the first.
pub async fn take(tx: &mut Tx, table: &str, count: i64) -> Result<i64, StoreError> {
    let (next,): (i64,) = tx.one(TAKE, args![table, count]).await?;
    Ok(next - count)
}

/// Takes one id inside the caller's transaction.
pub async fn next(tx: &mut Tx, table: &str) -> Result<i64, StoreError> {
    take(tx, table, 1).await
}

/// Takes a block in a transaction of its own, so that concurrent syncs do not wait for each other. Unused ids are lost.
pub async fn reserve(db: &Db, table: &str, count: i64) -> Result<i64, StoreError> {
    let mut tx = db.write().await?;
    let first = take(&mut tx, table, count).await?;
    tx.commit().await?;
    Ok(first)
}

/// Ids kept in hand by one run. Blocks grow with what the run needs; what is left at its end is lost.
#[derive(Debug, Default)]
pub struct Blocks {
    next: i64,
    left: i64,
    size: i64,
}

impl Blocks {
    /// Largest block, so that little is lost.
    const MOST: i64 = 32_000;

    /// Answers the first of `count` ids in a row, reserved in a transaction of its own when there are not enough in hand.
    pub async fn take(&mut self, db: &Db, table: &str, count: i64) -> Result<i64, StoreError> {
        if count > self.left {
            self.size = count.max((self.size * 2).min(Self::MOST));
            self.next = reserve(db, table, self.size).await?;
            self.left = self.size;
        }
        let first = self.next;
        self.next += count;
        self.left -= count;
        Ok(first)
    }
}
