//! The figures of the Overview.

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

use super::runs::RunRow;

statements! {
    GROUPS = sql!("SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN synced_at IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT), MAX(synced_at)
        FROM target_group WHERE deleted_at IS NULL AND state = 'active'");
    WATERFALLS = sql!("SELECT waterfall FROM target_group WHERE deleted_at IS NULL AND state = 'active' AND waterfall IS NOT NULL");
    HELD = sql!("SELECT r.*, COALESCE(g.name, '') AS group_name, g.created_at AS group_created_at, COALESCE(b.name, '') AS bridge_name,
        b.created_at AS bridge_created_at, COALESCE(b.kind, '') AS bridge_kind FROM sync_run r
        LEFT JOIN target_group g ON g.id = r.group_id LEFT JOIN bridge b ON b.id = r.bridge_id
        WHERE r.state = 'held' ORDER BY r.id DESC LIMIT 20");
    /// Failed runs after which nothing newer of the same subject came.
    FAILED = sql!("SELECT r.*, COALESCE(g.name, '') AS group_name, g.created_at AS group_created_at, COALESCE(b.name, '') AS bridge_name,
        b.created_at AS bridge_created_at, COALESCE(b.kind, '') AS bridge_kind FROM sync_run r
        LEFT JOIN target_group g ON g.id = r.group_id LEFT JOIN bridge b ON b.id = r.bridge_id
        WHERE r.state = 'failed' AND r.kind <> 'test' AND b.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM sync_run n WHERE n.subject = r.subject AND n.id > r.id AND (n.group_id = r.group_id OR r.group_id IS NULL))
        ORDER BY r.id DESC LIMIT 20");
}

/// Figures that are cheap enough for every view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// As of the last run that brought new people.
    pub people: i64,
    pub groups: i64,
    pub groups_synced: i64,
    pub last_synced_at: Option<i64>,
    /// Sums over groups: a person in two groups counts twice.
    pub members: i64,
    pub mailable: i64,
}

pub async fn figures(db: &Db) -> Result<Figures, StoreError> {
    let (groups, groups_synced, last_synced_at): (i64, i64, Option<i64>) = db.read().one(GROUPS, args![]).await?;
    let people = crate::people::counted(db.read()).await?;
    let mut figures = Figures { people, groups, groups_synced, last_synced_at, ..Figures::default() };
    for (text,) in db.read().all::<(String,)>(WATERFALLS, args![]).await? {
        if let Ok(w) = serde_json::from_str::<rialto_core::books::Waterfall>(&text) {
            figures.members += w.members;
            figures.mailable += w.mailable;
        }
    }
    Ok(figures)
}

/// Runs that wait for a person.
pub async fn held(mut read: Read<'_>) -> Result<Vec<RunRow>, StoreError> {
    read.all(HELD, args![]).await
}

/// Failures that nothing has made good yet.
pub async fn failed(mut read: Read<'_>) -> Result<Vec<RunRow>, StoreError> {
    read.all(FAILED, args![]).await
}
