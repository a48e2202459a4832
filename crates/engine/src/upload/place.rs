//! From a line to a row with a key, and from a key to a record: what a row means before anything is written.

use std::collections::{HashMap, HashSet};

use rialto_core::fields::{self, Cell, FieldType, Misfit, Value};
use rialto_core::person::FieldSpec;
use rialto_core::upload::{Bearers, ID_COLUMN, Mapping, fold, without_guard};
use rialto_core::{Address, AddressState, Instant, Kind, PublicId};
use rialto_store::uploads::{Owned, Placed};
use serde_json::{Map, Value as Json};

/// What a row names its person by.
pub(super) enum Key {
    Id(PublicId),
    Address,
}

/// A line that can be used.
pub(super) struct Row {
    pub number: u64,
    pub key: Key,
    pub address: Address,
    pub values: Vec<Value>,
    /// Fields whose text was cut.
    pub misfits: Vec<(String, Misfit)>,
}

/// Reads the cells of a line.
///
/// # Errors
/// Why the line is faulty, as a sentence.
pub(super) fn read(number: u64, cells: Vec<String>, mapping: &Mapping) -> Result<Row, String> {
    if cells.len() > mapping.columns.len() {
        return Err(format!("It has {} columns where the file has {}.", cells.len(), mapping.columns.len()));
    }
    let cell = |place: Option<usize>| place.and_then(|n| cells.get(n)).map(|c| without_guard(c.trim()));
    let address = Address::read(cell(mapping.address()));
    let id = cell(mapping.id()).filter(|id| !id.is_empty());
    let key = match id {
        Some(text) => match PublicId::parse(text, Kind::Subscriber) {
            Some(id) => Key::Id(id),
            None => return Err(format!("The {ID_COLUMN} is none that Rialto hands out.")),
        },
        None => Key::Address,
    };
    if matches!(key, Key::Address) {
        match address.state {
            AddressState::Usable => {}
            AddressState::Missing => return Err("It has no e-mail address.".into()),
            AddressState::Malformed => {
                let shown: String = address.written.chars().take(80).collect();
                return Err(format!("{shown} is no e-mail address."));
            }
        }
    }
    let (mut values, mut misfits) = (Vec::new(), Vec::new());
    for (place, name) in mapping.fields() {
        let text = cells.get(place).map(|c| without_guard(c));
        let cell = match text {
            None => Cell::Absent,
            Some(t) if t.trim().is_empty() => {
                if mapping.empty_clears {
                    Cell::Null
                } else {
                    Cell::Absent
                }
            }
            Some(t) => Cell::Text(t.to_owned()),
        };
        let (value, misfit) = fields::read(cell, FieldType::Text, None);
        misfits.extend(misfit.map(|m| (name.to_owned(), m)));
        values.push(value);
    }
    Ok(Row { number, key, address, values, misfits })
}

/// The record that a row belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Target {
    /// `None` for a new record of uploads.
    pub id: Option<i64>,
    /// The record's bridge, which owns fields of its own.
    pub bridge: i64,
    /// Several records bear the address.
    pub several: bool,
}

/// Where a row with an id belongs.
///
/// # Errors
/// Nobody has this id.
pub(super) fn by_id(id: PublicId, places: &HashMap<i64, Placed>) -> Result<Target, String> {
    match places.get(&id.id).filter(|p| id.fits(Instant(p.created_at))) {
        Some(p) => Ok(Target { id: Some(p.id), bridge: p.bridge_id, several: false }),
        None => Err(format!("Nobody here has this {ID_COLUMN}.")),
    }
}

pub(super) fn by_address(bearers: Bearers) -> Target {
    use rialto_core::upload::Joins;
    let (joins, several) = rialto_core::upload::joins(bearers);
    match joins {
        Joins::Record(id) => Target { id: Some(id), bridge: bearers.bridge, several },
        Joins::Own(id) => Target { id: Some(id), bridge: rialto_core::upload::SOURCE, several },
        Joins::New => Target { id: None, bridge: rialto_core::upload::SOURCE, several },
    }
}

/// Takes out the values of fields that the record's bridge owns; answers how many were.
pub(super) fn leave_owned(values: &mut [Value], specs: &[FieldSpec], owned: Option<&HashSet<String>>) -> usize {
    let Some(owned) = owned else { return 0 };
    let mut left = 0;
    for (value, spec) in values.iter_mut().zip(specs) {
        if *value != Value::Absent && owned.contains(&fold(&spec.name)) {
            *value = Value::Absent;
            left += 1;
        }
    }
    left
}

/// The owned fields of a bridge, if it has any.
pub(super) fn of_bridge(owned: &Owned, bridge: i64) -> Option<&HashSet<String>> {
    owned.get(&bridge)
}

/// Whether values say anything else than what is stored.
pub(super) fn differs(values: &[Value], specs: &[FieldSpec], stored: Option<&Map<String, Json>>) -> bool {
    values.iter().zip(specs).any(|(value, spec)| {
        let kept = stored.and_then(|s| s.get(&format!("f{}", spec.number))).and_then(Json::as_str);
        match value {
            Value::Absent => false,
            Value::Text(t) => kept != Some(t.as_str()),
            _ => kept.is_some(),
        }
    })
}
