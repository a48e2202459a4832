//! How many a second, over the last ten seconds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(10);
/// How finely it counts.
const SLOT: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(crate) struct Meter {
    /// Since when, and how many.
    slots: VecDeque<(Instant, u64)>,
}

impl Meter {
    pub(crate) fn count(&mut self, n: u64) {
        let now = Instant::now();
        match self.slots.back_mut().filter(|(since, _)| now - *since < SLOT) {
            Some((_, count)) => *count += n,
            None => self.slots.push_back((now, n)),
        }
        while self.slots.front().is_some_and(|(since, _)| now - *since > WINDOW) {
            self.slots.pop_front();
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        let now = Instant::now();
        let recent = self.slots.iter().filter(|(since, _)| now - *since <= WINDOW);
        recent.map(|(_, count)| *count as f64).sum::<f64>() / WINDOW.as_secs_f64()
    }
}
