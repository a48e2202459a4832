//! Internal ids: dense numbers from the `counter` table, taken in blocks, so that a batch knows its ids before it is written.

use serde_json::json;

use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};

statements! {
    TAKE = sql!("INSERT INTO counter (name, next_id) VALUES ($1, $2 + 1)
        ON CONFLICT (name) DO UPDATE SET next_id = counter.next_id + $2 RETURNING next_id");
}

/// $1 as `wanted` makes it.
pub(crate) const TAKE_EACH: Sql = sql!(
    sqlite "INSERT INTO counter (name, next_id) SELECT value->>'n', value->>'c' + 1 FROM json_each($1) WHERE true
        ON CONFLICT (name) DO UPDATE SET next_id = counter.next_id + excluded.next_id - 1 RETURNING name, next_id",
    postgres "INSERT INTO counter (name, next_id) SELECT n, c + 1 FROM json_to_recordset($1::json) AS r(n text, c bigint)
        ON CONFLICT (name) DO UPDATE SET next_id = counter.next_id + excluded.next_id - 1 RETURNING name, next_id"
);

/// Takes `count` ids of a table inside the caller's transaction; answers the first.
pub async fn take(tx: &mut Tx, table: &str, count: i64) -> Result<i64, StoreError> {
    let (next,): (i64,) = tx.one(TAKE, args![table, count]).await?;
    Ok(next - count)
}

/// Takes ids of several tables at once; answers the first of each, 0 where none is wanted.
pub(crate) async fn take_each(tx: &mut Tx, tables: &[(&str, usize)]) -> Result<Vec<i64>, StoreError> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let taken: Vec<(String, i64)> = tx.all(TAKE_EACH, args![wanted(tables)]).await?;
    let first = |(name, count): &(&str, usize)| taken.iter().find(|(n, _)| n == name).map_or(0, |(_, next)| next - *count as i64);
    Ok(tables.iter().map(first).collect())
}

/// What `TAKE_EACH` binds: in this order, so that two transactions do not wait for each other in a circle.
pub(crate) fn wanted(tables: &[(&str, usize)]) -> String {
    let rows: Vec<_> = tables.iter().filter(|(_, count)| *count > 0).map(|(name, count)| json!({"n": name, "c": count})).collect();
    json!(rows).to_string()
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
