//! Checks what is entered for a bridge or a feed against the form of its kind; every fault has its path. Pages use it too.

use std::collections::BTreeMap;

use rialto_connectors::BridgeKind;
use rialto_connectors::catalogue::{Secrets, Settings};
use rialto_connectors::form::{FormField, Input};

use rialto_connectors::streams::FeedKind;

use super::extract::Faults;

pub use rialto_connectors::FieldError;

/// Longest value of a setting or secret, in bytes.
const LONGEST: usize = 4_000;
/// Longest name of a bridge, in characters.
pub const LONGEST_NAME: usize = 100;

/// What a kind asks for, and how it judges what was entered.
#[derive(Clone, Copy)]
pub struct Asked {
    pub settings: &'static [FormField],
    pub secrets: &'static [FormField],
    pub check: fn(&Settings, &Secrets) -> Vec<FieldError>,
}

impl From<&BridgeKind> for Asked {
    fn from(kind: &BridgeKind) -> Self {
        Self { settings: kind.settings, secrets: kind.secrets, check: kind.check }
    }
}

impl From<&FeedKind> for Asked {
    fn from(kind: &FeedKind) -> Self {
        Self { settings: kind.settings, secrets: kind.secrets, check: kind.check }
    }
}

/// Faults of settings and secrets, without network. `kept` names secrets that are stored and not entered again.
pub fn check(
    asked: impl Into<Asked>,
    settings: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
    kept: &[String],
) -> Vec<FieldError> {
    let asked = asked.into();
    let mut faults = Faults::default();
    part("settings", asked.settings, settings, &[], &mut faults);
    part("secrets", asked.secrets, secrets, kept, &mut faults);
    // The connector judges form and sense; a secret that stays is not opened for that.
    let mut all = secrets.clone();
    for name in kept {
        all.entry(name.clone()).or_insert_with(|| "kept".into());
    }
    let all = all.into_iter().map(|(k, v)| (k, v.into())).collect();
    for fault in (asked.check)(settings, &all) {
        let field = path(asked, &fault.field);
        if !faults.0.iter().any(|f| f.field == field) {
            faults.add(field, fault.detail);
        }
    }
    faults.0
}

fn part(name: &str, form: &[FormField], entered: &BTreeMap<String, String>, kept: &[String], faults: &mut Faults) {
    for (key, value) in entered {
        let Some(field) = form.iter().find(|f| f.key == key) else {
            faults.add(format!("{name}.{key}"), "There is no such field for this kind.");
            continue;
        };
        if value.len() > LONGEST || value.contains('\0') {
            faults.add(format!("{name}.{key}"), format!("Use at most {LONGEST} bytes."));
        } else if field.input == Input::Choice && !value.is_empty() && !field.options.contains(&value.as_str()) {
            faults.add(format!("{name}.{key}"), format!("Choose one of: {}.", field.options.join(", ")));
        }
    }
    for field in form.iter().filter(|f| f.required && f.default.is_empty()) {
        let given = entered.get(field.key).is_some_and(|v| !v.trim().is_empty());
        if !given && !kept.iter().any(|k| k == field.key) {
            faults.add(format!("{name}.{}", field.key), "This field is required.");
        }
    }
}

fn path(asked: Asked, field: &str) -> String {
    if field.starts_with("settings.") || field.starts_with("secrets.") {
        field.to_owned()
    } else if asked.secrets.iter().any(|f| f.key == field) {
        format!("secrets.{field}")
    } else {
        format!("settings.{field}")
    }
}
