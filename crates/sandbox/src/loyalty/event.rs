//! Profile events: CloudEvents 1.0 in JSON, as the contract says them.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::loyalty::catalogue::{COUNT, Section, Shared};
use crate::loyalty::members::Fields;
use crate::loyalty::poison::Poison;
use crate::loyalty::value::Value;

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `profile.upserted`.
    Upserted,
    /// `profile.deleted`.
    Deleted,
    /// Made to be refused, wholly or in a value.
    Poison(Poison),
}

/// An event as it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Which one it was, from 1: the order in which they were published.
    pub number: u64,
    /// Its id, by which a receiver knows it again; the same for copies of one event.
    pub id: String,
    /// The business unit.
    pub source: &'static str,
    /// The profileAltId.
    pub subject: String,
    /// Its number per source and subject.
    pub sequence: u64,
    /// What it says.
    pub kind: Kind,
    /// What was or will be sent.
    #[serde(serialize_with = "as_text")]
    pub text: Arc<str>,
}

impl Published {
    /// What was sent, read; `None` of what is no JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// Whether it can stand in a batch beside others without making no batch of it.
    pub(crate) fn travels_alone(&self) -> bool {
        matches!(self.kind, Kind::Poison(Poison::NotJson | Poison::HugeBody))
    }
}

/// The attributes of an event, in the order in which they are written.
#[derive(Serialize)]
pub(crate) struct Event<'e> {
    pub specversion: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub source: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'e str>,
    pub id: &'e str,
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    pub sequence: String,
    pub datacontenttype: &'static str,
    pub data: Data<'e>,
}

fn as_text<S: Serializer>(at: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// The full state of the shared fields; of a delete the profileAltId alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data<'e> {
    pub profile_alt_id: &'e str,
    #[serde(flatten)]
    pub shared: Option<SharedFields<'e>>,
}

pub(crate) struct SharedFields<'e> {
    pub values: &'e [Value; COUNT],
    pub shared: Shared,
}

impl Serialize for SharedFields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = to.serialize_map(Some(Section::ALL.len()))?;
        for section in Section::ALL {
            map.serialize_entry(section.name(), &Fields { section, values: self.values, take: |at| self.shared.has(at) })?;
        }
        map.end()
    }
}

impl<'e> Event<'e> {
    pub(crate) fn new(deleted: bool, source: &'e str, subject: &'e str, id: &'e str, time: Timestamp, sequence: u64) -> Self {
        Self {
            specversion: "1.0",
            kind: if deleted { "profile.deleted" } else { "profile.upserted" },
            source,
            subject: Some(subject),
            id,
            time,
            sequence: sequence.to_string(),
            datacontenttype: "application/json",
            data: Data { profile_alt_id: subject, shared: None },
        }
    }

    pub(crate) fn holding(mut self, values: &'e [Value; COUNT], shared: Shared) -> Self {
        self.data.shared = Some(SharedFields { values, shared });
        self
    }

    /// As JSON. Nothing of it can fail to be written.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
