//! After the last line: gate, plan, the one transaction, books.

use rialto_core::books::Waterfall;
use rialto_core::gate::{self, Difference, Proof};
use rialto_core::run::{Phase, RunState};
use rialto_core::upload::UploadMode;
use rialto_core::{Counts, Instant, figure};
use rialto_store::groups::{self, Group};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::notes::{MAX_PER_KIND, Note};
use rialto_store::people;
use rialto_store::runs::{self, Ending};
use rialto_store::waterfall::{self, Basis, Delta};
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::people::Tally;
use super::{Job, balanced, ending};
use crate::remote::Trouble;

/// Who joins, leaves and stays for now, and how the run ends.
struct Plan {
    joins: RoaringTreemap,
    leaves: RoaringTreemap,
    withheld: RoaringTreemap,
    state: RunState,
    reason: String,
}

fn absent(job: &Job<'_>, tally: &Tally) -> RoaringTreemap {
    match job.upload.mode() {
        UploadMode::Add => RoaringTreemap::new(),
        UploadMode::Replace => &tally.members - &tally.seen,
    }
}

/// A file proves that it was read whole by its end. Where members may leave, a line that could not be read may be one of them.
fn proof(job: &Job<'_>, counts: &Counts) -> Proof {
    if job.upload.mode() == UploadMode::Replace && counts.rejected > 0 {
        return Proof::Incomplete(format!(
            "{} lines could not be read, so somebody may be missing only because of that. Nobody was removed.",
            figure(counts.rejected)
        ));
    }
    Proof::Complete
}

fn judge(job: &Job<'_>, tally: &Tally, absent: &RoaringTreemap) -> gate::Verdict {
    let limits = job.parts.settings.limits;
    let difference = Difference { members_before: tally.members.len(), leaving: absent.len(), lifts: 0 };
    match gate::judge(limits, &proof(job, &tally.counts), difference) {
        gate::Verdict::Hold(_) => gate::Verdict::Hold(format!(
            "{} of {} people are not in this file, more than you allow to be removed at once ({} and {} %). Nobody was removed yet.",
            figure(absent.len()),
            figure(tally.members.len()),
            figure(limits.max_removed),
            limits.max_removed_percent
        )),
        other => other,
    }
}

fn stats(tally: &Tally) -> Value {
    json!({"joined_records": tally.joined, "several": tally.several, "owned_values": tally.owned})
}

/// How a plan ends: what applying the file would do. Nothing was written but notes.
pub(super) async fn planned(job: &Job<'_>, group: Option<&Group>, mut tally: Tally) -> Result<Ending, Trouble> {
    let absent = absent(job, &tally);
    let mut counts = Counts { leaving: absent.len() as i64, ..tally.counts };
    let name = group.map_or(job.upload.group_name.as_str(), |g| g.name.as_str());
    let (would, reason) = match judge(job, &tally, &absent) {
        gate::Verdict::Apply => {
            counts.removed = counts.leaving;
            let removed = if counts.removed > 0 { format!(" and remove {}", figure(counts.removed)) } else { String::new() };
            ("apply", format!("This would add {} people to {name}{removed}.", figure(counts.added)))
        }
        gate::Verdict::Wait(why) => ("incomplete", why),
        gate::Verdict::Hold(why) => ("held", why),
    };
    if would != "apply" {
        counts.withheld = counts.leaving;
    }
    counts.members_after = counts.members_before + counts.added - counts.removed;
    balanced(&counts)?;
    let ids: Vec<i64> = absent.iter().take(MAX_PER_KIND).map(|id| id as i64).collect();
    for (id, _, address) in people::names(&job.parts.db, &ids).await? {
        let detail = json!({"address": address}).to_string();
        tally.notes.add(Note { kind: "plan_leave", remote_id: String::new(), subscriber_id: Some(id), detail });
    }
    tally.notes.flush(&job.parts.db, job.run.id).await?;
    let mut told = stats(&tally);
    told["would"] = would.into();
    Ok(ending(counts, reason, told))
}

fn make_plan(job: &Job<'_>, tally: &Tally) -> Plan {
    let joins = &tally.seen - &tally.members;
    let absent = absent(job, tally);
    let none = RoaringTreemap::new;
    match judge(job, tally, &absent) {
        gate::Verdict::Apply => Plan {
            reason: format!("{} joined, {} left, {} changed.", figure(joins.len()), figure(absent.len()), figure(tally.counts.updated)),
            joins,
            leaves: absent,
            withheld: none(),
            state: RunState::Succeeded,
        },
        gate::Verdict::Wait(reason) => Plan { joins, leaves: none(), withheld: absent, state: RunState::Incomplete, reason },
        gate::Verdict::Hold(reason) => Plan { joins, leaves: none(), withheld: absent, state: RunState::Held, reason },
    }
}

/// Plans and carries over, and counts what follows from it.
pub(super) async fn apply(job: &Job<'_>, group: &Group, tally: Tally, read_ms: u64) -> Result<Ending, Trouble> {
    let began = tokio::time::Instant::now();
    let db = &job.parts.db;
    job.lease.enter(Phase::Planning);
    let plan = make_plan(job, &tally);
    let (removed, withheld) = (plan.leaves.len() as i64, plan.withheld.len() as i64);
    let counts = Counts {
        leaving: removed + withheld,
        removed,
        withheld,
        members_after: tally.counts.members_before + tally.counts.added - removed,
        ..tally.counts
    };
    balanced(&counts)?;
    if counts.added != plan.joins.len() as i64 {
        return Err(Trouble::refused(
            format!("The books do not balance: added: {} is not {}.", counts.added, plan.joins.len()),
            "Report this with the run's id: it is a fault of Rialto. Nobody was removed.",
        ));
    }
    membership::plan(db, job.run.id, Op::Joins, &plan.joins).await?;
    membership::plan(db, job.run.id, Op::Leaves, &plan.leaves).await?;
    if plan.state == RunState::Held {
        membership::plan(db, job.run.id, Op::Withheld, &plan.withheld).await?;
    }
    if job.lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    job.lease.enter(Phase::Applying);
    let mut end = ending(counts, plan.reason.clone(), stats(&tally));
    (end.state, end.advice) = (plan.state, advice(plan.state).into());
    end.data_as_of = Some(Instant(job.upload.created_at));
    carry_over(job, group, &plan, &tally, &end).await?;
    let applied = tokio::time::Instant::now();
    // From here on the run has done its work: a count that fails is made up for later.
    if let Err(error) = settle(job, group, &plan, counts).await {
        tracing::warn!(run = job.run.id, ?error, "the counts of the target group are made later");
    }
    end.stats["read_ms"] = read_ms.into();
    end.stats["apply_ms"] = (applied.duration_since(began).as_millis() as u64).into();
    end.stats["settle_ms"] = (applied.elapsed().as_millis() as u64).into();
    end.stats["longest_write_ms"] = tally.slicer.longest_ms.into();
    end.stats["people_written"] = tally.slicer.rows_written.into();
    Ok(end)
}

fn advice(state: RunState) -> &'static str {
    match state {
        RunState::Held => "Look at who would be removed, then remove them or keep everyone.",
        RunState::Incomplete => "Correct the faulty lines and upload the file again; those who joined are in.",
        _ => "",
    }
}

async fn carry_over(job: &Job<'_>, group: &Group, plan: &Plan, tally: &Tally, end: &Ending) -> Result<(), Trouble> {
    let db = &job.parts.db;
    let complete = plan.state != RunState::Incomplete;
    let none = RoaringTreemap::new();
    let seen_again = match runs::held_of_group(db.read(), group.id).await? {
        Some(held) if !complete => Some((held.id, membership::planned(db, held.id, Op::Withheld).await? & &tally.seen)),
        _ => None,
    };
    let change = Change {
        run_id: job.run.id,
        worker: &job.lease.worker,
        group_id: group.id,
        base_run: group.applied_run,
        joins: &plan.joins,
        leaves: &plan.leaves,
        lifts: &none,
        lifts_withheld: &none,
        lift_before: 0,
        source: "upload",
        now: job.parts.clock.now(),
    };
    let outcome = Outcome { ending: end, complete, seen_again: seen_again.as_ref().map(|(held, people)| (*held, people)), pause: false };
    match membership::apply(db, change, outcome).await? {
        Ok(_) => Ok(()),
        Err(Refused::NotMine) => Err(Trouble::Interrupted),
        Err(Refused::Moved | Refused::Mismatch) => {
            membership::drop_plan(db, job.run.id).await?;
            Err(Trouble::refused(
                "The target group changed while this upload was planned; nobody joined or left.",
                "Apply the upload again.",
            ))
        }
    }
}

async fn settle(job: &Job<'_>, group: &Group, plan: &Plan, counts: Counts) -> Result<(), Trouble> {
    let db = &job.parts.db;
    people::recount(db, counts.added > 1_000 && counts.added * 2 > counts.members_after).await?;
    let (waterfall, basis) = count(job, group, plan, counts).await?;
    let mut tx = db.write().await?;
    groups::set_waterfall(&mut tx, group.id, &waterfall, basis, job.parts.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// The last count, carried on by who joined and left when nothing else has touched its people; else a whole count.
async fn count(job: &Job<'_>, group: &Group, plan: &Plan, counts: Counts) -> Result<(Waterfall, Basis), Trouble> {
    let db = &job.parts.db;
    let basis = Basis::now(db, job.run.id).await?;
    if let (Some(last), Some(earlier)) = (group.waterfall(), group.waterfall_basis())
        && last.members == counts.members_before
        && earlier.run() == group.applied_run
        && earlier.holds(db, job.run.id).await?
    {
        let delta = Delta { run_id: job.run.id, group_id: group.id, joins: &plan.joins, leaves: &plan.leaves, counts };
        if let Some(waterfall) = waterfall::advance(db, last, delta).await? {
            return Ok((waterfall, basis));
        }
    }
    Ok((waterfall::compute(db, group.id, counts.members_after, counts).await?, basis))
}
