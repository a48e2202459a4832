//! One slice of people in one short transaction: new rows, changed rows with their before-values, and every new "no".

use std::collections::{HashMap, HashSet};

use rialto_core::Instant;
use rialto_core::fields::{FieldType, Value};
use rialto_core::person::{FieldSpec, Mapped};
use serde_json::json;

use super::bulk::{Bound, insert_rows};
use super::{Known, flag_to, locks};
use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::fields::{listed_ids, profile_object, table, typed};
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    UPDATE = sql!(
        sqlite "UPDATE subscriber SET address = r.a, canonical = r.c, address_state = r.s, remote_flag_seen = r.f,
                remote_flag_delivered = CASE WHEN r.f = 1 AND remote_flag_delivered = 2 AND remote_flag_delivered_at < $3
                    THEN 0 ELSE remote_flag_delivered END,
                remote_flag_run = CASE WHEN r.n THEN $2 ELSE remote_flag_run END, hash = r.h
            FROM (SELECT value->>'i' AS i, value->>'a' AS a, value->>'c' AS c, value->>'s' AS s, value->>'f' AS f, value->>'n' AS n,
                value->>'h' AS h FROM json_each($1)) AS r WHERE subscriber.id = r.i",
        postgres "UPDATE subscriber SET address = r.a, canonical = r.c, address_state = r.s, remote_flag_seen = r.f,
                remote_flag_delivered = CASE WHEN r.f = 1 AND remote_flag_delivered = 2 AND remote_flag_delivered_at < $3
                    THEN 0 ELSE remote_flag_delivered END,
                remote_flag_run = CASE WHEN r.n THEN $2 ELSE remote_flag_run END, hash = r.h
            FROM json_to_recordset($1::json) AS r(i bigint, a text, c text, s smallint, f smallint, n boolean, h bigint)
            WHERE subscriber.id = r.i"
    );
    /// A record that only uploads knew gets the Remote ID of the one that a bridge brings with its address.
    ADOPT = sql!(
        sqlite "UPDATE subscriber SET bridge_id = $2, remote_id = r.k FROM (SELECT value->>'i' AS i, value->>'k' AS k FROM json_each($1)) AS r
            WHERE subscriber.id = r.i AND subscriber.bridge_id = 0",
        postgres "UPDATE subscriber SET bridge_id = $2, remote_id = r.k FROM json_to_recordset($1::json) AS r(i bigint, k text)
            WHERE subscriber.id = r.i AND subscriber.bridge_id = 0"
    );
    ADOPTED = sql!(
        sqlite "INSERT INTO person_change (run_id, subscriber_id, before_values) SELECT CAST($1 AS BIGINT), s.id,
            json_object('address', s.address, 'flag', s.remote_flag_seen, 'profile', json_object(), 'adopted', 1) FROM subscriber s
            WHERE s.id IN (SELECT value FROM json_each($2)) ON CONFLICT DO NOTHING",
        postgres "INSERT INTO person_change (run_id, subscriber_id, before_values) SELECT CAST($1 AS BIGINT), s.id,
            CAST(json_build_object('address', s.address, 'flag', s.remote_flag_seen, 'profile', '{}'::json, 'adopted', 1) AS TEXT) FROM subscriber s
            WHERE s.id IN (SELECT value::bigint FROM json_array_elements_text($2::json)) ON CONFLICT DO NOTHING"
    );
    /// When the run began to read; a run that nobody keeps (a test's) began now.
    BEGAN = sql!("SELECT COALESCE((SELECT started_at FROM sync_run WHERE id = $1), 9223372036854775807)");
    UPLOADED_SOME = sql!("SELECT COUNT(*) FROM (SELECT 1 FROM subscriber WHERE bridge_id = 0 LIMIT 1) AS found");
    UPLOADED = sql!("SELECT id FROM subscriber WHERE bridge_id = 0 AND remote_id ", among texts 1, "");
    /// Their own decisions were on the way to the remote while it was read: what it said may be ours, or older than ours. One that may
    /// have arrived without our knowing hides the remote's word only while the person is silent by their own.
    TOLD = sql!("SELECT w.subscriber_id FROM writeback w WHERE w.subscriber_id IN ", ids 1, " AND w.kind IN ('unsubscribe', 'resubscribe')
        AND (w.state = 'processing' OR (w.state = 'sent' AND w.ended_at >= $2) OR (w.ended_at IS NULL AND w.maybe_there AND EXISTS
            (SELECT 1 FROM subscriber s JOIN suppression x ON x.subscriber_id = s.id OR (x.canonical <> '' AND x.canonical = s.canonical)
            WHERE s.id = w.subscriber_id)))");
    LEDGER_OPEN = sql!("INSERT INTO consent_ledger (id, created_at, act, cause, subscriber_id, source, run_id, actor, reason)
        SELECT CAST($1 AS BIGINT) + row_number() OVER (ORDER BY value) - 1, CAST($2 AS BIGINT), 'open', 'remote_flag', value,
            CAST($4 AS TEXT), CAST($5 AS BIGINT), 'rialto', CAST($6 AS TEXT) FROM ", ids 3, " AS b");
    FLAG_CHANGES = sql!("INSERT INTO flag_change (run_id, subscriber_id, op) SELECT CAST($1 AS BIGINT), value, 1 FROM ", ids 2, " AS b
        WHERE true ON CONFLICT DO NOTHING");
}

/// A row that has to be written.
#[derive(Clone, Copy, Debug)]
pub struct Dirty<'a> {
    pub row: &'a Mapped,
    /// `None` for a person whom Rialto does not know yet.
    pub known: Option<Known>,
    /// The row opens a `remote_flag` cause.
    pub suppress: bool,
    /// `known` is a record that only uploads knew: it becomes the bridge's (`rules.md` section 1).
    pub adopt: bool,
}

/// What a slice is written for.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    pub bridge_id: i64,
    pub run_id: i64,
    /// The worker that has the run: a slice of a run that was taken over is not written.
    pub worker: Option<&'a str>,
    /// Name of the remote system, for the ledger.
    pub source: &'a str,
    pub fields: &'a [FieldSpec],
    pub now: Instant,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Internal ids in the order of the rows.
    pub ids: Vec<i64>,
    pub created: usize,
    pub suppressed: usize,
}

/// Ids that a run keeps in hand for new people and ledger entries.
#[derive(Debug, Default)]
pub struct InHand {
    people: ids::Blocks,
    entries: ids::Blocks,
}

impl InHand {
    /// The first of so many ids in a row for new people.
    pub async fn people(&mut self, db: &Db, count: i64) -> Result<i64, StoreError> {
        self.people.take(db, "subscriber", count).await
    }
}

/// Writes rows (keys different from each other, sorted by Remote ID) whole or not at all. A unique violation means that
/// somebody else brought one of the new people meanwhile: look up again. `TakenOver` when the run is no longer the worker's.
pub async fn write_slice(db: &Db, slice: Slice<'_>, rows: &[Dirty<'_>], in_hand: &mut InHand) -> Result<Written, StoreError> {
    let fresh = rows.iter().filter(|d| d.known.is_none()).count() as i64;
    let hushed = rows.iter().filter(|d| d.suppress).count() as i64;
    let people = if fresh > 0 { in_hand.people.take(db, "subscriber", fresh).await? } else { 0 };
    let ledger = if hushed > 0 { in_hand.entries.take(db, "consent_ledger", hushed).await? } else { 0 };
    let mut tx = db.write().await?;
    if let Some(worker) = slice.worker
        && !crate::runs::is_mine(&mut tx, slice.run_id, worker).await?
    {
        return Err(StoreError::TakenOver);
    }
    let written = write_in(&mut tx, slice, rows, people, ledger).await?;
    tx.commit().await?;
    Ok(written)
}

async fn write_in(tx: &mut Tx, slice: Slice<'_>, rows: &[Dirty<'_>], first_person: i64, first_entry: i64) -> Result<Written, StoreError> {
    look_for_uploaded(tx, rows).await?;
    locks::flags(tx).await?;
    let (began,): (i64,) = tx.one(BEGAN, args![slice.run_id]).await?;
    let ours = told_meanwhile(tx, rows, began).await?;
    let rows: Vec<Dirty<'_>> =
        rows.iter().map(|d| Dirty { suppress: d.suppress && !d.known.is_some_and(|k| ours.contains(&k.id)), ..*d }).collect();
    let mut next = first_person;
    let numbered: Vec<(i64, Dirty<'_>)> = rows
        .iter()
        .map(|d| {
            let id = d.known.map_or_else(
                || {
                    next += 1;
                    next - 1
                },
                |k| k.id,
            );
            (id, *d)
        })
        .collect();
    let (fresh, known): (Vec<_>, Vec<_>) = numbered.iter().partition(|(_, d)| d.known.is_none());
    insert_new(tx, slice, &fresh).await?;
    adopt(tx, slice, &known).await?;
    update_known(tx, slice, &known, began).await?;
    let hushed: Vec<i64> = numbered.iter().filter(|(_, d)| d.suppress).map(|(id, _)| *id).collect();
    open_causes(tx, slice, &hushed, first_entry, "Unsubscribed from remote system").await?;
    Ok(Written { ids: numbered.iter().map(|(id, _)| *id).collect(), created: fresh.len(), suppressed: hushed.len() })
}

/// # Errors
/// `Conflict` when an upload has brought somebody with the address of a new person meanwhile: look up again.
async fn look_for_uploaded(tx: &mut Tx, rows: &[Dirty<'_>]) -> Result<(), StoreError> {
    let fresh: Vec<&str> =
        rows.iter().filter(|d| d.known.is_none()).map(|d| d.row.address.canonical.as_str()).filter(|c| !c.is_empty()).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    locks::new_people_beside(tx).await?;
    if tx.one::<(i64,)>(UPLOADED_SOME, args![]).await?.0 == 0 {
        return Ok(());
    }
    let found: Vec<(i64,)> = tx.all(UPLOADED, args![json!(fresh).to_string()]).await?;
    let taken_over: HashSet<i64> = rows.iter().filter(|d| d.adopt).filter_map(|d| d.known).map(|k| k.id).collect();
    if found.iter().all(|(id,)| taken_over.contains(id)) {
        return Ok(());
    }
    Err(StoreError::Conflict("An upload has brought one of the new people meanwhile.".into()))
}

/// People among those to be silenced whose own decision was told to the remote after the run began to read: a "no" that was read may be
/// ours, and is looked at again by the next sync.
async fn told_meanwhile(tx: &mut Tx, rows: &[Dirty<'_>], began: i64) -> Result<HashSet<i64>, StoreError> {
    let hushed: Vec<i64> = rows.iter().filter(|d| d.suppress).filter_map(|d| d.known).map(|k| k.id).collect();
    if hushed.is_empty() {
        return Ok(HashSet::new());
    }
    let told: Vec<(i64,)> = tx.all(TOLD, args![json!(hushed).to_string(), began]).await?;
    Ok(told.into_iter().map(|(id,)| id).collect())
}

/// Columns of `subscriber` that bulk rows fill, in the order of `person_cells`.
pub const COLUMNS: [&str; 11] = [
    "id",
    "created_at",
    "created_run",
    "bridge_id",
    "remote_id",
    "address",
    "canonical",
    "address_state",
    "remote_flag_seen",
    "remote_flag_run",
    "hash",
];

/// A new person's row of `subscriber`.
pub fn person_cells(id: i64, row: &Mapped, bridge_id: i64, run_id: i64, suppress: bool, now: Instant) -> [Bound<'_>; 11] {
    [
        Bound::Int(id),
        Bound::Int(now.0),
        Bound::Int(run_id),
        Bound::Int(bridge_id),
        Bound::Text(&row.remote_id),
        Bound::Text(&row.address.written),
        Bound::Text(&row.address.canonical),
        Bound::Int(row.address.state as i64),
        Bound::Int(flag_to(row.flag).into()),
        Bound::Int(if suppress { run_id } else { 0 }),
        Bound::Int(row.hash),
    ]
}

/// Columns of a bridge's profile table, in the order of `profile_cells`.
pub fn profile_columns(fields: &[FieldSpec]) -> Vec<String> {
    std::iter::once("subscriber_id".to_owned()).chain(fields.iter().map(|f| format!("f{}", f.number))).collect()
}

/// A new person's row of the profile table.
pub fn profile_cells(id: i64, row: &Mapped) -> impl Iterator<Item = Bound<'_>> {
    std::iter::once(Bound::Int(id)).chain(row.values.iter().map(bound))
}

async fn insert_new(tx: &mut Tx, slice: Slice<'_>, rows: &[(i64, Dirty<'_>)]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut cells = Vec::with_capacity(rows.len() * COLUMNS.len());
    for (id, d) in rows {
        cells.extend(person_cells(*id, d.row, slice.bridge_id, slice.run_id, d.suppress, slice.now));
    }
    insert_rows(tx, "subscriber", &COLUMNS.map(str::to_owned), &cells).await?;
    let columns = profile_columns(slice.fields);
    let cells: Vec<Bound<'_>> = rows.iter().flat_map(|(id, d)| profile_cells(*id, d.row)).collect();
    insert_rows(tx, &table(slice.bridge_id), &columns, &cells).await
}

/// # Errors
/// `Conflict` when somebody else has taken one of them over meanwhile: look up again.
async fn adopt(tx: &mut Tx, slice: Slice<'_>, rows: &[(i64, Dirty<'_>)]) -> Result<(), StoreError> {
    let adopted: Vec<&(i64, Dirty<'_>)> = rows.iter().filter(|(_, d)| d.adopt).collect();
    if adopted.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = adopted.iter().map(|(id, _)| *id).collect();
    tx.run(ADOPTED, args![slice.run_id, json!(ids).to_string()]).await?;
    let list: Vec<_> = adopted.iter().map(|(id, d)| json!({"i": id, "k": d.row.remote_id})).collect();
    if tx.run(ADOPT, args![serde_json::Value::from(list).to_string(), slice.bridge_id]).await? != adopted.len() as u64 {
        return Err(StoreError::Conflict("An uploaded person was taken over by another run meanwhile.".into()));
    }
    Ok(())
}

fn bound(value: &Value) -> Bound<'_> {
    match value {
        Value::Absent | Value::Null => Bound::Null,
        Value::Text(t) | Value::DateTime(t) => Bound::Text(t),
        Value::Integer(n) => Bound::Int(*n),
        Value::Decimal(n) => Bound::Float(*n),
        Value::Boolean(b) => Bound::Bool(*b),
    }
}

async fn update_known(tx: &mut Tx, slice: Slice<'_>, rows: &[(i64, Dirty<'_>)], began: i64) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids = json!(rows.iter().map(|(id, _)| id).collect::<Vec<_>>()).to_string();
    tx.run_built(before_text(tx.is_sqlite(), slice.bridge_id, slice.fields), args![slice.run_id, &ids]).await?;
    let people: Vec<_> = rows
        .iter()
        .map(|(id, d)| {
            let a = &d.row.address;
            json!({"i": id, "a": a.written, "c": a.canonical, "s": a.state as i16, "f": flag_to(d.row.flag), "n": d.suppress, "h": d.row.hash})
        })
        .collect();
    tx.run(UPDATE, args![serde_json::Value::from(people).to_string(), slice.run_id, began]).await?;
    let values: Vec<(i64, &[Value])> = rows.iter().map(|(id, d)| (*id, d.row.values.as_slice())).collect();
    upsert_values(tx, slice.bridge_id, slice.fields, &values).await
}

/// Writes values of fields alone, with what stood there before: of records that are known, whosever they are.
pub(crate) async fn update_values(
    tx: &mut Tx,
    (bridge_id, run_id): (i64, i64),
    fields: &[FieldSpec],
    rows: &[(i64, &[Value])],
) -> Result<(), StoreError> {
    let ids = json!(rows.iter().map(|(id, _)| id).collect::<Vec<_>>()).to_string();
    tx.run_built(before_text(tx.is_sqlite(), bridge_id, fields), args![run_id, &ids]).await?;
    upsert_values(tx, bridge_id, fields, rows).await
}

/// Absent is not null: rows are written by the set of fields that they carry.
async fn upsert_values(tx: &mut Tx, bridge_id: i64, all: &[FieldSpec], rows: &[(i64, &[Value])]) -> Result<(), StoreError> {
    let mut by_presence: HashMap<Vec<bool>, Vec<serde_json::Value>> = HashMap::new();
    for (id, values) in rows {
        let present: Vec<bool> = values.iter().map(|v| *v != Value::Absent).collect();
        by_presence.entry(present).or_default().push(numbered(*id, all, values));
    }
    for (present, profiles) in by_presence {
        let fields: Vec<&FieldSpec> = all.iter().zip(&present).filter(|(_, p)| **p).map(|(f, _)| f).collect();
        upsert_json(tx, bridge_id, &fields, profiles).await?;
    }
    Ok(())
}

/// Writes these fields of some people: rows with the id as `i` and the values as `f<number>`.
pub(crate) async fn upsert_json(
    tx: &mut Tx,
    bridge_id: i64,
    fields: &[&FieldSpec],
    rows: Vec<serde_json::Value>,
) -> Result<(), StoreError> {
    if fields.is_empty() {
        return Ok(());
    }
    let text = upsert_text(tx.is_sqlite(), bridge_id, fields);
    tx.run_built(text, args![serde_json::Value::from(rows).to_string()]).await.map(drop)
}

fn numbered(id: i64, fields: &[FieldSpec], values: &[Value]) -> serde_json::Value {
    let mut row = profile_json(fields, values);
    row.insert("i".into(), json!(id));
    row.into()
}

/// Values as a JSON object with keys `f<number>`; absent ones are left out, null ones are there.
pub fn profile_json(fields: &[FieldSpec], values: &[Value]) -> serde_json::Map<String, serde_json::Value> {
    let mut row = serde_json::Map::with_capacity(values.len() + 1);
    for (field, value) in fields.iter().zip(values) {
        let cell = match value {
            Value::Absent => continue,
            Value::Null => serde_json::Value::Null,
            Value::Text(t) | Value::DateTime(t) => json!(t),
            Value::Integer(n) => json!(n),
            Value::Decimal(n) => json!(n),
            Value::Boolean(b) => json!(b),
        };
        row.insert(format!("f{}", field.number), cell);
    }
    row
}

/// Keeps what stood there before this run; a person changed twice in one run keeps the first.
pub(crate) fn before_text(sqlite: bool, bridge_id: i64, fields: &[FieldSpec]) -> String {
    let (profile, list) = (table(bridge_id), listed_ids(sqlite, 2));
    let values = profile_object(sqlite, fields.iter().map(typed));
    let build = if sqlite { "json_object" } else { "json_build_object" };
    let object = format!("CAST({build}('address', s.address, 'flag', s.remote_flag_seen, 'profile', {values}) AS TEXT)");
    format!(
        "INSERT INTO person_change (run_id, subscriber_id, before_values) SELECT CAST($1 AS BIGINT), s.id, {object}
        FROM subscriber s LEFT JOIN {profile} p ON p.subscriber_id = s.id WHERE s.id IN {list} ON CONFLICT DO NOTHING"
    )
}

fn upsert_text(sqlite: bool, bridge_id: i64, fields: &[&FieldSpec]) -> String {
    let names: Vec<String> = fields.iter().map(|f| format!("f{}", f.number)).collect();
    let set: Vec<String> = names.iter().map(|n| format!("{n} = excluded.{n}")).collect();
    let source = if sqlite {
        let columns: Vec<String> = names.iter().map(|n| format!("value->>'{n}'")).collect();
        format!("SELECT value->>'i', {} FROM json_each($1)", columns.join(", "))
    } else {
        let columns: Vec<String> = fields.iter().map(|f| format!("f{} {}", f.number, record_type(f.kind))).collect();
        format!("SELECT i, {} FROM json_to_recordset($1::json) AS r(i bigint, {})", names.join(", "), columns.join(", "))
    };
    format!(
        "INSERT INTO {} (subscriber_id, {}) {source} WHERE true ON CONFLICT (subscriber_id) DO UPDATE SET {}",
        table(bridge_id),
        names.join(", "),
        set.join(", ")
    )
}

fn record_type(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "text",
        FieldType::Integer => "bigint",
        FieldType::Decimal => "double precision",
        FieldType::DateTime => "timestamp",
        FieldType::Boolean => "boolean",
    }
}

/// The ledger's rows of causes that a run opens.
pub(crate) async fn open_causes(tx: &mut Tx, slice: Slice<'_>, ids: &[i64], first_entry: i64, why: &str) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = json!(ids).to_string();
    tx.run(LEDGER_OPEN, args![first_entry, slice.now, &list, slice.source, slice.run_id, why]).await?;
    tx.run(FLAG_CHANGES, args![slice.run_id, &list]).await.map(drop)
}
