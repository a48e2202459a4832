//! API tokens. Only their SHA-256 is stored; the token itself is seen once, by whoever made it.

use rialto_core::Instant;
use rialto_core::permissions::{Access, Role};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    PAGE = sql!("SELECT id, created_at, name, role, created_by, last_used_at, revoked_at FROM api_token WHERE id > $1
        ORDER BY id LIMIT $2");
    COUNT = sql!("SELECT COUNT(*) FROM api_token");
    GET = sql!("SELECT id, created_at, name, role, created_by, last_used_at, revoked_at FROM api_token WHERE id = $1");
    FIND = sql!("SELECT id, created_at, name, role, created_by, last_used_at, revoked_at FROM api_token
        WHERE token_hash = $1 AND revoked_at IS NULL");
    INSERT = sql!("INSERT INTO api_token (id, created_at, name, token_hash, role, created_by) VALUES ($1, $2, $3, $4, $5, $6)");
    REVOKE = sql!("UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    USED = sql!("UPDATE api_token SET last_used_at = $2 WHERE id = $1");
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Token {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub role: String,
    pub created_by: String,
    /// To the minute.
    pub last_used_at: Option<i64>,
    pub revoked_at: Option<i64>,
}

impl Token {
    pub fn access(&self) -> Access {
        Access::preset(Role::from_name(&self.role).unwrap_or(Role::Viewer))
    }
}

pub async fn create(tx: &mut Tx, name: &str, token_hash: &str, role: Role, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "api_token").await?;
    tx.run(INSERT, args![id, who.at, name, token_hash, role.name(), &who.name]).await?;
    audit::write(tx, who, "token.create", "token", Some(id), serde_json::json!({"name": name, "role": role.name()})).await?;
    Ok(id)
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Token>, StoreError> {
    read.opt(GET, args![id]).await
}

/// Tokens after id `after` (0 for the first page), revoked ones too.
pub async fn page(mut read: Read<'_>, after: i64, limit: i64) -> Result<Vec<Token>, StoreError> {
    read.all(PAGE, args![after, limit]).await
}

pub async fn count(mut read: Read<'_>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(COUNT, args![]).await.map(|(n,)| n)
}

/// The token with this hash, unless it was revoked.
pub async fn find(mut read: Read<'_>, token_hash: &str) -> Result<Option<Token>, StoreError> {
    read.opt(FIND, args![token_hash]).await
}

pub async fn used(tx: &mut Tx, id: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(USED, args![id, now]).await.map(drop)
}

/// Revokes a token. `Conflict` when it is revoked already.
pub async fn revoke(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    if tx.run(REVOKE, args![id, who.at]).await? == 0 {
        return Err(StoreError::Conflict("This token is revoked already.".into()));
    }
    let token: Token = tx.one(GET, args![id]).await?;
    audit::write(tx, who, "token.revoke", "token", Some(id), serde_json::json!({"name": token.name, "role": token.role})).await
}
