//! Events on their way into the log of a connection, whichever way they come: each is judged by itself, and all of them are appended in one
//! transaction with what was found wrong.

use std::collections::{BTreeMap, HashMap};

use rialto_core::Instant;
use rialto_core::audience::Seen;
use rialto_core::event::{self, MAX_BATCH, ProfileEvent};
use serde_json::value::RawValue;

use super::{Refused, Source};
use crate::db::Tx;
use crate::error::StoreError;

/// How long a sample of a field stands before a newer one takes its place, in seconds.
const SAMPLED: i64 = 60;
/// Most fields of a business unit that are noted by one life of a process: names come from outside.
const FIELDS: usize = 3_000;

/// Events that came together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub accepted: usize,
    /// The accepted events, each as it came, with commas between them.
    texts: String,
    /// Places in the batch, and what is wrong.
    pub refused: Vec<(usize, Refused)>,
    pub passed: Passed,
    /// What the values of fields looked like, with a sample.
    pub seen: Fields,
    /// Events looked at.
    read: usize,
}

/// Events of business units that the connection does not read (L1): they are no fault, and are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    pub events: usize,
    /// That of the last one.
    pub source: String,
}

/// What fields looked like: internal id of the business unit, and the name as a field matching says it.
pub type Fields = HashMap<(i64, String), (Seen, String)>;

/// Why a body is refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoBatch {
    /// A sentence.
    Shape(String),
    /// More than [`MAX_BATCH`] events.
    TooMany,
}

/// An event as far as the connection is concerned.
enum Judged {
    /// Of a business unit that it reads, by internal id.
    Read(i64, ProfileEvent),
    Passed(String),
}

impl Batch {
    /// Reads a body: an event, or an array of them. Only one that is no JSON, or no batch, is refused whole.
    ///
    /// # Errors
    /// See [`NoBatch`].
    pub fn read(bytes: &[u8], sources: &[Source]) -> Result<Self, NoBatch> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoBatch::Shape("The body is not UTF-8.".into()))?;
        let no_json = |e: serde_json::Error| NoBatch::Shape(format!("The body is no JSON: {e}."));
        let events: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
            Some(b'[') => serde_json::from_str(text).map_err(no_json)?,
            Some(b'{') => vec![serde_json::from_str(text).map_err(no_json)?],
            _ => return Err(NoBatch::Shape("Send a CloudEvent as a JSON object, or an array of them.".into())),
        };
        if events.len() > MAX_BATCH {
            return Err(NoBatch::TooMany);
        }
        let mut batch = Self { texts: String::with_capacity(bytes.len()), ..Self::default() };
        events.into_iter().for_each(|raw| batch.add(raw.get(), sources));
        Ok(batch)
    }

    /// Takes one event, as JSON.
    pub fn add(&mut self, text: &str, sources: &[Source]) {
        let index = self.read;
        self.read += 1;
        match judge(text, sources) {
            Ok(Judged::Passed(source)) => self.passed = Passed { events: self.passed.events + 1, source },
            Ok(Judged::Read(source_id, event)) => {
                look(&mut self.seen, source_id, &event);
                if self.accepted > 0 {
                    self.texts.push(',');
                }
                self.texts.push_str(text);
                self.accepted += 1;
            }
            Err(reason) => self.refused.push((index, refused(text, reason))),
        }
    }

    /// Keeps what is no event at all, with the reason.
    pub fn refuse(&mut self, text: &str, reason: &str) {
        self.refused.push((self.read, refused(text, reason.to_owned())));
        self.read += 1;
    }

    /// Bytes of the accepted events.
    pub fn bytes(&self) -> usize {
        self.texts.len()
    }
}

fn judge(text: &str, sources: &[Source]) -> Result<Judged, String> {
    let event = event::read(text).map_err(|fault| fault.to_string())?;
    Ok(match sources.iter().find(|s| !s.retired && s.source == event.source) {
        Some(source) => Judged::Read(source.id, event),
        None => Judged::Passed(event.source),
    })
}

fn look(fields: &mut Fields, source_id: i64, event: &ProfileEvent) {
    for field in &event.fields {
        let (seen, sample) = fields.entry((source_id, format!("{}.{}", field.section, field.name))).or_default();
        seen.add(&field.value);
        if sample.is_empty() {
            *sample = field.value.sample();
        }
    }
}

/// What is kept of an event that cannot be taken.
fn refused(text: &str, reason: String) -> Refused {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let word = |name: &str| value.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    Refused { event_id: word("id"), subject: word("subject"), field: String::new(), reason, body: text.to_owned() }
}

/// Appends batches to the logs of their connections, keeps what was refused, counts what was passed over, and writes `news` of fields.
pub async fn take(tx: &mut Tx, batches: &[(i64, &Batch)], news: &Fields, now: Instant) -> Result<(), StoreError> {
    // By connection, so that two processes take their locks in one order.
    let mut by_stream: BTreeMap<i64, Vec<&Batch>> = BTreeMap::new();
    for (stream_id, batch) in batches {
        by_stream.entry(*stream_id).or_default().push(batch);
    }
    for (stream_id, batches) in by_stream {
        for (events, body) in joined(&batches) {
            super::append(tx, stream_id, events as i64, &body, now).await?;
        }
        let passed: usize = batches.iter().map(|b| b.passed.events).sum();
        if let Some(last) = batches.iter().rev().find(|b| b.passed.events > 0) {
            super::pass_over(tx, stream_id, passed as i64, &last.passed.source, now).await?;
        }
        let refused: Vec<Refused> = batches.iter().flat_map(|b| b.refused.iter().map(|(_, r)| r.clone())).collect();
        super::keep(tx, stream_id, None, &refused, now).await?;
    }
    let mut by_source: BTreeMap<i64, Vec<(String, Seen, String)>> = BTreeMap::new();
    for ((source, name), (seen, sample)) in news {
        by_source.entry(*source).or_default().push((name.clone(), *seen, sample.clone()));
    }
    for (source, fields) in by_source {
        super::merge_seen(tx, source, &fields, now).await?;
    }
    Ok(())
}

/// Batches joined to as few arrays as hold them.
fn joined(batches: &[&Batch]) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    for batch in batches.iter().filter(|b| b.accepted > 0) {
        match all.last_mut() {
            Some((events, body)) if *events + batch.accepted <= MAX_BATCH => {
                *events += batch.accepted;
                body.push(',');
                body.push_str(&batch.texts);
            }
            _ => all.push((batch.accepted, format!("[{}", batch.texts))),
        }
    }
    all.iter_mut().for_each(|(_, body)| body.push(']'));
    all
}

/// What a process has noted of fields: nearly every event tells nothing new of them, and only what does is written.
#[derive(Debug, Default)]
pub struct Noted {
    fields: HashMap<(i64, String), (Seen, Instant)>,
    of_source: HashMap<i64, usize>,
}

impl Noted {
    /// What is worth writing: other values than before, or the first after a minute.
    pub fn news<'f>(&self, seen: impl Iterator<Item = &'f Fields>, now: Instant) -> Fields {
        let mut news = Fields::new();
        for (field, (seen, sample)) in seen.flatten() {
            let tells = match self.fields.get(field) {
                Some((before, at)) => !before.contains(*seen) || now.seconds_since(*at) >= SAMPLED,
                None => self.of_source.get(&field.0).is_none_or(|n| *n < FIELDS),
            };
            if tells {
                let (all, kept) = news.entry(field.clone()).or_default();
                all.join(*seen);
                if kept.is_empty() {
                    kept.clone_from(sample);
                }
            }
        }
        news
    }

    /// It was written.
    pub fn note(&mut self, news: Fields, now: Instant) {
        for (field, (seen, _)) in news {
            let known = self.fields.len();
            let source = field.0;
            let (all, at) = self.fields.entry(field).or_default();
            all.join(seen);
            *at = now;
            *self.of_source.entry(source).or_default() += self.fields.len() - known;
        }
    }
}

#[cfg(test)]
#[path = "intake_test.rs"]
mod tests;
