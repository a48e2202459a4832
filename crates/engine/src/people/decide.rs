//! After the read: gate, plan, apply, books.

use rialto_connectors::ConnectorError;
use rialto_core::books::Waterfall;
use rialto_core::gate::{self, Difference, Proof};
use rialto_core::run::{Phase, RunState};
use rialto_core::{Counts, Instant, figure};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::runs::{self, Ending, NewRun, Subject};
use rialto_store::waterfall::{self, Basis, Delta};
use rialto_store::{Actor, groups, interests, people};
use roaring::RoaringTreemap;
use serde_json::json;

use super::read::Tally;
use super::{Job, Source};
use crate::remote::Trouble;

/// The difference between the read and today's members, split by what may happen now.
struct Plan {
    joins: RoaringTreemap,
    leaves: RoaringTreemap,
    withheld: RoaringTreemap,
    lifts: RoaringTreemap,
    lifts_withheld: RoaringTreemap,
    state: RunState,
    reason: String,
}

/// How a read went, beside what it brought.
pub(crate) struct Closing<'a> {
    pub proof: &'a Proof,
    pub data_as_of: Option<Instant>,
    /// What broke it off.
    pub trouble: Option<&'a ConnectorError>,
}

pub(crate) async fn conclude(job: &Job<'_>, tally: Tally, closing: Closing<'_>) -> Result<Ending, Trouble> {
    let began = tokio::time::Instant::now();
    let plan = make_plan(job, &tally, closing.proof);
    let counts = books(&tally, &plan);
    check(&counts, &plan)
        .map_err(|e| Trouble::refused(e, "Report this with the run's id: it is a fault of Rialto. Nobody was removed."))?;
    let mut ending = Ending {
        state: plan.state,
        counts,
        reason: plan.reason.clone(),
        advice: closing.trouble.map_or(advice(plan.state), ConnectorError::advice).into(),
        error_kind: closing.trouble.map_or("", ConnectorError::kind).into(),
        data_as_of: closing.data_as_of,
        stats: json!({}),
    };
    write_plan(job, &plan).await?;
    if job.lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    job.lease.enter(Phase::Applying);
    ending.counts.lifted = apply(job, &plan, &tally, &ending, *closing.proof == Proof::Complete).await?;
    if *closing.proof == Proof::Complete {
        forget_told(job).await?;
    }
    let applied = tokio::time::Instant::now();
    // From here on the run has done its work: a count that fails is made up for later.
    if let Err(error) = settle(job, &plan, ending.counts).await {
        tracing::warn!(run = job.run.id, ?error, "the counts of the target group are made later");
    }
    ending.stats = json!({
        "read_ms": tally.read_ms, "apply_ms": applied.duration_since(began).as_millis() as u64, "settle_ms": applied.elapsed().as_millis() as u64,
        "longest_write_ms": tally.slicer.longest_ms, "write_transactions": tally.slicer.transactions,
        "people_written": tally.slicer.rows_written,
    });
    Ok(ending)
}

/// Own words that the remote had acknowledged before this read began are the remote's to say from now on.
async fn forget_told(job: &Job<'_>) -> Result<(), Trouble> {
    let Source::Interest(id, _) = job.source else { return Ok(()) };
    let mut tx = job.parts.db.write().await?;
    interests::settle(&mut tx, id, job.began).await?;
    Ok(tx.commit().await?)
}

/// The books balance, and say what the plan says.
fn check(counts: &Counts, plan: &Plan) -> Result<(), String> {
    counts.check().map_err(|e| e.to_string())?;
    let joins = plan.joins.len() as i64;
    if counts.added == joins { Ok(()) } else { Err(format!("the books do not balance: added: {} is not {joins}", counts.added)) }
}

fn make_plan(job: &Job<'_>, tally: &Tally, proof: &Proof) -> Plan {
    let joins = &tally.seen - &tally.members;
    let left_out = &tally.left_out & &tally.members;
    let absent = &tally.members - &tally.seen - &tally.left_out - &job.own.yes;
    let difference = Difference { members_before: tally.members.len(), leaving: absent.len(), lifts: tally.lifts.len() };
    let none = RoaringTreemap::new;
    match gate::judge(job.parts.settings.limits, proof, difference) {
        gate::Verdict::Apply => Plan {
            reason: format!(
                "{} joined, {} left, {} changed.",
                figure(joins.len()),
                figure(absent.len() + left_out.len()),
                figure(tally.counts.updated)
            ),
            joins,
            leaves: absent | left_out,
            withheld: none(),
            lifts: tally.lifts.clone(),
            lifts_withheld: none(),
            state: RunState::Succeeded,
        },
        gate::Verdict::Wait(why) => Plan {
            joins,
            leaves: left_out,
            withheld: absent,
            lifts: none(),
            lifts_withheld: tally.lifts.clone(),
            state: RunState::Incomplete,
            reason: why,
        },
        gate::Verdict::Hold(why) => Plan {
            joins,
            leaves: left_out,
            withheld: absent,
            lifts: none(),
            lifts_withheld: tally.lifts.clone(),
            state: RunState::Held,
            reason: why,
        },
    }
}

fn books(tally: &Tally, plan: &Plan) -> Counts {
    let (removed, withheld) = (plan.leaves.len() as i64, plan.withheld.len() as i64);
    Counts {
        leaving: removed + withheld,
        removed,
        withheld,
        created: tally.created.len() as i64,
        suppressed: tally.suppressed,
        lifted: plan.lifts.len() as i64,
        lifts_withheld: plan.lifts_withheld.len() as i64,
        members_after: tally.counts.members_before + tally.counts.added - removed,
        ..tally.counts
    }
}

/// Writes the plan's rows. Those of an incomplete read are not written: absence means nothing there.
async fn write_plan(job: &Job<'_>, plan: &Plan) -> Result<(), Trouble> {
    let db = &job.parts.db;
    membership::plan(db, job.run.id, Op::Joins, &plan.joins).await?;
    membership::plan(db, job.run.id, Op::Leaves, &plan.leaves).await?;
    if plan.state == RunState::Held {
        membership::plan(db, job.run.id, Op::Withheld, &plan.withheld).await?;
    }
    Ok(())
}

async fn apply(job: &Job<'_>, plan: &Plan, tally: &Tally, ending: &Ending, complete: bool) -> Result<i64, Trouble> {
    let db = &job.parts.db;
    let none = RoaringTreemap::new();
    let seen_again = if complete { None } else { seen_again(job, tally).await? };
    let change = Change {
        run_id: job.run.id,
        worker: &job.lease.worker,
        group_id: job.group.id,
        base_run: job.group.applied_run,
        joins: &plan.joins,
        leaves: &plan.leaves,
        lifts: &plan.lifts,
        lifts_withheld: if plan.state == RunState::Held { &plan.lifts_withheld } else { &none },
        lift_before: job.oldest_open,
        source: &job.remote.bridge.name,
        now: job.parts.clock.now(),
    };
    let outcome = Outcome { ending, complete, seen_again: seen_again.as_ref().map(|(held, people)| (*held, people)), pause: false };
    match membership::apply(db, change, outcome).await? {
        Ok(lifted) => Ok(lifted),
        Err(Refused::NotMine) => Err(Trouble::Interrupted),
        Err(Refused::Moved | Refused::Mismatch) => {
            ask_again(job).await?;
            Err(Trouble::refused("The target group changed while this run was planned; nothing was removed. A new run follows.", ""))
        }
    }
}

/// The group's held run, and those of its waiting removals whom this read saw.
async fn seen_again(job: &Job<'_>, tally: &Tally) -> Result<Option<(i64, RoaringTreemap)>, Trouble> {
    let db = &job.parts.db;
    let Some(held) = runs::held_of_group(db.read(), job.group.id).await? else { return Ok(None) };
    let waiting = membership::planned(db, held.id, Op::Withheld).await?;
    Ok(Some((held.id, waiting & (&tally.seen | &tally.seen_before))))
}

/// The group moved on: compare and plan again, as a new run that is queued when this one has ended.
async fn ask_again(job: &Job<'_>) -> Result<(), Trouble> {
    membership::drop_plan(&job.parts.db, job.run.id).await?;
    let mut tx = job.parts.db.write().await?;
    let now = job.parts.clock.now();
    let ending = crate::worker::failed(&Trouble::refused(
        "The target group changed while this run was planned; nothing was removed. A new run follows.",
        "",
    ));
    let ending = Ending { state: RunState::Superseded, ..ending };
    if runs::finish(&mut tx, job.run.id, &job.lease.worker, now, &ending).await? {
        let subject = Subject::Group { group_id: job.group.id, bridge_id: job.remote.bridge.id };
        let who = Actor { name: job.run.actor.clone(), request_id: String::new(), at: now };
        runs::request(&mut tx, NewRun::of(job.run.kind(), subject, job.run.trigger()), &who).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What is counted after the plan was carried over: people, and the group's waterfall.
async fn settle(job: &Job<'_>, plan: &Plan, counts: Counts) -> Result<(), Trouble> {
    let db = &job.parts.db;
    people::recount(db, counts.added > 1_000 && counts.added * 2 > counts.members_after).await?;
    let (waterfall, basis) = count(job, plan, counts).await?;
    let mut tx = db.write().await?;
    groups::set_waterfall(&mut tx, job.group.id, &waterfall, basis, job.parts.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The group's waterfall. When nobody but this run has touched its people, the last count stands or is carried on.
async fn count(job: &Job<'_>, plan: &Plan, counts: Counts) -> Result<(Waterfall, Basis), Trouble> {
    let db = &job.parts.db;
    let basis = Basis::now(db, job.run.id).await?;
    if let (Some(last), Some(earlier)) = (job.group.waterfall(), job.group.waterfall_basis())
        && last.members == counts.members_before
        // Counted from the very members that this run's plan was made against.
        && earlier.run() == job.group.applied_run
        && earlier.holds(db, job.run.id).await?
    {
        let delta = Delta { run_id: job.run.id, group_id: job.group.id, joins: &plan.joins, leaves: &plan.leaves, counts };
        if let Some(waterfall) = waterfall::advance(db, last, delta).await? {
            return Ok((waterfall, basis));
        }
    }
    Ok((waterfall::compute(db, job.group.id, counts.members_after, counts).await?, basis))
}

fn advice(state: RunState) -> &'static str {
    match state {
        RunState::Held => "Look at who would be removed, then remove them or keep everyone.",
        RunState::Incomplete => "Sync again; removals wait until a read proves that it is complete.",
        _ => "",
    }
}
