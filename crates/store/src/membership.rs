//! Who is in a target group: today's members, the plan of a run, and the one transaction that carries it over
//! (`docs/adr/0003`, `membership.md`).

use rialto_core::Instant;
use roaring::RoaringTreemap;

use crate::args;
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, insert_rows};
use crate::sql::{sql, statements};

statements! {
    PAGE = sql!(
        sqlite "SELECT json_group_array(subscriber_id) FROM (SELECT subscriber_id FROM membership
            WHERE group_id = $1 AND subscriber_id > $2 ORDER BY subscriber_id LIMIT $3)",
        postgres "SELECT CAST(COALESCE(json_agg(subscriber_id), '[]'::json) AS TEXT) FROM (SELECT subscriber_id FROM membership
            WHERE group_id = $1 AND subscriber_id > $2 ORDER BY subscriber_id LIMIT $3) p"
    );
    PLAN = sql!("INSERT INTO membership_change (run_id, subscriber_id, op) SELECT CAST($1 AS BIGINT), value, CAST($3 AS SMALLINT) FROM ", ids 2, " AS b");
    PLANNED = sql!(
        sqlite "SELECT json_group_array(subscriber_id) FROM (SELECT subscriber_id FROM membership_change
            WHERE run_id = $1 AND op = $2 AND subscriber_id > $3 ORDER BY subscriber_id LIMIT $4)",
        postgres "SELECT CAST(COALESCE(json_agg(subscriber_id), '[]'::json) AS TEXT) FROM (SELECT subscriber_id FROM membership_change
            WHERE run_id = $1 AND op = $2 AND subscriber_id > $3 ORDER BY subscriber_id LIMIT $4) p"
    );
    SEEN_AGAIN = sql!("UPDATE membership_change SET op = 4 WHERE run_id = $1 AND op = 3 AND subscriber_id IN ", ids 2, "");
    DROP_PLAN = sql!("DELETE FROM membership_change WHERE run_id = $1 AND subscriber_id IN (SELECT subscriber_id FROM membership_change
        WHERE run_id = $1 ORDER BY subscriber_id LIMIT $2)");
    FENCE = sql!("UPDATE target_group SET applied_run = $2, members = members + $4 WHERE id = $1 AND applied_run = $3 AND applied_run < $2");
    JOIN = sql!("INSERT INTO membership (group_id, subscriber_id) SELECT CAST($1 AS BIGINT), value FROM ", ids 2, " AS b");
    LEAVE = sql!("DELETE FROM membership WHERE group_id = $1 AND subscriber_id IN ", ids 2, "");
    APPLIED = sql!("UPDATE sync_run SET applied_at = $3, base_run = $4, members_after = $5
        WHERE id = $1 AND worker = $2 AND state = 'running'");
    LIFT = sql!("UPDATE subscriber SET remote_flag_run = 0 WHERE remote_flag_run <> 0 AND remote_flag_seen = 1 AND id IN ", ids 1, " RETURNING id");
    LEDGER_LIFT = sql!("INSERT INTO consent_ledger (id, created_at, act, cause, subscriber_id, source, run_id, actor, reason)
        SELECT CAST($1 AS BIGINT) + row_number() OVER (ORDER BY value) - 1, CAST($2 AS BIGINT), 'lift', 'remote_flag', value,
            CAST($4 AS TEXT), CAST($5 AS BIGINT), 'rialto', CAST($6 AS TEXT) FROM ", ids 3, " AS b");
    FLAG_CHANGES = sql!("INSERT INTO flag_change (run_id, subscriber_id, op) SELECT CAST($1 AS BIGINT), value, CAST($3 AS SMALLINT) FROM ", ids 2, " AS b
        WHERE true ON CONFLICT DO NOTHING");
    COUNT = sql!("SELECT COUNT(*) FROM membership WHERE group_id = $1");
    FLAG_PLANNED = sql!(
        sqlite "SELECT json_group_array(f.subscriber_id) FROM flag_change f JOIN subscriber s ON s.id = f.subscriber_id
            WHERE f.run_id = $1 AND f.op = 3 AND s.remote_flag_run <> 0 AND s.remote_flag_seen = 1",
        postgres "SELECT CAST(COALESCE(json_agg(f.subscriber_id), '[]'::json) AS TEXT) FROM flag_change f
            JOIN subscriber s ON s.id = f.subscriber_id WHERE f.run_id = $1 AND f.op = 3 AND s.remote_flag_run <> 0 AND s.remote_flag_seen = 1"
    );
}

/// Ids a page when members are read for comparison.
const READ_PAGE: i64 = 50_000;
/// Ids a statement inside the apply transaction.
const APPLY_SLICE: usize = 20_000;

/// What happens to a person of a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i16)]
pub enum Op {
    Joins = 1,
    Leaves = 2,
    Withheld = 3,
}

/// All members of a group. Several reads: the fence in `apply` guards against a change in between.
pub async fn members(db: &Db, group_id: i64) -> Result<RoaringTreemap, StoreError> {
    let mut all = RoaringTreemap::new();
    let mut after = 0_i64;
    loop {
        let page = read_ids(db, PAGE, args![group_id, after, READ_PAGE]).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = *last;
        all.extend(page.iter().map(|id| *id as u64));
    }
}

/// People of a run's plan with one op.
pub async fn planned(db: &Db, run_id: i64, op: Op) -> Result<RoaringTreemap, StoreError> {
    let mut all = RoaringTreemap::new();
    let mut after = 0_i64;
    loop {
        let page = read_ids(db, PLANNED, args![run_id, op as i16, after, READ_PAGE]).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = *last;
        all.extend(page.iter().map(|id| *id as u64));
    }
}

/// Lifts that a held run withheld and that still stand: the cause is open and the remote's last word is yes.
pub async fn withheld_lifts(db: &Db, run_id: i64) -> Result<RoaringTreemap, StoreError> {
    Ok(read_ids(db, FLAG_PLANNED, args![run_id]).await?.into_iter().map(|id| id as u64).collect())
}

async fn read_ids(db: &Db, sql: crate::sql::Sql, args: Vec<crate::sql::Arg>) -> Result<Vec<i64>, StoreError> {
    let (text,): (String,) = db.read().one(sql, args).await?;
    serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Writes part of a plan in short transactions.
pub async fn plan(db: &Db, run_id: i64, op: Op, people: &RoaringTreemap) -> Result<(), StoreError> {
    let mut rest = people.iter();
    loop {
        let ids: Vec<u64> = rest.by_ref().take(APPLY_SLICE).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut tx = db.write().await?;
        match &tx {
            Tx::Sqlite(_) => drop(tx.run(PLAN, args![run_id, json_list(&ids), op as i16]).await?),
            Tx::Postgres(_) => {
                let cells: Vec<Bound<'_>> =
                    ids.iter().flat_map(|id| [Bound::Int(run_id), Bound::Int(*id as i64), Bound::Int(op as i64)]).collect();
                insert_rows(&mut tx, "membership_change", &["run_id", "subscriber_id", "op"].map(str::to_owned), &cells).await?;
            }
        }
        tx.commit().await?;
    }
}

/// Lets new members in; answers how many rows came. COPY on PostgreSQL is half the cost of a JSON list.
async fn join(tx: &mut Tx, group_id: i64, people: &RoaringTreemap) -> Result<i64, StoreError> {
    if tx.is_sqlite() {
        let mut rows = 0;
        for slice in slices(people, APPLY_SLICE) {
            rows += tx.run(JOIN, args![group_id, slice]).await? as i64;
        }
        return Ok(rows);
    }
    let mut rest = people.iter();
    loop {
        let cells: Vec<Bound<'_>> =
            rest.by_ref().take(APPLY_SLICE * 5).flat_map(|id| [Bound::Int(group_id), Bound::Int(id as i64)]).collect();
        if cells.is_empty() {
            return Ok(people.len() as i64);
        }
        insert_rows(tx, "membership", &["group_id", "subscriber_id"].map(str::to_owned), &cells).await?;
    }
}

/// People whom a later read saw again are no longer among those that a held run may remove.
pub async fn seen_again(db: &Db, held_run: i64, people: &RoaringTreemap) -> Result<(), StoreError> {
    for slice in slices(people, APPLY_SLICE) {
        let mut tx = db.write().await?;
        tx.run(SEEN_AGAIN, args![held_run, slice]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Forgets the plan of a run that will never be applied.
pub async fn drop_plan(db: &Db, run_id: i64) -> Result<(), StoreError> {
    loop {
        let mut tx = db.write().await?;
        let gone = tx.run(DROP_PLAN, args![run_id, 5_000_i64]).await?;
        tx.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}

/// One plan to be carried over.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub run_id: i64,
    pub worker: &'a str,
    pub group_id: i64,
    /// The group's `applied_run` that the plan was made against.
    pub base_run: i64,
    pub members_after: i64,
    pub joins: &'a RoaringTreemap,
    pub leaves: &'a RoaringTreemap,
    pub lifts: &'a RoaringTreemap,
    pub lifts_withheld: &'a RoaringTreemap,
    pub source: &'a str,
    pub now: Instant,
}

/// Why a plan was not carried over; nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Another run was applied to the group since the plan was made.
    Moved,
    /// The run's lease was lost.
    NotMine,
    /// The rows found were not those planned.
    Mismatch,
}

/// Carries a plan over: joins, leaves and lifts in one transaction, fenced by the group's `applied_run` and the run's worker.
/// Answers how many flags were lifted: another sync of the bridge may have read a newer "no" for some of them.
pub async fn apply(db: &Db, change: Change<'_>) -> Result<Result<i64, Refused>, StoreError> {
    let mut tx = db.write().await?;
    let delta = change.joins.len() as i64 - change.leaves.len() as i64;
    if tx.run(FENCE, args![change.group_id, change.run_id, change.base_run, delta]).await? != 1 {
        return Ok(Err(Refused::Moved));
    }
    let mut rows = join(&mut tx, change.group_id, change.joins).await?;
    for slice in slices(change.leaves, APPLY_SLICE) {
        rows -= tx.run(LEAVE, args![change.group_id, slice]).await? as i64;
    }
    if rows != delta {
        return Ok(Err(Refused::Mismatch));
    }
    let lifted = lift(&mut tx, change).await?;
    let applied = tx.run(APPLIED, args![change.run_id, change.worker, change.now, change.base_run, change.members_after]).await?;
    if applied != 1 {
        return Ok(Err(Refused::NotMine));
    }
    tx.commit().await?;
    Ok(Ok(lifted))
}

async fn lift(tx: &mut Tx, change: Change<'_>) -> Result<i64, StoreError> {
    for slice in slices(change.lifts_withheld, APPLY_SLICE) {
        tx.run(FLAG_CHANGES, args![change.run_id, slice, 3_i16]).await?;
    }
    let mut lifted = 0;
    for slice in slices(change.lifts, APPLY_SLICE) {
        let rows: Vec<(i64,)> = tx.all(LIFT, args![slice]).await?;
        if rows.is_empty() {
            continue;
        }
        let first = ids::take(tx, "consent_ledger", rows.len() as i64).await?;
        let list = serde_json::Value::from(rows.iter().map(|(id,)| *id).collect::<Vec<_>>()).to_string();
        tx.run(LEDGER_LIFT, args![first, change.now, &list, change.source, change.run_id, "The remote system allows mail again"]).await?;
        tx.run(FLAG_CHANGES, args![change.run_id, &list, 2_i16]).await?;
        lifted += rows.len() as i64;
    }
    Ok(lifted)
}

fn json_list(ids: &[u64]) -> String {
    serde_json::Value::from(ids).to_string()
}

/// JSON lists of at most `size` ids each, ascending.
fn slices(people: &RoaringTreemap, size: usize) -> impl Iterator<Item = String> + '_ {
    let mut ids = people.iter();
    std::iter::from_fn(move || {
        let mut text = String::with_capacity(size.min(people.len() as usize) * 8 + 2);
        let mut int = itoa::Buffer::new();
        for id in ids.by_ref().take(size) {
            text.push(if text.is_empty() { '[' } else { ',' });
            text.push_str(int.format(id));
        }
        if text.is_empty() {
            return None;
        }
        text.push(']');
        Some(text)
    })
}

/// The counted members of a group, for checks: `target_group.members` must say the same.
pub async fn count(mut read: Read<'_>, group_id: i64) -> Result<i64, StoreError> {
    let (n,): (i64,) = read.one(COUNT, args![group_id]).await?;
    Ok(n)
}
