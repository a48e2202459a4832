//! A person as one row of a remote list says, mapped to what would be stored.

use crate::address::Address;
use crate::consent::Flag;
use crate::fields::{self, Cell, FieldType, Misfit, Value};
use crate::hash::ContentHash;

/// Longest Remote ID accepted, in bytes.
pub const MAX_REMOTE_ID: usize = 200;

/// One row as a connector yields it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemotePerson {
    /// The primary key in the remote system; `None` when it cannot be read, and then the row is rejected.
    pub remote_id: Option<String>,
    pub address: Option<String>,
    pub flag: Flag,
    /// One cell per field of the bridge, in the order of its fields.
    pub cells: Vec<Cell>,
}

/// A field of a bridge, as mapping needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldSpec {
    /// Stable number of the field within its bridge; its column is `f<number>`.
    pub number: u32,
    pub name: String,
    pub kind: FieldType,
    pub length: Option<u32>,
}

/// What would be stored for one row.
#[derive(Clone, PartialEq, Debug)]
pub struct Mapped {
    pub remote_id: String,
    pub address: Address,
    pub flag: Flag,
    pub values: Vec<Value>,
    pub hash: i64,
    /// Fields whose text did not fit; the row is stored all the same.
    pub misfits: Vec<(u32, Misfit)>,
}

/// A row without a readable key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("the row has no key")]
    NoKey,
    #[error("the row's key is longer than {MAX_REMOTE_ID} bytes or holds control characters")]
    BadKey,
}

/// Maps a row. Rejects only what has no readable key (`rules.md` section 1).
pub fn map(row: RemotePerson, fields: &[FieldSpec]) -> Result<Mapped, Unreadable> {
    let remote_id = row.remote_id.as_deref().map(str::trim).filter(|k| !k.is_empty()).ok_or(Unreadable::NoKey)?;
    if remote_id.len() > MAX_REMOTE_ID || remote_id.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        return Err(Unreadable::BadKey);
    }
    let remote_id = remote_id.to_owned();
    let address = Address::read(row.address.as_deref());
    let mut hash = ContentHash::default();
    hash.field(0, address.written.as_bytes());
    hash.field(1, &[row.flag as u8]);
    let mut misfits = Vec::new();
    let mut cells = row.cells.into_iter();
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let cell = cells.next().unwrap_or(Cell::Absent);
        let (value, misfit) = fields::read(cell, field.kind, field.length);
        hash_value(&mut hash, field.number + 2, &value);
        misfits.extend(misfit.map(|m| (field.number, m)));
        values.push(value);
    }
    Ok(Mapped { remote_id, address, flag: row.flag, values, hash: hash.finish(), misfits })
}

/// Null counts (a cleared field is a change), absent does not.
fn hash_value(hash: &mut ContentHash, id: u32, value: &Value) {
    match value {
        Value::Absent => {}
        Value::Null => hash.field(id, &[0]),
        Value::Text(t) | Value::DateTime(t) => hash.field(id, t.as_bytes()),
        Value::Integer(n) => hash.field(id, &n.to_le_bytes()),
        Value::Decimal(n) => hash.field(id, &n.to_bits().to_le_bytes()),
        Value::Boolean(b) => hash.field(id, &[1 + u8::from(*b), 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn specs() -> Vec<FieldSpec> {
        let spec = |number, kind| FieldSpec { number, name: format!("F{number}"), kind, length: Some(20) };
        vec![spec(1, FieldType::Text), spec(2, FieldType::Integer), spec(3, FieldType::Boolean)]
    }

    fn row(key: &str, address: &str, cells: Vec<Cell>) -> RemotePerson {
        RemotePerson { remote_id: Some(key.into()), address: Some(address.into()), flag: Flag::Yes, cells }
    }

    proptest! {
        /// A readable key is always stored, whatever the rest of the row holds.
        #[test]
        fn a_readable_key_is_never_rejected(key in "[A-Za-z0-9-]{1,40}", address in "\\PC{0,400}", a in "\\PC{0,80}", b in "\\PC{0,80}") {
            let mapped = map(row(&key, &address, vec![Cell::Text(a), Cell::Text(b), Cell::Null]), &specs()).unwrap();
            prop_assert_eq!(mapped.remote_id, key);
            prop_assert_eq!(mapped.values.len(), 3);
            prop_assert!(mapped.hash != 0);
        }

        #[test]
        fn equal_rows_hash_alike_and_different_ones_do_not(a in "[a-z]{1,12}", b in "[a-z]{1,12}") {
            let hash = |t: &str| map(row("1", "x@y.example", vec![Cell::Text(t.into())]), &specs()).unwrap().hash;
            prop_assert_eq!(hash(&a) == hash(&b), a == b);
        }
    }

    #[test]
    fn null_clears_and_absent_leaves_so_their_hashes_differ() {
        let hash = |c| map(row("1", "x@y.example", vec![c]), &specs()).unwrap().hash;
        assert_ne!(hash(Cell::Null), hash(Cell::Absent));
    }

    #[test]
    fn rows_without_a_readable_key_are_rejected() {
        let mut bad = row("1", "x@y.example", vec![]);
        bad.remote_id = None;
        assert_eq!(map(bad, &specs()).unwrap_err(), Unreadable::NoKey);
        assert_eq!(map(row("  ", "", vec![]), &specs()).unwrap_err(), Unreadable::NoKey);
        assert_eq!(map(row("a\u{7}", "", vec![]), &specs()).unwrap_err(), Unreadable::BadKey);
        assert_eq!(map(row(&"x".repeat(201), "", vec![]), &specs()).unwrap_err(), Unreadable::BadKey);
    }
}
