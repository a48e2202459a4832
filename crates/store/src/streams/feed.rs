//! Connections whose events Rialto fetches: how the broker is reached, how far it was read, and who reads it.

use std::collections::BTreeMap;

use rialto_core::Instant;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};
use crate::vault::Vault;

statements! {
    GET = sql!("SELECT f.*, s.kind, s.enabled FROM stream_feed f JOIN stream s ON s.id = f.stream_id WHERE f.stream_id = $1");
    ENABLED = sql!("SELECT f.*, s.kind, s.enabled FROM stream_feed f JOIN stream s ON s.id = f.stream_id WHERE s.enabled ORDER BY f.stream_id");
    INSERT = sql!("INSERT INTO stream_feed (stream_id, settings, secrets) VALUES ($1, $2, $3)");
    UPDATE = sql!("UPDATE stream_feed SET settings = $2, secrets = $3, taken = $4, revision = revision + 1, warnings = '[]', waiting = 0, looked_at = NULL
        WHERE stream_id = $1");
    LEASE = sql!("UPDATE stream_feed SET worker = $2, lease_until = $3 WHERE stream_id = $1 AND (worker = $2 OR lease_until < $4)");
    RELEASE = sql!("UPDATE stream_feed SET worker = '', lease_until = 0 WHERE stream_id = $1 AND worker = $2");
    /// Of whoever holds it, and as it was: what another one fetched counts for that one.
    ADVANCE = sql!("UPDATE stream_feed SET taken = CASE WHEN taken < $4 THEN $4 ELSE taken END, lease_until = $5
        WHERE stream_id = $1 AND worker = $2 AND revision = $3");
    LOOKED = sql!("UPDATE stream_feed SET waiting = $2, warnings = $3, looked_at = $4 WHERE stream_id = $1");
    SKIP = sql!("UPDATE stream_feed SET taken = $2 WHERE stream_id = $1");
    DELETE = sql!("DELETE FROM stream_feed WHERE stream_id = $1");
}

/// How a connection's broker is reached, and how far it was read.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct FeedRow {
    pub stream_id: i64,
    settings: String,
    secrets: String,
    /// Rises with every change of what is fetched.
    pub revision: i64,
    /// The broker's number up to which everything is kept here.
    pub taken: i64,
    /// Messages not fetched yet when the broker was last asked.
    pub waiting: i64,
    warnings: String,
    pub looked_at: Option<i64>,
    pub worker: String,
    pub lease_until: i64,
    /// Of the connection.
    pub kind: String,
    pub enabled: bool,
}

impl FeedRow {
    pub fn settings(&self) -> Result<BTreeMap<String, String>, StoreError> {
        map(&self.settings)
    }

    /// Which secrets are set; never their values.
    pub fn secret_names(&self) -> Result<Vec<String>, StoreError> {
        Ok(map(&self.secrets)?.into_keys().collect())
    }

    /// The secrets in clear, for the engine to open the feed with.
    pub fn secrets(&self, vault: &Vault) -> Result<BTreeMap<String, String>, StoreError> {
        let context = context(self.stream_id);
        map(&self.secrets)?.into_iter().map(|(k, v)| Ok((k, vault.open(&context, &v)?))).collect()
    }

    /// What endangers events at the broker, as sentences.
    pub fn warnings(&self) -> Vec<String> {
        serde_json::from_str(&self.warnings).unwrap_or_default()
    }
}

/// What a person enters. Secrets that are not named keep their value.
#[derive(Clone, Debug, Default)]
pub struct FeedEntered {
    pub settings: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, String>,
}

fn map(text: &str) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a feed's settings are no JSON object of texts".into()))
}

fn context(stream_id: i64) -> String {
    format!("stream/{stream_id}")
}

fn sealed(vault: &Vault, id: i64, plain: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, StoreError> {
    plain.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| Ok((k.clone(), vault.seal(&context(id), v)?))).collect()
}

fn json(map: &BTreeMap<String, String>) -> String {
    serde_json::json!(map).to_string()
}

pub async fn get(mut read: Read<'_>, stream_id: i64) -> Result<Option<FeedRow>, StoreError> {
    read.opt(GET, args![stream_id]).await
}

/// Those of enabled connections.
pub async fn enabled(mut read: Read<'_>) -> Result<Vec<FeedRow>, StoreError> {
    read.all(ENABLED, args![]).await
}

/// Gives a connection its feed.
pub async fn create(tx: &mut Tx, vault: &Vault, stream_id: i64, entered: &FeedEntered) -> Result<(), StoreError> {
    tx.run(INSERT, args![stream_id, json(&entered.settings), json(&sealed(vault, stream_id, &entered.secrets)?)]).await.map(drop)
}

/// Changes a feed. At another address stored secrets are dropped, and in another stream numbers begin anew. An empty secret takes one away.
pub async fn update(tx: &mut Tx, vault: &Vault, stream_id: i64, entered: &FeedEntered) -> Result<(), StoreError> {
    let before: FeedRow = tx.one(GET, args![stream_id]).await?;
    let was = before.settings()?;
    let differs = |key: &str| was.get(key) != entered.settings.get(key);
    let mut secrets = if differs("address") { BTreeMap::new() } else { map(&before.secrets)? };
    secrets.retain(|key, _| entered.secrets.get(key).is_none_or(|new| !new.is_empty()));
    secrets.extend(sealed(vault, stream_id, &entered.secrets)?);
    let taken = if differs("address") || differs("stream") || differs("consumer") { 0 } else { before.taken };
    tx.run(UPDATE, args![stream_id, json(&entered.settings), json(&secrets), taken]).await.map(drop)
}

/// Takes the reading of a feed for a while. False when another worker has it.
pub async fn lease(tx: &mut Tx, stream_id: i64, worker: &str, until: Instant, now: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(LEASE, args![stream_id, worker, until, now]).await? > 0)
}

pub async fn release(tx: &mut Tx, stream_id: i64, worker: &str) -> Result<(), StoreError> {
    tx.run(RELEASE, args![stream_id, worker]).await.map(drop)
}

/// Moves a feed on to a number of the broker. False when another worker has it, or it was changed: then nothing of the transaction holds.
pub async fn advance(tx: &mut Tx, feed: &FeedRow, worker: &str, to: i64, until: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(ADVANCE, args![feed.stream_id, worker, feed.revision, to, until]).await? > 0)
}

/// Keeps what the broker told.
pub async fn looked(tx: &mut Tx, stream_id: i64, waiting: i64, warnings: &[String], now: Instant) -> Result<(), StoreError> {
    tx.run(LOOKED, args![stream_id, waiting, serde_json::json!(warnings).to_string(), now]).await.map(drop)
}

/// Goes on from another number: what stood before it is gone at the broker, or its numbers began anew.
pub async fn skip(tx: &mut Tx, stream_id: i64, to: i64) -> Result<(), StoreError> {
    tx.run(SKIP, args![stream_id, to]).await.map(drop)
}

pub(super) async fn remove(tx: &mut Tx, stream_id: i64) -> Result<(), StoreError> {
    tx.run(DELETE, args![stream_id]).await.map(drop)
}
