//! Who is in a target group: today's members, the plan of a run, and the one transaction that carries it over
//! (`docs/adr/0003`, `membership.md`).

mod apply;

use roaring::RoaringTreemap;

use crate::args;
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::people::{Bound, insert_rows};
use crate::sql::{sql, statements};

#[cfg(test)]
pub(crate) use apply::ALL as APPLY_ALL;
pub use apply::{Change, Outcome, Refused, apply};

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
    DROP_PLAN = sql!("DELETE FROM membership_change WHERE run_id = $1 AND subscriber_id IN (SELECT subscriber_id FROM membership_change
        WHERE run_id = $1 ORDER BY subscriber_id LIMIT $2)");
    COUNT = sql!("SELECT COUNT(*) FROM membership WHERE group_id = $1");
    CONTAINS = sql!("SELECT COUNT(*) FROM membership WHERE group_id = $1 AND subscriber_id = $2");
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

/// Whether somebody is a member of a group.
pub async fn contains(mut read: Read<'_>, group_id: i64, subscriber_id: i64) -> Result<bool, StoreError> {
    read.one::<(i64,)>(CONTAINS, args![group_id, subscriber_id]).await.map(|(n,)| n > 0)
}

/// The counted members of a group, for checks: `target_group.members` must say the same.
pub async fn count(mut read: Read<'_>, group_id: i64) -> Result<i64, StoreError> {
    let (n,): (i64,) = read.one(COUNT, args![group_id]).await?;
    Ok(n)
}
