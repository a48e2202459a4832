//! The job of the association that fetches Rialto's writebacks, does them here and acknowledges each: by hand or every so many seconds, with
//! faults of its own. It ticks and unticks Do Not Email and opts in and out; it leaves no activity.

mod work;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::loopback;
use crate::membersuite::sandbox::{Inner, Sandbox};

/// Polls that are kept.
const KEPT: usize = 20;

/// How the job misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollFault {
    /// Does all of a batch and dies before it says so.
    CrashBeforeAck,
    /// Fetches and dies before it does anything.
    CrashBeforeWork,
    /// Acknowledges each batch twice.
    AckTwice,
    /// Asks for the shortest lease and acknowledges when it is over.
    AckLate,
    /// Refuses all of it.
    Refuse,
}

impl PollFault {
    /// All of them, with their names in forms and the words for people.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::CrashBeforeAck, "crash_before_ack", "crashes after its work, before it acknowledges"),
        (Self::CrashBeforeWork, "crash_before_work", "crashes after fetching, before its work"),
        (Self::AckTwice, "ack_twice", "acknowledges twice"),
        (Self::AckLate, "ack_late", "acknowledges when the lease is over"),
        (Self::Refuse, "refuse", "refuses everything"),
    ];
}

/// How the job is set up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollerSettings {
    /// Where it fetches: an address on this machine.
    pub address: String,
    /// What opens it. Never shown.
    #[serde(skip_serializing)]
    pub token: String,
    /// Seconds between two polls; `None`: by hand only.
    #[serde(default)]
    pub every_seconds: Option<u32>,
    /// How it misbehaves, until that is changed.
    #[serde(default)]
    pub fault: Option<PollFault>,
}

/// What one poll did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Poll {
    /// When it began.
    pub at: jiff::Timestamp,
    /// Writebacks fetched.
    pub fetched: usize,
    /// Done here.
    pub done: usize,
    /// Words that Rialto took.
    pub taken: usize,
    /// Words that Rialto refused.
    pub refused: usize,
    /// What was said or went wrong, in sentences.
    pub notes: Vec<String>,
}

/// The job's settings, its last polls, and which of its loops is the present one.
#[derive(Default)]
pub(crate) struct Poller {
    held: Mutex<Held>,
    /// One poll at a time.
    busy: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    settings: Option<PollerSettings>,
    polls: VecDeque<Poll>,
    generation: u64,
}

impl Poller {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// Sets the job up, or ends it. Call it inside a runtime where it is to poll by itself.
    ///
    /// # Errors
    /// The address is none of this machine.
    pub fn set_poller(&self, settings: Option<PollerSettings>) -> Result<(), &'static str> {
        if let Some(settings) = &settings {
            loopback::Target::of(&settings.address)?;
        }
        let every = settings.as_ref().and_then(|s| s.every_seconds);
        let generation = {
            let mut held = self.inner.poller.held();
            held.settings = settings;
            held.generation += 1;
            held.generation
        };
        if let Some(every) = every {
            let pause = Duration::from_secs(u64::from(every.max(1)));
            tokio::spawn(by_itself(Arc::downgrade(&self.inner), generation, pause));
        }
        Ok(())
    }

    /// How the job is set up.
    pub fn poller(&self) -> Option<PollerSettings> {
        self.inner.poller.held().settings.clone()
    }

    /// Its last polls, the newest first.
    pub fn polls(&self) -> Vec<Poll> {
        self.inner.poller.held().polls.iter().cloned().collect()
    }

    /// Polls once, misbehaving like this or as it is set up. `None` before it is set up.
    pub async fn poll(&self, fault: Option<PollFault>) -> Option<Poll> {
        let _one = self.inner.poller.busy.lock().await;
        let settings = self.poller()?;
        let poll = work::poll(self, &settings, fault.or(settings.fault)).await;
        let mut held = self.inner.poller.held();
        held.polls.push_front(poll.clone());
        held.polls.truncate(KEPT);
        Some(poll)
    }
}

/// Polls again and again until it is set up otherwise, or the sandbox is gone.
async fn by_itself(inner: Weak<Inner>, generation: u64, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        let sandbox = Sandbox { inner };
        if sandbox.inner.poller.held().generation != generation {
            return;
        }
        sandbox.poll(None).await;
    }
}
