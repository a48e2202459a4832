//! What a faithful receiver must hold after all that was published: of each profile the highest sequence, and a delete stays one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::loyalty::catalogue::{CATALOGUE, COUNT, Shared};
use crate::loyalty::value::Value;

/// What a receiver holds of one profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// The version that it holds.
    pub sequence: u64,
    /// Whether that version is a delete; then it holds nothing else.
    pub deleted: bool,
    /// By name, every field that it has ever been told: absent fields leave, null clears, and what does not fit its field leaves too.
    pub fields: BTreeMap<&'static str, Value>,
}

/// What an event tells a receiver.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// Values, which of them are shared, and the place of one that does not fit.
    State { values: Box<[Value; COUNT]>, shared: Shared, spoiled: Option<usize> },
    /// The profile is gone.
    Deleted,
    /// An event that no receiver takes.
    Nothing,
}

/// The same of one profile, as it is kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    sequence: Option<u64>,
    deleted: bool,
    values: [Option<Value>; COUNT],
}

impl Truth {
    /// Takes an event as a receiver must.
    pub(crate) fn hear(&mut self, sequence: u64, told: &Told) {
        if matches!(told, Told::Nothing) || self.sequence.is_some_and(|present| sequence <= present) {
            return;
        }
        self.sequence = Some(sequence);
        self.deleted = matches!(told, Told::Deleted);
        match told {
            Told::State { values, shared, spoiled } => {
                for at in (0..COUNT).filter(|at| shared.has(*at) && *spoiled != Some(*at)) {
                    self.values[at] = Some(values[at].clone());
                }
            }
            Told::Deleted | Told::Nothing => self.values = Default::default(),
        }
    }

    /// `None` before anything was published about the profile.
    pub(crate) fn expected(&self) -> Option<Expected> {
        let told = self.values.iter().enumerate().filter_map(|(at, value)| Some((CATALOGUE[at].name, value.clone()?)));
        Some(Expected { sequence: self.sequence?, deleted: self.deleted, fields: told.collect() })
    }
}
