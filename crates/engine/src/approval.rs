//! An approval carries out what a held run withheld: planned anew, and never more than was approved.

use rialto_core::run::{Phase, RunState};
use rialto_core::{Counts, figure};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::{StoreError, groups, waterfall};
use roaring::RoaringTreemap;
use serde_json::json;

use crate::Parts;
use crate::lease::Lease;
use crate::remote::Trouble;

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let (held, group) = approved(parts, run).await?;
    lease.enter(Phase::Planning);
    let members = membership::members(&parts.db, group.id).await?;
    // Whoever left by themselves meanwhile, or was seen again by a later read, is not removed by this.
    let leaves = membership::planned(&parts.db, held.id, Op::Withheld).await? & &members;
    let lifts = membership::withheld_lifts(&parts.db, held.id).await?;
    membership::plan(&parts.db, run.id, Op::Leaves, &leaves).await?;
    lease.enter(Phase::Applying);
    let removed = leaves.len() as i64;
    let members_before = members.len() as i64;
    let counts = Counts { members_before, members_after: members_before - removed, leaving: removed, removed, ..Counts::default() };
    counts
        .check()
        .map_err(|e| Trouble::refused(e.to_string(), "Report this with the run's id: it is a fault of Rialto. Nobody was removed."))?;
    let reason = format!("{} people were removed as approved, {} may be mailed again.", figure(counts.removed), figure(lifts.len()));
    let mut ending = Ending {
        state: RunState::Succeeded,
        counts,
        reason,
        advice: String::new(),
        error_kind: String::new(),
        data_as_of: None,
        stats: json!({"approved_run": held.id}),
    };
    let none = RoaringTreemap::new();
    let change = Change {
        run_id: run.id,
        worker: &lease.worker,
        group_id: group.id,
        base_run: group.applied_run,
        joins: &none,
        leaves: &leaves,
        lifts: &lifts,
        lifts_withheld: &none,
        // A flag that was opened since the held run is a newer word than the yes that it read.
        lift_before: held.id,
        source: "approval",
        now: parts.clock.now(),
    };
    let outcome = Outcome { ending: &ending, complete: false, seen_again: None, pause: false };
    ending.counts.lifted = match membership::apply(&parts.db, change, outcome).await? {
        Ok(lifted) => lifted,
        Err(Refused::NotMine) => return Err(Trouble::Interrupted),
        Err(Refused::Moved | Refused::Mismatch) => {
            membership::drop_plan(&parts.db, run.id).await?;
            return Err(Trouble::refused(
                "The target group changed meanwhile; nobody was removed.",
                "Sync the target group again, then decide anew.",
            ));
        }
    };
    if let Err(error) = count(parts, run, &held, &group, counts.members_after).await {
        tracing::warn!(run = run.id, %error, "the counts of the target group are made later");
    }
    Ok(ending)
}

/// The waterfall begins with what the last whole read brought.
async fn count(parts: &Parts, run: &Run, held: &Run, group: &groups::Group, members: i64) -> Result<(), StoreError> {
    let counted_from = waterfall::Basis::now(&parts.db, run.id).await?;
    let waterfall = waterfall::compute(&parts.db, group.id, members, held.counts()).await?;
    let mut tx = parts.db.write().await?;
    groups::set_waterfall(&mut tx, group.id, &waterfall, counted_from, parts.clock.now()).await?;
    tx.commit().await
}

/// The approved run and its group; refused when a later complete read took its place.
async fn approved(parts: &Parts, run: &Run) -> Result<(Run, groups::Group), Trouble> {
    let nothing = || Trouble::refused("There is no held run to approve.", "Sync the target group again.");
    let held = runs::get(parts.db.read(), run.parent_run.ok_or_else(nothing)?).await?.ok_or_else(nothing)?;
    let group = groups::get(parts.db.read(), held.group_id.ok_or_else(nothing)?).await?.ok_or_else(nothing)?;
    if held.state() != RunState::Approved {
        return Err(Trouble::refused(
            "The held run was not approved, or a later sync took its place.",
            "Look at the latest run of the target group.",
        ));
    }
    if group.synced_run.is_some_and(|synced| synced > held.id) {
        return Err(Trouble::refused(
            "A later complete sync took the place of the held run.",
            "Look at the latest run of the target group.",
        ));
    }
    Ok((held, group))
}
