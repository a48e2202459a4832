//! The token by which a remote system fetches its writebacks: one a bridge, good for nothing else. Only its SHA-256 is stored.

use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    GET = sql!("SELECT created_at, created_by FROM fetch_token WHERE bridge_id = $1");
    PUT = sql!("INSERT INTO fetch_token (bridge_id, created_at, created_by, token_hash) VALUES ($1, $2, $3, $4)
        ON CONFLICT (bridge_id) DO UPDATE SET created_at = $2, created_by = $3, token_hash = $4");
    DELETE = sql!("DELETE FROM fetch_token WHERE bridge_id = $1");
    DOOR = sql!("SELECT b.id AS bridge_id, b.created_at, b.kind, b.name, t.token_hash FROM bridge b JOIN fetch_token t ON t.bridge_id = b.id
        WHERE b.id = $1 AND b.deleted_at IS NULL");
}

/// What may be known of a token.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FetchToken {
    pub created_at: i64,
    pub created_by: String,
}

/// A bridge that somebody may come to, and the hash of what opens it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Door {
    pub bridge_id: i64,
    pub created_at: i64,
    pub kind: String,
    pub name: String,
    pub token_hash: String,
}

pub async fn get(mut read: Read<'_>, bridge_id: i64) -> Result<Option<FetchToken>, StoreError> {
    read.opt(GET, args![bridge_id]).await
}

/// The bridge and what opens it; `None` without a token, or for a bridge that was deleted.
pub async fn door(mut read: Read<'_>, bridge_id: i64) -> Result<Option<Door>, StoreError> {
    read.opt(DOOR, args![bridge_id]).await
}

/// Keeps a new token's hash; the one before opens nothing any more.
pub async fn put(tx: &mut Tx, bridge_id: i64, token_hash: &str, who: &Actor) -> Result<(), StoreError> {
    let replaced = tx.opt::<FetchToken>(GET, args![bridge_id]).await?.is_some();
    tx.run(PUT, args![bridge_id, who.at, &who.name, token_hash]).await?;
    let action = if replaced { "fetch_token.replace" } else { "fetch_token.make" };
    audit::write(tx, who, action, "bridge", Some(bridge_id), json!({})).await
}

/// Revokes the token at once. `Conflict` when there is none.
pub async fn revoke(tx: &mut Tx, bridge_id: i64, who: &Actor) -> Result<(), StoreError> {
    if tx.run(DELETE, args![bridge_id]).await? == 0 {
        return Err(StoreError::Conflict("This bridge has no token for fetching.".into()));
    }
    audit::write(tx, who, "fetch_token.revoke", "bridge", Some(bridge_id), json!({})).await
}
