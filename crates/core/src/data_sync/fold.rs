//! A batch of events made into rows: each key once, in the state that the newest of its events leaves behind (I19; `rules.md` section 5).

use std::collections::{HashMap, HashSet};

use super::{Matching, Mode, Row, key_text};
use crate::event::{ProfileEvent, Version};

/// What happened to the events of a batch: `read` is the sum of the next five.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Books {
    pub read: i64,
    pub applied: i64,
    /// A newer state was there already.
    pub older: i64,
    /// This very version was there already.
    pub duplicates: i64,
    /// Of a kind that the data sync does not take.
    pub other: i64,
    pub rejected: i64,
    /// Values of applied events that did not fit their field.
    pub values_rejected: i64,
    /// Of `read`, those that came from the rejected list.
    pub replayed: i64,
}

impl Books {
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.applied += other.applied;
        self.older += other.older;
        self.duplicates += other.duplicates;
        self.other += other.other;
        self.rejected += other.rejected;
        self.values_rejected += other.values_rejected;
        self.replayed += other.replayed;
    }

    pub fn balance(&self) -> bool {
        self.read == self.applied + self.older + self.duplicates + self.other + self.rejected
    }
}

/// What is known of a key before a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What this data sync wrote last; for one that deletes, the newest that any upsert of the same source wrote.
    pub version: Option<Version>,
    /// The newest delete.
    pub deleted: Option<Version>,
}

/// An event or a value that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Place of the event in the batch.
    pub event: usize,
    /// Name of the destination's field; empty for the whole event.
    pub field: String,
    /// A sentence.
    pub why: String,
}

/// What a batch comes to.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// Rows to be written (of an upsert) or removed (of a delete: without values), each key once, with its key as text.
    pub rows: Vec<(String, Row)>,
    pub refused: Vec<Refused>,
    pub books: Books,
}

/// How an event stands to what is known.
#[derive(PartialEq, Eq)]
enum Standing {
    Newer,
    Same,
    Older,
}

fn standing(mode: Mode, known: &Known, version: Version) -> Standing {
    // The version that came by this way, and the one that came by the other.
    let (own, other) = match mode {
        Mode::Upsert => (known.version, known.deleted),
        Mode::Delete => (known.deleted, known.version),
    };
    if own == Some(version) {
        return Standing::Same;
    }
    // A delete and an upsert with one number cannot both be; what stands there stays.
    if own.is_some_and(|own| own > version) || other.is_some_and(|other| other >= version) { Standing::Older } else { Standing::Newer }
}

/// Events in the order in which they came, against what is known of their keys by text. `again`: they come from the rejected list, and a version
/// that is there already may lack a value that fits by now.
pub fn fold(matching: &Matching, mode: Mode, events: &[ProfileEvent], known: &HashMap<String, Known>, again: bool) -> Folded {
    let mut folded = Folded::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut now: HashMap<String, Known> = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        folded.books.read += 1;
        if !mode.takes(event.kind) {
            folded.books.other += 1;
            continue;
        }
        let mut row = match matching.row(event) {
            Ok(row) => row,
            Err(rejected) => {
                folded.books.rejected += 1;
                folded.refused.push(Refused { event: at, field: String::new(), why: rejected.why });
                continue;
            }
        };
        let key = key_text(&row.key);
        let state = now.entry(key.clone()).or_insert_with(|| known.get(&key).copied().unwrap_or_default());
        match standing(mode, state, event.version) {
            Standing::Same if !again => folded.books.duplicates += 1,
            Standing::Older => folded.books.older += 1,
            Standing::Newer | Standing::Same => {
                folded.books.applied += 1;
                match mode {
                    Mode::Upsert => state.version = Some(event.version),
                    Mode::Delete => state.deleted = Some(event.version),
                }
                folded.books.values_rejected += row.rejected.len() as i64;
                folded.refused.extend(row.rejected.drain(..).map(|r| Refused { event: at, field: r.field, why: r.why }));
                match places.get(&key) {
                    Some(place) => folded.rows[*place].1.take(row),
                    None => {
                        places.insert(key.clone(), folded.rows.len());
                        folded.rows.push((key, row));
                    }
                }
            }
        }
    }
    folded
}

/// Keys of the events that concern a data sync, each once, as the destination spells them. What is no key is left out: `fold` refuses it.
pub fn keys(mode: Mode, events: &[ProfileEvent]) -> Vec<String> {
    let mut seen = HashSet::with_capacity(events.len());
    events.iter().filter(|e| mode.takes(e.kind) && seen.insert(e.subject.as_str())).map(|e| e.subject.clone()).collect()
}

#[cfg(test)]
#[path = "fold_test.rs"]
mod tests;
