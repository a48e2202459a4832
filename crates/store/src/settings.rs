//! Settings of the installation that are kept in the database (everything else is configuration).
//! Which of them there are: `docs/adr/0010`.

use rialto_core::gate::Limits;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ALL_SETTINGS = sql!("SELECT name, value FROM setting ORDER BY name");
    GET = sql!("SELECT value FROM setting WHERE name = $1");
    SET = sql!("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2");
    DROP = sql!("DELETE FROM setting WHERE name = $1");
}

/// The trust gate's thresholds, named as in the configuration that they override.
pub const MAX_REMOVED: &str = "trust.max_removed";
pub const MAX_REMOVED_PERCENT: &str = "trust.max_removed_percent";

/// All stored settings: name and value.
pub async fn all(mut read: Read<'_>) -> Result<Vec<(String, String)>, StoreError> {
    read.all(ALL_SETTINGS, args![]).await
}

pub async fn get(mut read: Read<'_>, name: &str) -> Result<Option<String>, StoreError> {
    Ok(read.opt::<(String,)>(GET, args![name]).await?.map(|(v,)| v))
}

/// Stores one setting, or with `None` returns to what the configuration says. None of them is secret: the audit row holds
/// the value.
pub async fn set(tx: &mut Tx, name: &str, value: Option<&str>, who: &Actor) -> Result<(), StoreError> {
    match value {
        Some(value) => tx.run(SET, args![name, value]).await?,
        None => tx.run(DROP, args![name]).await?,
    };
    audit::write(tx, who, "setting.set", "setting", None, serde_json::json!({"name": name, "value": value})).await
}

/// The trust gate's thresholds in force: the stored ones before the configured ones.
pub async fn limits(read: Read<'_>, configured: Limits) -> Result<Limits, StoreError> {
    let stored = all(read).await?;
    let find = |name: &str| stored.iter().find(|(n, _)| n == name).and_then(|(_, v)| v.parse().ok());
    Ok(Limits {
        max_removed: find(MAX_REMOVED).unwrap_or(configured.max_removed),
        max_removed_percent: find(MAX_REMOVED_PERCENT).unwrap_or(configured.max_removed_percent),
    })
}
