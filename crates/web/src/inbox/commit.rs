//! One durable commit for the events of many requests, as `public::commit` does it for what people decide: each sender is answered after the
//! commit of their events, and while one is under way the next ones gather.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rialto_core::audience::Seen;
use rialto_core::event::MAX_BATCH;
use rialto_core::{Clock, Instant};
use rialto_store::streams::{self, Refused};
use rialto_store::{Db, StoreError, Wake};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::batch::{Batch, Fields};
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
/// How long a sample of a field stands before a newer one takes its place, in seconds.
const SAMPLED: i64 = 60;
/// Most fields of a business unit that are noted by one life of a process: names come from outside.
const FIELDS: usize = 3_000;

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
        let mut bytes = first.batch.body.len();
        let mut together = vec![first];
        while together.len() < TOGETHER && bytes < BYTES {
            let Ok(next) = asked.try_recv() else { break };
            bytes += next.batch.body.len();
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
    // By connection, so that two processes take their locks in one order.
    let mut streams_of: BTreeMap<i64, Vec<&Batch>> = BTreeMap::new();
    for one in together {
        streams_of.entry(one.stream_id).or_default().push(&one.batch);
    }
    let mut tx = db.write().await?;
    for (stream_id, batches) in streams_of {
        for (events, body) in joined(&batches) {
            streams::append(&mut tx, stream_id, events as i64, &body, now).await?;
        }
        let passed: usize = batches.iter().map(|b| b.passed.events).sum();
        if let Some(last) = batches.iter().rev().find(|b| b.passed.events > 0) {
            streams::pass_over(&mut tx, stream_id, passed as i64, &last.passed.source, now).await?;
        }
        let refused: Vec<Refused> = batches.iter().flat_map(|b| b.refused.iter().map(|(_, r)| r.clone())).collect();
        streams::keep(&mut tx, stream_id, None, &refused, now).await?;
    }
    let mut by_source: BTreeMap<i64, Vec<(String, Seen, String)>> = BTreeMap::new();
    for ((source, name), (seen, sample)) in news {
        by_source.entry(*source).or_default().push((name.clone(), *seen, sample.clone()));
    }
    for (source, fields) in by_source {
        streams::merge_seen(&mut tx, source, &fields, now).await?;
    }
    tx.commit().await
}

/// What this process has noted of fields: nearly every event tells nothing new of them, and only what does is written.
#[derive(Default)]
struct Noted {
    fields: HashMap<(i64, String), (Seen, Instant)>,
    of_source: HashMap<i64, usize>,
}

impl Noted {
    /// What is worth writing: other values than before, or the first after a minute.
    fn news<'f>(&self, seen: impl Iterator<Item = &'f Fields>, now: Instant) -> Fields {
        let mut news = Fields::new();
        for (field, (seen, sample)) in seen.flatten() {
            let tells = match self.fields.get(field) {
                Some((before, at)) => !before.contains(*seen) || now.seconds_since(*at) >= SAMPLED,
                None => self.of_source.get(&field.0).is_none_or(|n| *n < FIELDS),
            };
            if tells {
                let (all, kept) = news.entry(field.clone()).or_default();
                all.join(*seen);
                if kept.is_empty() {
                    kept.clone_from(sample);
                }
            }
        }
        news
    }

    fn note(&mut self, news: Fields, now: Instant) {
        for (field, (seen, _)) in news {
            let known = self.fields.len();
            let source = field.0;
            let (all, at) = self.fields.entry(field).or_default();
            all.join(seen);
            *at = now;
            *self.of_source.entry(source).or_default() += self.fields.len() - known;
        }
    }
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
    use super::super::batch::Passed;
    use super::*;

    #[test]
    fn fields_are_noted_when_they_tell_something_new() {
        let of = |name: &str, value: rialto_core::audience::Sent| {
            let mut seen = Seen::default();
            seen.add(&value);
            Fields::from([((1, name.to_owned()), (seen, value.sample()))])
        };
        use rialto_core::audience::Sent;
        let (mut noted, start) = (Noted::default(), Instant(0));
        let mut news = |fields: &Fields, at: Instant| {
            let news = noted.news([fields].into_iter(), at);
            noted.note(news.clone(), at);
            news.len()
        };
        assert_eq!(news(&of("a", Sent::Integer(1)), start), 1);
        assert_eq!(news(&of("a", Sent::Integer(2)), start.plus_seconds(59)), 0, "as before");
        assert_eq!(news(&of("a", Sent::Boolean(true)), start.plus_seconds(59)), 1, "another type");
        assert_eq!(news(&of("a", Sent::Integer(3)), start.plus_seconds(119)), 1, "a fresh sample");
        let many: Fields = (0..FIELDS).map(|n| ((1, n.to_string()), (Seen::default(), String::new()))).collect();
        news(&many, start);
        assert_eq!(news(&of("one too many", Sent::Integer(1)), start), 0, "bounded");
    }

    #[test]
    fn batches_are_joined_to_arrays_that_the_log_takes() {
        let of = |accepted: usize| {
            let body = format!("[{}]", vec!["1"; accepted].join(","));
            Batch { accepted, body, refused: Vec::new(), passed: Passed::default(), seen: Fields::new() }
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
