//! Profile events: CloudEvents 1.0 in JSON, as the contract says them. `source` names the business unit, `subject` the profileAltId, and
//! `data` holds the full state of the shared fields (`rules.md` section 5).

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::audience::Sent;
use crate::names::names;
use crate::time::Instant;

/// Longest event, in bytes.
pub const MAX_EVENT: usize = 64 << 10;
/// Most events of a batch.
pub const MAX_BATCH: usize = 5_000;
/// Longest `id`, `source` and `subject`, in bytes.
pub const MAX_ATTRIBUTE: usize = 255;
/// Most fields of a section.
const MAX_FIELDS: usize = 1_000;
/// Longest name of a field, in bytes.
const MAX_NAME: usize = 200;

names! {
    /// What happened to a profile.
    EventKind { Upserted = "profile.upserted", Deleted = "profile.deleted" }
}

names! {
    /// Where a field of a profile stands.
    Section { Attributes = "attributes", Preferences = "preferences", Metrics = "metrics" }
}

/// Which of two states of a profile is the newer one, per source and subject: `sequence`, or without it `time` in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Version(pub u64);

impl Version {
    /// As a signed column keeps it, in the same order.
    pub fn stored(self) -> i64 {
        (self.0 ^ (1 << 63)).cast_signed()
    }

    pub fn from_stored(stored: i64) -> Self {
        Self(stored.cast_unsigned() ^ (1 << 63))
    }
}

/// A field of a profile with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub section: Section,
    pub name: String,
    pub value: Sent,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ProfileEvent {
    pub id: String,
    pub source: String,
    /// The profileAltId.
    pub subject: String,
    pub kind: EventKind,
    pub version: Version,
    pub time: Option<Instant>,
    /// None of a delete.
    pub fields: Vec<Field>,
}

/// Why an event cannot be taken. Each says what to change.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("It is no event in JSON: {0}.")]
    Json(String),
    #[error("It is longer than {MAX_EVENT} bytes.")]
    TooLarge,
    #[error("`specversion` must be \"1.0\".")]
    SpecVersion,
    #[error("`{0}` is missing or empty.")]
    Missing(&'static str),
    #[error("`{0}` is longer than {MAX_ATTRIBUTE} bytes.")]
    TooLong(&'static str),
    #[error("`type` must be profile.upserted or profile.deleted.")]
    Type,
    #[error("`sequence` must be a whole number from 0 to 18446744073709551615, or such a number as text.")]
    Sequence,
    #[error("`time` must be a time by RFC 3339, such as 2026-11-25T08:00:00Z.")]
    Time,
    #[error("It has neither `sequence` nor `time`, so nobody can tell which state is newer.")]
    NoVersion,
    #[error("`data` must be an object with `profileAltId`, `attributes`, `preferences` and `metrics`.")]
    Data,
    #[error("`data.profileAltId` must be the same as `subject`.")]
    OtherProfile,
    #[error("A section of `data` has more than {MAX_FIELDS} fields, or a name of more than {MAX_NAME} bytes.")]
    TooManyFields,
}

#[derive(Deserialize)]
struct Wire {
    specversion: Option<Word>,
    id: Option<Word>,
    source: Option<Word>,
    subject: Option<Word>,
    #[serde(rename = "type")]
    kind: Option<Word>,
    time: Option<Word>,
    sequence: Option<Word>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    profile_alt_id: Option<Word>,
    attributes: Option<Fields>,
    preferences: Option<Fields>,
    metrics: Option<Fields>,
}

/// A text, or a whole number as text.
struct Word(String);

struct Fields(Vec<(String, Sent)>);

/// Reads one event.
///
/// # Errors
/// What is wrong with it; never more than a sentence of it is quoted.
pub fn read(text: &str) -> Result<ProfileEvent, Fault> {
    if text.len() > MAX_EVENT {
        return Err(Fault::TooLarge);
    }
    let wire: Wire = serde_json::from_str(text).map_err(|e| Fault::Json(e.to_string().chars().take(120).collect()))?;
    if wire.specversion.is_none_or(|v| v.0 != "1.0") {
        return Err(Fault::SpecVersion);
    }
    let id = attribute(wire.id, "id")?;
    let source = attribute(wire.source, "source")?;
    let subject = attribute(wire.subject, "subject")?;
    let kind = wire.kind.and_then(|k| EventKind::from_name(&k.0)).ok_or(Fault::Type)?;
    let time = wire.time.map(|t| Instant::parse(&t.0).ok_or(Fault::Time)).transpose()?;
    let version = version(wire.sequence, time)?;
    let data = wire.data.ok_or(Fault::Data)?;
    if data.profile_alt_id.as_ref().ok_or(Fault::Data)?.0 != subject {
        return Err(Fault::OtherProfile);
    }
    let fields = if kind == EventKind::Deleted { Vec::new() } else { fields(data)? };
    Ok(ProfileEvent { id, source, subject, kind, version, time, fields })
}

fn attribute(word: Option<Word>, name: &'static str) -> Result<String, Fault> {
    let text = word.map(|w| w.0).filter(|t| !t.trim().is_empty()).ok_or(Fault::Missing(name))?;
    if text.len() > MAX_ATTRIBUTE { Err(Fault::TooLong(name)) } else { Ok(text.replace('\0', "\u{fffd}")) }
}

fn version(sequence: Option<Word>, time: Option<Instant>) -> Result<Version, Fault> {
    match (sequence, time) {
        (Some(text), _) if text.0.bytes().all(|b| b.is_ascii_digit()) => text.0.parse().map(Version).map_err(|_| Fault::Sequence),
        (Some(_), _) => Err(Fault::Sequence),
        (None, Some(at)) => Ok(Version(u64::try_from(at.0).unwrap_or(0))),
        (None, None) => Err(Fault::NoVersion),
    }
}

fn fields(data: Data) -> Result<Vec<Field>, Fault> {
    let sections = [(Section::Attributes, data.attributes), (Section::Preferences, data.preferences), (Section::Metrics, data.metrics)];
    let mut all = Vec::new();
    for (section, Fields(fields)) in sections.into_iter().filter_map(|(section, fields)| Some((section, fields?))) {
        if fields.len() > MAX_FIELDS || fields.iter().any(|(name, _)| name.len() > MAX_NAME) {
            return Err(Fault::TooManyFields);
        }
        all.extend(fields.into_iter().map(|(name, value)| Field { section, name, value }));
    }
    Ok(all)
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }

            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Word, E> {
                Ok(Word(n.to_string()))
            }
        }
        from.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Read)
    }
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Sent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Sent, E> {
                Ok(Sent::Null)
            }

            fn visit_bool<E>(self, yes: bool) -> Result<Sent, E> {
                Ok(Sent::Boolean(yes))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Sent, E> {
                Ok(Sent::Integer(n))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Sent, E> {
                Ok(i64::try_from(n).map_or(Sent::Float(n as f64), Sent::Integer))
            }

            fn visit_f64<E>(self, n: f64) -> Result<Sent, E> {
                Ok(Sent::Float(n))
            }

            fn visit_str<E>(self, text: &str) -> Result<Sent, E> {
                Ok(Sent::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sent, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Sent::Nested)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sent, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Sent::Nested)
            }
        }
        from.deserialize_any(Read)
    }
}

#[cfg(test)]
#[path = "event_test.rs"]
mod tests;
