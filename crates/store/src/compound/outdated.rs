//! When the members of a derived group must be made anew: a part was changed by a run, the definition was edited, or a part can be relied
//! on again.

use rialto_core::Instant;
use rialto_core::run::{RunKind, Trigger};

use crate::args;
use crate::audit::Actor;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::runs::{self, NewRun, Requested, Subject};
use crate::sql::{sql, statements};

statements! {
    /// A run that reads already may have read the old state: it must end first. One that is queued still reads the new one.
    OUTDATED = sql!("SELECT c.group_id FROM compound c JOIN target_group g ON g.id = c.group_id WHERE g.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM sync_run r WHERE r.subject = 'g' || CAST(c.group_id AS TEXT) AND r.state IN ('queued', 'running')
            AND r.state = 'running')
        AND (EXISTS (SELECT 1 FROM compound_part p JOIN target_group t ON t.id = p.part_group
                WHERE p.group_id = c.group_id AND t.applied_run <> p.asked_run)
            OR (c.blocked <> '' AND c.form <> 'segment' AND NOT EXISTS (SELECT 1 FROM compound_part p JOIN target_group t ON t.id = p.part_group
                LEFT JOIN bridge b ON b.id = t.bridge_id LEFT JOIN compound i ON i.group_id = t.id WHERE p.group_id = c.group_id
                AND (t.state = 'gone' OR t.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL OR t.synced_run IS NULL OR i.blocked <> ''
                    OR EXISTS (SELECT 1 FROM sync_run h WHERE h.group_id = t.id AND h.state = 'held')))))
        ORDER BY c.group_id LIMIT 1");
    ASKED = sql!("UPDATE compound_part SET asked_run = (SELECT t.applied_run FROM target_group t WHERE t.id = compound_part.part_group)
        WHERE group_id = $1");
    UNBLOCK = sql!("UPDATE compound SET blocked = '' WHERE group_id = $1");
    RUNNING = sql!("SELECT COUNT(*) FROM sync_run WHERE group_id = $1 AND state = 'running'");
    /// The trigger of the newest run that changed a part since this group's was asked for.
    CAUSE = sql!("SELECT r.run_trigger FROM compound_part p JOIN target_group t ON t.id = p.part_group JOIN sync_run r ON r.id = t.applied_run
        WHERE p.group_id = $1 AND p.asked_run <> -1 AND p.asked_run <> t.applied_run ORDER BY r.id DESC LIMIT 1");
}

/// Asks for the run that makes a derived group's members anew, or joins the one under way. Joining one that already reads leaves the
/// group outdated, so that another follows.
pub async fn ask(tx: &mut Tx, group_id: i64, trigger: Trigger, plan_only: bool, who: &Actor) -> Result<Requested, StoreError> {
    let (running,): (i64,) = tx.one(RUNNING, args![group_id]).await?;
    let new = NewRun { plan_only, ..NewRun::of(RunKind::People, Subject::Derived { group_id }, trigger) };
    let requested = runs::request(tx, new, who).await?;
    if running == 0 && !plan_only {
        tx.run(ASKED, args![group_id]).await?;
        tx.run(UNBLOCK, args![group_id]).await?;
    }
    Ok(requested)
}

/// Asks for the run of one outdated group. False when none is outdated.
pub async fn ask_outdated(db: &Db, now: Instant) -> Result<bool, StoreError> {
    let Some((group_id,)) = db.read().opt::<(i64,)>(OUTDATED, args![]).await? else { return Ok(false) };
    let mut tx = db.write().await?;
    let cause: Option<(String,)> = tx.opt(CAUSE, args![group_id]).await?;
    let trigger = cause.and_then(|(t,)| Trigger::from_name(&t)).unwrap_or(Trigger::Api);
    let who = Actor { name: "rialto".into(), request_id: String::new(), at: now };
    match ask(&mut tx, group_id, trigger, false, &who).await {
        Ok(_) => tx.commit().await.map(|()| true),
        // Somebody asked for another kind of run of this group meanwhile, or for the same one: it is looked at again later.
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(e) if e.is_unique_violation() => Ok(false),
        Err(e) => Err(e),
    }
}
