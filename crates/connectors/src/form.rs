//! The form of a bridge kind: what pages and API ask for.

use std::ops::RangeInclusive;

use secrecy::ExposeSecret;
use serde::Serialize;
use url::Url;

use crate::FieldError;
use crate::catalogue::{Secrets, Settings};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text,
    Url,
    Number,
    Secret,
    /// A secret of several lines, such as the content of a file.
    SecretLines,
    /// One of `options`.
    Choice,
}

/// One setting or secret of a bridge kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct FormField {
    pub key: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub input: Input,
    pub required: bool,
    /// Value used when the key is not set; empty for none.
    pub default: &'static str,
    pub options: &'static [&'static str],
    /// Shown only after "More settings".
    pub advanced: bool,
}

/// What was entered into the form of a kind, and what is wrong with it.
pub(crate) struct Entered<'a> {
    pub form: &'static [FormField],
    pub settings: &'a Settings,
    pub secrets: &'a Secrets,
    pub faults: Vec<FieldError>,
}

impl<'a> Entered<'a> {
    pub fn fault(&mut self, field: &str, detail: &str) {
        self.faults.push(FieldError { field: field.to_owned(), detail: detail.to_owned() });
    }

    /// The setting or its default.
    pub fn value(&self, key: &str) -> &'a str {
        let set = self.settings.get(key).map(|v| v.trim()).filter(|v| !v.is_empty());
        set.unwrap_or_else(|| self.form.iter().find(|f| f.key == key).map_or("", |f| f.default))
    }

    /// An address, by a rule of its kind; `missing` is said where there is none.
    pub fn address(&mut self, key: &str, missing: &str, rule: fn(&str) -> Result<Url, &'static str>) -> Option<Url> {
        let text = self.value(key);
        let read = if text.is_empty() { Err(missing) } else { rule(text) };
        read.map_err(|detail| self.fault(key, detail)).ok()
    }

    /// A text that fits, or the fault.
    pub fn text(&mut self, key: &str, fits: impl FnOnce(&str) -> bool, detail: &str) -> String {
        let text = self.value(key);
        if !fits(text) {
            self.fault(key, detail);
        }
        text.to_owned()
    }

    pub fn number(&mut self, key: &str, range: RangeInclusive<u32>) -> u32 {
        match self.value(key).parse().ok().filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                self.fault(key, &format!("Enter a whole number from {} to {}.", range.start(), range.end()));
                *range.start()
            }
        }
    }

    pub fn secret(&mut self, key: &str) -> Option<&'a str> {
        let value = self.secrets.get(key).map(|s| s.expose_secret()).filter(|s| !s.is_empty());
        if value.is_none() {
            self.fault(key, "Enter a value.");
        }
        value
    }
}

/// A complete address of a host, with whatever path, and nothing that belongs elsewhere.
pub(crate) fn plain_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "Enter a complete address that begins with https://.")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("The address must begin with https:// or http://.");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("The address names no host.");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Leave user names, passwords and keys out of the address; they have fields of their own.");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("The address must end with its path, without ? or #.");
    }
    Ok(url)
}
