//! Locks of a transaction on people, on PostgreSQL: on SQLite there is one writer. In this order: new people, flags, rows.

use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    NEW_BESIDE = sql!(sqlite "SELECT 1", postgres "SELECT COUNT(pg_advisory_xact_lock_shared(78, 1))");
    NEW_ALONE = sql!(sqlite "SELECT 1", postgres "SELECT COUNT(pg_advisory_xact_lock(78, 1))");
    FLAGS = sql!(sqlite "SELECT 1", postgres "SELECT COUNT(pg_advisory_xact_lock_shared(77, 1))");
}

/// Syncs bring new people side by side, an upload by itself: each sees whom the other has brought.
pub(crate) async fn new_people_beside(tx: &mut Tx) -> Result<(), StoreError> {
    tx.one::<(i64,)>(NEW_BESIDE, args![]).await.map(drop)
}

/// For an upload: no sync brings anybody new until the end of the transaction.
pub(crate) async fn new_people_alone(tx: &mut Tx) -> Result<(), StoreError> {
    tx.one::<(i64,)>(NEW_ALONE, args![]).await.map(drop)
}

/// Before the remote's flags are opened.
pub(crate) async fn flags(tx: &mut Tx) -> Result<(), StoreError> {
    tx.one::<(i64,)>(FLAGS, args![]).await.map(drop)
}
