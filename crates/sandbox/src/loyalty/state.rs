//! What the sandbox holds: members, what is shared of them, their versions, and what was published.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::loyalty::catalogue::{COUNT, Shared};
use crate::loyalty::event::{Event, Kind};
use crate::loyalty::members::{Member, Population, number};
use crate::loyalty::options::Options;
use crate::loyalty::poison::Poison;
use crate::loyalty::stream::{Draft, Stream};
use crate::loyalty::truth::{Told, Truth};

/// A member about whom something was changed or published.
pub(crate) struct Record {
    /// `None`: deleted.
    member: Option<Member>,
    unit: &'static str,
    sequence: u64,
    /// Under which sharing the present sequence was told; 0 before that, and when what was told is not the state.
    told: u64,
    truth: Truth,
}

pub(crate) struct State {
    population: Population,
    first_sequence: u64,
    /// Makes ids of events unique over several starts.
    start: String,
    last_id: u64,
    /// How often somebody was picked.
    pub picks: u64,
    /// The highest number of a member.
    pub end: u64,
    pub created: usize,
    deleted: u64,
    records: HashMap<u64, Record>,
    shared: Shared,
    /// Counts the choices of what is shared, from 1.
    sharing: u64,
    pub stream: Stream,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let start = (options.now)();
        Self {
            population: Population { seed: options.seed, start },
            first_sequence: options.first_sequence,
            start: format!("{:x}", start.as_microsecond()),
            last_id: 0,
            picks: 0,
            end: options.people,
            created: 0,
            deleted: 0,
            records: HashMap::new(),
            shared: Shared::at_first(),
            sharing: 1,
            stream: Stream::new(options.kept_events),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.end - self.deleted
    }

    fn is_number(&self, number: u64) -> bool {
        (1..=self.end).contains(&number)
    }

    pub(crate) fn exists(&self, number: u64) -> bool {
        self.is_number(number) && self.records.get(&number).is_none_or(|record| record.member.is_some())
    }

    /// The number behind a profileAltId of a member who is there.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        number(id).filter(|number| self.exists(*number))
    }

    /// A member who is there.
    pub(crate) fn member(&self, number: u64) -> Option<Member> {
        match self.records.get(&number) {
            Some(record) => record.member.clone(),
            None => self.is_number(number).then(|| self.population.member(number)),
        }
    }

    fn unit(&self, number: u64) -> &'static str {
        self.records.get(&number).map_or_else(|| self.population.unit(number), |record| record.unit)
    }

    /// The sequence of a member's last version.
    pub(crate) fn sequence(&self, number: u64) -> u64 {
        self.records.get(&number).map_or(self.first_sequence, |record| record.sequence)
    }

    fn record(&mut self, number: u64) -> &mut Record {
        let (population, first) = (self.population, self.first_sequence);
        self.records.entry(number).or_insert_with(|| Record {
            member: Some(population.member(number)),
            unit: population.unit(number),
            sequence: first,
            told: 0,
            truth: Truth::default(),
        })
    }

    pub(crate) fn shared(&self) -> Shared {
        self.shared
    }

    /// Answers whether that is another choice than before.
    pub(crate) fn share(&mut self, shared: Shared) -> bool {
        let changed = self.shared != shared;
        if changed {
            self.shared = shared;
            self.sharing += 1;
        }
        changed
    }

    /// Changes a member; where a shared value is another one then, it is the next version, which is answered for whoever publishes it.
    pub(crate) fn change(&mut self, number: u64, now: Timestamp, change: impl FnOnce(&mut Member)) -> Option<Draft> {
        let shared = self.shared;
        let member = self.record(number).member.as_mut()?;
        let before = member.values.clone();
        change(member);
        let news = (0..COUNT).any(|at| shared.has(at) && member.values[at] != before[at]);
        if !news {
            return None;
        }
        self.record(number).sequence += 1;
        self.upserted(number, now)
    }

    /// The present version of a member who is there.
    fn upserted(&mut self, number: u64, now: Timestamp) -> Option<Draft> {
        let id = self.next_id();
        let (shared, sharing) = (self.shared, self.sharing);
        let record = self.record(number);
        record.told = sharing;
        let member = record.member.as_ref()?;
        let event = Event::new(false, member.unit, &member.id, &id, now, record.sequence).holding(&member.values, shared);
        let text: Arc<str> = event.text().into();
        let told = Told::State { values: Box::new(member.values.clone()), shared, spoiled: None };
        Some(Draft { source: member.unit, subject: member.id.clone(), sequence: record.sequence, kind: Kind::Upserted, text, told, id })
    }

    fn next_id(&mut self) -> String {
        self.last_id += 1;
        format!("loy-{}-{}", self.start, self.last_id)
    }

    /// Puts a new member into the books; answers their number and first version.
    pub(crate) fn add(&mut self, now: Timestamp, make: impl FnOnce(u64) -> Member) -> Option<(u64, Draft)> {
        self.end += 1;
        self.created += 1;
        let number = self.end;
        let sequence = self.first_sequence + 1;
        let member = make(number);
        let unit = member.unit;
        self.records.insert(number, Record { member: Some(member), unit, sequence, told: 0, truth: Truth::default() });
        self.upserted(number, now).map(|draft| (number, draft))
    }

    /// Deletes a member; answers the version that says so.
    pub(crate) fn delete(&mut self, number: u64, now: Timestamp) -> Option<Draft> {
        let unit = self.unit(number);
        let record = self.record(number);
        record.member.take()?;
        record.sequence += 1;
        self.deleted += 1;
        Some(self.gone(number, unit, now))
    }

    fn gone(&mut self, number: u64, unit: &'static str, now: Timestamp) -> Draft {
        let id = self.next_id();
        let sequence = self.sequence(number);
        let subject = crate::loyalty::members::id(number);
        let text: Arc<str> = Event::new(true, unit, &subject, &id, now, sequence).text().into();
        Draft { id, source: unit, subject, sequence, kind: Kind::Deleted, text, told: Told::Deleted }
    }

    /// The state of this number, be it a member or one that was deleted, once more: with the sequence that it has where that very state
    /// was told with it, and else with the next.
    pub(crate) fn again(&mut self, number: u64, now: Timestamp) -> Option<Draft> {
        if !self.exists(number) {
            let unit = self.unit(number);
            return Some(self.gone(number, unit, now));
        }
        let sharing = self.sharing;
        let record = self.record(number);
        if record.told != sharing {
            record.sequence += 1;
        }
        self.upserted(number, now)
    }

    /// A number is skipped: no event has it.
    pub(crate) fn skip(&mut self, number: u64) {
        self.record(number).sequence += 1;
    }

    /// An event of this member with something wrong. What a receiver can take but for a value is the next version; what it cannot take
    /// at all leaves the versions alone.
    pub(crate) fn poison(&mut self, number: u64, poison: Poison, now: Timestamp) -> Option<Draft> {
        let id = self.next_id();
        let shared = self.shared;
        let record = self.record(number);
        let member = record.member.as_ref()?;
        let sequence = record.sequence + 1;
        let event = Event::new(false, member.unit, &member.id, &id, now, sequence).holding(&member.values, shared);
        let text: Arc<str> = poison.spoil(event).into();
        let told = if poison.counts() {
            Told::State { values: Box::new(member.values.clone()), shared, spoiled: poison.spoils() }
        } else {
            Told::Nothing
        };
        let draft = Draft { id, source: member.unit, subject: member.id.clone(), sequence, kind: Kind::Poison(poison), text, told };
        if poison.counts() {
            (record.sequence, record.told) = (sequence, 0);
        }
        Some(draft)
    }

    /// Publishes a version.
    pub(crate) fn publish(&mut self, draft: &Draft) {
        if let Some(number) = number(&draft.subject) {
            self.record(number).truth.hear(draft.sequence, &draft.told);
        }
        self.stream.publish(draft);
    }

    /// What was published of each profile of a source, by its profileAltId.
    pub(crate) fn truths(&self, source: &str) -> impl Iterator<Item = (String, &Truth)> {
        self.records
            .iter()
            .filter(move |(_, record)| record.unit == source)
            .map(|(number, record)| (crate::loyalty::members::id(*number), &record.truth))
    }
}
