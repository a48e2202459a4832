//! Bridges: configured connections to remote systems. Secrets are sealed; nothing here hands them out but `secrets`.

use std::collections::BTreeMap;

use rialto_core::Instant;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::schedules;
use crate::sql::{sql, statements};
use crate::vault::Vault;

statements! {
    LIST = sql!("SELECT id, created_at, kind, name, settings, secrets, enabled, position, lists_synced_at, tested_at, test_ok,
        test_message FROM bridge WHERE deleted_at IS NULL ORDER BY position, id");
    GET = sql!("SELECT id, created_at, kind, name, settings, secrets, enabled, position, lists_synced_at, tested_at, test_ok,
        test_message FROM bridge WHERE id = $1 AND deleted_at IS NULL");
    INSERT = sql!("INSERT INTO bridge (id, created_at, kind, name, settings, secrets, enabled, position)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $1)");
    UPDATE = sql!("UPDATE bridge SET name = $2, settings = $3, secrets = $4, enabled = $5 WHERE id = $1 AND deleted_at IS NULL");
    SWITCH = sql!("UPDATE bridge SET enabled = $2 WHERE id = $1 AND deleted_at IS NULL");
    DELETE = sql!("UPDATE bridge SET deleted_at = $2, enabled = FALSE, secrets = '{}' WHERE id = $1 AND deleted_at IS NULL");
    LISTS_SYNCED = sql!("UPDATE bridge SET lists_synced_at = $2 WHERE id = $1");
    TESTED = sql!("UPDATE bridge SET tested_at = $2, test_ok = $3, test_message = $4 WHERE id = $1");
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Bridge {
    pub id: i64,
    pub created_at: i64,
    pub kind: String,
    pub name: String,
    /// JSON object of texts.
    settings: String,
    /// JSON object of sealed texts.
    secrets: String,
    pub enabled: bool,
    /// Order among bridges: the lower one's record carries a shared address (`rules.md` section 1).
    pub position: i64,
    pub lists_synced_at: Option<i64>,
    pub tested_at: Option<i64>,
    pub test_ok: Option<bool>,
    pub test_message: String,
}

/// What a person enters. Secrets not named keep their stored value.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    pub name: String,
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
    pub enabled: bool,
}

impl Bridge {
    pub fn settings(&self) -> Result<BTreeMap<String, String>, StoreError> {
        read_map(&self.settings)
    }

    /// Which secrets are set; never their values.
    pub fn secret_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(read_map(&self.secrets)?.into_keys().collect())
    }

    /// The secrets in clear, for the engine to open a connector with.
    pub fn secrets(&self, vault: &Vault) -> Result<BTreeMap<String, String>, StoreError> {
        let context = context(self.id);
        read_map(&self.secrets)?.into_iter().map(|(k, v)| Ok((k, vault.open(&context, &v)?))).collect()
    }
}

fn read_map(text: &str) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a bridge's settings are no JSON object of texts".into()))
}

fn write_map(map: &BTreeMap<String, String>) -> Result<String, StoreError> {
    serde_json::to_string(map).map_err(|e| StoreError::Corrupt(e.to_string()))
}

fn context(id: i64) -> String {
    format!("bridge {id}")
}

pub async fn list(mut read: Read<'_>) -> Result<Vec<Bridge>, StoreError> {
    read.all(LIST, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Bridge>, StoreError> {
    read.opt(GET, args![id]).await
}

/// Makes a bridge, with its overnight schedule.
pub async fn create(tx: &mut Tx, vault: &Vault, kind: &str, entered: &Entered, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "bridge").await?;
    let secrets = seal_all(vault, id, &entered.secrets)?;
    tx.run(INSERT, args![id, who.at, kind, &entered.name, write_map(&entered.settings)?, write_map(&secrets)?, entered.enabled]).await?;
    schedules::add(tx, id, who.at).await?;
    audit::write(tx, who, "bridge.create", "bridge", Some(id), serde_json::json!({"kind": kind, "name": entered.name})).await?;
    Ok(id)
}

/// Replaces name, settings and the secrets that were entered. When a setting that names the place (`base_url`) changes, secrets
/// that were not entered again are dropped: a stored password must not travel to another host.
pub async fn update(tx: &mut Tx, vault: &Vault, id: i64, entered: &Entered, who: &Actor) -> Result<(), StoreError> {
    let before: Bridge = tx.one(GET, args![id]).await?;
    let moved = before.settings()?.get("base_url") != entered.settings.get("base_url");
    let mut secrets = if moved { BTreeMap::new() } else { read_map(&before.secrets)? };
    secrets.extend(seal_all(vault, id, &entered.secrets)?);
    tx.run(UPDATE, args![id, &entered.name, write_map(&entered.settings)?, write_map(&secrets)?, entered.enabled]).await?;
    let detail = serde_json::json!({
        "name": entered.name, "enabled": entered.enabled, "moved": moved,
        "secrets_entered": entered.secrets.keys().collect::<Vec<_>>(),
    });
    audit::write(tx, who, "bridge.update", "bridge", Some(id), detail).await
}

/// Switches a bridge on or off; what came over stays.
pub async fn switch(tx: &mut Tx, id: i64, on: bool, who: &Actor) -> Result<(), StoreError> {
    if tx.run(SWITCH, args![id, on]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "bridge.switch", "bridge", Some(id), serde_json::json!({"enabled": on})).await
}

/// Takes a bridge out of use and forgets its secrets. Its people and groups stay readable.
pub async fn delete(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let bridge: Bridge = tx.one(GET, args![id]).await?;
    if tx.run(DELETE, args![id, who.at]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "bridge.delete", "bridge", Some(id), serde_json::json!({"kind": bridge.kind, "name": bridge.name})).await
}

fn seal_all(vault: &Vault, id: i64, plain: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, StoreError> {
    plain.iter().map(|(k, v)| Ok((k.clone(), vault.seal(&context(id), v)?))).collect()
}

pub async fn lists_synced(tx: &mut Tx, id: i64, at: Instant) -> Result<(), StoreError> {
    tx.run(LISTS_SYNCED, args![id, at]).await.map(drop)
}

pub async fn tested(tx: &mut Tx, id: i64, at: Instant, ok: bool, message: &str) -> Result<(), StoreError> {
    tx.run(TESTED, args![id, at, ok, message]).await.map(drop)
}
