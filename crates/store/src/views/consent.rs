//! What stands behind a verdict: acts by people's own links, the ledger with whom each entry is about, and what others with the address said.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};
use rialto_core::Instant;

/// Acts that mark the counts of groups after their commit: how far back they are looked for after a start, in entries and seconds.
const BACK: i64 = 50_000;
const HOUR: i64 = 3_600;

/// Rows of the ledger with the record that each is about.
macro_rules! entries {
    ($tail:literal) => {
        sql!(join "SELECT l.id, l.created_at, l.act, l.cause, l.source, l.run_id, l.actor, l.reason, l.evidence,
        COALESCE(l.subscriber_id, 0) AS subscriber_id, COALESCE(s.created_at, 0) AS made_at, COALESCE(s.remote_id, '') AS remote_id,
        COALESCE(s.bridge_id, 0) AS bridge_id FROM consent_ledger l LEFT JOIN subscriber s ON s.id = l.subscriber_id
        ", $tail)
    };
}

statements! {
    NEWEST = sql!("SELECT id, created_at FROM consent_ledger ORDER BY id DESC LIMIT 1");
    LATELY = sql!("SELECT DISTINCT subscriber_id FROM consent_ledger WHERE id > $1 AND created_at >= $2 AND subscriber_id IS NOT NULL
        AND source IN ('one-click', 'preference page')");
    BY_LINK = sql!("SELECT COUNT(DISTINCT subscriber_id) FROM consent_ledger WHERE source IN ('one-click', 'preference page')");
    LEDGER = entries!("WHERE (l.subscriber_id = $1 OR ($2 <> '' AND l.address_key = $2)) AND l.id < $3 ORDER BY l.id DESC LIMIT $4");
    PROOF = entries!("WHERE (l.subscriber_id = $1 OR ($2 <> '' AND l.address_key = $2)) AND l.act = 'open' AND l.cause = $3
        ORDER BY l.id DESC LIMIT 1");
    COUNT_LEDGER = sql!("SELECT COUNT(*) FROM consent_ledger WHERE subscriber_id = $1 OR ($2 <> '' AND address_key = $2)");
}

/// People who acted by their link within the hour before the newest entry of the ledger.
pub async fn lately_by_link(mut read: Read<'_>) -> Result<Vec<i64>, StoreError> {
    let newest: Option<(i64, i64)> = read.opt(NEWEST, args![]).await?;
    let Some((id, at)) = newest else { return Ok(Vec::new()) };
    let since = Instant(at).plus_seconds(-HOUR);
    let found: Vec<(i64,)> = read.all(LATELY, args![id - BACK, since]).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// How many people have acted by their link.
pub async fn acts_by_link(mut read: Read<'_>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(BY_LINK, args![]).await.map(|(n,)| n)
}

/// An act, and the record that it was about.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Entry {
    pub id: i64,
    pub created_at: i64,
    /// `open` or `lift`.
    pub act: String,
    pub cause: String,
    pub source: String,
    pub run_id: Option<i64>,
    pub actor: String,
    pub reason: String,
    pub evidence: String,
    /// 0 when it was about an address alone.
    pub subscriber_id: i64,
    /// When that record came, its Remote ID and bridge; 0 and empty when it is no longer here.
    pub made_at: i64,
    pub remote_id: String,
    pub bridge_id: i64,
}

/// The ledger of a record and of its address (by keyed hash, empty for none), also what other records did to the address; newest first
/// before an entry, and how many there are.
pub async fn ledger(
    mut read: Read<'_>,
    subscriber_id: i64,
    address_key: &str,
    before: i64,
    limit: i64,
) -> Result<(Vec<Entry>, i64), StoreError> {
    let (total,): (i64,) = read.one(COUNT_LEDGER, args![subscriber_id, address_key]).await?;
    Ok((read.all(LEDGER, args![subscriber_id, address_key, before, limit]).await?, total))
}

/// The ledger's newest row that opened a cause for a record or its address (by keyed hash, empty for none).
pub async fn proof(mut read: Read<'_>, subscriber_id: i64, address_key: &str, cause: &str) -> Result<Option<Entry>, StoreError> {
    read.opt(PROOF, args![subscriber_id, address_key, cause]).await
}
