//! The figures of the Overview.

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

use super::runs::{RunRow, rows};

statements! {
    GROUPS = sql!("SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN synced_at IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT), MAX(synced_at)
        FROM target_group WHERE deleted_at IS NULL AND state = 'active'");
    WATERFALLS = sql!("SELECT waterfall FROM target_group WHERE deleted_at IS NULL AND state = 'active' AND waterfall IS NOT NULL");
    HELD = rows!("WHERE r.state = 'held' ORDER BY r.id DESC LIMIT 20");
    /// Failed runs after which nothing newer of the same subject came: one look-up a group and a bridge, however many runs there were.
    FAILED = rows!("WHERE r.state = 'failed' AND r.id IN (
            SELECT (SELECT MAX(n.id) FROM sync_run n WHERE n.group_id = t.id) FROM target_group t JOIN bridge tb ON tb.id = t.bridge_id
                WHERE t.deleted_at IS NULL AND tb.deleted_at IS NULL
            UNION ALL SELECT (SELECT MAX(n.id) FROM sync_run n WHERE n.subject = 'b' || CAST(lb.id AS TEXT)) FROM bridge lb WHERE lb.deleted_at IS NULL)
        ORDER BY r.id DESC LIMIT 20");
    GONE = sql!("SELECT id, created_at, name FROM target_group WHERE deleted_at IS NULL AND state = 'gone' AND members > 0
        ORDER BY name_folded, id LIMIT 20");
    PLAN_ONLY = sql!("SELECT id, created_at, name FROM target_group WHERE deleted_at IS NULL AND plan_only = TRUE ORDER BY name_folded, id LIMIT 20");
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

/// A group by name.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Named {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
}

/// Groups with members whose list the remote system no longer offers.
pub async fn gone(mut read: Read<'_>) -> Result<Vec<Named>, StoreError> {
    read.all(GONE, args![]).await
}

/// Groups whose automatic syncs only plan until a person presses Resume.
pub async fn plan_only(mut read: Read<'_>) -> Result<Vec<Named>, StoreError> {
    read.all(PLAN_ONLY, args![]).await
}
