//! Field matchings as stored.

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    OF = sql!("SELECT sync_id, source, target FROM data_sync_pair WHERE sync_id = $1 ORDER BY number");
    CLEAR = sql!("DELETE FROM data_sync_pair WHERE sync_id = $1");
    INSERT = sql!("INSERT INTO data_sync_pair (sync_id, number, source, target) VALUES ($1, $2, $3, $4)");
}

/// A line of a field matching.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stored {
    pub sync_id: i64,
    /// `profileAltId` or `attributes.tier`.
    pub source: String,
    /// Number of the destination's field.
    pub target: i64,
}

pub async fn pairs(mut read: Read<'_>, sync_id: i64) -> Result<Vec<Stored>, StoreError> {
    read.all(OF, args![sync_id]).await
}

pub(super) async fn in_tx(tx: &mut Tx, sync_id: i64) -> Result<Vec<Stored>, StoreError> {
    tx.all(OF, args![sync_id]).await
}

pub(super) async fn replace(tx: &mut Tx, sync_id: i64, pairs: &[(String, i64)]) -> Result<(), StoreError> {
    tx.run(CLEAR, args![sync_id]).await?;
    for (number, (source, target)) in (1_i64..).zip(pairs) {
        tx.run(INSERT, args![sync_id, number, source, *target]).await?;
    }
    Ok(())
}
