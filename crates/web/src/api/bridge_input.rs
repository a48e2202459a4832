//! Checks what is entered for a bridge against the form of its kind; every fault has its path. Pages use it too.

use std::collections::BTreeMap;

use rialto_connectors::BridgeKind;
use rialto_connectors::form::{FormField, Input};

use super::extract::Faults;

pub use rialto_connectors::FieldError;

/// Longest value of a setting or secret, in bytes.
const LONGEST: usize = 4_000;
/// Longest name of a bridge, in characters.
pub const LONGEST_NAME: usize = 100;

/// Faults of settings and secrets, without network. `kept` names secrets that are stored and not entered again.
pub fn check(
    kind: &BridgeKind,
    settings: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
    kept: &[String],
) -> Vec<FieldError> {
    let mut faults = Faults::default();
    part("settings", kind.settings, settings, &[], &mut faults);
    part("secrets", kind.secrets, secrets, kept, &mut faults);
    // The connector judges form and sense; a secret that stays is not opened for that.
    let mut all = secrets.clone();
    for name in kept {
        all.entry(name.clone()).or_insert_with(|| "kept".into());
    }
    let all = all.into_iter().map(|(k, v)| (k, v.into())).collect();
    for fault in (kind.check)(settings, &all) {
        let field = path(kind, &fault.field);
        if !faults.0.iter().any(|f| f.field == field) {
            faults.add(field, fault.detail);
        }
    }
    faults.0
}

fn part(name: &str, form: &[FormField], entered: &BTreeMap<String, String>, kept: &[String], faults: &mut Faults) {
    for (key, value) in entered {
        let Some(field) = form.iter().find(|f| f.key == key) else {
            faults.add(format!("{name}.{key}"), "There is no such field for this kind of bridge.");
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

fn path(kind: &BridgeKind, field: &str) -> String {
    if field.starts_with("settings.") || field.starts_with("secrets.") {
        field.to_owned()
    } else if kind.secrets.iter().any(|f| f.key == field) {
        format!("secrets.{field}")
    } else {
        format!("settings.{field}")
    }
}
