//! The profile stream: what the log of a connection holds goes to the data syncs that read it (L4; docs/adr/0150). One worker a connection;
//! each data sync keeps its own position, so none waits for another that stands still.

mod apply;
mod chunk;
pub(crate) mod fetch;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rialto_core::Instant;
use rialto_store::StoreError;
use rialto_store::data_syncs::{self, DataSync, Ready};
use rialto_store::streams::{self, Stream};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Parts};
use chunk::Decoded;

pub use replay::{Replayed, replay};

/// Events that are kept (`rules.md` section 5).
const RETENTION_SECONDS: i64 = 30 * 86_400;
/// How long a silent worker keeps a connection, in seconds.
const LEASE_SECONDS: i64 = 15;
/// Pause between two looks when nothing rings, in milliseconds.
const LOOK_MILLIS: u64 = 200;
/// Pause between two looks for old events, in microseconds.
const CLEAN_EVERY: i64 = 600 * 1_000_000;

/// Looks after all connections until `stop` is cancelled.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    let mut cleaned = Instant(i64::MIN);
    while !stop.is_cancelled() {
        let worked = match look(&engine, &stop, &mut cleaned).await {
            Ok(worked) => worked,
            Err(e) => {
                tracing::error!(error = %e, "the profile stream could not go on");
                false
            }
        };
        if !worked {
            let pause = tokio::time::sleep(Duration::from_millis(LOOK_MILLIS));
            tokio::select! { () = engine.parts().wake.heard_streams() => {}, () = pause => {}, () = stop.cancelled() => {} }
        }
    }
}

/// Applies what waits, until nothing does: for the command line and tests.
pub(crate) async fn until_idle(engine: &Engine, stop: &CancellationToken) -> Result<(), StoreError> {
    let mut cleaned = Instant(i64::MIN);
    while look(engine, stop, &mut cleaned).await? {}
    Ok(())
}

/// One round over all connections. False when there was nothing to do. What is wrong with one connection stops that one alone.
async fn look(engine: &Engine, stop: &CancellationToken, cleaned: &mut Instant) -> Result<bool, StoreError> {
    let parts = engine.parts();
    let now = parts.clock.now();
    let clean = now.0.saturating_sub(cleaned.0) >= CLEAN_EVERY;
    let mut worked = false;
    for sync in data_syncs::to_replay(parts.db.read()).await? {
        worked |= once_more(parts, &sync).await?;
    }
    for stream in streams::list(parts.db.read()).await? {
        if stop.is_cancelled() {
            break;
        }
        match turn(engine, &stream, clean, now).await {
            Ok(moved) => worked |= moved,
            Err(e) if e.is_away() || e.is_race() => return Err(e),
            Err(e) => {
                if stream.trouble.is_empty() {
                    tracing::error!(stream = stream.id, error = %e, "a stream connection cannot go on");
                }
                trouble(parts, &stream, "Rialto could not read its log. The log of the server says why.").await?;
            }
        }
    }
    if clean {
        let mut tx = parts.db.write().await?;
        data_syncs::clean_books(&mut tx, now.plus_seconds(-RETENTION_SECONDS)).await?;
        tx.commit().await?;
        *cleaned = now;
    }
    Ok(worked)
}

/// One connection's turn.
async fn turn(engine: &Engine, stream: &Stream, clean: bool, now: Instant) -> Result<bool, StoreError> {
    let parts = engine.parts();
    if clean {
        throw_away(parts, stream, now).await?;
    }
    let syncs = data_syncs::of_stream(parts.db.read(), stream.id).await?;
    let moved = syncs.iter().any(|s| s.position < stream.next_position) && round(engine, stream, syncs).await?;
    if moved && !stream.trouble.is_empty() {
        trouble(parts, stream, "").await?;
    }
    Ok(moved)
}

async fn trouble(parts: &Parts, stream: &Stream, words: &str) -> Result<(), StoreError> {
    let mut tx = parts.db.write().await?;
    streams::set_trouble(&mut tx, stream.id, words).await?;
    tx.commit().await
}

/// Takes a data sync's rejected events once more, as was asked for. True when that was done.
async fn once_more(parts: &Parts, sync: &DataSync) -> Result<bool, StoreError> {
    let words = match replay(parts, sync).await {
        Ok(Ok(_)) => String::new(),
        Ok(Err(words)) => words,
        Err(e) if e.is_away() || e.is_race() => return Err(e),
        Err(e) => {
            tracing::error!(data_sync = sync.id, error = %e, "rejected events could not be replayed");
            "Rialto could not replay its rejected events. The log of the server says why.".to_owned()
        }
    };
    say(parts, sync, &words).await?;
    let mut tx = parts.db.write().await?;
    data_syncs::replayed(&mut tx, sync).await?;
    tx.commit().await?;
    Ok(true)
}

/// Brings every data sync of a connection one chunk further: those that stand at one place read and decode it once.
async fn round(engine: &Engine, stream: &Stream, syncs: Vec<DataSync>) -> Result<bool, StoreError> {
    let parts = engine.parts();
    let now = parts.clock.now();
    let mut tx = parts.db.write().await?;
    let mine = streams::lease(&mut tx, stream.id, &engine.inner.name, now.plus_seconds(LEASE_SECONDS), now).await?;
    tx.commit().await?;
    if !mine {
        return Ok(false);
    }
    let mut at: BTreeMap<i64, Vec<DataSync>> = BTreeMap::new();
    for sync in syncs.into_iter().filter(|s| s.position < stream.next_position) {
        at.entry(sync.position).or_default().push(sync);
    }
    let mut worked = false;
    for (position, syncs) in at {
        let Some(decoded) = chunk::read(parts, stream, position).await? else { continue };
        worked |= together(parts, stream, syncs, Arc::new(decoded)).await?;
    }
    Ok(worked)
}

/// The data syncs of one place: those whose business unit is in the chunk apply it, the others just move on.
async fn together(parts: &Parts, stream: &Stream, syncs: Vec<DataSync>, decoded: Arc<Decoded>) -> Result<bool, StoreError> {
    let (concerned, idle): (Vec<_>, Vec<_>) = syncs.into_iter().partition(|s| decoded.concerns(&s.source));
    let mut worked = !idle.is_empty();
    if !idle.is_empty() {
        let ids: Vec<i64> = idle.iter().map(|s| s.id).collect();
        let mut tx = parts.db.write().await?;
        data_syncs::advance_many(&mut tx, &ids, decoded.from, decoded.to).await?;
        tx.commit().await?;
    }
    for sync in concerned {
        worked |= one(parts, stream, &sync, decoded.clone()).await?;
    }
    Ok(worked)
}

/// One data sync's turn. What is wrong with it alone stops it alone.
async fn one(parts: &Parts, stream: &Stream, sync: &DataSync, decoded: Arc<Decoded>) -> Result<bool, StoreError> {
    let ready = match Ready::of(parts.db.read(), sync).await? {
        Ok(ready) => ready,
        Err(words) => return say(parts, sync, &words).await,
    };
    match apply::chunk(parts, stream, sync, &ready, &decoded).await {
        Ok(moved) => {
            if !sync.trouble.is_empty() {
                say(parts, sync, "").await?;
            }
            Ok(moved)
        }
        Err(e) if e.is_away() || e.is_race() => Err(e),
        Err(e) => {
            tracing::error!(data_sync = sync.id, error = %e, "a data sync cannot go on");
            say(parts, sync, "Rialto could not write its rows. The log of the server says why; it goes on by itself once that is mended.")
                .await
        }
    }
}

/// Says what stands in a data sync's way; it has not moved.
async fn say(parts: &Parts, sync: &DataSync, words: &str) -> Result<bool, StoreError> {
    if sync.trouble != words {
        let mut tx = parts.db.write().await?;
        data_syncs::set_trouble(&mut tx, sync.id, words).await?;
        tx.commit().await?;
    }
    Ok(false)
}

/// Throws away events past their time. A data sync that has not read them hears an alarm, and goes on after them.
async fn throw_away(parts: &Parts, stream: &Stream, now: Instant) -> Result<(), StoreError> {
    let before = now.plus_seconds(-RETENTION_SECONDS);
    let mut tx = parts.db.write().await?;
    let (begins, behind) = streams::clean(&mut tx, stream.id, before).await?;
    for sync in behind {
        let detail = format!(
            "{} events are older than 30 days and were thrown away before the data sync {} had read them. \
             Have the source send all profiles again once it is enabled.",
            begins - sync.position,
            sync.name
        );
        streams::raise(&mut tx, stream.id, "retention", &detail, now).await?;
        data_syncs::skip(&mut tx, sync.id, begins).await?;
    }
    tx.commit().await
}
