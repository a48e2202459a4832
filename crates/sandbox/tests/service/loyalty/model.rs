//! A receiver as the rules want it, from the texts of events alone.

use std::collections::BTreeMap;

use rialto_sandbox::loyalty::{Expected, Sandbox, UNITS};
use serde_json::{Map, Value, json};

#[derive(Clone, Debug, Default, PartialEq)]
struct Profile {
    sequence: u64,
    deleted: bool,
    fields: Map<String, Value>,
}

/// Profiles by source and subject.
#[derive(Default)]
pub struct Model(BTreeMap<(String, String), Profile>);

impl Model {
    /// Takes an event; what is none that a receiver takes is left out.
    pub fn take(&mut self, event: &Value) {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (source, subject) = (text("source"), text("subject"));
        let Ok(sequence) = text("sequence").parse::<u64>() else { return };
        if event["specversion"] != "1.0" || subject.is_empty() || event.get("notes").is_some() {
            return;
        }
        let profile = self.0.entry((source, subject)).or_default();
        if sequence <= profile.sequence {
            return;
        }
        (profile.sequence, profile.deleted) = (sequence, event["type"] == "profile.deleted");
        if profile.deleted {
            profile.fields.clear();
        }
        for section in ["attributes", "preferences", "metrics"] {
            for (name, value) in event["data"][section].as_object().into_iter().flatten() {
                let spoiled = name == "shoeSizeOfTheCat" || (name == "points" && value.is_string());
                if !spoiled && value.as_str().is_none_or(|text| text.len() <= 4_000) {
                    profile.fields.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// Holds what the sandbox says that a receiver must hold.
    pub fn assert_as_expected_by(&self, sandbox: &Sandbox) {
        let mut expected = BTreeMap::new();
        for unit in UNITS {
            for (subject, Expected { sequence, deleted, fields }) in sandbox.expected(unit) {
                let fields = json!(fields).as_object().unwrap().clone();
                expected.insert((unit.to_owned(), subject), Profile { sequence, deleted, fields });
            }
        }
        assert_eq!(self.0, expected);
    }
}
