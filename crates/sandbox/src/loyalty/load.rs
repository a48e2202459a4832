//! The load generator: visits at a steady rate, for a bounded time, ended by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior};

use crate::loyalty::acts::Refused;
use crate::loyalty::sandbox::{Inner, Sandbox};

/// How often it looks what is due.
const TICK: Duration = Duration::from_millis(10);
/// Visits at a time, so that others get their turn.
const CHUNK: u64 = 500;
/// Most points of a visit.
const POINTS: u32 = 200;

/// A load: visits of members that are picked, each with one event unless nothing that it changes is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// From 1 to 20,000.
    pub per_second: u32,
    /// From 1 to 600.
    pub seconds: u32,
    /// Events that are sent with one request, from 1 to 500; for this load instead of the target's.
    pub batch: usize,
}

impl Load {
    fn check(self) -> Result<Self, Refused> {
        if !(1..=20_000).contains(&self.per_second) {
            return Err(Refused::Range("1 to 20,000 events a second."));
        }
        if !(1..=600).contains(&self.seconds) {
            return Err(Refused::Range("1 to 600 seconds."));
        }
        if !(1..=500).contains(&self.batch) {
            return Err(Refused::Range("1 to 500 events of a batch."));
        }
        Ok(self)
    }

    /// How many visits belong to it after this time.
    fn due(self, elapsed: Duration) -> u64 {
        let whole = Duration::from_secs(u64::from(self.seconds));
        let micros = u64::try_from(elapsed.min(whole).as_micros()).unwrap_or(u64::MAX);
        micros.saturating_mul(u64::from(self.per_second)) / 1_000_000
    }

    fn is_over(self, elapsed: Duration) -> bool {
        elapsed >= Duration::from_secs(u64::from(self.seconds))
    }
}

/// How the last load stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LoadStatus {
    /// What was asked for.
    pub load: Load,
    /// Whether it goes on.
    pub running: bool,
    /// Visits so far.
    pub done: u64,
    /// Whether it had to wait, because the receiver did not take what was sent.
    pub held_back: bool,
}

#[derive(Default)]
pub(crate) struct Loads(Mutex<Option<LoadStatus>>);

impl Loads {
    fn last(&self) -> MutexGuard<'_, Option<LoadStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut LoadStatus)) {
        if let Some(status) = self.last().as_mut() {
            note(status);
        }
    }
}

impl Sandbox {
    /// Starts a load, which ends by itself. Call it inside a runtime.
    ///
    /// # Errors
    /// A number is out of its range, or a load is under way.
    pub fn start_load(&self, load: Load) -> Result<(), Refused> {
        let load = load.check()?;
        let mut last = self.inner.loads.last();
        if last.is_some_and(|status| status.running) {
            return Err(Refused::Busy);
        }
        *last = Some(LoadStatus { load, running: true, done: 0, held_back: false });
        drop(last);
        self.state().stream.load_begins(load.batch);
        tokio::spawn(run(Arc::downgrade(&self.inner), load));
        Ok(())
    }

    /// Ends the load that is under way, if there is one.
    pub fn stop_load(&self) {
        self.inner.loads.note(|status| status.running = false);
    }

    /// How the last load stands.
    pub fn load(&self) -> Option<LoadStatus> {
        *self.inner.loads.last()
    }

    /// So many visits; answers how many there could be.
    fn visits(&self, count: u64) -> u64 {
        let published = self.publishing(|state, now| {
            let mut done = 0;
            while done < count.min(CHUNK) {
                let number = state.pick().ok_or(Refused::NoMember)?;
                let points = state.roll(POINTS);
                if let Some(draft) = state.visit(number, points, now) {
                    state.publish(&draft);
                }
                done += 1;
            }
            Ok(done)
        });
        published.unwrap_or(0)
    }
}

async fn run(inner: Weak<Inner>, load: Load) {
    let start = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = 0;
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let sandbox = Sandbox { inner };
        if !sandbox.load().is_some_and(|status| status.running) {
            return ended(&sandbox);
        }
        let elapsed = start.elapsed();
        while done < load.due(elapsed) {
            let visits = sandbox.visits(load.due(elapsed) - done);
            done += visits;
            sandbox.inner.loads.note(|status| (status.done, status.held_back) = (done, status.held_back || visits == 0));
            if visits == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        if load.is_over(elapsed) {
            return ended(&sandbox);
        }
    }
}

fn ended(sandbox: &Sandbox) {
    sandbox.state().stream.load_ends();
    sandbox.stop_load();
}
