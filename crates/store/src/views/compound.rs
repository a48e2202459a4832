//! What a derived target group is made of, as pages and API show it.

use rialto_core::compound::{Definition, PartState};

use crate::args;
use crate::compound::{self, Part};
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// As `compound::parts`, for groups that are chosen but not saved.
    STATES = sql!("SELECT t.id, t.created_at, t.name, t.kind, t.members, t.applied_run, t.synced_at, t.data_as_of, t.regeneration, '' AS side, h.id AS held_id,
        h.created_at AS held_created_at, CAST(CASE
            WHEN t.state = 'gone' OR t.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL THEN 3
            WHEN h.id IS NOT NULL THEN 2 WHEN c.blocked <> '' THEN 4 WHEN t.synced_run IS NULL THEN 1 ELSE 0 END AS BIGINT) AS state
        FROM target_group t LEFT JOIN bridge b ON b.id = t.bridge_id LEFT JOIN compound c ON c.group_id = t.id
        LEFT JOIN sync_run h ON h.id = (SELECT MAX(r.id) FROM sync_run r WHERE r.group_id = t.id AND r.state = 'held')
        WHERE t.id IN ", ids 1, " ORDER BY t.name_folded, t.id");
    USERS = sql!("SELECT g.id, g.created_at, g.name FROM compound_part p JOIN target_group g ON g.id = p.group_id
        WHERE p.part_group = $1 AND g.deleted_at IS NULL ORDER BY g.name_folded, g.id");
}

/// A derived group's definition with its parts as they are now.
#[derive(Clone, Debug)]
pub struct Made {
    pub definition: Definition,
    /// Included before excluded ones, each by name.
    pub parts: Vec<Part>,
    /// Why the last run kept the members as they were; empty when it did not.
    pub blocked: String,
}

impl Made {
    pub fn side(&self, side: &'static str) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |p| p.side == side)
    }

    /// All parts may be relied on.
    pub fn ready(&self) -> bool {
        self.parts.iter().all(|p| p.state() == PartState::Ready)
    }
}

/// `None` for groups that are not made of others.
pub async fn made(db: &Db, group_id: i64) -> Result<Option<Made>, StoreError> {
    let Some(definition) = compound::definition(db.read(), group_id).await? else { return Ok(None) };
    let parts = compound::parts(db.read(), group_id).await?;
    Ok(Some(Made { definition, parts, blocked: compound::blocked(db.read(), group_id).await? }))
}

/// Some groups as parts of a definition, by name.
pub async fn states(db: &Db, ids: &[i64]) -> Result<Vec<Part>, StoreError> {
    db.read().all(STATES, args![serde_json::Value::from(ids).to_string()]).await
}

/// A group that is made of this one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct User {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
}

pub async fn users(mut read: Read<'_>, group_id: i64) -> Result<Vec<User>, StoreError> {
    read.all(USERS, args![group_id]).await
}
