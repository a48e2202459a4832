//! The trigger `send`: before a mailing goes out, the people of its groups are read again, and each group is either ready or says why
//! not (docs/adr/0042). Call it from a task of its own, never from a worker: the runs it waits for need one.

mod group;
mod verdict;

use std::time::Duration;

use rialto_core::Instant;
use rialto_store::StoreError;

use crate::Parts;

pub use verdict::{Ready, Stopped, Why};

/// What a mailing asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Internal ids of the groups, those inside compound groups too. Named twice counts once.
    pub groups: Vec<i64>,
    pub mailing_id: i64,
    /// Who sends, as audit rows name it.
    pub by: String,
    pub request_id: String,
    pub freshness: Freshness,
}

/// What a mailing takes for fresh (B11).
#[derive(Clone, Copy, Debug)]
pub struct Freshness {
    /// Longest wait for all groups together.
    pub wait: Duration,
    /// What to do about a list whose own data is older than its regeneration frequency promises.
    pub late_data: LateData,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LateData {
    Warn,
    Stop,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { wait: Duration::from_secs(15 * 60), late_data: LateData::Warn }
    }
}

/// One group's answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub group_id: i64,
    /// Empty when there is no such group.
    pub name: String,
    pub outcome: Result<Ready, Stopped>,
}

/// All groups' answers, in the order they were named.
#[derive(Clone, PartialEq, Debug)]
pub struct Prepared {
    /// When the last answer was there.
    pub at: Instant,
    pub answers: Vec<Answer>,
}

impl Prepared {
    /// Whether the mailing may go.
    pub fn ready(&self) -> bool {
        self.answers.iter().all(|a| a.outcome.is_ok())
    }
}

/// Notes that the mailing uses the groups, starts or joins a people run of each that has a remote list, waits for all of them side by
/// side, and answers. Never longer than `freshness.wait`. Errors are storage's only.
pub async fn prepare(parts: &Parts, wish: &Wish) -> Result<Prepared, StoreError> {
    let mut named = std::collections::HashSet::new();
    let groups = wish.groups.iter().copied().filter(|id| named.insert(*id));
    let until = tokio::time::Instant::now() + wish.freshness.wait;
    let answers = futures::future::try_join_all(groups.map(|id| group::prepare(parts, wish, id, until))).await?;
    Ok(Prepared { at: parts.clock.now(), answers })
}
