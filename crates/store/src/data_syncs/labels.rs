//! Labels (LO-09): who may create labels does so by typing a new one.

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::fold;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    EVERY = sql!("SELECT l.id, l.created_at, l.name, (SELECT COUNT(*) FROM data_sync_label d JOIN data_sync s ON s.id = d.sync_id
        WHERE d.label_id = l.id AND s.deleted_at IS NULL) AS used FROM label l ORDER BY l.name_folded");
    BY_NAME = sql!("SELECT id FROM label WHERE name_folded = $1");
    INSERT = sql!("INSERT INTO label (id, created_at, name, name_folded) VALUES ($1, $2, $3, $4)");
    OF_SYNC = sql!("SELECT l.id, l.created_at, l.name, CAST(0 AS BIGINT) AS used FROM label l JOIN data_sync_label d ON d.label_id = l.id
        WHERE d.sync_id = $1 ORDER BY l.name_folded");
    BY_SYNC = sql!("SELECT d.sync_id, l.name FROM data_sync_label d JOIN label l ON l.id = d.label_id ORDER BY d.sync_id, l.name_folded");
    CLEAR = sql!("DELETE FROM data_sync_label WHERE sync_id = $1");
    GIVE = sql!("INSERT INTO data_sync_label (sync_id, label_id) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    UNUSE = sql!("DELETE FROM data_sync_label WHERE label_id = $1");
    DELETE = sql!("DELETE FROM label WHERE id = $1");
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Label {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    /// How many data syncs have it.
    pub used: i64,
}

pub async fn all(mut read: Read<'_>) -> Result<Vec<Label>, StoreError> {
    read.all(EVERY, args![]).await
}

pub async fn of_sync(mut read: Read<'_>, sync_id: i64) -> Result<Vec<Label>, StoreError> {
    read.all(OF_SYNC, args![sync_id]).await
}

/// Ids of data syncs with the names of their labels, for lists.
pub async fn by_sync(mut read: Read<'_>) -> Result<Vec<(i64, String)>, StoreError> {
    read.all(BY_SYNC, args![]).await
}

/// The label with this name, if there is one.
pub async fn find(tx: &mut Tx, name: &str) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> = tx.opt(BY_NAME, args![fold(name)]).await?;
    Ok(row.map(|(id,)| id))
}

/// Makes a label; the same one when it is there already.
pub async fn create(tx: &mut Tx, name: &str, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "label").await?;
    if let Some(known) = find(tx, name).await? {
        return Ok(known);
    }
    tx.run(INSERT, args![id, who.at, name, fold(name)]).await?;
    audit::write(tx, who, "label.create", "label", Some(id), serde_json::json!({"name": name})).await?;
    Ok(id)
}

/// Deletes a label; whoever has it loses it.
pub async fn remove(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    tx.run(UNUSE, args![id]).await?;
    if tx.run(DELETE, args![id]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "label.delete", "label", Some(id), serde_json::json!({})).await
}

pub(super) async fn replace(tx: &mut Tx, sync_id: i64, labels: &[i64]) -> Result<(), StoreError> {
    tx.run(CLEAR, args![sync_id]).await?;
    for label in labels {
        tx.run(GIVE, args![sync_id, *label]).await?;
    }
    Ok(())
}
