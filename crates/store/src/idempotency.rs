//! Answers to POST requests that carried an `Idempotency-Key`: the same request again gets the same answer, once done.

use rialto_core::Instant;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

/// Answers are kept so long, in seconds.
const KEPT: i64 = 86_400;
/// A request that did not finish for so long is given up and may be tried again, in seconds.
const GIVEN_UP: i64 = 300;

statements! {
    SWEEP = sql!("DELETE FROM idempotency WHERE created_at < $1 OR (status = 0 AND created_at < $2)");
    RESERVE = sql!("INSERT INTO idempotency (actor, key, request_hash, status, body, created_at) VALUES ($1, $2, $3, 0, '', $4)
        ON CONFLICT (actor, key) DO NOTHING");
    GET = sql!("SELECT request_hash, CAST(status AS BIGINT) AS status, body FROM idempotency WHERE actor = $1 AND key = $2");
    ANSWER = sql!("UPDATE idempotency SET status = $3, body = $4 WHERE actor = $1 AND key = $2");
    RELEASE = sql!("DELETE FROM idempotency WHERE actor = $1 AND key = $2 AND status = 0");
}

/// A key that was used before.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Kept {
    pub request_hash: String,
    /// HTTP status of the answer; 0 while the first request is under way.
    pub status: i64,
    /// The answer's body as it was handed to `answer`.
    pub body: String,
}

/// Takes a key for a request. True when it is new; false when it was used before (see `get`).
pub async fn reserve(tx: &mut Tx, actor: &str, key: &str, request_hash: &str, now: Instant) -> Result<bool, StoreError> {
    tx.run(SWEEP, args![now.plus_seconds(-KEPT), now.plus_seconds(-GIVEN_UP)]).await?;
    Ok(tx.run(RESERVE, args![actor, key, request_hash, now]).await? == 1)
}

pub async fn get(mut read: Read<'_>, actor: &str, key: &str) -> Result<Option<Kept>, StoreError> {
    read.opt(GET, args![actor, key]).await
}

pub async fn answer(tx: &mut Tx, actor: &str, key: &str, status: i64, body: &str) -> Result<(), StoreError> {
    tx.run(ANSWER, args![actor, key, status, body]).await.map(drop)
}

/// The request failed on our side: the key may be used again.
pub async fn release(tx: &mut Tx, actor: &str, key: &str) -> Result<(), StoreError> {
    tx.run(RELEASE, args![actor, key]).await.map(drop)
}
