//! What no receiver can take as it is: each made from a real event, with one thing wrong.

use serde::{Deserialize, Serialize};

use crate::loyalty::catalogue::POINTS;
use crate::loyalty::event::Event;

/// Size of the body that is too large, in bytes: far above what the contract allows for an event.
pub const HUGE: usize = 20 << 20;
/// Characters of the text that is too long: longer than any `text(n)` can be.
pub const TOO_LONG: usize = 5_000;

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Poison {
    /// Cut in the middle: no JSON.
    NotJson,
    /// Of another version of CloudEvents.
    SpecVersion,
    /// Without the subject.
    NoSubject,
    /// A sequence that is no number.
    Sequence,
    /// A body of 20 MiB.
    HugeBody,
    /// A text where the points stand.
    WrongType,
    /// A name of 5,000 characters.
    TooLong,
    /// A field that no catalogue has.
    UnknownKey,
}

impl Poison {
    /// All of them, with their names in forms and the words for people.
    pub const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::NotJson, "not_json", "An event that breaks off in the middle, so that it is no JSON."),
        (Self::SpecVersion, "spec_version", "An event with specversion 9.9."),
        (Self::NoSubject, "no_subject", "An event without a subject."),
        (Self::Sequence, "sequence", "An event whose sequence is the word seven."),
        (Self::HugeBody, "huge_body", "An event of 20 MiB."),
        (Self::WrongType, "wrong_type", "A good event, but the points are the text “many”. The rest of it counts."),
        (Self::TooLong, "too_long", "A good event, but the last name has 5,000 characters. The rest of it counts."),
        (Self::UnknownKey, "unknown_key", "A good event with one attribute more that is in no catalogue. The rest of it counts."),
    ];

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(poison, ..)| *poison)
    }

    /// Whether the envelope is good, so that the event counts as its subject's next version and only a value is refused.
    pub fn counts(self) -> bool {
        matches!(self, Self::WrongType | Self::TooLong | Self::UnknownKey)
    }

    /// Which field of the catalogue a receiver cannot take, by its place.
    pub(crate) fn spoils(self) -> Option<usize> {
        match self {
            Self::WrongType => Some(POINTS),
            Self::TooLong => Some(crate::loyalty::catalogue::LAST_NAME),
            _ => None,
        }
    }

    /// The text of an event with this wrong.
    pub(crate) fn spoil(self, mut event: Event<'_>) -> String {
        match self {
            Self::SpecVersion => event.specversion = "9.9",
            Self::NoSubject => event.subject = None,
            Self::Sequence => "seven".clone_into(&mut event.sequence),
            _ => {}
        }
        let text = event.text();
        match self {
            Self::NotJson => text.chars().take(text.chars().count() / 2).collect(),
            Self::HugeBody => inserted(&text, &format!("\"notes\":\"{}\"", "x".repeat(HUGE - text.len()))),
            Self::WrongType | Self::TooLong | Self::UnknownKey => self.with_value(&text).unwrap_or(text),
            Self::SpecVersion | Self::NoSubject | Self::Sequence => text,
        }
    }

    fn with_value(self, text: &str) -> Option<String> {
        let mut json: serde_json::Value = serde_json::from_str(text).ok()?;
        let data = json.get_mut("data")?;
        match self {
            Self::WrongType => data.get_mut("metrics")?["points"] = "many".into(),
            Self::TooLong => data.get_mut("attributes")?["lastName"] = "x".repeat(TOO_LONG).into(),
            _ => data.get_mut("attributes")?["shoeSizeOfTheCat"] = 3.into(),
        }
        Some(json.to_string())
    }
}

/// The attribute put before all others.
fn inserted(text: &str, attribute: &str) -> String {
    match text.strip_prefix('{') {
        Some(rest) => format!("{{{attribute},{rest}"),
        None => text.to_owned(),
    }
}
