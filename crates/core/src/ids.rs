//! Public ids: UUID v7 strings that carry the internal id, so that a million people need no index on them.
//!
//! Layout (RFC 9562 section 5.7): 48 bits creation time in ms, version 7, 12 bits kind of thing, variant, 62 bits
//! internal id. The store checks the creation time too, so an id that was never handed out is simply not found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Instant;

/// What a public id names. The number is part of every id handed out: never reuse one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u16)]
pub enum Kind {
    Bridge = 1,
    TargetGroup = 2,
    Subscriber = 3,
    SyncRun = 4,
    User = 5,
    Token = 6,
    LedgerEntry = 7,
    AuditRow = 8,
    Writeback = 9,
    Interest = 10,
    Persona = 11,
    Folder = 12,
    Upload = 17,
    AudienceList = 18,
    Stream = 19,
    DataSync = 20,
    Label = 21,
    Schedule = 40,
    Household = 50,
}

impl Kind {
    const ALL: &[Kind] = &[
        Kind::Bridge,
        Kind::TargetGroup,
        Kind::Subscriber,
        Kind::SyncRun,
        Kind::User,
        Kind::Token,
        Kind::LedgerEntry,
        Kind::AuditRow,
        Kind::Writeback,
        Kind::Interest,
        Kind::Persona,
        Kind::Folder,
        Kind::Upload,
        Kind::AudienceList,
        Kind::Stream,
        Kind::DataSync,
        Kind::Label,
        Kind::Schedule,
        Kind::Household,
    ];
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId {
    pub kind: Kind,
    pub created_ms: u64,
    pub id: i64,
}

impl PublicId {
    pub fn new(kind: Kind, created: Instant, id: i64) -> Self {
        Self { kind, created_ms: created.unix_millis() & 0xFFFF_FFFF_FFFF, id }
    }

    /// True when a row created at `created` is the one this id was made for.
    pub fn fits(self, created: Instant) -> bool {
        created.unix_millis() & 0xFFFF_FFFF_FFFF == self.created_ms
    }

    pub fn uuid(self) -> Uuid {
        let high = (u128::from(self.created_ms) << 80) | (0x7 << 76) | (u128::from(self.kind as u16) << 64);
        let low = (0b10 << 62) | (u128::from(self.id.unsigned_abs()) & ((1 << 62) - 1));
        Uuid::from_u128(high | low)
    }

    /// Reads an id of one kind; `None` for another kind, another version, or no UUID at all.
    pub fn parse(text: &str, kind: Kind) -> Option<Self> {
        text.parse::<Self>().ok().filter(|id| id.kind == kind)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid().hyphenated().fmt(f)
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self)
    }
}

/// The text is no id that Rialto hands out.
#[derive(Debug, thiserror::Error)]
#[error("not an id of Rialto")]
pub struct NotAnId;

impl FromStr for PublicId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let bits = Uuid::try_parse(text).map_err(|_| NotAnId)?.as_u128();
        if (bits >> 76) & 0xF != 7 || (bits >> 62) & 0b11 != 0b10 {
            return Err(NotAnId);
        }
        let number = ((bits >> 64) & 0xFFF) as u16;
        let kind = Kind::ALL.iter().copied().find(|k| *k as u16 == number).ok_or(NotAnId)?;
        Ok(Self { kind, created_ms: (bits >> 80) as u64, id: (bits & ((1 << 62) - 1)) as i64 })
    }
}

impl Serialize for PublicId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself(ms in 0u64..(1 << 48), id in 1i64..(1 << 61), k in 0..Kind::ALL.len()) {
            let made = PublicId { kind: Kind::ALL[k], created_ms: ms, id };
            let read: PublicId = made.to_string().parse().unwrap();
            prop_assert_eq!(made, read);
            prop_assert_eq!(made.uuid().get_version_num(), 7);
        }

        #[test]
        fn ids_sort_by_creation(a in 0u64..(1 << 40), b in 0u64..(1 << 40)) {
            let text = |ms| PublicId { kind: Kind::SyncRun, created_ms: ms, id: 7 }.to_string();
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }
    }
}
