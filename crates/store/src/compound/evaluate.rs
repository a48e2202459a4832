//! Who belongs in a derived group, by whole sets of ids.

use rialto_core::compound::{Compound, Mode, Share, Side};
use roaring::RoaringTreemap;

use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::membership;
use crate::sql::{sql, statements};

statements! {
    APPLIED = sql!("SELECT applied_run FROM target_group WHERE id = $1");
    SIBLINGS = sql!("SELECT c.group_id FROM compound c JOIN target_group g ON g.id = c.group_id
        WHERE c.seed = $1 AND c.group_id <> $2 AND g.deleted_at IS NULL ORDER BY c.group_id");
    KEYS = sql!("SELECT id, canonical FROM subscriber WHERE id IN ", ids 1, "");
}

/// Reads of a group that changes while it is read.
const MAX_READS: usize = 10;
/// People whose addresses are looked up at once.
const KEY_SLICE: usize = 10_000;

/// Everybody who belongs in a compound group now: its parts one after another, so that two sets are in memory at most.
pub async fn evaluate(db: &Db, compound: &Compound) -> Result<RoaringTreemap, StoreError> {
    let include = side(db, compound.include()).await?;
    match compound.exclude() {
        Some(exclude) if !include.is_empty() => Ok(include - side(db, exclude).await?),
        _ => Ok(include),
    }
}

async fn side(db: &Db, side: &Side) -> Result<RoaringTreemap, StoreError> {
    let mut all: Option<RoaringTreemap> = None;
    for group in side.groups() {
        let next = whole(db, *group).await?;
        all = Some(match (all, side.mode()) {
            (None, _) => next,
            (Some(all), Mode::All) => all & next,
            (Some(all), Mode::Any) => all | next,
        });
    }
    Ok(all.unwrap_or_default())
}

/// Members of a group as one run left them: they are read in pages, and a plan may be applied in between.
async fn whole(db: &Db, group_id: i64) -> Result<RoaringTreemap, StoreError> {
    for _ in 0..MAX_READS {
        let (before,): (i64,) = db.read().one(APPLIED, args![group_id]).await?;
        let members = membership::members(db, group_id).await?;
        let (after,): (i64,) = db.read().one(APPLIED, args![group_id]).await?;
        if before == after {
            return Ok(members);
        }
    }
    Err(StoreError::Conflict("One of the target groups changes too often to be read. Try again later.".into()))
}

/// Everybody who belongs in a share now. Whoever is in it, or in another share of the same split, stays there while they are in the
/// parent; only newcomers are told off by their address. So nobody is ever in two shares, also when an address changes.
pub async fn share_of(db: &Db, share: &Share, group_id: i64, members: &RoaringTreemap) -> Result<RoaringTreemap, StoreError> {
    let parent = whole(db, share.parent()).await?;
    let mut newcomers = &parent - members;
    let mut all = members & &parent;
    for (sibling,) in db.read().all::<(i64,)>(SIBLINGS, args![share.seed(), group_id]).await? {
        let others = whole(db, sibling).await?;
        newcomers -= &others;
        // Runs of two shares that overlapped may both have let somebody in whose address changed in between: the older one keeps them.
        if sibling < group_id {
            all -= others;
        }
    }
    let ids: Vec<u64> = newcomers.iter().collect();
    for some in ids.chunks(KEY_SLICE) {
        let rows: Vec<(i64, String)> = db.read().all(KEYS, args![serde_json::Value::from(some).to_string()]).await?;
        let taken = rows.iter().filter(|(id, canonical)| share.takes(&key(*id, canonical)));
        all.extend(taken.map(|(id, _)| *id as u64));
    }
    Ok(all)
}

/// Records with one address stay together; without an address each stands for itself.
fn key(id: i64, canonical: &str) -> String {
    if canonical.is_empty() { format!("#{id}") } else { canonical.to_owned() }
}
