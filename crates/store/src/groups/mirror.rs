//! The remote kind: target groups that mirror the lists of a bridge.

use rialto_core::Instant;

use super::{Group, fold};
use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::folders;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    OF_BRIDGE = sql!("SELECT * FROM target_group WHERE bridge_id = $1 AND deleted_at IS NULL ORDER BY id");
    DELETED = sql!("SELECT code FROM target_group WHERE bridge_id = $1 AND deleted_at IS NOT NULL");
    INSERT = sql!("INSERT INTO target_group (id, created_at, kind, bridge_id, code, name, name_folded, description, folder, state,
        remote_active, remote_members, remote_refreshed_at, remote_modified_at, regeneration)
        VALUES ($1, $2, 'remote', $3, $4, $5, $6, $7, $8, 'active', $9, $10, $11, $12, $13)");
    UPDATE = sql!("UPDATE target_group SET name = $2, name_folded = $3, description = $4, state = $5, remote_active = $6,
        remote_members = $7, remote_refreshed_at = $8, remote_modified_at = $9, regeneration = $10 WHERE id = $1");
    SET_STATE = sql!("UPDATE target_group SET state = $2 WHERE id = $1");
    /// People of before who were not cleared away yet stay: the next sync decides about them.
    REVIVE = sql!("UPDATE target_group SET deleted_at = NULL, name = $3, name_folded = $4, description = $5, folder = $6, state = 'active',
        remote_active = $7, remote_members = $8, remote_refreshed_at = $9, remote_modified_at = $10, regeneration = $11,
        synced_run = NULL, synced_at = NULL, data_as_of = NULL, waterfall = NULL, waterfall_at = NULL, waterfall_basis = NULL
        WHERE bridge_id = $1 AND code = $2 AND deleted_at IS NOT NULL");
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

/// Figures of a lists run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirrored {
    pub added: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub gone: i64,
}

/// Mirrors the remote's lists as target groups: new ones come, changed ones follow, vanished ones are marked gone and keep their
/// people. New ones land in the bridge's own folder, usually named `folder`. Never touches members or counts. The caller decides whether `lists` may be trusted for absence (`mark_gone`).
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
    let deleted: Vec<(String,)> = tx.all(DELETED, args![bridge_id]).await?;
    let deleted: std::collections::HashSet<String> = deleted.into_iter().map(|(code,)| code).collect();
    // Only new lists go there: groups stay where people have moved them.
    let new = lists.iter().any(|l| !by_code.contains_key(&l.code));
    let folder = if new { folders::of_bridge(tx, bridge_id, folder, now).await? } else { String::new() };
    let folder = folder.as_str();
    let mut figures = Mirrored::default();
    for list in lists {
        match by_code.remove(&list.code) {
            None if deleted.contains(&list.code) => {
                revive(tx, bridge_id, folder, list).await?;
                figures.added += 1;
            }
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

/// A list that vanished, was deleted here and is offered again: its group comes back, empty and never synced.
async fn revive(tx: &mut Tx, bridge_id: i64, folder: &str, list: &Described) -> Result<(), StoreError> {
    tx.run(
        REVIVE,
        args![
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
    .await
    .map(drop)
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
