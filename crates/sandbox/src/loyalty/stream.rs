//! What was published: a log to look at, and the outbox from which events leave in order, each kept until it was taken.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::loyalty::event::{Kind, Published};
use crate::loyalty::meter::Meter;
use crate::loyalty::truth::Told;

/// Most bytes that wait to be sent, and most that are kept to be looked at.
pub(crate) const MOST_BYTES: usize = 256 << 20;
/// Answers that are kept.
const ANSWERS: usize = 20;

/// What came of one try to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// When.
    pub at: Timestamp,
    /// Events that were sent with it.
    pub events: usize,
    /// Whether they are done with; else they are sent again.
    pub done: bool,
    /// What the receiver said, or what went wrong.
    pub words: String,
}

/// How the stream stands.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// Events published so far.
    pub published: u64,
    /// Events that the receiver took.
    pub acknowledged: u64,
    /// Poison that the receiver refused for good.
    pub refused: u64,
    /// Events that wait in the outbox.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Events a second, over the last ten seconds.
    pub published_per_second: f64,
    /// Events a second, over the last ten seconds.
    pub acknowledged_per_second: f64,
    /// The last answers, the newest first.
    pub answers: Vec<Answer>,
}

/// An event before it is published; published more than once it is the same event.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub id: String,
    pub source: &'static str,
    pub subject: String,
    pub sequence: u64,
    pub kind: Kind,
    pub text: Arc<str>,
    pub told: Told,
}

/// Batches of a load: their size, and the last event that belongs to it.
struct LoadBatches {
    size: usize,
    until: u64,
}

pub(crate) struct Stream {
    kept: usize,
    log: VecDeque<Arc<Published>>,
    log_bytes: usize,
    published: u64,
    acknowledged: u64,
    refused: u64,
    outbox: VecDeque<Arc<Published>>,
    waiting_bytes: usize,
    /// Size of batches to the present target; `None` without one: then nothing waits.
    batch: Option<usize>,
    /// Counts the targets, so that a delivery to a former one changes nothing.
    generation: u64,
    load: Option<LoadBatches>,
    answers: VecDeque<Answer>,
    meters: [Meter; 2],
}

impl Stream {
    pub(crate) fn new(kept: usize) -> Self {
        Self {
            kept,
            log: VecDeque::new(),
            log_bytes: 0,
            published: 0,
            acknowledged: 0,
            refused: 0,
            outbox: VecDeque::new(),
            waiting_bytes: 0,
            batch: None,
            generation: 0,
            load: None,
            answers: VecDeque::new(),
            meters: Default::default(),
        }
    }

    /// A new target, or none; what waits goes to the new one. Answers its generation.
    pub(crate) fn retarget(&mut self, batch: Option<usize>) -> u64 {
        self.batch = batch;
        self.generation += 1;
        self.answers.clear();
        if batch.is_none() {
            self.outbox.clear();
            self.waiting_bytes = 0;
        }
        self.generation
    }

    pub(crate) fn publish(&mut self, draft: &Draft) {
        self.published += 1;
        self.meters[0].count(1);
        let event = Arc::new(Published {
            number: self.published,
            id: draft.id.clone(),
            source: draft.source,
            subject: draft.subject.clone(),
            sequence: draft.sequence,
            kind: draft.kind,
            text: Arc::clone(&draft.text),
        });
        if self.batch.is_some() {
            self.waiting_bytes += event.text.len();
            self.outbox.push_back(Arc::clone(&event));
        }
        self.log_bytes += event.text.len();
        self.log.push_back(event);
        while self.log.len() > self.kept || self.log_bytes > MOST_BYTES {
            let Some(oldest) = self.log.pop_front() else { break };
            self.log_bytes -= oldest.text.len();
        }
    }

    /// Whether no more should be published before some of it was taken.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting_bytes >= MOST_BYTES
    }

    /// The events kept, oldest first, at most so many of the newest.
    pub(crate) fn log(&self, most: usize) -> Vec<Arc<Published>> {
        self.log.iter().skip(self.log.len().saturating_sub(most)).cloned().collect()
    }

    /// What is to be sent next to the target of this generation: never more than `most`, and nothing beside what breaks a batch.
    pub(crate) fn next(&mut self, generation: u64, most: usize) -> Vec<Arc<Published>> {
        let Some(front) = self.outbox.front().filter(|_| generation == self.generation) else { return Vec::new() };
        if self.load.as_ref().is_some_and(|load| front.number > load.until) {
            self.load = None;
        }
        let size = self.load.as_ref().map_or(self.batch.unwrap_or(1), |load| load.size).min(most);
        let whole = if front.travels_alone() { 1 } else { size };
        let beside = |(at, event): &(usize, &Arc<Published>)| *at == 0 || !event.travels_alone();
        self.outbox.iter().enumerate().take(whole).take_while(beside).map(|(_, event)| Arc::clone(event)).collect()
    }

    /// The first `done` events that wait are done with; of those `refused` were not taken.
    pub(crate) fn settle(&mut self, generation: u64, done: usize, refused: usize, answer: Answer) {
        if generation != self.generation {
            return;
        }
        for event in self.outbox.drain(..done.min(self.outbox.len())) {
            self.waiting_bytes -= event.text.len();
        }
        let taken = (done - refused.min(done)) as u64;
        self.acknowledged += taken;
        self.refused += refused as u64;
        self.meters[1].count(taken);
        self.answers.push_front(answer);
        self.answers.truncate(ANSWERS);
    }

    /// From here on events leave in batches of this size.
    pub(crate) fn load_begins(&mut self, size: usize) {
        self.load = Some(LoadBatches { size, until: u64::MAX });
    }

    /// What is published from here on is no part of the load.
    pub(crate) fn load_ends(&mut self) {
        if let Some(load) = &mut self.load {
            load.until = self.published;
        }
    }

    pub(crate) fn status(&self) -> StreamStatus {
        StreamStatus {
            published: self.published,
            acknowledged: self.acknowledged,
            refused: self.refused,
            waiting: self.outbox.len(),
            waiting_bytes: self.waiting_bytes,
            published_per_second: self.meters[0].per_second(),
            acknowledged_per_second: self.meters[1].per_second(),
            answers: self.answers.iter().cloned().collect(),
        }
    }
}
