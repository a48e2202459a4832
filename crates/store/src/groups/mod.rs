//! Target groups: what a mailing is sent to. What a bridge does with them stands in `mirror`, what people do in `edit`.

mod edit;
mod mirror;

use rialto_core::Instant;
use rialto_core::books::Waterfall;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};
use crate::waterfall::Basis;

#[cfg(test)]
pub(crate) use edit::ALL as EDIT_ALL;
pub use edit::{Edit, delete, edit, purge, resume};
#[cfg(test)]
pub(crate) use mirror::ALL as MIRROR_ALL;
pub use mirror::{Described, Mirrored, mirror};

statements! {
    GET = sql!("SELECT * FROM target_group WHERE id = $1 AND deleted_at IS NULL");
    OF_BRIDGE = sql!("SELECT * FROM target_group WHERE bridge_id = $1 AND deleted_at IS NULL ORDER BY id");
    SET_STATE = sql!("UPDATE target_group SET state = $2 WHERE id = $1");
    USED = sql!("INSERT INTO target_group_use (group_id, mailing_id, at) VALUES ($1, $2, $3)
        ON CONFLICT (group_id, mailing_id) DO UPDATE SET at = $3");
    LOCK = sql!(
        sqlite "SELECT id FROM target_group WHERE id = $1",
        postgres "SELECT id FROM target_group WHERE id = $1 FOR UPDATE"
    );
    /// A person's act that came while it was counted makes the count stale at once.
    WATERFALL = sql!("UPDATE target_group SET waterfall = $2, waterfall_at = $3, waterfall_basis =
        CASE WHEN EXISTS (SELECT 1 FROM consent_ledger WHERE id > $5 AND run_id IS NULL) THEN $6 ELSE $4 END WHERE id = $1 AND applied_run = $7");
    /// The longest uncounted first, and a large group not more often than its count is worth: 50 µs a member.
    STALE = sql!("SELECT * FROM target_group WHERE waterfall_basis LIKE '{\"stale\"%' AND deleted_at IS NULL
        AND (waterfall_at IS NULL OR waterfall_at + members * 50 <= $1) ORDER BY waterfall_at LIMIT 1");
    RECOUNTED = sql!("UPDATE target_group SET waterfall = $2, waterfall_at = $3, waterfall_basis = $4 WHERE id = $1 AND waterfall_basis = $5");
}

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Group {
    pub id: i64,
    pub created_at: i64,
    pub kind: String,
    pub bridge_id: Option<i64>,
    /// The remote's key of the list.
    pub code: Option<String>,
    pub name: String,
    pub description: String,
    pub folder: String,
    /// `active`, or `gone` when the remote no longer offers the list.
    pub state: String,
    pub remote_active: bool,
    pub remote_members: Option<i64>,
    pub remote_refreshed_at: Option<i64>,
    pub remote_modified_at: Option<i64>,
    pub regeneration: String,
    pub edited_at: Option<i64>,
    /// Automatic syncs only plan until a person presses Resume.
    pub plan_only: bool,
    pub applied_run: i64,
    pub members: i64,
    pub synced_run: Option<i64>,
    pub synced_at: Option<i64>,
    pub data_as_of: Option<i64>,
    /// `rialto_core::books::Waterfall` as JSON, of `waterfall_at`.
    pub waterfall: Option<String>,
    pub waterfall_at: Option<i64>,
    waterfall_basis: Option<String>,
}

impl Group {
    /// Made of other groups or by a rule: it follows what it is made of, and no remote is read for it.
    pub fn is_derived(&self) -> bool {
        matches!(self.kind.as_str(), "compound" | "persona" | "segment")
    }

    pub fn waterfall_basis(&self) -> Option<Basis> {
        self.waterfall_basis.as_deref().and_then(|t| serde_json::from_str(t).ok())
    }

    /// False when a person decided something here, or a run was applied, since the waterfall was counted: it is being counted again.
    /// What syncs of other groups change is seen by the group's own next sync.
    pub fn counts_current(&self) -> bool {
        self.waterfall.is_none() || self.waterfall_basis().is_some()
    }

    pub fn waterfall(&self) -> Option<Waterfall> {
        self.waterfall.as_deref().and_then(|t| serde_json::from_str(t).ok())
    }
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Group>, StoreError> {
    read.opt(GET, args![id]).await
}

pub async fn get_in(tx: &mut Tx, id: i64) -> Result<Group, StoreError> {
    tx.one(GET, args![id]).await
}

pub async fn of_bridge(mut read: Read<'_>, bridge_id: i64) -> Result<Vec<Group>, StoreError> {
    read.all(OF_BRIDGE, args![bridge_id]).await
}

pub(crate) fn fold(name: &str) -> String {
    rialto_core::address::canonical(name)
}

pub async fn set_state(tx: &mut Tx, id: i64, state: &str) -> Result<(), StoreError> {
    tx.run(SET_STATE, args![id, state]).await.map(drop)
}

/// Notes that a mailing uses a group. Used again by the same mailing, the later time stands.
pub async fn used(tx: &mut Tx, id: i64, mailing_id: i64, at: Instant) -> Result<(), StoreError> {
    tx.run(USED, args![id, mailing_id, at]).await.map(drop)
}

/// Keeps a group's waterfall and what it was counted from. False when another run was applied meanwhile: it counts by itself.
pub async fn set_waterfall(tx: &mut Tx, id: i64, waterfall: &Waterfall, basis: Basis, now: Instant) -> Result<bool, StoreError> {
    // Locked first, so that a person's act is either seen by the statement or waits for it and marks what it wrote.
    tx.one::<(i64,)>(LOCK, args![id]).await?;
    let ledger = basis.ledger();
    let args = args![id, json(waterfall)?, now, json(&basis)?, ledger, stale_basis(ledger), basis.run()];
    Ok(tx.run(WATERFALL, args).await? == 1)
}

/// Stands in place of a basis from a person's act until the waterfall is counted again.
pub(crate) fn stale_basis(ledger: i64) -> String {
    format!("{{\"stale\":{ledger}}}")
}

/// The same after a run was applied.
pub(crate) fn stale_by_run(run_id: i64) -> String {
    format!("{{\"stale\":0,\"run\":{run_id}}}")
}

/// A group whose waterfall is to be counted again, if there is one.
pub async fn stale(mut read: Read<'_>, now: Instant) -> Result<Option<Group>, StoreError> {
    read.opt(STALE, args![now]).await
}

/// Keeps what was counted for a stale group; false when something came between and it must be counted once more.
pub async fn recounted(tx: &mut Tx, group: &Group, waterfall: &Waterfall, basis: Basis, now: Instant) -> Result<bool, StoreError> {
    let args = args![group.id, json(waterfall)?, now, json(&basis)?, group.waterfall_basis.clone()];
    Ok(tx.run(RECOUNTED, args).await? == 1)
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}
