//! What a drive has in hand: claims not yet begun, and answers not yet recorded.

use std::collections::VecDeque;
use std::time::Duration;

use rialto_core::Instant;
use rialto_store::writebacks::{Answer, Claimed, Outcome};
use tokio::time::Instant as At;

use super::deliver::answer;

/// Most answers recorded in one transaction, and most claims at once.
pub(super) const BATCH: usize = 500;

/// A claim in hand. Its times are those of this process's steady clock, whatever the wall clock does.
pub(super) struct Taken {
    pub claimed: Claimed,
    pub cutoff: Instant,
    /// Begun later than this, it might outlast its lease.
    pub begin_by: At,
    pub lease_ends: At,
}

/// An answer, and until when recording it can mean anything.
pub(super) struct Kept {
    pub answer: Answer,
    pub lease_ends: At,
}

#[derive(Default)]
pub(super) struct Load {
    pub hand: VecDeque<Taken>,
    pub answers: Vec<Kept>,
    /// When the first of the answers has to be recorded.
    pub record_at: Option<At>,
    begun_at: Option<At>,
    answered: usize,
}

impl Load {
    pub fn take(&mut self, rows: Vec<Claimed>, cutoff: Instant, asked_at: At, lease: Duration, call: Duration) {
        let lease_ends = asked_at + lease;
        // Half of what the call leaves stays for recording the answer.
        let begin_by = asked_at + lease.saturating_sub(call) / 2;
        self.hand.extend(rows.into_iter().map(|claimed| Taken { claimed, cutoff, begin_by, lease_ends }));
    }

    pub fn keep(&mut self, answer: Answer, lease_ends: At, late: Duration) {
        self.answered += 1;
        self.begun_at.get_or_insert_with(At::now);
        self.record_at.get_or_insert_with(|| At::now() + late);
        self.answers.push(Kept { answer, lease_ends });
    }

    /// Gives back all that was not begun, or what `give` chooses of it.
    pub fn give_back(&mut self, now: Instant, outcome: &Outcome, said: &str, mut give: impl FnMut(&Taken) -> bool) {
        let (back, stay): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.hand).into_iter().partition(|t| give(t));
        self.hand = stay;
        for t in back {
            let given = answer(&t.claimed, outcome.clone(), said.to_owned(), now, now);
            self.keep(given, t.lease_ends, Duration::ZERO);
        }
    }

    /// Answers to be recorded now, if it is time: at most a batch, the oldest first.
    pub fn due(&mut self, at_once: bool) -> Vec<Kept> {
        let now = At::now();
        if self.answers.is_empty() || !(at_once || self.answers.len() >= BATCH || self.record_at.is_some_and(|at| at <= now)) {
            return Vec::new();
        }
        let rest = self.answers.split_off(self.answers.len().min(BATCH));
        let due = std::mem::replace(&mut self.answers, rest);
        self.record_at = (!self.answers.is_empty()).then_some(now);
        due
    }

    /// Recording failed: the answers wait for the next attempt, those whose lease is over are the next worker's.
    pub fn put_back(&mut self, kept: Vec<Kept>, pause: Duration) -> usize {
        let now = At::now();
        let (stay, over): (Vec<_>, Vec<_>) = kept.into_iter().partition(|k| k.lease_ends > now);
        self.answers.splice(0..0, stay);
        self.record_at = Some(now + pause);
        over.len()
    }

    /// How many to claim: about a second's work as measured, so that a crash loses few and the database is asked seldom.
    pub fn appetite(&self, side_by_side: usize) -> usize {
        let seconds = self.begun_at.map_or(0.0, |at| at.elapsed().as_secs_f64());
        let rate = if seconds > 0.05 { self.answered as f64 / seconds } else { 0.0 };
        (rate as usize).clamp((side_by_side * 2).min(BATCH), BATCH)
    }

    pub fn is_empty(&self) -> bool {
        self.hand.is_empty() && self.answers.is_empty()
    }
}
