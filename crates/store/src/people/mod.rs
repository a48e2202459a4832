//! People as the bridges know them: looked up in sets by key, compared by content hash, written in short transactions.

mod bulk;
pub(crate) mod locks;
mod write;

use std::collections::HashMap;

use rialto_core::consent::{Flag, FlagState};

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{Arg, Sql, sql, statements};

pub use bulk::{Bound, Rows, Typed, insert_few, insert_rows, insert_together, upsert_rows};
#[cfg(test)]
pub(crate) use write::ALL as WRITE_ALL;
pub use write::{COLUMNS, Dirty, InHand, Slice, Written, person_cells, profile_cells, profile_columns, profile_json, write_slice};
pub(crate) use write::{before_text, open_causes, update_values, upsert_json};

statements! {
    LOOKUP = sql!(
        sqlite "SELECT json_group_array(json_array(remote_id, id, hash, (remote_flag_run <> 0) + remote_flag_delivered * 2)) FROM subscriber
            WHERE bridge_id = $1 AND remote_id IN (SELECT value FROM json_each($2))",
        postgres "SELECT array_agg(remote_id), array_agg(id), array_agg(hash), array_agg(flags) FROM (SELECT remote_id, id, hash,
            CAST(CAST(remote_flag_run <> 0 AS INTEGER) + remote_flag_delivered * 2 AS SMALLINT) AS flags FROM subscriber
            WHERE bridge_id = $1 AND remote_id IN (SELECT value FROM json_array_elements_text($2::json))) AS s"
    );
    RANGE = sql!(
        sqlite "SELECT json_group_array(json_array(remote_id, id, hash, flags)) FROM
            (SELECT remote_id, id, hash, (remote_flag_run <> 0) + remote_flag_delivered * 2 AS flags FROM subscriber
            WHERE bridge_id = $1 AND remote_id >= $2 AND remote_id <= $3 ORDER BY remote_id LIMIT $4)",
        postgres "SELECT array_agg(remote_id), array_agg(id), array_agg(hash), array_agg(flags) FROM (SELECT remote_id, id, hash,
            CAST(CAST(remote_flag_run <> 0 AS INTEGER) + remote_flag_delivered * 2 AS SMALLINT) AS flags FROM subscriber
            WHERE bridge_id = $1 AND remote_id >= $2 AND remote_id <= $3 ORDER BY remote_id LIMIT $4) AS s"
    );
    LAST_ID = sql!("SELECT COALESCE(MAX(id), 0) FROM subscriber");
    ALL_PEOPLE = sql!("SELECT COUNT(*) FROM subscriber");
    COUNTED = sql!("SELECT value FROM setting WHERE name = 'people_counted'");
    KEEP_COUNT = sql!("INSERT INTO setting (name, value) VALUES ('people_counted', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    ANALYZE = sql!(sqlite "ANALYZE subscriber", postgres "ANALYZE subscriber, membership, membership_change");
    NAMES = sql!("SELECT id, CASE WHEN bridge_id = 0 THEN '' ELSE remote_id END AS remote_id, address FROM subscriber WHERE id IN ", ids 1, " ORDER BY id");
    COUNT = sql!("SELECT COUNT(*) FROM (SELECT 1 FROM subscriber WHERE bridge_id = $1 LIMIT $2) AS counted");
}

/// What the store knows of one Remote ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub id: i64,
    pub hash: i64,
    pub flag: FlagState,
}

/// Remote ID, id, hash, and two flags in one number: 1 when a `remote_flag` cause is open, plus twice the flag that was delivered.
type LookupRow = (String, i64, i64, i16);

/// The same by columns, as PostgreSQL sends them.
type Columns = (Option<Vec<String>>, Option<Vec<i64>>, Option<Vec<i64>>, Option<Vec<i16>>);

/// Looks up a batch of Remote IDs of one bridge, outside any transaction. Remotes page by key, so a batch is mostly a stretch of the
/// key's order: then one range of the index answers it, which is far cheaper than a probe a key. The answer may hold neighbours of those asked for.
pub async fn lookup(db: &Db, bridge_id: i64, remote_ids: &[&str]) -> Result<HashMap<String, Known>, StoreError> {
    let (Some(first), Some(last)) = (remote_ids.iter().min(), remote_ids.iter().max()) else { return Ok(HashMap::new()) };
    let most = remote_ids.len() as i64 * 2;
    let rows = read_rows(db, RANGE, args![bridge_id, *first, *last, most + 1]).await?;
    if rows.len() as i64 <= most {
        return Ok(by_key(rows));
    }
    let keys = serde_json::to_string(remote_ids).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    Ok(by_key(read_rows(db, LOOKUP, args![bridge_id, keys]).await?))
}

/// Records that only uploads know, by canonical address: a bridge that brings the address takes them over. Their hash fits nothing.
pub async fn adoptable(db: &Db, canonicals: &[&str]) -> Result<HashMap<String, Known>, StoreError> {
    let mut found = lookup(db, rialto_core::upload::SOURCE, canonicals).await?;
    found.values_mut().for_each(|known| known.hash = 0);
    Ok(found)
}

/// One answer instead of thousands of rows: on SQLite each row would cross to the driver's thread by itself, on PostgreSQL each would
/// be a message of its own.
async fn read_rows(db: &Db, sql: Sql, args: Vec<Arg>) -> Result<Vec<LookupRow>, StoreError> {
    if db.is_sqlite() {
        let (text,): (String,) = db.read().one(sql, args).await?;
        return serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(e.to_string()));
    }
    let (keys, ids, hashes, flags) = db.read().columns::<Columns>(sql, args).await?;
    let columns =
        keys.unwrap_or_default().into_iter().zip(ids.unwrap_or_default()).zip(hashes.unwrap_or_default()).zip(flags.unwrap_or_default());
    Ok(columns.map(|(((key, id), hash), flags)| (key, id, hash, flags)).collect())
}

fn by_key(rows: Vec<LookupRow>) -> HashMap<String, Known> {
    rows.into_iter()
        .map(|(remote_id, id, hash, flags)| {
            let flag = FlagState { suppressed: flags & 1 != 0, delivered: flag_from(flags >> 1), seen: None };
            (remote_id, Known { id, hash, flag })
        })
        .collect()
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

/// How many people a bridge has brought, counted no further than `most`: counting a million takes too long for a page.
pub async fn count(mut read: Read<'_>, bridge_id: i64, most: i64) -> Result<i64, StoreError> {
    let (n,): (i64,) = read.one(COUNT, args![bridge_id, most]).await?;
    Ok(n)
}

/// Ids, Remote IDs and addresses of some people.
pub async fn names(db: &Db, ids: &[i64]) -> Result<Vec<(i64, String, String)>, StoreError> {
    db.read().all(NAMES, args![serde_json::Value::from(ids).to_string()]).await
}

/// The highest id given to a person; 0 when there is nobody.
pub async fn last_id(mut read: Read<'_>) -> Result<i64, StoreError> {
    let (last,): (i64,) = read.one(LAST_ID, args![]).await?;
    Ok(last)
}

/// How many people there are, as of the last run that brought some: counting a million takes too long for every page.
pub async fn counted(mut read: Read<'_>) -> Result<i64, StoreError> {
    let kept: Option<(String,)> = read.opt(COUNTED, args![]).await?;
    Ok(kept.and_then(|(text,)| text.split_once('/')?.0.parse().ok()).unwrap_or(0))
}

/// Counts people again when new ones have come since the last count, and lets PostgreSQL look at tables that grew a lot: without
/// statistics it reads a large group as if it were small (`docs/adr/0003`).
pub async fn recount(db: &Db, grew: bool) -> Result<(), StoreError> {
    let last = last_id(db.read()).await?;
    let kept: Option<(String,)> = db.read().opt(COUNTED, args![]).await?;
    if kept.is_none_or(|(text,)| text.split_once('/').is_none_or(|(_, end)| end != last.to_string())) {
        let (people,): (i64,) = db.read().one(ALL_PEOPLE, args![]).await?;
        let mut tx = db.write().await?;
        tx.run(KEEP_COUNT, args![format!("{people}/{last}")]).await?;
        tx.commit().await?;
    }
    if grew && !db.is_sqlite() {
        let mut tx = db.write().await?;
        tx.run(ANALYZE, args![]).await?;
        tx.commit().await?;
    }
    Ok(())
}
