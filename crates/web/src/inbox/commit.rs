//! One durable commit for the events of many requests, as `public::commit` does it for what people decide: each sender is answered after the
//! commit of their events, and while one is under way the next ones gather.

use std::time::Duration;

use rialto_core::{Clock, Instant};
use rialto_store::streams::{self, Batch, Fields, Noted};
use rialto_store::{Db, StoreError, Wake};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

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
    /// Storage is away or slow, or too many wait: it is not sure that the events were taken, and they may be sent again.
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
    let mut noted = Noted::default();
    while let Some(first) = asked.recv().await {
        let mut bytes = first.batch.bytes();
        let mut together = vec![first];
        while together.len() < TOGETHER && bytes < BYTES {
            let Ok(next) = asked.try_recv() else { break };
            bytes += next.batch.bytes();
            together.push(next);
        }
        let now = clock.now();
        let news = noted.news(together.iter().map(|one| &one.batch.seen), now);
        let done = match commit(&db, &together, &news, now).await {
            Ok(()) => {
                noted.note(news, now);
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

async fn commit(db: &Db, together: &[Asked], news: &Fields, now: Instant) -> Result<(), StoreError> {
    let batches: Vec<(i64, &Batch)> = together.iter().map(|one| (one.stream_id, &one.batch)).collect();
    let mut tx = db.write().await?;
    streams::take(&mut tx, &batches, news, now).await?;
    tx.commit().await
}
