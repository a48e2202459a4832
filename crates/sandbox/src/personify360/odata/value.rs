//! Values of properties.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::schema::Edm;

/// A value of a property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// In hundredths.
    Decimal(i64),
    Text(String),
    /// Milliseconds since 1970 in UTC.
    Date(i64),
}

impl Value {
    pub(crate) fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.into()))
    }

    /// The value as plain text; empty for null.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Decimal(cents) => format_cents(*cents),
            Self::Text(text) => text.clone(),
            Self::Date(millis) => format_date(*millis),
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Decimal(cents) => Some(*cents as f64 / 100.0),
            _ => None,
        }
    }

    /// Order of two values of one kind; none when either is null or the kinds differ.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// Reads a value of a kind from text, as in XML bodies.
    pub(crate) fn from_text(edm: Edm, text: &str) -> Option<Self> {
        match edm {
            Edm::String => Some(Self::Text(text.to_owned())),
            _ if text.trim().is_empty() => Some(Self::Null),
            Edm::Int32 => text.trim().parse().ok().map(Self::Int),
            Edm::Decimal => parse_cents(text.trim()).map(Self::Decimal),
            Edm::DateTime => parse_date(text.trim()).map(Self::Date),
            Edm::Boolean => match text.trim() {
                "true" | "1" => Some(Self::Bool(true)),
                "false" | "0" => Some(Self::Bool(false)),
                _ => None,
            },
        }
    }

    /// Reads a value of a kind from JSON.
    pub(crate) fn from_json(edm: Edm, json: &serde_json::Value) -> Option<Self> {
        use serde_json::Value as Json;
        match (edm, json) {
            (_, Json::Null) => Some(Self::Null),
            (Edm::Boolean, Json::Bool(flag)) => Some(Self::Bool(*flag)),
            (Edm::Int32, Json::Number(number)) => number.as_i64().map(Self::Int),
            (Edm::Decimal, Json::Number(number)) => parse_cents(&number.to_string()).map(Self::Decimal),
            (_, Json::String(text)) => Self::from_text(edm, text),
            _ => None,
        }
    }
}

/// `125.50` from hundredths.
pub(crate) fn format_cents(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let plain = cents.unsigned_abs();
    format!("{sign}{}.{:02}", plain / 100, plain % 100)
}

fn parse_cents(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    (number.abs() < 1e12).then_some((number * 100.0).round() as i64)
}

/// `2026-01-05T06:00:00`, in UTC.
pub(crate) fn format_date(millis: i64) -> String {
    let instant = Timestamp::from_millisecond(millis).unwrap_or_default();
    let local = instant.to_zoned(TimeZone::UTC).datetime();
    format!("{}T{:02}:{:02}:{:02}", local.date(), local.hour(), local.minute(), local.second())
}

/// Reads `/Date(ms)/`, a date, or a date and time (taken as UTC).
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    if let Some(inner) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        let offset = inner.get(1..).and_then(|rest| rest.find(['+', '-']));
        let digits = offset.map_or(inner, |at| inner.get(..=at).unwrap_or(inner));
        let millis: i64 = digits.parse().ok()?;
        return Timestamp::from_millisecond(millis).ok().map(|_| millis);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let local: DateTime = text.parse().ok()?;
    local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}
