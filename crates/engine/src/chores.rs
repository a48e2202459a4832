//! What is put in order when no run waits: counts that a person's act made stale, members of deleted groups.

use rialto_core::Counts;
use rialto_core::run::RunKind;
use rialto_store::groups::Group;
use rialto_store::waterfall::{self, Basis};
use rialto_store::{StoreError, groups, runs};

use crate::Parts;

/// Does one piece of it. False when there is nothing to do.
pub(crate) async fn one(parts: &Parts) -> Result<bool, StoreError> {
    Ok(recount(parts).await? || groups::purge(&parts.db).await?)
}

/// Counts a stale waterfall again. The rows read are those of the last count: only who may be mailed has changed.
async fn recount(parts: &Parts) -> Result<bool, StoreError> {
    let Some(group) = groups::stale(parts.db.read(), parts.clock.now()).await? else { return Ok(false) };
    let read = last_read(parts, &group).await?;
    let basis = Basis::now(&parts.db, group.applied_run).await?;
    let counted = waterfall::compute(&parts.db, group.id, group.members, read).await?;
    let mut tx = parts.db.write().await?;
    groups::recounted(&mut tx, &group, &counted, basis, parts.clock.now()).await?;
    tx.commit().await?;
    Ok(true)
}

/// What the last whole read brought: as counted then, or by the run that was applied but died before it could count.
async fn last_read(parts: &Parts, group: &Group) -> Result<Counts, StoreError> {
    let run = runs::get(parts.db.read(), group.applied_run).await?.filter(|r| r.kind() == RunKind::People);
    if let Some(run) = run {
        return Ok(run.counts());
    }
    let last = group.waterfall().unwrap_or_default();
    Ok(Counts { read: last.read, rejected: last.rejected, duplicate: last.duplicate, left_out: last.left_out, ..Counts::default() })
}
