//! Connections whose events Rialto fetches from a broker: one task each, in one process at a time. A message is acknowledged after the commit
//! of what it holds, so whoever dies in between has it delivered again, and versions make the second time harmless (I3, I17).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use rialto_connectors::ConnectorError;
use rialto_connectors::streams::{Feed, FeedState};
use rialto_core::Instant;
use rialto_core::event::MAX_BATCH;
use rialto_store::StoreError;
use rialto_store::streams::feed::{self, FeedRow};
use rialto_store::streams::{self, Batch, Noted};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Engine, Parts};

/// How long a silent worker keeps a feed, in seconds.
const LEASE_SECONDS: i64 = 20;
/// How often it is looked which connections there are.
const LOOK: Duration = Duration::from_secs(1);
/// How long a message is waited for before the lease is renewed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two looks at the state of the broker, in microseconds.
const STATE_EVERY: i64 = 15 * 1_000_000;
/// Bytes of one transaction.
const BYTES: usize = 8 << 20;
/// Pauses after trouble: doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Fetches for all connections until `stop`.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    let mut running: HashMap<i64, (i64, CancellationToken)> = HashMap::new();
    let mut tasks: JoinSet<i64> = JoinSet::new();
    while !stop.is_cancelled() {
        match feed::enabled(engine.parts().db.read()).await {
            Ok(feeds) => begin(&engine, feeds, &mut running, &mut tasks, &stop),
            Err(e) => tracing::error!(error = %e, "it could not be looked which brokers to read"),
        }
        tokio::select! {
            ended = tasks.join_next(), if !tasks.is_empty() => match ended {
                Some(Ok(stream_id)) => { running.remove(&stream_id); }
                // A task that panicked does not tell whose it was: all of them end and begin anew.
                Some(Err(e)) => { tracing::error!(error = %e, "reading a broker broke off"); running.drain().for_each(|(_, (_, token))| token.cancel()); }
                None => {}
            },
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Begins what is new, and ends what was changed or switched off; that begins anew at the next look.
fn begin(
    engine: &Engine,
    feeds: Vec<FeedRow>,
    running: &mut HashMap<i64, (i64, CancellationToken)>,
    tasks: &mut JoinSet<i64>,
    stop: &CancellationToken,
) {
    for (stream_id, (revision, token)) in running.iter() {
        if !feeds.iter().any(|f| f.stream_id == *stream_id && f.revision == *revision) {
            token.cancel();
        }
    }
    for feed in feeds {
        if let Entry::Vacant(free) = running.entry(feed.stream_id) {
            let token = stop.child_token();
            free.insert((feed.revision, token.clone()));
            let engine = engine.clone();
            tasks.spawn(async move {
                let stream_id = feed.stream_id;
                follow(&engine, feed, &token).await;
                stream_id
            });
        }
    }
}

/// Why a feed is left alone.
enum End {
    /// Another worker has it, or it was changed.
    Lost,
    Store(StoreError),
    Remote(ConnectorError),
}

impl From<StoreError> for End {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<ConnectorError> for End {
    fn from(e: ConnectorError) -> Self {
        Self::Remote(e)
    }
}

/// Reads one feed until it is told to stop or somebody else has it.
async fn follow(engine: &Engine, feed: FeedRow, stop: &CancellationToken) {
    let parts = engine.parts();
    let worker = format!("{}-in", engine.inner.name);
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let ended = match Reading::begin(parts, &feed, &worker).await {
            Ok(mut reading) => reading.go_on(stop, &mut pause).await,
            Err(end) => Err(end),
        };
        let trouble = match ended {
            Ok(()) => break,
            Err(End::Lost) => return,
            Err(End::Store(e)) => {
                tracing::error!(stream = feed.stream_id, error = %e, "events could not be kept; they come again");
                None
            }
            Err(End::Remote(e)) => Some(format!("{} {}", crate::worker::sentence(&e.to_string()), advice(&e))),
        };
        if let Some(words) = trouble
            && let Err(e) = say(parts, feed.stream_id, &words).await
        {
            tracing::error!(stream = feed.stream_id, error = %e, "what stands in a connection's way could not be written down");
        }
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => {} }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    if let Err(e) = give_up(parts, feed.stream_id, &worker).await {
        tracing::warn!(stream = feed.stream_id, error = %e, "a feed could not be given back; its lease ends by itself");
    }
}

fn advice(error: &ConnectorError) -> &'static str {
    match error {
        ConnectorError::Auth { .. } => "Check the user name, token or credentials of the stream connection.",
        ConnectorError::Rejected { .. } => "Check the names of stream and consumer in the stream connection.",
        ConnectorError::Blocked { .. } => "Ask the operator of this installation to allow the network, or correct the address.",
        _ => "Rialto tries again by itself, and nothing is lost meanwhile.",
    }
}

async fn say(parts: &Parts, stream_id: i64, words: &str) -> Result<(), StoreError> {
    let mut tx = parts.db.write().await?;
    streams::set_trouble(&mut tx, stream_id, words).await?;
    tx.commit().await
}

async fn give_up(parts: &Parts, stream_id: i64, worker: &str) -> Result<(), StoreError> {
    let mut tx = parts.db.write().await?;
    feed::release(&mut tx, stream_id, worker).await?;
    tx.commit().await
}

/// One feed while it is read.
struct Reading<'a> {
    parts: &'a Parts,
    row: FeedRow,
    worker: &'a str,
    feed: Box<dyn Feed>,
    /// The broker's number up to which everything is kept here.
    taken: i64,
    noted: Noted,
    /// When the broker's state was last asked for, and whether nothing waited then.
    looked: Instant,
    idle: bool,
    troubled: bool,
}

impl<'a> Reading<'a> {
    async fn begin(parts: &'a Parts, before: &FeedRow, worker: &'a str) -> Result<Self, End> {
        let now = parts.clock.now();
        let mut tx = parts.db.write().await?;
        let mine = feed::lease(&mut tx, before.stream_id, worker, now.plus_seconds(LEASE_SECONDS), now).await?;
        tx.commit().await?;
        let row = feed::get(parts.db.read(), before.stream_id).await?.filter(|f| mine && f.enabled && f.revision == before.revision);
        let row = row.ok_or(End::Lost)?;
        let stream = streams::get(parts.db.read(), row.stream_id).await?.ok_or(End::Lost)?;
        let kind = rialto_connectors::streams::feed(&row.kind)
            .ok_or_else(|| ConnectorError::Rejected { detail: format!("this version of Rialto does not read from {}", row.kind) })?;
        let secrets = row.secrets(&parts.vault)?.into_iter().map(|(k, v)| (k, v.into())).collect();
        let name = format!("rialto-{}", rialto_core::PublicId::new(rialto_core::Kind::Stream, Instant(stream.created_at), stream.id));
        let feed = (kind.open)(&row.settings()?, &secrets, &parts.outbound, &name).map_err(|faults| {
            let list: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.field, f.detail)).collect();
            ConnectorError::Rejected { detail: format!("its settings are not complete: {}", list.join("; ")) }
        })?;
        let (taken, troubled) = (row.taken, !stream.trouble.is_empty());
        Ok(Self { parts, row, worker, feed, taken, noted: Noted::default(), looked: Instant(i64::MIN), idle: false, troubled })
    }

    async fn go_on(&mut self, stop: &CancellationToken, pause: &mut Duration) -> Result<(), End> {
        while !stop.is_cancelled() {
            if self.parts.clock.now().0.saturating_sub(self.looked.0) >= STATE_EVERY {
                self.look().await?;
            }
            let after = u64::try_from(self.taken).unwrap_or(0);
            let messages = tokio::select! {
                messages = self.feed.next(after, MAX_BATCH, BYTES, PATIENCE) => messages?,
                () = stop.cancelled() => return Ok(()),
            };
            self.keep(&messages).await?;
            self.feed.taken().await?;
            *pause = FIRST_PAUSE;
        }
        Ok(())
    }

    /// Keeps messages, in one transaction with the number up to which they were taken. Without any it renews the lease.
    async fn keep(&mut self, messages: &[rialto_connectors::streams::Message]) -> Result<(), End> {
        let parts = self.parts;
        let now = parts.clock.now();
        let sources = streams::sources(parts.db.read(), self.row.stream_id).await?;
        let mut batch = Batch::default();
        for message in messages {
            match std::str::from_utf8(&message.body) {
                Ok(text) => batch.add(text, &sources),
                Err(_) => batch.refuse(&String::from_utf8_lossy(&message.body), "The message is not UTF-8."),
            }
        }
        let last = messages.iter().map(|m| i64::try_from(m.number).unwrap_or(i64::MAX)).max().unwrap_or(0).max(self.taken);
        let news = self.noted.news([&batch.seen].into_iter(), now);
        let mut tx = parts.db.write().await?;
        if !feed::advance(&mut tx, &self.row, self.worker, last, now.plus_seconds(LEASE_SECONDS)).await? {
            return Err(End::Lost);
        }
        if !messages.is_empty() {
            streams::take(&mut tx, &[(self.row.stream_id, &batch)], &news, now).await?;
        }
        if self.troubled {
            streams::set_trouble(&mut tx, self.row.stream_id, "").await?;
        }
        tx.commit().await?;
        self.noted.note(news, now);
        (self.taken, self.troubled) = (last, false);
        if !messages.is_empty() {
            parts.wake.ring_streams();
        }
        Ok(())
    }

    /// Looks at the broker, and raises an alarm where messages are gone that were not fetched.
    async fn look(&mut self) -> Result<(), End> {
        let state = self.feed.state(u64::try_from(self.taken).unwrap_or(0)).await?;
        let now = self.parts.clock.now();
        let gap = gap(self.taken, &state, self.all_its_own()? || !self.idle);
        let mut tx = self.parts.db.write().await?;
        if !feed::advance(&mut tx, &self.row, self.worker, 0, now.plus_seconds(LEASE_SECONDS)).await? {
            return Err(End::Lost);
        }
        feed::looked(&mut tx, self.row.stream_id, i64::try_from(state.waiting).unwrap_or(i64::MAX), &state.warnings, now).await?;
        if let Some((to, detail)) = &gap {
            if let Some(detail) = detail {
                streams::raise(&mut tx, self.row.stream_id, "gap", detail, now).await?;
            }
            feed::skip(&mut tx, self.row.stream_id, *to).await?;
        }
        tx.commit().await?;
        self.taken = gap.map_or(self.taken, |(to, _)| to);
        (self.looked, self.idle) = (now, state.waiting == 0);
        Ok(())
    }

    /// Whether every message of the broker's stream is for this connection, so that a hole in the numbers is a hole in the events.
    fn all_its_own(&self) -> Result<bool, StoreError> {
        Ok(self.row.settings()?.get("subjects").is_none_or(|s| s.trim().is_empty()))
    }
}

/// Where messages are gone that were not fetched: the number to go on from, and the alarm. `sure`: what is gone may have been ours. Where only
/// some subjects are read and nothing waited, others' messages were thrown away.
fn gap(taken: i64, state: &FeedState, sure: bool) -> Option<(i64, Option<String>)> {
    let of = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (first, last) = (of(state.first), of(state.last));
    if taken == 0 {
        return None;
    }
    if last < taken {
        let detail = format!(
            "The broker's stream begins anew: it was read up to its number {taken}, and its newest one is {last}. \
             Have the source send all profiles again, and look whether events that came in between arrived."
        );
        return Some((0, Some(detail)));
    }
    if first <= taken.saturating_add(1) {
        return None;
    }
    let gone = first - taken - 1;
    let detail = format!(
        "The broker threw away up to {gone} messages (its numbers {} to {}) before they were fetched. \
         Have the source send all profiles again, and let the stream keep more or longer.",
        taken + 1,
        first - 1
    );
    Some((first - 1, sure.then_some(detail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_before_it_was_fetched_is_a_gap() {
        let state = |first, last| FeedState { waiting: 0, first, last, warnings: Vec::new() };
        assert_eq!(gap(0, &state(7, 9), true), None, "nothing was fetched yet");
        assert_eq!(gap(6, &state(7, 9), true), None);
        assert_eq!(gap(9, &state(10, 9), true), None, "all was thrown away after it was fetched");
        let (to, detail) = gap(6, &state(9, 12), true).unwrap();
        assert!(to == 8 && detail.unwrap().contains("up to 2 messages (its numbers 7 to 8)"));
        assert_eq!(gap(6, &state(9, 12), false), Some((8, None)), "of other subjects");
        let (to, detail) = gap(6, &state(1, 2), false).unwrap();
        assert!(to == 0 && detail.unwrap().contains("begins anew"));
    }
}
