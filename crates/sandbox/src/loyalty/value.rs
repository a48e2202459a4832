//! What a field holds, and how it is read from forms and JSON.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::loyalty::catalogue::Type;

/// Most characters of a text.
pub const LONGEST_TEXT: usize = 200;

/// A value; its form in JSON is what events hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Cleared, or never known.
    Null,
    /// 32 bits.
    Integer(i32),
    /// 64 bits.
    Long(i64),
    /// With a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A day.
    Date(Date),
    /// A moment, whole seconds.
    Datetime(Timestamp),
    /// Yes or no.
    Boolean(bool),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A moment without parts of a second.
    pub(crate) fn moment(at: Timestamp) -> Self {
        Self::Datetime(Timestamp::from_second(at.as_second()).unwrap_or(at))
    }

    /// Reads a form's text; nothing clears.
    pub(crate) fn read(kind: Type, text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Null);
        }
        match kind {
            Type::Integer => text.parse().map(Self::Integer).map_err(|_| "A whole number of at most 32 bits."),
            Type::Long => text.parse().map(Self::Long).map_err(|_| "A whole number of at most 64 bits."),
            Type::Float => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Self::Float).ok_or("A number, such as 12.5."),
            Type::Text if text.chars().count() > LONGEST_TEXT => Err("At most 200 characters."),
            Type::Text if text.chars().any(char::is_control) => Err("Control characters are not allowed."),
            Type::Text => Ok(Self::text(text)),
            Type::Date => text.parse().map(Self::Date).map_err(|_| "A date, such as 2026-03-02."),
            Type::Datetime => text.parse().map(Self::moment).map_err(|_| "A time in UTC, such as 2026-03-02T08:00:00Z."),
            Type::Boolean => match text {
                "true" | "yes" => Ok(Self::Boolean(true)),
                "false" | "no" => Ok(Self::Boolean(false)),
                _ => Err("yes or no."),
            },
        }
    }

    /// Reads JSON: null, a text as in a form, or the type's own form.
    pub(crate) fn from_json(kind: Type, json: &Json) -> Result<Self, &'static str> {
        match json {
            Json::Null => Ok(Self::Null),
            Json::String(text) => Self::read(kind, text),
            Json::Bool(yes) if kind == Type::Boolean => Ok(Self::Boolean(*yes)),
            Json::Number(number) if matches!(kind, Type::Integer | Type::Long | Type::Float) => Self::read(kind, &number.to_string()),
            _ => Err("A value of another type."),
        }
    }

    /// As a form shows it.
    pub fn shown(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(n) => n.to_string(),
            Self::Long(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Text(text) => text.clone(),
            Self::Date(date) => date.to_string(),
            Self::Datetime(at) => at.to_string(),
            Self::Boolean(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        }
    }

    pub(crate) fn integer(&self) -> i32 {
        if let Self::Integer(n) = self { *n } else { 0 }
    }

    pub(crate) fn long(&self) -> i64 {
        if let Self::Long(n) = self { *n } else { 0 }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Integer(n) => to.serialize_i32(*n),
            Self::Long(n) => to.serialize_i64(*n),
            Self::Float(n) => to.serialize_f64(*n),
            Self::Text(text) => to.serialize_str(text),
            Self::Date(date) => to.collect_str(date),
            Self::Datetime(at) => to.collect_str(at),
            Self::Boolean(yes) => to.serialize_bool(*yes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_json_are_read_by_type_and_shown_as_they_are_read() {
        let good = [
            (Type::Integer, "-7"),
            (Type::Long, "9007199254740993"),
            (Type::Float, "12.5"),
            (Type::Text, "Köln"),
            (Type::Date, "2024-02-29"),
            (Type::Datetime, "2026-03-02T08:00:00Z"),
            (Type::Boolean, "yes"),
            (Type::Integer, ""),
        ];
        for (kind, text) in good {
            assert_eq!(Value::read(kind, text).unwrap().shown(), text);
        }
        let long = "x".repeat(201);
        let bad = [
            (Type::Integer, "2147483648"),
            (Type::Long, "1.5"),
            (Type::Float, "NaN"),
            (Type::Text, &long),
            (Type::Text, "a\u{7}b"),
            (Type::Date, "2026-02-30"),
            (Type::Datetime, "2026-03-02"),
            (Type::Boolean, "maybe"),
        ];
        for (kind, text) in bad {
            assert!(Value::read(kind, text).is_err(), "{kind:?} {text}");
        }
        assert_eq!(Value::from_json(Type::Long, &serde_json::json!(9_007_199_254_740_993_i64)), Ok(Value::Long(9_007_199_254_740_993)));
        assert!(Value::from_json(Type::Text, &serde_json::json!(5)).is_err());
        assert!(Value::from_json(Type::Boolean, &serde_json::json!([true])).is_err());
    }
}
