//! Rows of an upload meet records: found by address or id, written in slices. Uploaded fields stand in `profile_0`, keyed by record,
//! beside what its bridge says: no upload touches a bridge's own columns (`docs/adr/0133`).

use std::collections::{HashMap, HashSet};

use rialto_core::fields::{FieldType, Value};
use rialto_core::hash::ContentHash;
use rialto_core::person::{FieldSpec, Mapped};
use rialto_core::upload::{Bearers, Joins, SOURCE, fold, joins};
use rialto_core::{Address, Instant};
use serde_json::{Map, Value as Json};

use crate::Actor;
use crate::args;
use crate::consent::{self, Act, Grounds, Step};
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::fields::{self, Field, table};
use crate::people::locks;
use crate::people::{COLUMNS, InHand, insert_rows, person_cells, profile_cells, profile_columns};
use crate::runs;
use crate::sql::{sql, statements};
use crate::vault::Vault;

statements! {
    BEARERS = sql!(
        sqlite "SELECT json_group_array(json_array(s.canonical, s.id, s.bridge_id)) FROM subscriber s
            WHERE s.canonical IN (SELECT value FROM json_each($1))",
        postgres "SELECT CAST(COALESCE(json_agg(json_build_array(s.canonical, s.id, s.bridge_id)), '[]'::json) AS TEXT) FROM subscriber s
            WHERE s.canonical = ANY (ARRAY(SELECT json_array_elements_text($1::json)))"
    );
    LIVE = sql!("SELECT id FROM bridge WHERE deleted_at IS NULL");
    PLACES = sql!("SELECT id, created_at, bridge_id, canonical FROM subscriber WHERE id IN ", ids 1, "");
    OWNED = sql!("SELECT f.bridge_id, f.name, f.label, f.display_name FROM bridge_field f JOIN bridge b ON b.id = f.bridge_id
        WHERE f.bridge_id > 0 AND f.gone_at IS NULL AND b.deleted_at IS NULL");
    FIELDS = sql!("SELECT number, position, name, label, kind, length, shown, gone_at, display_name, default_value, comment FROM bridge_field
        WHERE bridge_id = 0 ORDER BY position, number");
    SILENT = sql!("SELECT canonical FROM suppression WHERE cause = 'upload' AND canonical <> '' AND canonical ", among texts 1, "");
    LOCK_SOURCE = sql!(sqlite "SELECT id FROM bridge WHERE id = 0", postgres "SELECT id FROM bridge WHERE id = 0 FOR UPDATE");
    NEW_FIELD = sql!("INSERT INTO bridge_field (bridge_id, number, position, name, label, kind) VALUES (0, $1, $1, $2, $2, 'text')");
}

/// Most uploaded fields.
const MAX_FIELDS: usize = 300;

/// Who bears some canonical addresses, by address. Records of deleted bridges do not count.
pub async fn lookup(db: &Db, canonicals: &[&str]) -> Result<HashMap<String, Bearers>, StoreError> {
    let list = Json::from(canonicals).to_string();
    let (text,): (String,) = db.read().one(BEARERS, args![list]).await?;
    if text == "[]" {
        return Ok(HashMap::new());
    }
    bearers(&text, db.read().all(LIVE, args![]).await?)
}

/// From rows of address, record and source, and the bridges that are not deleted.
fn bearers(text: &str, live: Vec<(i64,)>) -> Result<HashMap<String, Bearers>, StoreError> {
    let rows: Vec<(String, i64, i64)> = serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let live: HashSet<i64> = live.into_iter().map(|(id,)| id).collect();
    let mut found: HashMap<String, Bearers> = HashMap::new();
    let mut of_bridge: HashMap<(String, i64), usize> = HashMap::new();
    for (canonical, id, bridge) in rows {
        if bridge != SOURCE && !live.contains(&bridge) {
            continue;
        }
        let b = found.entry(canonical.clone()).or_default();
        if bridge == SOURCE {
            b.own = Some(id);
            continue;
        }
        let n = of_bridge.entry((canonical, bridge)).or_default();
        *n += 1;
        b.of_one_bridge = b.of_one_bridge.max(*n);
        b.records += 1;
        if b.first.is_none_or(|first| id < first) {
            (b.first, b.bridge) = (Some(id), bridge);
        }
    }
    Ok(found)
}

/// Where a record stands that a row names by its id.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Placed {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub canonical: String,
}

pub async fn places(mut read: Read<'_>, ids: &[i64]) -> Result<HashMap<i64, Placed>, StoreError> {
    let rows: Vec<Placed> = read.all(PLACES, args![Json::from(ids).to_string()]).await?;
    Ok(rows.into_iter().map(|p| (p.id, p)).collect())
}

/// Folded names of the fields that each bridge owns.
pub type Owned = HashMap<i64, HashSet<String>>;

pub async fn owned_fields(mut read: Read<'_>) -> Result<Owned, StoreError> {
    let rows: Vec<(i64, String, String, String)> = read.all(OWNED, args![]).await?;
    let mut owned = Owned::new();
    for (bridge, name, label, display) in rows {
        owned.entry(bridge).or_default().extend([name, label, display].iter().filter(|n| !n.is_empty()).map(|n| fold(n)));
    }
    Ok(owned)
}

/// The uploaded fields of these names, made where they are missing when `make` says so; else new ones get the numbers that they would get.
pub async fn ensure_fields(db: &Db, names: &[&str], make: bool) -> Result<Vec<FieldSpec>, StoreError> {
    let mut tx = db.write().await?;
    tx.one::<(i64,)>(LOCK_SOURCE, args![]).await?;
    let known: Vec<Field> = tx.all(FIELDS, args![]).await?;
    let mut next = known.iter().map(|f| f.number).max().unwrap_or(0);
    let mut specs = Vec::with_capacity(names.len());
    for name in names {
        let number = match known.iter().find(|f| fold(&f.name) == fold(name)) {
            Some(f) => f.number,
            None => {
                next += 1;
                if next as usize > MAX_FIELDS {
                    return Err(StoreError::Conflict(format!(
                        "Uploads have brought {MAX_FIELDS} fields already; use one of them, or none."
                    )));
                }
                if make {
                    tx.run(NEW_FIELD, args![next, name.trim()]).await?;
                    tx.run_built(format!("ALTER TABLE {} ADD COLUMN f{next} TEXT", table(SOURCE)), args![]).await?;
                }
                next
            }
        };
        specs.push(FieldSpec { number: number as u32, name: (*name).to_owned(), kind: FieldType::Text, length: None });
    }
    if make {
        tx.commit().await?;
    }
    Ok(specs)
}

/// Uploaded values of some records, of the fields that exist: by record a JSON object with keys `f<number>`.
pub async fn stored(db: &Db, specs: &[FieldSpec], ids: &[i64]) -> Result<HashMap<i64, Map<String, Json>>, StoreError> {
    if ids.is_empty() || specs.is_empty() {
        return Ok(HashMap::new());
    }
    let known = fields::list(db.read(), SOURCE).await?;
    let there: Vec<&FieldSpec> = specs.iter().filter(|s| known.iter().any(|k| k.number == i64::from(s.number))).collect();
    if there.is_empty() {
        return Ok(HashMap::new());
    }
    let object = fields::profile_object(db.is_sqlite(), there.iter().map(|f| fields::typed(f)));
    let (profile, list) = (table(SOURCE), fields::listed_ids(db.is_sqlite(), 1));
    let text = format!("SELECT p.subscriber_id, CAST({object} AS TEXT) FROM {profile} p WHERE p.subscriber_id IN {list}");
    let rows: Vec<(i64, String)> = db.read().all_built(text, args![Json::from(ids).to_string()]).await?;
    rows.into_iter().map(|(id, text)| Ok((id, serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(e.to_string()))?))).collect()
}

/// A row that has to be written: a new record, or uploaded values of a known one.
#[derive(Clone, Debug)]
pub struct Row {
    /// `None` for a new record of uploads.
    pub id: Option<i64>,
    pub address: Address,
    /// One for each field; absent leaves, null clears.
    pub values: Vec<Value>,
}

/// What rows are written for.
#[derive(Clone, Copy)]
pub struct Slice<'a> {
    pub run_id: i64,
    pub worker: &'a str,
    pub fields: &'a [FieldSpec],
    pub now: Instant,
}

/// Writes rows whole or not at all; answers their ids. A unique violation or `Conflict` means that somebody else, a sync perhaps, brought
/// one of the new people meanwhile: look up again. `TakenOver` when the run is no longer the worker's.
pub async fn write(db: &Db, slice: Slice<'_>, rows: &[Row], in_hand: &mut InHand) -> Result<Vec<i64>, StoreError> {
    let fresh = rows.iter().filter(|r| r.id.is_none()).count() as i64;
    let first = if fresh > 0 { in_hand.people(db, fresh).await? } else { 0 };
    let mut tx = db.write().await?;
    if fresh > 0 {
        locks::new_people_alone(&mut tx).await?;
    }
    if !runs::is_mine(&mut tx, slice.run_id, slice.worker).await? {
        return Err(StoreError::TakenOver);
    }
    look_for_brought(&mut tx, rows).await?;
    let ids = write_in(&mut tx, slice, rows, first).await?;
    tx.commit().await?;
    Ok(ids)
}

/// # Errors
/// `Conflict` when a new person is not new any more.
async fn look_for_brought(tx: &mut Tx, rows: &[Row]) -> Result<(), StoreError> {
    let fresh: Vec<&str> = rows.iter().filter(|r| r.id.is_none()).map(|r| r.address.canonical.as_str()).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let (text,): (String,) = tx.one(BEARERS, args![Json::from(fresh).to_string()]).await?;
    if text == "[]" {
        return Ok(());
    }
    let found = bearers(&text, tx.all(LIVE, args![]).await?)?;
    if found.values().all(|b| joins(*b).0 == Joins::New) {
        return Ok(());
    }
    Err(StoreError::Conflict("A sync or another upload has brought one of the new people meanwhile.".into()))
}

async fn write_in(tx: &mut Tx, slice: Slice<'_>, rows: &[Row], first: i64) -> Result<Vec<i64>, StoreError> {
    let mut next = first..;
    let ids: Vec<i64> = rows.iter().map(|r| r.id.or_else(|| next.next()).unwrap_or_default()).collect();
    let fresh: Vec<(i64, Mapped)> = rows.iter().zip(&ids).filter(|(r, _)| r.id.is_none()).map(|(r, id)| (*id, mapped(r))).collect();
    let cells: Vec<_> = fresh.iter().flat_map(|(id, m)| person_cells(*id, m, SOURCE, slice.run_id, false, slice.now)).collect();
    insert_rows(tx, "subscriber", &COLUMNS.map(str::to_owned), &cells).await?;
    if !slice.fields.is_empty() {
        let cells: Vec<_> = fresh.iter().flat_map(|(id, m)| profile_cells(*id, m)).collect();
        insert_rows(tx, &table(SOURCE), &profile_columns(slice.fields), &cells).await?;
    }
    let known: Vec<(i64, &Row)> = rows.iter().zip(&ids).filter(|(r, _)| r.id.is_some()).map(|(r, id)| (*id, r)).collect();
    if !known.is_empty() && !slice.fields.is_empty() {
        crate::people::update_values(
            tx,
            (SOURCE, slice.run_id),
            slice.fields,
            &known.iter().map(|(id, r)| (*id, r.values.as_slice())).collect::<Vec<_>>(),
        )
        .await?;
    }
    Ok(ids)
}

/// A new record as it is stored. Its key is its canonical address: one a source (`rules.md` section 1).
fn mapped(row: &Row) -> Mapped {
    let mut hash = ContentHash::default();
    hash.field(0, row.address.written.as_bytes());
    Mapped {
        remote_id: row.address.canonical.clone(),
        address: row.address.clone(),
        flag: rialto_core::consent::Flag::Yes,
        values: row.values.clone(),
        hash: hash.finish(),
        misfits: Vec::new(),
    }
}

/// Somebody who is to be silent: a known record, or a new one of uploads.
#[derive(Clone, Debug)]
pub struct Silent {
    pub id: Option<i64>,
    pub address: Address,
}

/// Silences addresses, with ledger, audit rows and writebacks, whole or not at all; new people are created silent. Answers the id of
/// each and whether it was not silent before.
pub async fn silence(
    db: &Db,
    vault: &Vault,
    slice: Slice<'_>,
    people: &[Silent],
    grounds: Grounds<'_>,
    who: &Actor,
    in_hand: &mut InHand,
) -> Result<Vec<(i64, bool)>, StoreError> {
    let fresh = people.iter().filter(|p| p.id.is_none()).count() as i64;
    let first = if fresh > 0 { in_hand.people(db, fresh).await? } else { 0 };
    let mut tx = db.write().await?;
    if fresh > 0 {
        locks::new_people_alone(&mut tx).await?;
    }
    if !runs::is_mine(&mut tx, slice.run_id, slice.worker).await? {
        return Err(StoreError::TakenOver);
    }
    let rows: Vec<Row> = people.iter().map(|p| Row { id: p.id, address: p.address.clone(), values: Vec::new() }).collect();
    let ids = write_in(&mut tx, Slice { fields: &[], ..slice }, &rows, first).await?;
    let step = Step::Open(rialto_core::consent::Cause::Upload);
    let acts: Vec<Act<'_>> = ids.iter().map(|id| Act { subscriber_id: *id, step, grounds, who }).collect();
    let done = consent::act(&mut tx, vault, &acts).await?;
    let silenced: Vec<(i64, bool)> = ids.iter().zip(&done).map(|(id, d)| (*id, !d.causes.is_empty())).collect();
    let changed: Vec<i64> = silenced.iter().filter(|(_, new)| *new).map(|(id, _)| *id).collect();
    if !changed.is_empty() {
        consent::mark_counts(&mut tx, &changed).await?;
    }
    tx.commit().await?;
    Ok(silenced)
}

/// Of some canonical addresses those that uploads have silenced already.
pub async fn silent_already(mut read: Read<'_>, canonicals: &[&str]) -> Result<HashSet<String>, StoreError> {
    let rows: Vec<(String,)> = read.all(SILENT, args![Json::from(canonicals).to_string()]).await?;
    Ok(rows.into_iter().map(|(c,)| c).collect())
}
