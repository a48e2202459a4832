//! Rows written by data syncs, in sets. The version column `v<data sync>` says what a data sync wrote last, so that versions are compared
//! without a table of their own; deletes leave tombstones (`rules.md` section 5).

use std::collections::{HashMap, HashSet};

use rialto_core::audience::{FieldType, Stored};
use rialto_core::data_sync::Known;
use rialto_core::event::Version;

use super::{KEY, table};
use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::people::{Bound, Typed, upsert_rows};
use crate::sql::{sql, statements};

statements! {
    ANY_TOMBSTONE = sql!("SELECT COUNT(*) FROM (SELECT 1 AS one FROM audience_tombstone WHERE audience_id = $1 AND source_id = $2 LIMIT 1) t");
    TOMBSTONES = sql!("SELECT row_key, version FROM audience_tombstone WHERE audience_id = $1 AND source_id = $2 AND row_key ", among texts 3, "");
    BURY = sql!(
        sqlite "INSERT INTO audience_tombstone (audience_id, source_id, row_key, version)
            SELECT $1, $2, value->>0, value->>1 FROM json_each($3) WHERE true
            ON CONFLICT (audience_id, source_id, row_key) DO UPDATE SET version = excluded.version WHERE excluded.version > audience_tombstone.version",
        postgres "INSERT INTO audience_tombstone (audience_id, source_id, row_key, version)
            SELECT $1, $2, value->>0, (value->>1)::bigint FROM json_array_elements($3::json)
            ON CONFLICT (audience_id, source_id, row_key) DO UPDATE SET version = excluded.version WHERE excluded.version > audience_tombstone.version"
    );
    CHANGED = sql!("UPDATE audience SET changes = changes + 1 WHERE id = $1");
    LINKS = sql!("SELECT DISTINCT match_field FROM data_sync WHERE audience_id = $1 AND match_field IS NOT NULL AND deleted_at IS NULL");
    OF_SOURCE = sql!("SELECT id FROM data_sync WHERE audience_id = $1 AND source_id = $2 AND mode = 'upsert' ORDER BY id");
}

/// A row to be written: the key, the version, the link where the event told one, and the values by number of their field.
#[derive(Clone, Debug)]
pub struct Written {
    pub key: Stored,
    pub version: Version,
    pub link: Option<Option<String>>,
    /// In the order of the columns; `None` leaves what is there.
    pub values: Vec<Option<Stored>>,
}

/// Whose rows are written.
#[derive(Clone, Copy, Debug)]
pub struct Of {
    pub audience_id: i64,
    pub source_id: i64,
    pub sync_id: i64,
    /// Whether the key is a number.
    pub numeric: bool,
}

/// `IN` a JSON list of keys bound as `$n`, looked up by the index on both databases.
pub(super) fn among(sqlite: bool, numeric: bool, n: u32) -> String {
    match (sqlite, numeric) {
        (true, true) => format!("IN (SELECT CAST(value AS INTEGER) FROM json_each(${n}))"),
        (true, false) => format!("IN (SELECT value FROM json_each(${n}))"),
        (false, true) => format!("= ANY (ARRAY(SELECT json_array_elements_text(${n}::json)::bigint))"),
        (false, false) => format!("= ANY (ARRAY(SELECT json_array_elements_text(${n}::json)))"),
    }
}

/// Gives a list the column for a data sync's versions.
pub(crate) async fn add_version(tx: &mut Tx, audience_id: i64, sync_id: i64) -> Result<(), StoreError> {
    tx.run_built(format!("ALTER TABLE {} ADD COLUMN v{sync_id} BIGINT", table(audience_id)), args![]).await.map(drop)
}

/// Takes the column of a data sync that is gone.
pub(crate) async fn drop_version(tx: &mut Tx, audience_id: i64, sync_id: i64) -> Result<(), StoreError> {
    tx.run_built(format!("ALTER TABLE {} DROP COLUMN v{sync_id}", table(audience_id)), args![]).await.map(drop)
}

/// What is known of these keys; a key that is not answered was never seen. `upsert` says for which kind of data sync.
pub async fn known(tx: &mut Tx, of: &Of, keys: &[String], upsert: bool) -> Result<HashMap<String, Known>, StoreError> {
    let list = serde_json::json!(keys).to_string();
    let mut known: HashMap<String, Known> = HashMap::new();
    let columns = if upsert { vec![of.sync_id] } else { of_source(tx, of).await? };
    if let Some(newest) = newest(tx.is_sqlite(), &columns) {
        let text = format!(
            "SELECT CAST(f{KEY} AS TEXT), {newest} FROM {} WHERE f{KEY} {}",
            table(of.audience_id),
            among(tx.is_sqlite(), of.numeric, 1)
        );
        let rows: Vec<(String, Option<i64>)> = tx.all_built(text, args![&list]).await?;
        for (key, version) in rows {
            known.entry(key).or_default().version = version.map(Version::from_stored);
        }
    }
    if tx.one::<(i64,)>(ANY_TOMBSTONE, args![of.audience_id, of.source_id]).await?.0 > 0 {
        let rows: Vec<(String, i64)> = tx.all(TOMBSTONES, args![of.audience_id, of.source_id, list]).await?;
        for (key, version) in rows {
            known.entry(key).or_default().deleted = Some(Version::from_stored(version));
        }
    }
    Ok(known)
}

async fn of_source(tx: &mut Tx, of: &Of) -> Result<Vec<i64>, StoreError> {
    let ids: Vec<(i64,)> = tx.all(OF_SOURCE, args![of.audience_id, of.source_id]).await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// The newest of the versions that these data syncs wrote. SQLite's `max` of several is null where one of them is.
fn newest(sqlite: bool, syncs: &[i64]) -> Option<String> {
    let columns: Vec<String> = syncs.iter().map(|id| format!("v{id}")).collect();
    match columns.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        more if sqlite => {
            let least: Vec<String> = more.iter().map(|c| format!("COALESCE({c}, {})", i64::MIN)).collect();
            Some(format!("NULLIF(max({}), {})", least.join(", "), i64::MIN))
        }
        more => Some(format!("GREATEST({})", more.join(", "))),
    }
}

fn bound(value: &Stored) -> Bound<'_> {
    match value {
        Stored::Null => Bound::Null,
        Stored::Integer(n) => Bound::Int(*n),
        Stored::Float(n) => Bound::Float(*n),
        Stored::Boolean(yes) => Bound::Bool(*yes),
        Stored::Text(text) => Bound::Text(text),
    }
}

fn typed(kind: FieldType) -> Typed {
    match kind {
        FieldType::Integer | FieldType::Long => Typed::Int,
        FieldType::Float => Typed::Float,
        FieldType::Boolean => Typed::Bool,
        FieldType::Text | FieldType::LongText => Typed::Text,
        FieldType::DateTime => Typed::Moment,
        FieldType::Date => Typed::Date,
    }
}

/// Writes rows by their keys, each of which stands once among them. `columns`: numbers and types of the fields of `Written::values`. Rows that
/// have the same fields go in one statement.
pub async fn upsert(tx: &mut Tx, of: &Of, columns: &[(u32, FieldType)], rows: &[Written]) -> Result<(), StoreError> {
    changed(tx, of, rows.len()).await?;
    let mut alike: HashMap<Vec<bool>, Vec<&Written>> = HashMap::new();
    for row in rows {
        let mut shape: Vec<bool> = row.values.iter().map(Option::is_some).collect();
        shape.push(row.link.is_some());
        alike.entry(shape).or_default().push(row);
    }
    let name = table(of.audience_id);
    let key = if of.numeric { Typed::Int } else { Typed::Text };
    for (shape, mut rows) in alike {
        // By key, so that two transactions do not wait for each other in a circle.
        rows.sort_by_cached_key(|row| rialto_core::data_sync::key_text(&row.key));
        let has = |at: usize| shape.get(at).copied().unwrap_or_default();
        let mut into = vec![(format!("f{KEY}"), key), (format!("v{}", of.sync_id), Typed::Int)];
        if has(columns.len()) {
            into.push(("link".to_owned(), Typed::Text));
        }
        into.extend(columns.iter().enumerate().filter(|(at, _)| has(*at)).map(|(_, (n, kind))| (format!("f{n}"), typed(*kind))));
        let mut cells = Vec::with_capacity(rows.len() * into.len());
        for row in rows {
            cells.push(bound(&row.key));
            cells.push(Bound::Int(row.version.stored()));
            if let Some(link) = &row.link {
                cells.push(link.as_deref().map_or(Bound::NullText, Bound::Text));
            }
            cells.extend(row.values.iter().flatten().map(bound));
        }
        upsert_rows(tx, &name, &into, &cells).await?;
    }
    Ok(())
}

/// Tells segments that ask about the list. Its row is held by whoever writes to it.
async fn changed(tx: &mut Tx, of: &Of, rows: usize) -> Result<(), StoreError> {
    if rows == 0 {
        return Ok(());
    }
    tx.run(CHANGED, args![of.audience_id]).await.map(drop)
}

/// Removes rows, and keeps at which version.
pub async fn delete(tx: &mut Tx, of: &Of, rows: &[(String, Version)]) -> Result<(), StoreError> {
    changed(tx, of, rows.len()).await?;
    bury(tx, of, rows).await?;
    let keys: Vec<&String> = rows.iter().map(|(key, _)| key).collect();
    let text = format!("DELETE FROM {} WHERE f{KEY} {}", table(of.audience_id), among(tx.is_sqlite(), of.numeric, 1));
    tx.run_built(text, args![serde_json::json!(keys).to_string()]).await.map(drop)
}

/// Clears fields of rows, and keeps at which version.
pub async fn clear(tx: &mut Tx, of: &Of, fields: &[u32], rows: &[(String, Version)]) -> Result<(), StoreError> {
    changed(tx, of, rows.len()).await?;
    bury(tx, of, rows).await?;
    let fields: HashSet<u32> = fields.iter().copied().filter(|n| i64::from(*n) != KEY).collect();
    if fields.is_empty() {
        return Ok(());
    }
    let keys: Vec<&String> = rows.iter().map(|(key, _)| key).collect();
    let mut set: Vec<String> = fields.iter().map(|n| format!("f{n} = NULL")).collect();
    let links: Vec<(i64,)> = tx.all(LINKS, args![of.audience_id]).await?;
    if links.iter().any(|(number,)| u32::try_from(*number).is_ok_and(|n| fields.contains(&n))) {
        // What says whose row it is was cleared: it is nobody's now.
        set.push("link = NULL".to_owned());
    }
    let text = format!("UPDATE {} SET {} WHERE f{KEY} {}", table(of.audience_id), set.join(", "), among(tx.is_sqlite(), of.numeric, 1));
    tx.run_built(text, args![serde_json::json!(keys).to_string()]).await.map(drop)
}

async fn bury(tx: &mut Tx, of: &Of, rows: &[(String, Version)]) -> Result<(), StoreError> {
    let mut list: Vec<(&String, i64)> = rows.iter().map(|(key, version)| (key, version.stored())).collect();
    list.sort_unstable();
    tx.run(BURY, args![of.audience_id, of.source_id, serde_json::json!(list).to_string()]).await.map(drop)
}
