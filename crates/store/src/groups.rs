//! Target groups: what a mailing is sent to. Here the remote kind, which mirrors a remote list.

use rialto_core::Instant;
use rialto_core::books::Waterfall;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};
use crate::waterfall::Basis;

statements! {
    GET = sql!("SELECT * FROM target_group WHERE id = $1 AND deleted_at IS NULL");
    OF_BRIDGE = sql!("SELECT * FROM target_group WHERE bridge_id = $1 AND deleted_at IS NULL ORDER BY id");
    INSERT = sql!("INSERT INTO target_group (id, created_at, kind, bridge_id, code, name, name_folded, description, folder, state,
        remote_active, remote_members, remote_refreshed_at, remote_modified_at, regeneration)
        VALUES ($1, $2, 'remote', $3, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $12, $13)");
    UPDATE = sql!("UPDATE target_group SET name = $2, name_folded = $3, description = $4, state = $5, remote_active = $6,
        remote_members = $7, remote_refreshed_at = $8, remote_modified_at = $9, regeneration = $10 WHERE id = $1");
    SET_STATE = sql!("UPDATE target_group SET state = $2 WHERE id = $1");
    EDIT = sql!("UPDATE target_group SET folder = $2, edited_at = $3 WHERE id = $1 AND deleted_at IS NULL");
    SYNCED = sql!("UPDATE target_group SET synced_run = $2, synced_at = $3, data_as_of = $4 WHERE id = $1");
    USED = sql!("INSERT INTO target_group_use (group_id, mailing_id, at) VALUES ($1, $2, $3)
        ON CONFLICT (group_id, mailing_id) DO UPDATE SET at = $3");
    WATERFALL = sql!("UPDATE target_group SET waterfall = $2, waterfall_at = $3, waterfall_basis = $4 WHERE id = $1");
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
    pub fn waterfall_basis(&self) -> Option<Basis> {
        self.waterfall_basis.as_deref().and_then(|t| serde_json::from_str(t).ok())
    }

    pub fn waterfall(&self) -> Option<Waterfall> {
        self.waterfall.as_deref().and_then(|t| serde_json::from_str(t).ok())
    }
}

/// A list as the remote describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub code: String,
    pub name: String,
    pub description: String,
    pub active: bool,
    pub regeneration: String,
    pub members: Option<i64>,
    pub refreshed_at: Option<Instant>,
    pub modified_at: Option<Instant>,
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

/// Figures of a lists run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    pub added: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub gone: i64,
}

/// Mirrors the remote's lists as target groups: new ones come, changed ones follow, vanished ones are marked gone and keep their
/// people. Never touches members or counts. The caller decides whether `lists` may be trusted for absence (`mark_gone`).
pub async fn mirror(
    tx: &mut Tx,
    bridge_id: i64,
    folder: &str,
    lists: &[Described],
    mark_gone: bool,
    now: Instant,
) -> Result<Mirrored, StoreError> {
    let known: Vec<Group> = tx.all(OF_BRIDGE, args![bridge_id]).await?;
    let mut by_code: std::collections::HashMap<String, Group> = known.into_iter().filter_map(|g| g.code.clone().map(|c| (c, g))).collect();
    let mut figures = Mirrored::default();
    for list in lists {
        match by_code.remove(&list.code) {
            None => {
                let id = ids::next(tx, "target_group").await?;
                tx.run(
                    INSERT,
                    args![
                        id,
                        now,
                        bridge_id,
                        &list.code,
                        &list.name,
                        fold(&list.name),
                        &list.description,
                        folder,
                        list.active,
                        list.members,
                        list.refreshed_at,
                        list.modified_at,
                        &list.regeneration
                    ],
                )
                .await?;
                figures.added += 1;
            }
            Some(group) if describes(&group, list) => figures.unchanged += 1,
            Some(group) => {
                tx.run(
                    UPDATE,
                    args![
                        group.id,
                        &list.name,
                        fold(&list.name),
                        &list.description,
                        "active",
                        list.active,
                        list.members,
                        list.refreshed_at,
                        list.modified_at,
                        &list.regeneration
                    ],
                )
                .await?;
                figures.updated += 1;
            }
        }
    }
    if mark_gone {
        for group in by_code.into_values().filter(|g| g.state != "gone") {
            tx.run(SET_STATE, args![group.id, "gone"]).await?;
            figures.gone += 1;
        }
    }
    Ok(figures)
}

fn describes(group: &Group, list: &Described) -> bool {
    group.state == "active"
        && group.name == list.name
        && group.description == list.description
        && group.remote_active == list.active
        && group.remote_members == list.members
        && group.remote_refreshed_at == list.refreshed_at.map(|i| i.0)
        && group.remote_modified_at == list.modified_at.map(|i| i.0)
        && group.regeneration == list.regeneration
}

fn fold(name: &str) -> String {
    rialto_core::address::canonical(name)
}

pub async fn set_state(tx: &mut Tx, id: i64, state: &str) -> Result<(), StoreError> {
    tx.run(SET_STATE, args![id, state]).await.map(drop)
}

/// Moves a group to another folder.
pub async fn move_to(tx: &mut Tx, id: i64, folder: &str, who: &Actor) -> Result<(), StoreError> {
    if tx.run(EDIT, args![id, folder, who.at]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "target_group.update", "target_group", Some(id), serde_json::json!({"folder": folder})).await
}

/// Notes the sync that last read the whole list.
pub async fn synced(tx: &mut Tx, id: i64, run_id: i64, now: Instant, data_as_of: Option<Instant>) -> Result<(), StoreError> {
    tx.run(SYNCED, args![id, run_id, now, data_as_of]).await.map(drop)
}

/// Notes that a mailing uses a group. Used again by the same mailing, the later time stands.
pub async fn used(tx: &mut Tx, id: i64, mailing_id: i64, at: Instant) -> Result<(), StoreError> {
    tx.run(USED, args![id, mailing_id, at]).await.map(drop)
}

/// Keeps a group's waterfall and what it was counted from.
pub async fn set_waterfall(tx: &mut Tx, id: i64, waterfall: &Waterfall, basis: Basis, now: Instant) -> Result<(), StoreError> {
    let json = |e: serde_json::Error| StoreError::Corrupt(e.to_string());
    let (waterfall, basis) = (serde_json::to_string(waterfall).map_err(json)?, serde_json::to_string(&basis).map_err(json)?);
    tx.run(WATERFALL, args![id, waterfall, now, basis]).await.map(drop)
}
