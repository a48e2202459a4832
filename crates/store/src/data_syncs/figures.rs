//! Figures of all data syncs at once, for their list.

use rialto_core::Instant;

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    FIGURES = sql!("SELECT s.id AS sync_id,
            (SELECT CAST(COALESCE(SUM(m.applied), 0) AS BIGINT) FROM data_sync_minute m WHERE m.sync_id = s.id AND m.minute >= $1) AS applied,
            (SELECT m.minute FROM data_sync_minute m WHERE m.sync_id = s.id AND m.applied > 0 ORDER BY m.minute DESC LIMIT 1) AS applied_at,
            (SELECT COUNT(*) FROM stream_rejected r WHERE r.sync_id = s.id AND r.state = 'open') AS rejected
        FROM data_sync s WHERE s.deleted_at IS NULL ORDER BY s.id");
}

/// What one data sync did of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Figures {
    pub sync_id: i64,
    /// Events applied since the moment that was asked for.
    pub applied: i64,
    /// Beginning of the last minute in which an event was applied, in microseconds; as far back as books are kept (30 days).
    pub applied_at: Option<i64>,
    /// Rejected events and values that nobody has settled.
    pub rejected: i64,
}

/// The figures of every data sync, with what it applied since `since`.
pub async fn figures(mut read: Read<'_>, since: Instant) -> Result<Vec<Figures>, StoreError> {
    read.all(FIGURES, args![since]).await
}
