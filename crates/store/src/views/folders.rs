//! Folders of target groups as pages and API list them.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    TREE = sql!("SELECT f.id, f.created_at, f.name, f.bridge_id, COALESCE(b.name, '') AS bridge_name,
        (SELECT COUNT(*) FROM target_group g WHERE g.deleted_at IS NULL AND g.folder = f.name) AS own,
        (SELECT COUNT(*) FROM target_group g WHERE g.deleted_at IS NULL AND substr(g.folder, 1, length(f.name) + 1) = f.name || '/') AS below
        FROM group_folder f LEFT JOIN bridge b ON b.id = f.bridge_id AND b.deleted_at IS NULL ORDER BY f.name_folded, f.id");
    NOWHERE = sql!("SELECT COUNT(*) FROM target_group WHERE deleted_at IS NULL AND folder = ''");
}

/// A folder with what is in it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FolderRow {
    pub id: i64,
    pub created_at: i64,
    /// The whole path.
    pub name: String,
    /// The bridge whose new lists land here.
    pub bridge_id: Option<i64>,
    pub bridge_name: String,
    /// Target groups in it.
    pub own: i64,
    /// Target groups in folders below it.
    pub below: i64,
}

impl FolderRow {
    /// Its own name, without those above.
    pub fn last_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// How many folders stand above it.
    pub fn depth(&self) -> usize {
        self.name.matches('/').count()
    }

    /// The path of the folder above.
    pub fn above(&self) -> Option<&str> {
        self.name.rsplit_once('/').map(|(above, _)| above)
    }
}

/// All folders, each after the one it stands in: in an organisation there are dozens.
pub async fn tree(mut read: Read<'_>) -> Result<Vec<FolderRow>, StoreError> {
    let mut rows: Vec<FolderRow> = read.all(TREE, args![]).await?;
    // By name: "A/B" before "A B", as a tree is read.
    rows.sort_by_cached_key(|f| f.name.split('/').map(rialto_core::address::canonical).collect::<Vec<_>>());
    Ok(rows)
}

/// Target groups in no folder.
pub async fn in_no_folder(mut read: Read<'_>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(NOWHERE, args![]).await.map(|(n,)| n)
}
