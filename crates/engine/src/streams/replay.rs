//! Rejected events taken once more, after a fix. What is older than what stands there now stays where it is (I19).

use rialto_core::data_sync::Books;
use rialto_core::event;
use rialto_store::data_syncs::{self, Batch, DataSync, Ready};
use rialto_store::streams::{self, Rejected, RejectedState};
use rialto_store::{StoreError, Tx};

use super::apply;
use crate::Parts;

/// Events of one transaction.
const SLICE: i64 = 500;

/// What became of a data sync's rejected events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Taken now.
    pub taken: i64,
    /// A newer state was there already.
    pub superseded: i64,
    /// Rejected again, as before.
    pub rejected: i64,
}

/// Replays the open ones of a data sync in the order in which they came: all of them, or those alone that were chosen. The inner `Err` says what has to be mended first.
pub async fn replay(parts: &Parts, sync: &DataSync) -> Result<Result<Replayed, String>, StoreError> {
    let ready = match Ready::of(parts.db.read(), sync).await? {
        Ok(ready) => ready,
        Err(words) => return Ok(Err(words)),
    };
    let mut all = Replayed::default();
    let mut after = 0;
    while let Some(last) = slice(parts, sync, &ready, after, &mut all).await? {
        after = last;
    }
    Ok(Ok(all))
}

/// One slice; answers the id of the last one looked at.
async fn slice(parts: &Parts, sync: &DataSync, ready: &Ready, after: i64, all: &mut Replayed) -> Result<Option<i64>, StoreError> {
    let now = parts.clock.now();
    let mut tx = parts.db.write().await?;
    // Held, so that no event is applied between the look at the versions and the writing.
    if !data_syncs::hold(&mut tx, sync).await? {
        return Ok(None);
    }
    let only_chosen = sync.replay_chosen && !sync.replay;
    let open = streams::open_of_sync(&mut tx, sync.id, after, SLICE, only_chosen).await?;
    let Some(last) = open.last().map(|r| r.id) else { return Ok(None) };
    let mut books = Books::default();
    for rejected in &open {
        match once(&mut tx, sync, ready, rejected, &mut books).await? {
            Some(state) => {
                let counted = if state == RejectedState::Replayed { &mut all.taken } else { &mut all.superseded };
                *counted += 1;
                streams::settle_rejected(&mut tx, &[rejected.id], state, now).await?;
            }
            None => all.rejected += 1,
        }
    }
    let batch = Batch { sync_id: sync.id, books, from: sync.position, to: sync.position };
    data_syncs::record(&mut tx, &batch, now).await?;
    tx.commit().await?;
    Ok(Some(last))
}

/// Takes one once more. `None`: as before, it cannot be taken.
async fn once(
    tx: &mut Tx,
    sync: &DataSync,
    ready: &Ready,
    rejected: &Rejected,
    books: &mut Books,
) -> Result<Option<RejectedState>, StoreError> {
    // A body that was cut is no event any more.
    let Ok(event) = event::read(&rejected.body) else { return Ok(None) };
    let folded = apply::write(tx, sync, ready, &[event], true).await?;
    books.add(&folded.books);
    books.replayed += folded.books.read;
    if folded.books.older > 0 {
        return Ok(Some(RejectedState::Superseded));
    }
    let still = folded.refused.iter().any(|r| r.field.is_empty() || r.field == rejected.field);
    Ok((folded.books.applied > 0 && !still).then_some(RejectedState::Replayed))
}
