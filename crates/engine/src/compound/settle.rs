//! What follows from the applied run: the group's ages and its waterfall.

use rialto_core::Instant;
use rialto_core::books::Waterfall;
use rialto_store::waterfall::{self, Basis, Delta};
use rialto_store::{compound, groups, people};

use super::{Job, Plan};
use crate::remote::Trouble;

pub(super) async fn settle(job: &Job<'_>, plan: &Plan) -> Result<(), Trouble> {
    let counts = plan.counts;
    // Statistics for a group that has just become large: PostgreSQL would count it by nested loops.
    people::recount(&job.parts.db, counts.added > 1_000 && counts.added * 2 > counts.members_after).await?;
    let (waterfall, basis) = count(job, plan).await?;
    let now = job.parts.clock.now();
    let mut tx = job.parts.db.write().await?;
    groups::set_waterfall(&mut tx, job.group.id, &waterfall, basis, now).await?;
    compound::set_blocked(&mut tx, job.group.id, "").await?;
    tx.commit().await?;
    Ok(())
}

/// No younger than the oldest of its parts' own data; unknown when one of them is.
pub(crate) fn data_as_of(parts: &[compound::Part]) -> Option<Instant> {
    let ages: Option<Vec<i64>> = parts.iter().map(|p| p.data_as_of).collect();
    ages?.into_iter().min().map(Instant)
}

/// The last count, carried on by who joined and left when nothing else has touched its people; else a whole count.
async fn count(job: &Job<'_>, plan: &Plan) -> Result<(Waterfall, Basis), Trouble> {
    let (db, counts) = (&job.parts.db, plan.counts);
    let basis = Basis::now(db, job.run.id).await?;
    if let (Some(last), Some(earlier)) = (job.group.waterfall(), job.group.waterfall_basis())
        && last.members == counts.members_before
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
