//! A chunk applied to one data sync: versions looked up, events folded, rows written, and the position moved on, all in one transaction
//! (I3, I19). Whoever dies before it commits has done nothing; whoever dies after it has done all.

use rialto_core::address::canonical;
use rialto_core::data_sync::{self, Books, Folded, MatchBy, Mode};
use rialto_core::event::ProfileEvent;
use rialto_store::audiences::{self, Written};
use rialto_store::data_syncs::{self, Batch, DataSync, Ready};
use rialto_store::streams::{self, Refused, Stream};
use rialto_store::{StoreError, Tx};

use super::chunk::{Decoded, Read};
use crate::Parts;

/// Applies the events of the data sync's business unit. False when it was moved, changed or disabled meanwhile: then nothing was written.
pub(super) async fn chunk(parts: &Parts, stream: &Stream, sync: &DataSync, ready: &Ready, decoded: &Decoded) -> Result<bool, StoreError> {
    let now = parts.clock.now();
    let mine: Vec<&Read> = decoded.events.iter().filter(|read| read.event.source == sync.source).collect();
    let events: Vec<ProfileEvent> = mine.iter().map(|read| read.event.clone()).collect();
    let mut tx = parts.db.write().await?;
    // First, so that nobody else applies the same chunk at the same time.
    if !data_syncs::advance(&mut tx, sync, decoded.to, decoded.received).await? {
        return Ok(false);
    }
    let again = decoded.from < sync.again_until;
    let folded = write(&mut tx, sync, ready, &events, again).await?;
    let mut refused: Vec<Refused> = folded.refused.iter().filter_map(|r| Some(refused(mine.get(r.event)?, r))).collect();
    if again {
        refused = streams::unknown(&mut tx, sync.id, refused).await?;
    }
    streams::keep(&mut tx, stream.id, Some(sync.id), &refused, now).await?;
    let batch = Batch { sync_id: sync.id, books: folded.books, from: decoded.from, to: decoded.to };
    data_syncs::record(&mut tx, &batch, now).await?;
    tx.commit().await?;
    count(&folded.books);
    Ok(true)
}

fn refused(read: &Read, refused: &data_sync::Refused) -> Refused {
    Refused {
        event_id: read.event.id.clone(),
        subject: read.event.subject.clone(),
        field: refused.field.clone(),
        reason: refused.why.clone(),
        body: read.text.clone(),
    }
}

/// Folds events against what the database knows, and writes what they come to. `again`: they were here before. The position is the caller's.
pub(super) async fn write(tx: &mut Tx, sync: &DataSync, ready: &Ready, events: &[ProfileEvent], again: bool) -> Result<Folded, StoreError> {
    // An upsert and a delete judge by each other's versions: one of them at a time.
    audiences::lock(tx, sync.audience_id).await?;
    let mode = sync.mode();
    let keys = spelled(ready, data_sync::keys(mode, events));
    let known = audiences::known(tx, &ready.of, &keys, mode == Mode::Upsert).await?;
    let mut folded = data_sync::fold(&ready.matching, mode, events, &known, again);
    if !folded.books.balance() {
        return Err(StoreError::Corrupt("the books of a data sync do not balance".into()));
    }
    let rows = std::mem::take(&mut folded.rows);
    match mode {
        Mode::Upsert => {
            let rows: Vec<Written> = rows
                .into_iter()
                .map(|(_, row)| {
                    let link = ready.matching.link(&row).map(|text| text.map(|text| linked(sync, &text)));
                    Written { key: row.key, version: row.version, link, values: row.values }
                })
                .collect();
            audiences::upsert(tx, &ready.of, &ready.columns, &rows).await?;
        }
        Mode::Delete => {
            let rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, row.version)).collect();
            if ready.extension {
                audiences::delete(tx, &ready.of, &rows).await?;
            } else {
                let fields: Vec<u32> = ready.columns.iter().map(|(number, _)| *number).collect();
                audiences::clear(tx, &ready.of, &fields, &rows).await?;
            }
        }
    }
    Ok(folded)
}

/// Subjects that can be keys: a number is looked up as one.
fn spelled(ready: &Ready, keys: Vec<String>) -> Vec<String> {
    if ready.of.numeric { keys.into_iter().filter(|key| key.parse::<i64>().is_ok()).collect() } else { keys }
}

/// As subscribers are found by it.
fn linked(sync: &DataSync, text: &str) -> String {
    if sync.match_by() == Some(MatchBy::Email) { canonical(text) } else { text.to_owned() }
}

fn count(books: &Books) {
    for (outcome, n) in [
        ("applied", books.applied),
        ("older", books.older),
        ("duplicate", books.duplicates),
        ("other", books.other),
        ("rejected", books.rejected),
    ] {
        metrics::counter!("rialto_profile_events_total", "outcome" => outcome).increment(u64::try_from(n).unwrap_or(0));
    }
}
