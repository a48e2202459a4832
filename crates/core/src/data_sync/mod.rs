//! Data syncs of the kind profile enrichment: which field of an event goes into which field of an audience list or extension, and what
//! a row of it is (LO-03, LO-04, LO-12; `rules.md` section 5).

mod fold;

use std::collections::{HashMap, HashSet};

pub use fold::{Books, Folded, Known, Refused, fold, keys};

use crate::audience::{FieldType, Seen, Sent, Stored, fit};
use crate::event::{EventKind, ProfileEvent, Section, Version};
use crate::names::names;

names! {
    /// What a data sync takes of the stream.
    Mode {
        /// Updates rows and inserts those that are not there.
        Upsert = "upsert",
        /// Removes the row of an extension, or clears the mapped fields of a list; the contact stays.
        Delete = "delete",
    }
}

names! {
    /// How rows meet subscribers.
    MatchBy { Email = "email", RemoteId = "remote_id" }
}

impl Mode {
    /// As chips and tables call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Upsert => "Profile Upsert",
            Self::Delete => "Profile Delete",
        }
    }

    pub fn takes(self, kind: EventKind) -> bool {
        match self {
            Self::Upsert => kind == EventKind::Upserted,
            Self::Delete => kind == EventKind::Deleted,
        }
    }
}

/// A field of the source.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum From {
    /// The unique identifier of the profile.
    ProfileAltId,
    Field(Section, String),
}

/// Its name of the unique identifier.
pub const PROFILE_ALT_ID: &str = "profileAltId";

impl std::fmt::Display for From {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ProfileAltId => f.write_str(PROFILE_ALT_ID),
            Self::Field(section, name) => write!(f, "{section}.{name}"),
        }
    }
}

impl std::str::FromStr for From {
    type Err = ();

    /// `profileAltId`, or a section and a name: `attributes.tier`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text == PROFILE_ALT_ID {
            return Ok(Self::ProfileAltId);
        }
        let (section, name) = text.split_once('.').ok_or(())?;
        let section = Section::from_name(section).ok_or(())?;
        if name.is_empty() || name.len() > 200 { Err(()) } else { Ok(Self::Field(section, name.to_owned())) }
    }
}

/// One line of the field matching.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    pub from: From,
    /// Number of the field of the destination.
    pub to: u32,
}

/// A field of the destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub number: u32,
    pub name: String,
    pub kind: FieldType,
    pub length: Option<u32>,
    pub retired: bool,
}

/// Why a field matching cannot be. Each says what to change.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("Match profileAltId with the destination's unique key: it says whose row it is.")]
    NoKey,
    #[error("profileAltId goes into the destination's unique key, and into no other field.")]
    OtherKey,
    #[error("Only profileAltId can go into the unique key.")]
    KeyOfAnother,
    #[error("The destination has no such field any more: {0}.")]
    Unknown(String),
    #[error("The field {0} is matched twice.")]
    Twice(String),
    #[error("{from} cannot go into {to}: {why}")]
    Type { from: String, to: String, why: String },
    #[error("The field that says who it is must be matched: {0}.")]
    MatchUnmapped(String),
}

/// A field matching that holds together, made ready for events.
#[derive(Clone, Debug)]
pub struct Matching {
    key: Target,
    /// In the order of the matching, without the key.
    fields: Vec<Target>,
    places: HashMap<(Section, String), Vec<usize>>,
    /// Place among `fields` of what says which subscriber it is; `Some(None)` for the key itself.
    link: Option<Option<usize>>,
}

/// What is checked.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub pairs: &'a [Pair],
    pub targets: &'a [Target],
    /// Number of the destination's unique key.
    pub key: u32,
    /// Number of the field that says which subscriber it is.
    pub link: Option<u32>,
}

impl Matching {
    /// `seen`: what the values of a source's field have looked like; empty for one never seen.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the lines.
    pub fn new(wanted: Wanted<'_>, seen: impl Fn(&From) -> Seen) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut used = HashSet::new();
        let (mut key, mut fields) = (None, Vec::new());
        let mut places: HashMap<(Section, String), Vec<usize>> = HashMap::new();
        for pair in wanted.pairs {
            let Some(target) = wanted.targets.iter().find(|t| t.number == pair.to && !t.retired) else {
                let name = wanted.targets.iter().find(|t| t.number == pair.to).map_or_else(|| pair.to.to_string(), |t| t.name.clone());
                faults.push(Fault::Unknown(name));
                continue;
            };
            if !used.insert(pair.to) {
                faults.push(Fault::Twice(target.name.clone()));
                continue;
            }
            if let Some(why) = seen(&pair.from).refused_by(target.kind) {
                faults.push(Fault::Type { from: pair.from.to_string(), to: target.name.clone(), why });
            }
            match (&pair.from, pair.to == wanted.key) {
                (From::ProfileAltId, true) => key = Some(target.clone()),
                (From::ProfileAltId, false) => faults.push(Fault::OtherKey),
                (From::Field(..), true) => faults.push(Fault::KeyOfAnother),
                (From::Field(section, name), false) => {
                    places.entry((*section, name.clone())).or_default().push(fields.len());
                    fields.push(target.clone());
                }
            }
        }
        if key.is_none() {
            faults.push(Fault::NoKey);
        }
        let link = wanted.link.map(|number| {
            let place = fields.iter().position(|f| f.number == number);
            if place.is_none() && number != wanted.key {
                let name = wanted.targets.iter().find(|t| t.number == number).map_or_else(|| number.to_string(), |t| t.name.clone());
                faults.push(Fault::MatchUnmapped(name));
            }
            place
        });
        match key {
            Some(key) if faults.is_empty() => Ok(Self { key, fields, places, link }),
            _ => Err(faults),
        }
    }

    pub fn key(&self) -> &Target {
        &self.key
    }

    /// The fields beside the key, in the order of a row's values.
    pub fn fields(&self) -> &[Target] {
        &self.fields
    }

    /// What an event makes of its row.
    ///
    /// # Errors
    /// Its profileAltId does not fit the key.
    pub fn row(&self, event: &ProfileEvent) -> Result<Row, Rejected> {
        let reject = |target: &Target, why: String| Rejected { field: target.name.clone(), why };
        let key = fit(&Sent::Text(event.subject.clone()), self.key.kind, self.key.length);
        let key = key.map_err(|misfit| reject(&self.key, format!("The profileAltId is {misfit}.")))?;
        if key_text(&key) != event.subject {
            return Err(reject(&self.key, "The profileAltId is not spelled as the key keeps it.".into()));
        }
        let mut row = Row { key, version: event.version, values: vec![None; self.fields.len()], rejected: Vec::new() };
        for field in &event.fields {
            let Some(places) = self.places.get(&(field.section, field.name.clone())) else { continue };
            for (place, target) in places.iter().filter_map(|place| Some((*place, self.fields.get(*place)?))) {
                match fit(&field.value, target.kind, target.length) {
                    Ok(value) => row.values[place] = Some(value),
                    Err(misfit) => row.rejected.push(reject(target, format!("The value of {}.{} is {misfit}.", field.section, field.name))),
                }
            }
        }
        Ok(row)
    }

    /// The text by which a row meets its subscriber: `None` where the event does not have it, `Some(None)` where it is empty.
    pub fn link(&self, row: &Row) -> Option<Option<String>> {
        let text = |value: &Stored| match value {
            Stored::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Stored::Integer(n) => Some(n.to_string()),
            _ => None,
        };
        match self.link? {
            None => Some(text(&row.key)),
            Some(place) => row.values.get(place)?.as_ref().map(text),
        }
    }
}

/// A key as text.
pub fn key_text(key: &Stored) -> String {
    match key {
        Stored::Text(text) => text.clone(),
        Stored::Integer(n) => n.to_string(),
        _ => String::new(),
    }
}

/// A value that was not taken, with the reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Name of the destination's field.
    pub field: String,
    /// A sentence.
    pub why: String,
}

/// What an event makes of a row: the good values beside the bad ones.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub key: Stored,
    pub version: Version,
    /// In the order of the matching's fields; `None` leaves what is there.
    pub values: Vec<Option<Stored>>,
    pub rejected: Vec<Rejected>,
}

impl Row {
    /// Takes a later state of the same row: what it has replaces what was there, what it has not stays.
    pub fn take(&mut self, later: Row) {
        self.version = later.version;
        for (mine, theirs) in self.values.iter_mut().zip(later.values) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
    }
}

#[cfg(test)]
#[path = "matching_test.rs"]
mod tests;
