//! The sandbox itself, and what it holds, for tests to compare with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::loyalty::acts::Refused;
use crate::loyalty::event::Published;
use crate::loyalty::load::Loads;
use crate::loyalty::members::{Member, number};
use crate::loyalty::options::Options;
use crate::loyalty::publish::Publisher;
use crate::loyalty::state::State;
use crate::loyalty::stream::StreamStatus;
use crate::loyalty::truth::Expected;

/// A simulated loyalty system. Clones share what it holds.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: Options,
    pub publisher: Publisher,
    pub loads: Loads,
    pub sending_all: AtomicBool,
    state: Mutex<State>,
}

impl Sandbox {
    /// A sandbox with these settings; costs the same for any number of members.
    pub fn new(options: Options) -> Self {
        let state = Mutex::new(State::new(&options));
        let (publisher, loads) = (Publisher::default(), Loads::default());
        Self { inner: Arc::new(Inner { options, publisher, loads, sending_all: AtomicBool::new(false), state }) }
    }

    /// Its settings.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.options.now)()
    }

    /// One member.
    pub fn member(&self, id: &str) -> Option<Member> {
        let state = self.state();
        state.number(id).and_then(|number| state.member(number))
    }

    /// All members, in the order of their ids. It makes every one of them.
    pub fn members(&self) -> Vec<Member> {
        let state = self.state();
        (1..=state.end).filter_map(|number| state.member(number)).collect()
    }

    /// How many members there are.
    pub fn member_count(&self) -> u64 {
        self.state().count()
    }

    /// The sequence of the last version of a member, also of one that was deleted.
    pub fn sequence(&self, id: &str) -> Option<u64> {
        let state = self.state();
        number(id).filter(|number| (1..=state.end).contains(number)).map(|number| state.sequence(number))
    }

    /// Every event that was published, in order: as many of the last as the options keep, and of those at most 256 MiB.
    pub fn published(&self) -> Vec<Arc<Published>> {
        self.published_last(usize::MAX)
    }

    /// The last events that were published, oldest first.
    pub fn published_last(&self, most: usize) -> Vec<Arc<Published>> {
        self.state().stream.log(most)
    }

    /// What a faithful receiver of this source must hold, by profileAltId: of each profile the highest sequence that was published, deletes
    /// as tombstones. Fields that a receiver has no place for are its own affair.
    pub fn expected(&self, source: &str) -> BTreeMap<String, Expected> {
        let state = self.state();
        state.truths(source).filter_map(|(id, truth)| Some((id, truth.expected()?))).collect()
    }

    /// The names of the shared fields, in the order of the catalogue.
    pub fn shared(&self) -> Vec<&'static str> {
        self.state().shared().names()
    }

    /// How the stream stands.
    pub fn stream(&self) -> StreamStatus {
        self.state().stream.status()
    }

    /// Waits until everything that was published was taken; `false` when that takes longer.
    pub async fn delivered(&self, within: Duration) -> bool {
        let all = async {
            while self.stream().waiting > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }

    /// Carries out something that publishes, and has it sent.
    pub(crate) fn publishing<T>(&self, act: impl FnOnce(&mut State, Timestamp) -> Result<T, Refused>) -> Result<T, Refused> {
        let now = self.now();
        let done = {
            let mut state = self.state();
            if state.stream.is_full() {
                return Err(Refused::Full);
            }
            act(&mut state, now)
        };
        self.inner.publisher.wake();
        done
    }

    /// Marks that everybody is being sent, until the mark is dropped; `None` while that is so already.
    pub(crate) fn mark_sending_all(&self) -> Option<SendingAll> {
        let free = !self.inner.sending_all.swap(true, Ordering::AcqRel);
        free.then(|| SendingAll(Arc::clone(&self.inner)))
    }

    /// Whether everybody is being sent.
    pub fn is_sending_all(&self) -> bool {
        self.inner.sending_all.load(Ordering::Acquire)
    }
}

pub(crate) struct SendingAll(Arc<Inner>);

impl Drop for SendingAll {
    fn drop(&mut self) {
        self.0.sending_all.store(false, Ordering::Release);
    }
}
