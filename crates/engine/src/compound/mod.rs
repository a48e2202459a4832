//! People of a target group that is made of others, or by the rule of a segment: computed from the members of its parts, or asked of the
//! profiles, then planned and applied as any run (`docs/adr/0013`, `0152`). Its parts have passed the gate already.

pub(crate) mod settle;

use rialto_core::compound::Definition;
use rialto_core::run::{Phase, RunState};
use rialto_core::{Counts, figure};
use rialto_store::groups::{self, Group};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::notes::{MAX_PER_KIND, Note, Notes};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::{compound, people};
use roaring::RoaringTreemap;
use serde_json::json;

use crate::Parts;
use crate::lease::Lease;
use crate::remote::Trouble;
use crate::segments::{self, Question};

/// What stays the same during a run.
struct Job<'a> {
    parts: &'a Parts,
    run: &'a Run,
    lease: &'a Lease,
    group: Group,
    /// The groups it is made of, as they were before they were read.
    made_of: Vec<compound::Part>,
}

/// The difference between today's members and those who belong.
struct Plan {
    joins: RoaringTreemap,
    leaves: RoaringTreemap,
    counts: Counts,
}

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let began = tokio::time::Instant::now();
    let (group, rule) = defined(parts, run).await?;
    let made_of = compound::parts(parts.db.read(), group.id).await?;
    let job = Job { parts, run, lease, group, made_of };
    let members = membership::members(&parts.db, job.group.id).await?;
    let blocked = rule.blocked_by(&job.made_of);
    if !blocked.is_empty() {
        return keep(&job, &members, blocked).await;
    }
    let mut answer = None;
    let belong = match &rule {
        Rule::Of(Definition::Compound(c)) => compound::evaluate(&parts.db, c).await?,
        Rule::Of(Definition::Share(s)) => compound::share_of(&parts.db, s, job.group.id, &members).await?,
        Rule::Segment(segment) => answer.insert(segment.ask(parts).await?).people.clone(),
    };
    announce(&job, belong.len() as i64).await?;
    let plan = plan(&members, &belong);
    plan.counts
        .check()
        .map_err(|e| Trouble::refused(e.to_string(), "Report this with the run's id: it is a fault of Rialto. Nobody was removed."))?;
    if lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    let read_ms = began.elapsed().as_millis() as u64;
    if run.plan_only {
        return only_planned(&job, plan).await;
    }
    let end = ending(
        RunState::Succeeded,
        plan.counts,
        format!("{} joined, {} left.", figure(plan.counts.added), figure(plan.counts.removed)),
        json!({}),
    );
    let data_as_of = if answer.is_some() { segments::data_as_of(parts, &job.made_of) } else { settle::data_as_of(&job.made_of) };
    let end = Ending { data_as_of, ..end };
    apply(&job, &plan, &end).await?;
    if let Some(answer) = &answer {
        answer.keep(parts, job.group.id, data_as_of).await?;
    }
    let applied_ms = began.elapsed().as_millis() as u64;
    if let Err(error) = settle::settle(&job, &plan).await {
        tracing::warn!(run = run.id, ?error, "the counts of the target group are made later");
    }
    let stats = json!({"read_ms": read_ms, "apply_ms": applied_ms - read_ms, "settle_ms": began.elapsed().as_millis() as u64 - applied_ms});
    Ok(Ending { stats, ..end })
}

/// By what a group's people are found.
enum Rule {
    Of(Definition),
    Segment(Box<Question>),
}

impl Rule {
    /// Why the members are kept; empty when nothing stands in the way.
    fn blocked_by(&self, made_of: &[compound::Part]) -> String {
        match self {
            Self::Of(_) => compound::blocked_by(made_of),
            Self::Segment(segment) => segment.blocked_by(made_of),
        }
    }
}

async fn defined(parts: &Parts, run: &Run) -> Result<(Group, Rule), Trouble> {
    let gone = || Trouble::refused("The target group was deleted.", "Choose another target group.");
    let group = groups::get(parts.db.read(), run.group_id.unwrap_or(0)).await?.ok_or_else(gone)?;
    if let Some(segment) = Question::of(parts, group.id).await? {
        return Ok((group, Rule::Segment(Box::new(segment))));
    }
    let definition = compound::definition(parts.db.read(), group.id).await?;
    let definition = definition.ok_or_else(|| {
        Trouble::refused("This target group is not made of others.", "Only remote and compound target groups can be synced.")
    })?;
    Ok((group, Rule::Of(definition)))
}

/// A part cannot be relied on: the members stay as they are, and the group says why.
async fn keep(job: &Job<'_>, members: &RoaringTreemap, why: String) -> Result<Ending, Trouble> {
    if !job.run.plan_only {
        let mut tx = job.parts.db.write().await?;
        compound::set_blocked(&mut tx, job.group.id, &why).await?;
        tx.commit().await?;
    }
    let n = members.len() as i64;
    let counts = Counts { members_before: n, members_after: n, ..Counts::default() };
    let end = ending(RunState::Incomplete, counts, format!("{why} The members stay as they were."), json!({}));
    let advice = if job.group.kind == "segment" {
        "Mend that, or change the segment's conditions; it then follows by itself."
    } else {
        "Sync or decide on that target group, or take it out of this one; this one then follows by itself."
    };
    Ok(Ending { advice: advice.into(), ..end })
}

fn ending(state: RunState, counts: Counts, reason: String, stats: serde_json::Value) -> Ending {
    Ending { state, counts, reason, advice: String::new(), error_kind: String::new(), data_as_of: None, stats }
}

async fn announce(job: &Job<'_>, people: i64) -> Result<(), Trouble> {
    job.lease.advance(people);
    let mut tx = job.parts.db.write().await?;
    runs::announced(&mut tx, job.run.id, &job.lease.worker, people).await?;
    tx.commit().await?;
    Ok(())
}

/// Every one of the different people who belong is a row that was read.
fn plan(members: &RoaringTreemap, belong: &RoaringTreemap) -> Plan {
    let (joins, leaves) = (belong - members, members - belong);
    let (added, removed) = (joins.len() as i64, leaves.len() as i64);
    let counts = Counts {
        read: belong.len() as i64,
        added,
        unchanged: belong.len() as i64 - added,
        members_before: members.len() as i64,
        members_after: belong.len() as i64,
        leaving: removed,
        removed,
        ..Counts::default()
    };
    Plan { joins, leaves, counts }
}

/// Who would join and leave, by name; nothing is written but that.
async fn only_planned(job: &Job<'_>, plan: Plan) -> Result<Ending, Trouble> {
    let mut notes = Notes::default();
    for (kind, people) in [("plan_join", &plan.joins), ("plan_leave", &plan.leaves)] {
        let ids: Vec<i64> = people.iter().take(MAX_PER_KIND).map(|id| id as i64).collect();
        for (id, remote_id, address) in people::names(&job.parts.db, &ids).await? {
            notes.add(Note { kind, remote_id, subscriber_id: Some(id), detail: json!({"address": address}).to_string() });
        }
    }
    notes.flush(&job.parts.db, job.run.id).await?;
    let reason = format!("A sync now would add {} and remove {} people.", plan.counts.added, plan.counts.removed);
    Ok(ending(RunState::Succeeded, plan.counts, reason, json!({"would": "apply"})))
}

async fn apply(job: &Job<'_>, plan: &Plan, ending: &Ending) -> Result<(), Trouble> {
    let db = &job.parts.db;
    job.lease.enter(Phase::Planning);
    membership::plan(db, job.run.id, Op::Joins, &plan.joins).await?;
    membership::plan(db, job.run.id, Op::Leaves, &plan.leaves).await?;
    if job.lease.is_gone() {
        return Err(Trouble::Interrupted);
    }
    job.lease.enter(Phase::Applying);
    let none = RoaringTreemap::new();
    let change = Change {
        run_id: job.run.id,
        worker: &job.lease.worker,
        group_id: job.group.id,
        base_run: job.group.applied_run,
        joins: &plan.joins,
        leaves: &plan.leaves,
        lifts: &none,
        lifts_withheld: &none,
        lift_before: 0,
        source: if job.group.kind == "segment" { "segment" } else { "compound" },
        now: job.parts.clock.now(),
    };
    match membership::apply(db, change, Outcome { ending, complete: true, seen_again: None, pause: false }).await? {
        Ok(_) => Ok(()),
        Err(Refused::NotMine) => Err(Trouble::Interrupted),
        Err(Refused::Moved | Refused::Mismatch) => {
            membership::drop_plan(db, job.run.id).await?;
            Err(Trouble::refused(
                "The target group changed while this run was planned; nothing was changed.",
                "Sync the target group again.",
            ))
        }
    }
}
