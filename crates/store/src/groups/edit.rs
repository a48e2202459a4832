//! What people do with target groups: rename, move, delete.

use super::{Group, fold};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};
use crate::{compound, folders, segments};

statements! {
    GET = sql!("SELECT * FROM target_group WHERE id = $1 AND deleted_at IS NULL");
    EDIT = sql!("UPDATE target_group SET name = COALESCE($2, name), name_folded = COALESCE($3, name_folded),
        description = COALESCE($4, description), folder = COALESCE($5, folder), edited_at = $6 WHERE id = $1 AND deleted_at IS NULL");
    OFFERED = sql!("SELECT COUNT(*) FROM target_group g JOIN bridge b ON b.id = g.bridge_id
        WHERE g.id = $1 AND g.state = 'active' AND b.deleted_at IS NULL");
    USED = sql!("SELECT COUNT(*) FROM interest WHERE group_id = $1");
    PERSONA = sql!("SELECT COUNT(*) FROM persona WHERE group_id = $1");
    RESUME = sql!("UPDATE target_group SET plan_only = FALSE WHERE id = $1 AND deleted_at IS NULL AND plan_only = TRUE");
    OPEN_RUNS = sql!("SELECT COUNT(*) FROM sync_run WHERE group_id = $1 AND state IN ('queued', 'running')");
    DELETE = sql!("UPDATE target_group SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL");
    END_HELD = sql!("UPDATE sync_run SET state = 'superseded', reason = $2 WHERE group_id = $1 AND state = 'held'");
    TO_PURGE = sql!("SELECT id FROM target_group WHERE deleted_at IS NOT NULL AND members > 0 ORDER BY id LIMIT 1");
    HOLD = sql!("UPDATE target_group SET members = members WHERE id = $1 AND deleted_at IS NOT NULL");
    PURGE = sql!("DELETE FROM membership WHERE group_id = $1 AND subscriber_id IN
        (SELECT subscriber_id FROM membership WHERE group_id = $1 ORDER BY subscriber_id LIMIT $2)");
    PURGED = sql!("UPDATE target_group SET members = CASE WHEN $2 = 0 THEN 0 ELSE members - $2 END WHERE id = $1");
}

/// Members cleared away in one transaction.
const PURGE_SLICE: i64 = 20_000;

/// What changes about a group; `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
    pub folder: Option<String>,
}

/// Renames or moves a group. Name and description of a remote group are the remote system's: `Conflict`.
pub async fn edit(tx: &mut Tx, id: i64, edit: &Edit, who: &Actor) -> Result<(), StoreError> {
    let group: Group = tx.one(GET, args![id]).await?;
    if group.bridge_id.is_some() && (edit.name.is_some() || edit.description.is_some()) {
        return Err(StoreError::Conflict(
            "Name and description of this target group come from the remote system; change them there.".into(),
        ));
    }
    let folder = match &edit.folder {
        Some(folder) => Some(folders::ensure(tx, folder, who).await?),
        None => None,
    };
    let folded = edit.name.as_deref().map(fold);
    tx.run(EDIT, args![id, edit.name.clone(), folded, edit.description.clone(), folder.clone(), who.at]).await?;
    let detail = serde_json::json!({"name": edit.name, "description": edit.description, "folder": folder});
    audit::write(tx, who, "target_group.update", "target_group", Some(id), detail).await
}

/// Lets automatic syncs of a group that only planned change it again. `Conflict` when they do already.
pub async fn resume(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    if tx.run(RESUME, args![id]).await? == 0 {
        return Err(StoreError::Conflict("Syncs of this target group are not paused.".into()));
    }
    audit::write(tx, who, "target_group.resume", "target_group", Some(id), serde_json::json!({})).await
}

/// Deletes a group; its people stay in Rialto, its runs stay readable. `Conflict` (with what to do) while the remote system offers
/// its list, a run is under way, or another group is made of
/// it. Who was in it is cleared away later, by `purge`.
pub async fn delete(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let group: Group = tx.one(GET, args![id]).await?;
    if count(tx, USED, id).await? > 0 {
        return Err(StoreError::Conflict(
            "This target group holds the people of an interest. Stop using the interest (Subscribers > Interests); then it goes by itself."
                .into(),
        ));
    }
    if count(tx, PERSONA, id).await? > 0 {
        return Err(StoreError::Conflict(
            "This target group holds the people of a persona. Delete the persona (Subscribers > Personas); then it goes by itself.".into(),
        ));
    }
    if count(tx, OFFERED, id).await? > 0 {
        return Err(StoreError::Conflict(
            "The remote system still offers this list, so it would come back. Remove it there and refresh the target group list, or move the target group to another folder."
                .into(),
        ));
    }
    if count(tx, OPEN_RUNS, id).await? > 0 {
        return Err(StoreError::Conflict("A run of this target group is under way. Delete it when the run has ended.".into()));
    }
    let users = compound::users_of(tx, id).await?;
    if !users.is_empty() {
        return Err(StoreError::Conflict(format!("These target groups are made of it: {}. Take it out of them first.", users.join(", "))));
    }
    segments::forget(tx, id).await?;
    compound::forget(tx, id).await?;
    tx.run(DELETE, args![id, who.at]).await?;
    tx.run(END_HELD, args![id, "The target group was deleted."]).await?;
    let detail = serde_json::json!({"kind": group.kind, "name": group.name, "members": group.members});
    audit::write(tx, who, "target_group.delete", "target_group", Some(id), detail).await
}

async fn count(tx: &mut Tx, sql: crate::sql::Sql, id: i64) -> Result<i64, StoreError> {
    tx.one::<(i64,)>(sql, args![id]).await.map(|(n,)| n)
}

/// Clears one slice of a deleted group's members away, in a transaction of its own. False when there is nothing to clear.
pub async fn purge(db: &Db) -> Result<bool, StoreError> {
    let Some((id,)) = db.read().opt::<(i64,)>(TO_PURGE, args![]).await? else { return Ok(false) };
    let mut tx = db.write().await?;
    // Locked first: a list that is offered again may bring the group back meanwhile.
    if tx.run(HOLD, args![id]).await? == 1 {
        let gone = tx.run(PURGE, args![id, PURGE_SLICE]).await? as i64;
        tx.run(PURGED, args![id, gone]).await?;
    }
    tx.commit().await?;
    Ok(true)
}
