//! Interests: opt-in interest areas and demographic codes, and who has chosen which at first.

use crate::invented::mix;
use crate::personify360::odata::value::Value;
use crate::personify360::options::START_SECOND;
use crate::personify360::people::{Population, format_master};
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::{Row, State, Table};

/// Opt-in interest areas: code, name, whether people may still take it.
pub(crate) const AREAS: &[(&str, &str, bool)] = &[
    ("ADVOCACY", "Advocacy and policy", true),
    ("CAREERS", "Careers", true),
    ("EVENTS", "Events and meetings", true),
    ("NEWS", "News of the association", true),
    ("RESEARCH", "Research digest", true),
    ("YEARBOOK", "Printed yearbook", false),
];

/// Demographic codes: code, subcode, name, whether people may still take it.
pub(crate) const DEMOGRAPHICS: &[(&str, &str, &str, bool)] = &[
    ("INTEREST", "BIRDS", "Interest: birds", true),
    ("INTEREST", "RIVERS", "Interest: rivers", true),
    ("INTEREST", "WOODS", "Interest: woods", true),
    ("SPECIALTY", "FIELD", "Specialty: field work", true),
    ("SPECIALTY", "TEACHING", "Specialty: teaching", true),
    ("SPECIALTY", "TELEGRAPH", "Specialty: telegraphy", false),
];

pub(crate) fn is_area(code: &str) -> bool {
    AREAS.iter().any(|(known, ..)| *known == code)
}

pub(crate) fn is_demographic(code: &str, sub: &str) -> bool {
    DEMOGRAPHICS.iter().any(|(known, below, ..)| (*known, *below) == (code, sub))
}

/// One of the interests.
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    /// By its place among the areas.
    Area(usize),
    Demographic(usize),
}

impl Interest {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..AREAS.len()).map(Self::Area).chain((0..DEMOGRAPHICS.len()).map(Self::Demographic))
    }

    /// Source, code, subcode, name, and whether people may still take it.
    pub(crate) fn told(self) -> (&'static str, &'static str, &'static str, &'static str, bool) {
        match self {
            Self::Area(at) => AREAS.get(at).map_or(("area", "", "", "", false), |(code, name, active)| ("area", code, "", name, *active)),
            Self::Demographic(at) => DEMOGRAPHICS
                .get(at)
                .map_or(("demographic", "", "", "", false), |(code, sub, name, active)| ("demographic", code, sub, name, *active)),
        }
    }

    pub(crate) fn find(source: &str, code: &str, subcode: &str) -> Option<Self> {
        Self::all().find(|i| {
            let told = i.told();
            (told.0, told.1, told.2) == (source, code, subcode)
        })
    }

    fn had_at_first(self, population: Population, index: u64) -> bool {
        match self {
            Self::Area(slot) => first_answer(population, slot, index) == Some(true),
            Self::Demographic(slot) => first_has(population, slot, index),
        }
    }

    fn among(self, rows: &[Row]) -> bool {
        let (_, code, sub, ..) = self.told();
        let text = |row: &Row, at: usize| row.get(at).map(Value::text).unwrap_or_default();
        rows.iter().any(|row| match self {
            Self::Area(_) => text(row, 3) == code && row.get(4) == Some(&Value::Bool(true)),
            Self::Demographic(_) => (text(row, 3).as_str(), text(row, 4).as_str()) == (code, sub),
        })
    }
}

impl State {
    /// Whether somebody has an interest now.
    pub(crate) fn has_interest(&self, interest: Interest, index: u64) -> bool {
        let table = match interest {
            Interest::Area(_) => Table::OptIns,
            Interest::Demographic(_) => Table::Demographics,
        };
        match self.rows.get(&table).and_then(|people| people.get(&index)) {
            Some(rows) => interest.among(rows),
            None => !self.created.contains(&index) && interest.had_at_first(self.population, index),
        }
    }

    /// Indexes of those who have an interest, from a position on.
    pub(crate) fn interested(&self, interest: Interest, from: u64) -> impl Iterator<Item = u64> + '_ {
        (from.max(1)..=self.end).filter(move |index| self.exists(*index) && self.has_interest(interest, *index))
    }
}

/// An interest as pages and the admin routes show it beside a person.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// `area` or `demographic`.
    pub source: &'static str,
    /// Code.
    pub code: &'static str,
    /// Subcode; empty for an area.
    pub subcode: &'static str,
    /// As people read it.
    pub name: &'static str,
    /// Whether the person has it.
    pub has: bool,
}

impl Sandbox {
    /// All interests beside one person.
    pub fn interests_of(&self, master: &str, sub: i64) -> Option<Vec<Held>> {
        let state = self.read();
        let index = state.index(master, sub)?;
        let held = |interest: Interest| {
            let (source, code, subcode, name, _) = interest.told();
            Held { source, code, subcode, name, has: state.has_interest(interest, index) }
        };
        Some(Interest::all().map(held).collect())
    }

    /// Remote IDs of those who have an interest.
    pub fn interested(&self, source: &str, code: &str, subcode: &str) -> Option<Vec<String>> {
        let interest = Interest::find(source, code, subcode)?;
        let state = self.read();
        Some(state.interested(interest, 1).map(|index| state.person_at(index).remote_id()).collect())
    }

    /// Has somebody take an interest or give it up; false when there is no such person or interest.
    pub fn set_interest(&self, master: &str, sub: i64, source: &str, code: &str, subcode: &str, has: bool) -> bool {
        let Some(interest) = Interest::find(source, code, subcode) else { return false };
        let mut state = self.write();
        let Some(index) = state.index(master, sub) else { return false };
        if state.has_interest(interest, index) == has {
            return true;
        }
        let id = state.next_id();
        let (_, code, subcode, name, _) = interest.told();
        let (master, sub) = state.population.key(index);
        let mut row = vec![Value::Int(id), Value::Text(format_master(master)), Value::Int(sub.into()), Value::Text(code.to_owned())];
        match interest {
            Interest::Area(_) => {
                row.extend([Value::Bool(has), Value::Date((START_SECOND - 86_400) * 1_000)]);
                let rows = state.rows_mut(Table::OptIns, index);
                rows.retain(|row| row.get(3).map(Value::text).as_deref() != Some(code));
                rows.push(row);
            }
            Interest::Demographic(_) => {
                row.extend([Value::Text(subcode.to_owned()), Value::Text(name.to_owned())]);
                let rows = state.rows_mut(Table::Demographics, index);
                rows.retain(|row| !interest.among(std::slice::from_ref(row)));
                rows.extend(has.then_some(row));
            }
        }
        true
    }
}

/// Ids of first rows lie above those of written ones.
fn id(index: u64, slot: usize) -> Value {
    Value::Int(i64::try_from(100_000_000 + index * 16 + slot as u64).unwrap_or(i64::MAX))
}

fn begin(population: Population, index: u64, slot: usize, code: &str) -> Row {
    let (master, sub) = population.key(index);
    vec![id(index, slot), Value::Text(format_master(master)), Value::Int(sub.into()), Value::Text(code.to_owned())]
}

/// What somebody first answered about an area: one in five opted in, a few opted out, and most never answered.
fn first_answer(population: Population, slot: usize, index: u64) -> Option<bool> {
    match mix(population.seed, 0x6000_0000 ^ slot as u64, index) % 100 {
        0..20 => Some(true),
        20..24 => Some(false),
        _ => None,
    }
}

/// Whether somebody had a demographic code at first: one in six.
fn first_has(population: Population, slot: usize, index: u64) -> bool {
    mix(population.seed, 0x7000_0000 ^ slot as u64, index).is_multiple_of(6)
}

pub(crate) fn opt_ins(population: Population, index: u64) -> Vec<Row> {
    let row = |(slot, (code, ..)): (usize, &(&str, &str, bool))| {
        let mut row = begin(population, index, slot, code);
        row.extend([Value::Bool(first_answer(population, slot, index)?), Value::Date((START_SECOND - 86_400) * 1_000)]);
        Some(row)
    };
    AREAS.iter().enumerate().filter_map(row).collect()
}

pub(crate) fn demographics(population: Population, index: u64) -> Vec<Row> {
    let row = |(slot, (code, sub, name, _)): (usize, &(&str, &str, &str, bool))| {
        let mut row = begin(population, index, slot, code);
        row.extend([Value::Text((*sub).to_owned()), Value::Text((*name).to_owned())]);
        first_has(population, slot, index).then_some(row)
    };
    DEMOGRAPHICS.iter().enumerate().filter_map(row).collect()
}
