//! What can be set about a sandbox before it starts.

use std::fmt;

use crate::personify360::{Clock, counting_clock};

/// Settings of a sandbox.
#[derive(Clone)]
pub struct Options {
    /// How many individuals there are.
    pub people: u64,
    /// Same seed, same individuals; the same names and addresses as in the other simulated systems.
    pub seed: u64,
    /// The association, whose id every call names.
    pub association_id: String,
    /// Name of the key by which calls are signed.
    pub access_key_id: String,
    /// The key itself, in Base64.
    pub secret_access_key: String,
    /// Path of the service.
    pub root: String,
    /// Most rows of one answer to a search.
    pub max_rows: usize,
    /// Seconds until a session ends.
    pub session_seconds: i64,
    /// Whether the activity type and status that Rialto uses exist from the start.
    pub set_up: bool,
    /// The clock.
    pub now: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            people: 10_000,
            seed: 1,
            association_id: "6faf90e4-0001-4c61-9a3b-52616c746f31".into(),
            access_key_id: "RIALTOSANDBOXKEY".into(),
            secret_access_key: "c2FuZGJveC1zZWNyZXQtYWNjZXNzLWtleS1vZi10aGUtc2ltdWxhdGVkLU1lbWJlclN1aXRlISE=".into(),
            root: "/membersuite/mms/Concierge".into(),
            max_rows: 400,
            session_seconds: 8 * 3_600,
            set_up: true,
            now: counting_clock(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("people", &self.people)
            .field("seed", &self.seed)
            .field("root", &self.root)
            .field("set_up", &self.set_up)
            .finish_non_exhaustive()
    }
}
