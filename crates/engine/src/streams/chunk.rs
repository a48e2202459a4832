//! Events of the log, read and decoded once for all data syncs that stand at one place.

use std::collections::{HashMap, HashSet};

use rialto_core::Instant;
use rialto_core::event::{self, ProfileEvent};
use rialto_store::StoreError;
use rialto_store::streams::{self, Chunk, Stream};
use serde_json::value::RawValue;

use crate::Parts;

/// Most events of one transaction: large enough for sets, small enough for a second.
const EVENTS: i64 = 5_000;
/// Rows of the log that are looked at for one chunk.
const ROWS: i64 = 500;

/// An event beside the text it was read from.
#[derive(Debug)]
pub(super) struct Read {
    pub event: ProfileEvent,
    pub text: String,
}

/// A stretch of the log.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Position of its first event.
    pub from: i64,
    /// Position after its last one.
    pub to: i64,
    /// When the last of them came.
    pub received: Instant,
    pub events: Vec<Read>,
    sources: HashSet<String>,
}

impl Decoded {
    /// Whether some event is of this business unit.
    pub(super) fn concerns(&self, source: &str) -> bool {
        self.sources.contains(source)
    }
}

/// The stretch that begins at a position; `None` at the end of the log. A position that was thrown away begins where the log does.
pub(super) async fn read(parts: &Parts, stream: &Stream, position: i64) -> Result<Option<Decoded>, StoreError> {
    let rows = streams::chunk(parts.db.read(), stream.id, position, ROWS).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (from, mut taken) = (position, 0);
    let skip = usize::try_from(position - first.position).unwrap_or(0);
    let mut end = position;
    let mut wanted: Vec<Chunk> = Vec::new();
    for row in rows {
        if taken > 0 && taken + row.events > EVENTS {
            break;
        }
        taken += row.events;
        end = row.position + row.events;
        wanted.push(row);
    }
    let received = Instant(wanted.last().map_or(0, |row| row.received_at));
    let work = tokio::task::spawn_blocking(move || decode(&wanted, skip));
    let events = work.await.map_err(|_| StoreError::Corrupt("a stream's log".into()))??;
    let sources = events.iter().map(|read| read.event.source.as_str()).collect::<HashSet<_>>().into_iter().map(str::to_owned).collect();
    Ok(Some(Decoded { from, to: end, received, events, sources }))
}

fn decode(rows: &[Chunk], skip: usize) -> Result<Vec<Read>, StoreError> {
    let mut all = Vec::new();
    for row in rows {
        let events: Vec<&RawValue> = serde_json::from_str(&row.body).map_err(|_| StoreError::Corrupt("a stream's log".into()))?;
        for raw in events {
            // Nothing is appended that cannot be read.
            let event = event::read(raw.get()).map_err(|fault| StoreError::Corrupt(format!("an event in a stream's log: {fault}")))?;
            all.push(Read { event, text: raw.get().to_owned() });
        }
    }
    Ok(all.split_off(skip.min(all.len())))
}

/// What the fields of events looked like: name, kinds of values, a sample.
pub(super) fn seen<'e>(events: impl Iterator<Item = &'e ProfileEvent>) -> Vec<(String, rialto_core::audience::Seen, String)> {
    let mut fields: HashMap<(event::Section, &str), (rialto_core::audience::Seen, String)> = HashMap::new();
    for field in events.flat_map(|e| &e.fields) {
        let known = fields.entry((field.section, &field.name)).or_default();
        known.0.add(&field.value);
        if known.1.is_empty() {
            known.1 = sample(&field.value);
        }
    }
    fields.into_iter().map(|((section, name), (seen, sample))| (format!("{section}.{name}"), seen, sample)).collect()
}

fn sample(value: &rialto_core::audience::Sent) -> String {
    use rialto_core::audience::Sent;
    match value {
        Sent::Null | Sent::Nested => String::new(),
        Sent::Integer(n) => n.to_string(),
        Sent::Float(n) => n.to_string(),
        Sent::Boolean(yes) => yes.to_string(),
        Sent::Text(text) => text.chars().take(80).collect(),
    }
}
