//! One durable commit for the events of many requests, as `public::commit` does it for what people decide: each sender is answered after the
//! commit of their events, and while one is under way the next ones gather.

use std::collections::BTreeMap;
use std::time::Duration;

use rialto_core::Clock;
use rialto_core::event::MAX_BATCH;
use rialto_store::streams::{self, Refused};
use rialto_store::{Db, StoreError, Wake};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::batch::Batch;
use crate::error::Error;
use crate::state::App;

/// Requests that may wait; more are asked to come again, so that memory stays bounded.
const WAITING: usize = 512;
/// Requests of one transaction.
const TOGETHER: usize = 256;
/// Bytes of one transaction.
const BYTES: usize = 8 << 20;
/// Longest wait for a commit.
const PATIENCE: Duration = Duration::from_secs(10);

struct Asked {
    stream_id: i64,
    batch: Batch,
    answer: oneshot::Sender<bool>,
}

/// Where events wait. The task behind it ends with the last of these.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<Asked>);

impl Queue {
    /// Answers after the commit.
    ///
    /// # Errors
    /// Storage is away, or too many wait: nothing was taken for sure, and the same events may be sent again.
    pub(super) async fn take(&self, stream_id: i64, batch: Batch) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Asked { stream_id, batch, answer }).map_err(|_| Error::Busy)?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(Error::Busy),
        }
    }
}

pub(super) fn start(app: &App) -> Queue {
    let (queue, asked) = mpsc::channel(WAITING);
    tokio::spawn(run(app.db.clone(), app.clock.clone(), app.wake.clone(), asked));
    Queue(queue)
}

async fn run(db: Db, clock: Clock, wake: Wake, mut asked: mpsc::Receiver<Asked>) {
    while let Some(first) = asked.recv().await {
        let mut bytes = first.batch.body.len();
        let mut together = vec![first];
        while together.len() < TOGETHER && bytes < BYTES {
            let Ok(next) = asked.try_recv() else { break };
            bytes += next.batch.body.len();
            together.push(next);
        }
        let done = match commit(&db, &clock, &together).await {
            Ok(()) => {
                wake.ring_streams();
                true
            }
            Err(error) => {
                tracing::error!(%error, requests = together.len(), "storage did not take events; their senders were asked to send them again");
                false
            }
        };
        for one in together {
            // Whoever has hung up sends again: versions make the second time harmless.
            let _ = one.answer.send(done);
        }
    }
}

async fn commit(db: &Db, clock: &Clock, together: &[Asked]) -> Result<(), StoreError> {
    let now = clock.now();
    // By connection, so that two processes take their locks in one order.
    let mut streams_of: BTreeMap<i64, Vec<&Batch>> = BTreeMap::new();
    for one in together {
        streams_of.entry(one.stream_id).or_default().push(&one.batch);
    }
    let mut tx = db.write().await?;
    for (stream_id, batches) in streams_of {
        for (events, body) in joined(&batches) {
            streams::append(&mut tx, stream_id, events as i64, &body, 0, now).await?;
        }
        let refused: Vec<Refused> = batches.iter().flat_map(|b| b.refused.iter().map(|(_, r)| r.clone())).collect();
        streams::keep(&mut tx, stream_id, None, &refused, now).await?;
    }
    tx.commit().await
}

/// Batches joined to as few arrays as hold them.
fn joined(batches: &[&Batch]) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    for batch in batches.iter().filter(|b| b.accepted > 0) {
        match all.last_mut() {
            Some((events, body)) if *events + batch.accepted <= MAX_BATCH => {
                *events += batch.accepted;
                body.pop();
                body.push(',');
                body.push_str(batch.body.get(1..).unwrap_or_default());
            }
            _ => all.push((batch.accepted, batch.body.clone())),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_joined_to_arrays_that_the_log_takes() {
        let of = |accepted: usize| {
            let body = format!("[{}]", vec!["1"; accepted].join(","));
            Batch { accepted, body, refused: Vec::new() }
        };
        let (one, none, two, many) = (of(1), of(0), of(2), of(MAX_BATCH));
        let all = joined(&[&one, &none, &two, &many, &one]);
        let counts: Vec<usize> = all.iter().map(|(n, _)| *n).collect();
        assert_eq!(counts, [3, MAX_BATCH, 1]);
        for (n, body) in all {
            assert_eq!(serde_json::from_str::<Vec<u8>>(&body).unwrap().len(), n);
        }
    }
}
