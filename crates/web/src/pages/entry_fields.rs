//! Fields of a form that comes from a catalogue: settings and secrets of a bridge or a feed, as `bridge_field.html` shows them.

use std::collections::BTreeMap;

use rialto_connectors::FieldError;
use rialto_connectors::form::{FormField, Input};

use crate::api::bridge_input::Asked;

pub struct Field {
    /// `settings.<key>` or `secrets.<key>`.
    pub id: String,
    pub label: &'static str,
    pub help: &'static str,
    /// `text`, `url`, `number`, `password`, `lines` or `choice`.
    pub input: &'static str,
    pub required: bool,
    pub value: String,
    /// A secret that is stored: leave it blank to keep it.
    pub kept: bool,
    pub options: Vec<(&'static str, bool)>,
    pub advanced: bool,
    pub error: Option<String>,
}

/// The fields with what was entered; secrets are never shown. `stored`: names of secrets that are.
pub fn of(asked: Asked, settings: &BTreeMap<String, String>, stored: &[String], faults: &[FieldError]) -> Vec<Field> {
    let field = |part: &str, f: &FormField| {
        let id = format!("{part}.{}", f.key);
        let secret = part == "secrets";
        let value = settings.get(f.key).filter(|_| !secret).cloned().unwrap_or_else(|| f.default.to_owned());
        Field {
            input: match f.input {
                // A user name is a secret to Rialto, but people want to see what they type.
                Input::Secret if f.key.contains("user") => "text",
                Input::Secret => "password",
                Input::SecretLines => "lines",
                Input::Url => "url",
                Input::Number => "number",
                Input::Choice => "choice",
                Input::Text => "text",
            },
            label: f.label,
            help: f.help,
            required: f.required && f.default.is_empty(),
            options: f.options.iter().map(|o| (*o, *o == value)).collect(),
            value: if secret { String::new() } else { value },
            kept: secret && stored.iter().any(|s| s == f.key),
            advanced: f.advanced,
            error: faults.iter().find(|fault| fault.field == id).map(|fault| fault.detail.clone()),
            id,
        }
    };
    let settings = asked.settings.iter().map(|f| field("settings", f));
    settings.chain(asked.secrets.iter().map(|f| field("secrets", f))).collect()
}

/// Settings and secrets as they were sent. Empty secrets were not entered; settings equal to their default are not stored.
pub fn read(asked: Asked, sent: &BTreeMap<String, String>) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let part = |name: &str, form: &[FormField]| -> BTreeMap<String, String> {
        form.iter()
            .filter_map(|f| Some((f, sent.get(&format!("{name}.{}", f.key))?.trim())))
            .filter(|(f, v)| !v.is_empty() && *v != f.default)
            .map(|(f, v)| (f.key.to_owned(), v.to_owned()))
            .collect()
    };
    (part("settings", asked.settings), part("secrets", asked.secrets))
}
