//! Which fields a business unit's events have had, with a sample: what the field matching offers.

use rialto_core::Instant;
use rialto_core::audience::Seen;
use serde_json::json;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    OF_SOURCE = sql!("SELECT name, seen, sample, seen_at FROM stream_field WHERE source_id = $1 ORDER BY name LIMIT 3000");
    /// Bits are set with OR; most events tell nothing new, and the sample is refreshed now and then.
    MERGE = sql!(
        sqlite "INSERT INTO stream_field (source_id, name, seen, sample, seen_at)
            SELECT $1, value->>0, value->>1, value->>2, $3 FROM json_each($2) WHERE true
            ON CONFLICT (source_id, name) DO UPDATE SET seen = stream_field.seen | excluded.seen,
                sample = CASE WHEN excluded.sample = '' THEN stream_field.sample ELSE excluded.sample END, seen_at = excluded.seen_at",
        postgres "INSERT INTO stream_field (source_id, name, seen, sample, seen_at)
            SELECT $1, value->>0, (value->>1)::bigint, value->>2, $3 FROM json_array_elements($2::json)
            ON CONFLICT (source_id, name) DO UPDATE SET seen = stream_field.seen | excluded.seen,
                sample = CASE WHEN excluded.sample = '' THEN stream_field.sample ELSE excluded.sample END, seen_at = excluded.seen_at"
    );
}

/// A field of a source.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SeenField {
    /// `attributes.tier`.
    pub name: String,
    seen: i64,
    /// One of its latest values as text; empty for none yet.
    pub sample: String,
    pub seen_at: i64,
}

impl SeenField {
    pub fn seen(&self) -> Seen {
        Seen::from_bits(self.seen)
    }
}

pub async fn of_source(mut read: Read<'_>, source_id: i64) -> Result<Vec<SeenField>, StoreError> {
    read.all(OF_SOURCE, args![source_id]).await
}

/// Takes fields into account, each once: name, what its values looked like, and a sample (`Sent::sample`).
pub async fn merge(tx: &mut Tx, source_id: i64, fields: &[(String, Seen, String)], now: Instant) -> Result<(), StoreError> {
    if fields.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = fields.iter().map(|(name, seen, sample)| (name.replace('\0', "\u{fffd}"), seen.bits(), sample)).collect();
    rows.sort_unstable();
    rows.dedup_by(|a, b| a.0 == b.0);
    tx.run(MERGE, args![source_id, json!(rows).to_string(), now]).await.map(drop)
}
