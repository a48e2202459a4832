//! Taking a run back (`rules.md` section 3, `docs/adr/0138`): what it did is read from its change log, and what has been changed since is
//! left alone. Membership goes through `membership::apply` like any plan; here are fields, addresses and lifted flags.

mod values;

use rialto_core::Instant;
use rialto_core::person::FieldSpec;
use rialto_core::run::{RunKind, RunState};
use rialto_core::upload::UploadKind;
use roaring::RoaringTreemap;

use crate::args;
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::groups::Group;
use crate::membership::{self, Op};
use crate::people::{Slice, locks, open_causes};
use crate::runs::{self, Run};
use crate::sql::{sql, statements};
use crate::{groups, ids, uploads};

#[cfg(test)]
pub(crate) use values::ALL as VALUES_ALL;
pub use values::{Page, Person, page, restore};

statements! {
    LATER_IN_GROUP = sql!("SELECT id FROM sync_run WHERE group_id = $1 AND id > $2 AND applied_at IS NOT NULL ORDER BY id");
    /// Runs of the same source that may have changed fields since.
    LATER_VALUES = sql!("SELECT r.id FROM sync_run r WHERE r.id > $1 AND COALESCE(r.bridge_id, 0) = $2 AND r.kind IN ('people', 'upload', 'undo')
        AND EXISTS (SELECT 1 FROM person_change c WHERE c.run_id = r.id) ORDER BY r.id");
    /// Whom the run made mailable again, and about whom nobody has decided anything since.
    LIFTED = sql!("SELECT s.id FROM flag_change f JOIN subscriber s ON s.id = f.subscriber_id WHERE f.run_id = $1 AND f.op = 2 AND s.id > $2
        AND s.remote_flag_run = 0 AND NOT EXISTS (SELECT 1 FROM consent_ledger own JOIN consent_ledger l ON l.subscriber_id = s.id
            AND l.id > own.id WHERE own.subscriber_id = s.id AND own.run_id = $1) ORDER BY s.id LIMIT $3");
    SILENCE = sql!("UPDATE subscriber SET remote_flag_run = $2 WHERE remote_flag_run = 0 AND id IN ", ids 1, "");
    USED_SINCE = sql!("SELECT COUNT(*) FROM target_group_use WHERE group_id = $1 AND at >= $2");
    LAST = sql!("SELECT id, created_at FROM sync_run WHERE parent_run = $1 AND kind = 'undo' AND plan_only = FALSE AND applied_at IS NOT NULL
        ORDER BY id DESC LIMIT 1");
}

/// An undo and what it takes back.
#[derive(Clone, Copy, Debug)]
pub struct Undo<'a> {
    /// The run that undoes.
    pub run_id: i64,
    pub worker: &'a str,
    /// The run that is undone.
    pub of: &'a Run,
    /// All fields that the run's source ever had.
    pub fields: &'a [FieldSpec],
    pub now: Instant,
}

impl Undo<'_> {
    /// The bridge that the run read, or the source of uploads.
    fn source(&self) -> i64 {
        self.of.bridge_id.unwrap_or(rialto_core::upload::SOURCE)
    }
}

/// Why a run cannot be undone, a sentence and what to do; `None` when it can.
pub async fn refusal(db: &Db, run: &Run) -> Result<Option<(&'static str, &'static str)>, StoreError> {
    let not = |why, advice| Ok(Some((why, advice)));
    if run.plan_only {
        return not("A plan changed nothing, so there is nothing to undo.", "");
    }
    match run.kind() {
        RunKind::People | RunKind::Upload | RunKind::Approval | RunKind::Undo => {}
        RunKind::Lists | RunKind::Test => return not("Only runs that change people or members can be undone.", ""),
    }
    if let Some(upload) = run.upload_id
        && uploads::get(db.read(), upload).await?.is_some_and(|u| u.kind() == UploadKind::Unsubscribers)
    {
        return not(
            "An upload of unsubscribers is not undone: an undo makes nobody mailable.",
            "Resubscribe a person on their own page, with the evidence that they asked for it.",
        );
    }
    if run.applied_at.is_none() {
        return not("This run changed no members; there is nothing to undo.", "");
    }
    match group_of(db.read(), run).await? {
        None => not("The target group of this run was deleted.", ""),
        Some(group) if group.is_derived() => {
            not("This target group follows the groups that it is made of.", "Undo the run of one of those; this group follows by itself.")
        }
        Some(_) => Ok(None),
    }
}

async fn group_of(read: Read<'_>, run: &Run) -> Result<Option<Group>, StoreError> {
    match run.group_id {
        Some(id) => groups::get(read, id).await,
        None => Ok(None),
    }
}

/// What an undo is about: the group, through the source that the run had.
pub fn subject(run: &Run) -> Option<runs::Subject> {
    Some(runs::Subject::of_group(run.group_id?, run.bridge_id))
}

/// The last undo of a run that was carried out: its id and when it was asked for.
pub async fn last_of(mut read: Read<'_>, run_id: i64) -> Result<Option<(i64, i64)>, StoreError> {
    read.opt(LAST, args![run_id]).await
}

/// How many mailings have used the group since the run was applied: what was sent cannot be undone.
pub async fn used_since(mut read: Read<'_>, run: &Run) -> Result<i64, StoreError> {
    let args = args![run.group_id.unwrap_or(0), run.applied_at.unwrap_or(i64::MAX)];
    read.one::<(i64,)>(USED_SINCE, args).await.map(|(n,)| n)
}

/// Who would be put back and who would leave again, and who is left alone because a later run moved them.
#[derive(Clone, Debug, Default)]
pub struct Members {
    pub joins: RoaringTreemap,
    pub leaves: RoaringTreemap,
    pub kept: RoaringTreemap,
}

/// Turns the run's moves round, against today's `members`.
pub async fn members(db: &Db, of: &Run, members: &RoaringTreemap) -> Result<Members, StoreError> {
    let (joined, left) = (membership::planned(db, of.id, Op::Joins).await?, membership::planned(db, of.id, Op::Leaves).await?);
    let mut moved = RoaringTreemap::new();
    for (id,) in db.read().all::<(i64,)>(LATER_IN_GROUP, args![of.group_id.unwrap_or(0), of.id]).await? {
        moved |= membership::planned(db, id, Op::Joins).await?;
        moved |= membership::planned(db, id, Op::Leaves).await?;
    }
    // Those whose membership is today as it was before the run need nothing.
    let (joins, leaves) = (&left - members, &joined & members);
    let kept = (&joins | &leaves) & &moved;
    Ok(Members { joins: joins - &moved, leaves: leaves - &moved, kept })
}

/// Later runs that may have changed fields of the same source, oldest first.
pub async fn later_values(db: &Db, undo: &Undo<'_>) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<(i64,)> = db.read().all(LATER_VALUES, args![undo.of.id, undo.source()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).filter(|id| *id != undo.run_id).collect())
}

/// People behind `after` whom the run made mailable again and whom its undo silences again, in the order of their ids.
pub async fn lifted(db: &Db, of: &Run, after: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    let args = args![of.id, after, limit];
    Ok(db.read().all::<(i64,)>(LIFTED, args).await?.into_iter().map(|(id,)| id).collect())
}

/// Takes the yes back that the run had read: the cause is open again, as the remote's, until the next sync reads its yes anew.
/// `TakenOver` when the run is no longer the worker's.
pub async fn silence(db: &Db, undo: &Undo<'_>, people: &[i64]) -> Result<(), StoreError> {
    let mut tx = mine(db, undo).await?;
    locks::flags(&mut tx).await?;
    let list = serde_json::Value::from(people).to_string();
    if tx.run(SILENCE, args![list, undo.run_id]).await? != people.len() as u64 {
        return Err(StoreError::Conflict("Somebody decided about one of these people at the same moment. Undo again.".into()));
    }
    let first = ids::take(&mut tx, "consent_ledger", people.len() as i64).await?;
    let slice = Slice { bridge_id: undo.source(), run_id: undo.run_id, worker: None, source: "undo", fields: &[], now: undo.now };
    open_causes(&mut tx, slice, people, first, "Undo of a sync: silent again until the remote system's yes is read anew").await?;
    tx.commit().await
}

/// A transaction of a run that is still this worker's.
async fn mine(db: &Db, undo: &Undo<'_>) -> Result<Tx, StoreError> {
    let mut tx = db.write().await?;
    if !runs::is_mine(&mut tx, undo.run_id, undo.worker).await? {
        return Err(StoreError::TakenOver);
    }
    Ok(tx)
}

/// A run that waits for a decision waits no more once it is undone. False when it did not wait.
pub async fn close(tx: &mut Tx, of: &Run, who: &crate::Actor) -> Result<bool, StoreError> {
    if of.state() != RunState::Held {
        return Ok(false);
    }
    match runs::decide(tx, of.id, RunState::Discarded, who).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(other) => Err(other),
    }
}
