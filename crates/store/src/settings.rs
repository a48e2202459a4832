//! Settings of the installation that are kept in the database (everything else is configuration).

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ALL_SETTINGS = sql!("SELECT name, value FROM setting ORDER BY name");
    GET = sql!("SELECT value FROM setting WHERE name = $1");
    SET = sql!("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2");
}

/// All stored settings: name and value.
pub async fn all(mut read: Read<'_>) -> Result<Vec<(String, String)>, StoreError> {
    read.all(ALL_SETTINGS, args![]).await
}

pub async fn get(mut read: Read<'_>, name: &str) -> Result<Option<String>, StoreError> {
    Ok(read.opt::<(String,)>(GET, args![name]).await?.map(|(v,)| v))
}

/// Stores one setting; the audit row holds its name, not its value.
pub async fn set(tx: &mut Tx, name: &str, value: &str, who: &Actor) -> Result<(), StoreError> {
    tx.run(SET, args![name, value]).await?;
    audit::write(tx, who, "setting.set", "setting", None, serde_json::json!({"name": name})).await
}
