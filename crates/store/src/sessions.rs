//! Web sessions. The browser holds a random id; here stands only its SHA-256.

use rialto_core::Instant;
use rialto_core::permissions::Access;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

/// A session unused for so long is over, in seconds.
pub const IDLE: i64 = 12 * 3_600;
/// A session ends so long after sign-in however much it is used, in seconds.
pub const ABSOLUTE: i64 = 7 * 86_400;

statements! {
    INSERT = sql!("INSERT INTO web_session (id_hash, user_id, csrf, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $4, $5)");
    FIND = sql!("SELECT s.csrf, s.seen_at, u.id AS user_id, u.created_at AS user_created_at, u.email, u.role, u.granted, u.denied,
        u.timezone FROM web_session s JOIN app_user u ON u.id = s.user_id
        WHERE s.id_hash = $1 AND s.expires_at > $2 AND s.seen_at > $3 AND u.disabled = FALSE");
    TOUCH = sql!("UPDATE web_session SET seen_at = $2 WHERE id_hash = $1 AND seen_at < $2");
    END = sql!("DELETE FROM web_session WHERE id_hash = $1");
    SWEEP = sql!("DELETE FROM web_session WHERE expires_at <= $1 OR seen_at <= $2");
}

/// A live session and whose it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Found {
    pub csrf: String,
    pub seen_at: i64,
    pub user_id: i64,
    pub user_created_at: i64,
    pub email: String,
    role: String,
    granted: String,
    denied: String,
    pub timezone: String,
}

impl Found {
    pub fn access(&self) -> Access {
        crate::users::access(&self.role, &self.granted, &self.denied)
    }
}

pub async fn begin(tx: &mut Tx, id_hash: &str, user_id: i64, csrf: &str, now: Instant) -> Result<(), StoreError> {
    tx.run(INSERT, args![id_hash, user_id, csrf, now, now.plus_seconds(ABSOLUTE)]).await.map(drop)
}

/// The session, unless it is over or its user may not sign in any more.
pub async fn find(mut read: Read<'_>, id_hash: &str, now: Instant) -> Result<Option<Found>, StoreError> {
    read.opt(FIND, args![id_hash, now, now.plus_seconds(-IDLE)]).await
}

pub async fn touch(tx: &mut Tx, id_hash: &str, now: Instant) -> Result<(), StoreError> {
    tx.run(TOUCH, args![id_hash, now]).await.map(drop)
}

pub async fn end(tx: &mut Tx, id_hash: &str) -> Result<(), StoreError> {
    tx.run(END, args![id_hash]).await.map(drop)
}

/// Forgets sessions that are over.
pub async fn sweep(tx: &mut Tx, now: Instant) -> Result<(), StoreError> {
    tx.run(SWEEP, args![now, now.plus_seconds(-IDLE)]).await.map(drop)
}
