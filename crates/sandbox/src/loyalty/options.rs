//! What can be set about a sandbox before it starts.

use std::fmt;

use crate::personify360::{Clock, counting_clock};

/// Settings of a sandbox.
#[derive(Clone)]
pub struct Options {
    /// How many members there are.
    pub people: u64,
    /// Same seed, same members; the same names and addresses as in the other simulated systems.
    pub seed: u64,
    /// What sequence numbers count from, exclusive. A receiver that outlives the sandbox takes nothing with a number that it has seen, so
    /// whoever starts one again for the same receiver begins further up.
    pub first_sequence: u64,
    /// How many published events are kept to be looked at.
    pub kept_events: usize,
    /// The clock.
    pub now: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self { people: 10_000, seed: 1, first_sequence: 0, kept_events: 100_000, now: counting_clock() }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("people", &self.people)
            .field("seed", &self.seed)
            .field("first_sequence", &self.first_sequence)
            .field("kept_events", &self.kept_events)
            .finish_non_exhaustive()
    }
}
