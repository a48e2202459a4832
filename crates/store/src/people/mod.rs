//! People as the bridges know them: looked up in sets by key, compared by content hash, written in short transactions.

mod bulk;
mod write;

use std::collections::HashMap;

use rialto_core::consent::{Flag, FlagState};

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

pub use bulk::{Bound, insert_rows};
pub use write::{Dirty, Slice, Written, write_slice};
#[cfg(test)]
pub(crate) use write::ALL as WRITE_ALL;

statements! {
    LOOKUP_ROWS = sql!("SELECT remote_id, id, hash, remote_flag_run, remote_flag_delivered FROM subscriber
        WHERE bridge_id = $1 AND remote_id IN ", texts 2, "");
    LOOKUP_TEXT = sql!(
        sqlite "SELECT json_group_array(json_array(remote_id, id, hash, remote_flag_run, remote_flag_delivered)) FROM subscriber
            WHERE bridge_id = $1 AND remote_id IN (SELECT value FROM json_each($2))",
        postgres "SELECT CAST(json_agg(json_build_array(remote_id, id, hash, remote_flag_run, remote_flag_delivered)) AS TEXT) FROM subscriber
            WHERE bridge_id = $1 AND remote_id IN (SELECT value FROM json_array_elements_text($2::json))"
    );
    NAMES = sql!("SELECT id, remote_id, address FROM subscriber WHERE id IN ", ids 1, " ORDER BY id");
    COUNT = sql!("SELECT COUNT(*) FROM subscriber WHERE bridge_id = $1");
}

/// What the store knows of one Remote ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: i64,
    pub hash: i64,
    pub flag: FlagState,
}

type LookupRow = (String, i64, i64, i64, i16);

/// Looks up a batch of Remote IDs of one bridge, outside any transaction.
pub async fn lookup(db: &Db, bridge_id: i64, remote_ids: &[&str]) -> Result<HashMap<String, Known>, StoreError> {
    let keys = serde_json::to_string(remote_ids).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let rows: Vec<LookupRow> = match db.read() {
        // One text instead of thousands of rows: each row would cross to the driver's thread by itself.
        mut read if db.is_sqlite() => {
            let (text,): (String,) = read.one(LOOKUP_TEXT, args![bridge_id, keys]).await?;
            serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(e.to_string()))?
        }
        mut read => read.all(LOOKUP_ROWS, args![bridge_id, keys]).await?,
    };
    Ok(rows
        .into_iter()
        .map(|(remote_id, id, hash, flag_run, delivered)| {
            let flag = FlagState { suppressed: flag_run != 0, delivered: flag_from(delivered), seen: None };
            (remote_id, Known { id, hash, flag })
        })
        .collect())
}

pub(crate) fn flag_from(n: i16) -> Option<Flag> {
    match n {
        1 => Some(Flag::Yes),
        2 => Some(Flag::No),
        _ => None,
    }
}

pub(crate) fn flag_to(flag: Flag) -> i16 {
    match flag {
        Flag::Yes => 1,
        Flag::No => 2,
    }
}

/// How many people a bridge has brought.
pub async fn count(mut read: Read<'_>, bridge_id: i64) -> Result<i64, StoreError> {
    let (n,): (i64,) = read.one(COUNT, args![bridge_id]).await?;
    Ok(n)
}

/// Ids, Remote IDs and addresses of some people.
pub async fn names(db: &Db, ids: &[i64]) -> Result<Vec<(i64, String, String)>, StoreError> {
    db.read().all(NAMES, args![serde_json::Value::from(ids).to_string()]).await
}
