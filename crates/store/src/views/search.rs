//! What the search box finds besides people (`views::people`): target groups by name.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Groups are as many as an organisation has lists: their names are looked through.
    GROUPS = sql!("SELECT id, created_at, name, state, members, synced_at FROM target_group
        WHERE deleted_at IS NULL AND name_folded LIKE $1 ESCAPE '\\'
        ORDER BY CASE WHEN name_folded LIKE $2 ESCAPE '\\' THEN 0 ELSE 1 END, name_folded, id LIMIT $3");
}

/// A group that was found.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Found {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub state: String,
    pub members: i64,
    pub synced_at: Option<i64>,
}

/// Groups whose name holds a text, those that begin with it first. Nothing for no text.
pub async fn groups(mut read: Read<'_>, q: &str, limit: i64) -> Result<Vec<Found>, StoreError> {
    let within = super::groups::like(q);
    if within.is_empty() {
        return Ok(Vec::new());
    }
    let begins = within.trim_start_matches('%').to_owned();
    read.all(GROUPS, args![within, begins, limit]).await
}
