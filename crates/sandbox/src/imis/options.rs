//! What can be set about a simulated iMIS before it starts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::personify360::{Clock, counting_clock};

/// The generation of the product: they differ in how queries are run and described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generation {
    /// 20.3 and later: `api/query` with flat rows.
    #[serde(rename = "ems")]
    Ems,
    /// 20.2: only `api/iqa` with generic rows; definitions stand bare, without their document.
    #[serde(rename = "2017")]
    Y2017,
}

/// Settings of a sandbox.
#[derive(Clone)]
pub struct Options {
    /// How many contacts there are.
    pub people: u64,
    /// Same seed, same people.
    pub seed: u64,
    /// User name for the token service.
    pub user: String,
    /// Password for the token service.
    pub password: String,
    /// The generation.
    pub generation: Generation,
    /// Seconds a token lives, by `now`.
    pub token_seconds: i64,
    /// Most rows one answer holds; a larger `limit` is capped, not refused.
    pub max_rows: usize,
    /// Whether the table INFORMZ_PERSONA exists from the start.
    pub persona_table: bool,
    /// The clock.
    pub now: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            people: 10_000,
            seed: 1,
            user: "rialto".into(),
            password: "sandbox".into(),
            generation: Generation::Ems,
            token_seconds: 86_399,
            max_rows: 500,
            persona_table: true,
            now: counting_clock(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("people", &self.people)
            .field("seed", &self.seed)
            .field("generation", &self.generation)
            .field("token_seconds", &self.token_seconds)
            .field("persona_table", &self.persona_table)
            .finish_non_exhaustive()
    }
}
