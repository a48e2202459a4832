//! The one transaction that carries a plan over, with everything that is true from then on.

use rialto_core::Instant;
use roaring::RoaringTreemap;

use super::{APPLY_SLICE, slices};
use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, insert_rows};
use crate::runs::Ending;
use crate::sql::{sql, statements};

statements! {
    JOIN = sql!("INSERT INTO membership (group_id, subscriber_id) SELECT CAST($1 AS BIGINT), value FROM ", ids 2, " AS b");
    LEAVE = sql!("DELETE FROM membership WHERE group_id = $1 AND subscriber_id IN ", ids 2, "");
    /// A flag that a run of the same time opened may be of a later word of the remote than the yes that this run read.
    LIFT = sql!("UPDATE subscriber SET remote_flag_run = 0 WHERE remote_flag_run <> 0 AND remote_flag_run < $2 AND remote_flag_seen = 1
        AND id IN ", ids 1, " RETURNING id");
    LEDGER_LIFT = sql!("INSERT INTO consent_ledger (id, created_at, act, cause, subscriber_id, source, run_id, actor, reason)
        SELECT CAST($1 AS BIGINT) + row_number() OVER (ORDER BY value) - 1, CAST($2 AS BIGINT), 'lift', 'remote_flag', value,
            CAST($4 AS TEXT), CAST($5 AS BIGINT), 'rialto', CAST($6 AS TEXT) FROM ", ids 3, " AS b");
    LIFTED = sql!("INSERT INTO flag_change (run_id, subscriber_id, op) SELECT CAST($1 AS BIGINT), value, 2 FROM ", ids 2, " AS b
        WHERE true ON CONFLICT DO NOTHING");
    WITHHELD = sql!("INSERT INTO flag_change (run_id, subscriber_id, op) SELECT CAST($1 AS BIGINT), s.id, 3 FROM subscriber s
        WHERE s.remote_flag_run <> 0 AND s.remote_flag_run < $3 AND s.id IN ", ids 2, " ON CONFLICT DO NOTHING");
    SEEN_AGAIN = sql!("UPDATE membership_change SET op = 4 WHERE run_id = $1 AND op = 3 AND subscriber_id IN ", ids 2, "");
    SUPERSEDE = sql!("UPDATE sync_run SET state = 'superseded', reason = $3 WHERE group_id = $1 AND id < $2 AND state = 'held'");
    RECORD = sql!("UPDATE sync_run SET applied_at = $3, base_run = $4, members_after = $5, outcome = $6, counts = $7, reason = $8,
        advice = $9, error_kind = $10, data_as_of = $11 WHERE id = $1 AND worker = $2 AND state = 'running'");
    FENCE = sql!("UPDATE target_group SET applied_run = $2, members = members + $4, waterfall_basis = $5,
        synced_run = CASE WHEN $6 THEN $2 ELSE synced_run END, synced_at = CASE WHEN $6 THEN $7 ELSE synced_at END,
        data_as_of = CASE WHEN $6 THEN $8 ELSE data_as_of END, plan_only = CASE WHEN $9 THEN TRUE ELSE plan_only END
        WHERE id = $1 AND applied_run = $3 AND applied_run < $2");
}

/// Tries of a transaction that met a deadlock.
const MAX_TRIES: usize = 5;

/// One plan to be carried over.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub run_id: i64,
    pub worker: &'a str,
    pub group_id: i64,
    /// The group's `applied_run` that the plan was made against.
    pub base_run: i64,
    pub joins: &'a RoaringTreemap,
    pub leaves: &'a RoaringTreemap,
    pub lifts: &'a RoaringTreemap,
    pub lifts_withheld: &'a RoaringTreemap,
    /// Only flags that runs below this one opened are lifted: others may be newer than what this run read.
    pub lift_before: i64,
    pub source: &'a str,
    pub now: Instant,
}

/// What is true once the plan is carried over.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// How the run ends. `counts.lifted` is filled in by `apply`.
    pub ending: &'a Ending,
    /// The read was complete: held runs before it are overtaken, and the group's ages follow.
    pub complete: bool,
    /// A held run, and those of its waiting removals whom this read saw again.
    pub seen_again: Option<(i64, &'a RoaringTreemap)>,
    /// From now on syncs of the group only plan, until a person presses Resume.
    pub pause: bool,
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

/// Carries a plan over: joins, leaves, lifts and what follows in one transaction, fenced by the group's `applied_run` and the run's
/// worker. Answers how many flags were lifted. The group's waterfall is stale from here on.
///
/// Locks are taken in the order person, ledger counter, group, as acts of consent take them.
pub async fn apply(db: &Db, change: Change<'_>, outcome: Outcome<'_>) -> Result<Result<i64, Refused>, StoreError> {
    for attempt in 1.. {
        match once(db, change, outcome).await {
            Err(e) if e.is_unique_violation() => return Ok(Err(Refused::Moved)),
            Err(e) if e.is_retryable() && attempt < MAX_TRIES => tracing::info!(run = change.run_id, "a plan is carried over again"),
            other => return other,
        }
    }
    Err(StoreError::NotFound)
}

async fn once(db: &Db, change: Change<'_>, outcome: Outcome<'_>) -> Result<Result<i64, Refused>, StoreError> {
    let mut tx = db.write().await?;
    let delta = change.joins.len() as i64 - change.leaves.len() as i64;
    let mut rows = join(&mut tx, change.group_id, change.joins).await?;
    for slice in slices(change.leaves, APPLY_SLICE) {
        rows -= tx.run(LEAVE, args![change.group_id, slice]).await? as i64;
    }
    let lifted = lift(&mut tx, change).await?;
    if !record(&mut tx, change, outcome, lifted).await? {
        return Ok(Err(Refused::NotMine));
    }
    let fence = args![
        change.group_id,
        change.run_id,
        change.base_run,
        delta,
        crate::groups::stale_by_run(change.run_id),
        outcome.complete,
        change.now,
        outcome.ending.data_as_of,
        outcome.pause
    ];
    if tx.run(FENCE, fence).await? != 1 {
        return Ok(Err(Refused::Moved));
    }
    if rows != delta {
        return Ok(Err(Refused::Mismatch));
    }
    tx.commit().await?;
    Ok(Ok(lifted))
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

async fn lift(tx: &mut Tx, change: Change<'_>) -> Result<i64, StoreError> {
    for slice in slices(change.lifts_withheld, APPLY_SLICE) {
        tx.run(WITHHELD, args![change.run_id, slice, change.lift_before]).await?;
    }
    let mut lifted = 0;
    for slice in slices(change.lifts, APPLY_SLICE) {
        let rows: Vec<(i64,)> = tx.all(LIFT, args![slice, change.lift_before]).await?;
        if rows.is_empty() {
            continue;
        }
        let first = ids::take(tx, "consent_ledger", rows.len() as i64).await?;
        let list = serde_json::Value::from(rows.iter().map(|(id,)| *id).collect::<Vec<_>>()).to_string();
        tx.run(LEDGER_LIFT, args![first, change.now, &list, change.source, change.run_id, "The remote system allows mail again"]).await?;
        tx.run(LIFTED, args![change.run_id, &list]).await?;
        lifted += rows.len() as i64;
    }
    Ok(lifted)
}

/// The run's own row and the held runs that it concerns. False when the run is no longer this worker's.
async fn record(tx: &mut Tx, change: Change<'_>, outcome: Outcome<'_>, lifted: i64) -> Result<bool, StoreError> {
    if let Some((held, people)) = outcome.seen_again {
        for slice in slices(people, APPLY_SLICE) {
            tx.run(SEEN_AGAIN, args![held, slice]).await?;
        }
    }
    if outcome.complete {
        tx.run(SUPERSEDE, args![change.group_id, change.run_id, "A later complete sync took its place."]).await?;
    }
    let end = outcome.ending;
    let counts = serde_json::to_string(&rialto_core::Counts { lifted, ..end.counts }).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let record = args![
        change.run_id,
        change.worker,
        change.now,
        change.base_run,
        end.counts.members_after,
        end.state.name(),
        counts,
        &end.reason,
        &end.advice,
        &end.error_kind,
        end.data_as_of
    ];
    Ok(tx.run(RECORD, record).await? == 1)
}
