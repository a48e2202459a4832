//! Interests: opt-in interest areas and demographic codes, and who has chosen which at first.

use crate::invented::mix;
use crate::personify360::odata::value::Value;
use crate::personify360::options::START_SECOND;
use crate::personify360::people::{Population, format_master};
use crate::personify360::state::Row;

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

/// Ids of first rows lie above those of written ones.
fn id(index: u64, slot: usize) -> Value {
    Value::Int(i64::try_from(100_000_000 + index * 16 + slot as u64).unwrap_or(i64::MAX))
}

fn begin(population: Population, index: u64, slot: usize, code: &str) -> Row {
    let (master, sub) = population.key(index);
    vec![id(index, slot), Value::Text(format_master(master)), Value::Int(sub.into()), Value::Text(code.to_owned())]
}

/// One in five has opted in to an area, a few have opted out, and most never answered.
pub(crate) fn opt_ins(population: Population, index: u64) -> Vec<Row> {
    let answer = |slot: usize| match mix(population.seed, 0x6000_0000 ^ slot as u64, index) % 100 {
        0..20 => Some(true),
        20..24 => Some(false),
        _ => None,
    };
    let row = |(slot, (code, ..)): (usize, &(&str, &str, bool))| {
        let mut row = begin(population, index, slot, code);
        row.extend([Value::Bool(answer(slot)?), Value::Date((START_SECOND - 86_400) * 1_000)]);
        Some(row)
    };
    AREAS.iter().enumerate().filter_map(row).collect()
}

/// One in six has a demographic code.
pub(crate) fn demographics(population: Population, index: u64) -> Vec<Row> {
    let row = |(slot, (code, sub, name, _)): (usize, &(&str, &str, &str, bool))| {
        let has = mix(population.seed, 0x7000_0000 ^ slot as u64, index).is_multiple_of(6);
        let mut row = begin(population, index, slot, code);
        row.extend([Value::Text((*sub).to_owned()), Value::Text((*name).to_owned())]);
        has.then_some(row)
    };
    DEMOGRAPHICS.iter().enumerate().filter_map(row).collect()
}
