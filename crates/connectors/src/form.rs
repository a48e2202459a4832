//! The form of a bridge kind: what pages and API ask for.

use serde::Serialize;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text,
    Url,
    Number,
    Secret,
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
