//! What brings events from the outbox to one target, until there is another or the sandbox is gone.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{Target, http, nats};
use crate::loyalty::event::{Kind, Published};
use crate::loyalty::sandbox::{Inner, Sandbox};
use crate::loyalty::stream::Answer;

/// Pauses between tries, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What came of a try.
pub(super) struct Tried {
    /// So many of the events, from the first, are done with.
    pub done: usize,
    /// Of those, so many were refused for good.
    pub refused: usize,
    /// Whether the rest is tried again after a pause.
    pub again: bool,
    /// What was said.
    pub words: String,
}

impl Tried {
    pub(super) fn again(words: String) -> Self {
        Self { done: 0, refused: 0, again: true, words }
    }

    pub(super) fn taken(done: usize, words: String) -> Self {
        Self { done, refused: 0, again: false, words }
    }

    pub(super) fn refused(words: String) -> Self {
        Self { done: 1, refused: 1, again: false, words }
    }
}

/// Whether it may be given up when a receiver refuses it by itself.
pub(super) fn is_poison(event: &Published) -> bool {
    matches!(event.kind, Kind::Poison(_))
}

enum Carrier {
    Http(http::Inbox),
    Nats(nats::Broker),
}

impl Carrier {
    fn of(target: Target) -> Option<Self> {
        match target {
            Target::Http { address, token, .. } => http::Inbox::new(&address, token).map(Self::Http),
            Target::Nats { address, token, stream, .. } => Some(Self::Nats(nats::Broker::new(address, token, stream))),
        }
    }

    fn most(&self) -> usize {
        match self {
            Self::Http(inbox) => inbox.most(),
            Self::Nats(_) => usize::MAX,
        }
    }

    async fn send(&mut self, events: &[Arc<Published>]) -> Tried {
        match self {
            Self::Http(inbox) => inbox.send(events).await,
            Self::Nats(broker) => broker.send(events).await,
        }
    }
}

pub(super) async fn pump(inner: Weak<Inner>, target: Target, generation: u64, wake: Arc<Notify>, mut ended: watch::Receiver<u64>) {
    let Some(carrier) = Carrier::of(target) else { return };
    let work = carry(&inner, carrier, generation, &wake);
    tokio::select! {
        () = work => {}
        // Another target, or the sandbox is gone. What was being sent may be sent once more: at least once.
        _ = ended.wait_for(|present| *present != generation) => {}
    }
    // A word meant for the next one.
    wake.notify_one();
}

async fn carry(inner: &Weak<Inner>, mut carrier: Carrier, generation: u64, wake: &Notify) {
    let mut pause = FIRST_PAUSE;
    loop {
        let most = carrier.most();
        let Some(events) = with(inner, |sandbox| sandbox.state().stream.next(generation, most)) else { return };
        if events.is_empty() {
            wake.notified().await;
            continue;
        }
        let tried = carrier.send(&events).await;
        let note = |sandbox: &Sandbox| {
            let answer = Answer { at: sandbox.now(), events: events.len(), done: tried.done > 0, words: tried.words.clone() };
            sandbox.state().stream.settle(generation, tried.done, tried.refused, answer);
        };
        if with(inner, note).is_none() {
            return;
        }
        if tried.done > 0 {
            pause = FIRST_PAUSE;
        }
        if tried.again {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// `None` when the sandbox is gone: it must not live on for what waits.
fn with<T>(inner: &Weak<Inner>, work: impl FnOnce(&Sandbox) -> T) -> Option<T> {
    inner.upgrade().map(|inner| work(&Sandbox { inner }))
}
