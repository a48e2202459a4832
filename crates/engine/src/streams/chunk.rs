//! Events of the log, read and decoded once for all data syncs that stand at one place.

use std::collections::HashSet;

use rialto_core::Instant;
use rialto_core::event::{self, ProfileEvent};
use rialto_store::StoreError;
use rialto_store::streams::{self, Chunk, Stream};
use serde_json::value::RawValue;

use crate::Parts;

/// Most events of one transaction: large enough for sets, small enough for a second.
const EVENTS: i64 = 5_000;

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
    let rows = streams::chunk(parts.db.read(), stream.id, position, EVENTS).await?;
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let skip = usize::try_from(position - first.position).unwrap_or(0);
    let (to, received) = (last.position + last.events, Instant(last.received_at));
    let work = tokio::task::spawn_blocking(move || decode(&rows, skip));
    let events = work.await.map_err(|_| StoreError::Corrupt("a stream's log".into()))??;
    let sources = events.iter().map(|read| read.event.source.as_str()).collect::<HashSet<_>>().into_iter().map(str::to_owned).collect();
    Ok(Some(Decoded { from: position, to, received, events, sources }))
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
