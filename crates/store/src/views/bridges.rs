//! The health of bridges: what waits, what failed, how much came over.

use std::collections::HashMap;

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    GROUPS = sql!("SELECT bridge_id, COUNT(*), CAST(SUM(CASE WHEN state = 'gone' AND members > 0 THEN 1 ELSE 0 END) AS BIGINT), MAX(synced_at)
        FROM target_group WHERE bridge_id IS NOT NULL AND deleted_at IS NULL GROUP BY bridge_id");
    OPEN = sql!("SELECT bridge_id, state, COUNT(*) FROM sync_run WHERE state IN ('queued', 'running', 'held') AND bridge_id IS NOT NULL
        GROUP BY bridge_id, state");
    /// As `overview::FAILED`: failures after which nothing newer of the same subject came.
    FAILED = sql!("SELECT r.bridge_id, COUNT(*) FROM sync_run r WHERE r.state = 'failed' AND r.bridge_id IS NOT NULL AND r.id IN (
            SELECT (SELECT MAX(n.id) FROM sync_run n WHERE n.group_id = t.id) FROM target_group t WHERE t.deleted_at IS NULL
            UNION ALL SELECT (SELECT MAX(n.id) FROM sync_run n WHERE n.subject = 'b' || CAST(lb.id AS TEXT)) FROM bridge lb WHERE lb.deleted_at IS NULL)
        GROUP BY r.bridge_id");
    FIELDS_GONE = sql!("SELECT bridge_id, COUNT(*) FROM bridge_field WHERE gone_at IS NOT NULL AND shown = TRUE GROUP BY bridge_id");
}

/// Figures of one bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub groups: i64,
    /// Groups with people whose list the remote no longer offers.
    pub groups_gone: i64,
    pub last_synced_at: Option<i64>,
    /// Runs that wait for their turn, are under way, wait for a decision; and failures that nothing has made good.
    pub queued: i64,
    pub running: i64,
    pub held: i64,
    pub failed: i64,
    /// Shown fields that the remote no longer offers.
    pub fields_gone: i64,
}

/// By bridge; those of which there is nothing to tell are left out.
pub async fn health(mut read: Read<'_>) -> Result<HashMap<i64, Health>, StoreError> {
    let mut all: HashMap<i64, Health> = HashMap::new();
    for (id, groups, gone, last) in read.all::<(i64, i64, i64, Option<i64>)>(GROUPS, args![]).await? {
        let h = all.entry(id).or_default();
        (h.groups, h.groups_gone, h.last_synced_at) = (groups, gone, last);
    }
    for (id, state, n) in read.all::<(i64, String, i64)>(OPEN, args![]).await? {
        let h = all.entry(id).or_default();
        match state.as_str() {
            "queued" => h.queued = n,
            "running" => h.running = n,
            _ => h.held = n,
        }
    }
    for (id, n) in read.all::<(i64, i64)>(FAILED, args![]).await? {
        all.entry(id).or_default().failed = n;
    }
    for (id, n) in read.all::<(i64, i64)>(FIELDS_GONE, args![]).await? {
        all.entry(id).or_default().fields_gone = n;
    }
    Ok(all)
}
