//! Personalization fields: their types, and how a remote text becomes a typed value.

use serde::{Deserialize, Serialize};

/// Longest text kept in a field, in characters; longer values are cut on a character boundary and reported.
pub const MAX_TEXT: usize = 4_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    Text,
    Integer,
    Decimal,
    DateTime,
    Boolean,
}

impl FieldType {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::DateTime => "date_time",
            Self::Boolean => "boolean",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::Integer, Self::Decimal, Self::DateTime, Self::Boolean].into_iter().find(|t| t.name() == name)
    }
}

/// A value as a connector yields it. Absent leaves what is stored, null clears it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    Absent,
    Null,
    Text(String),
}

/// A value as it is stored. Decimals keep their digits as text until the database takes them.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Absent,
    Null,
    Text(String),
    Integer(i64),
    Decimal(f64),
    /// `YYYY-MM-DD HH:MM:SS`, no zone: as the remote keeps it.
    DateTime(String),
    Boolean(bool),
}

/// The remote's text does not fit the field's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misfit {
    #[error("not a whole number")]
    Integer,
    #[error("not a number")]
    Decimal,
    #[error("not a date and time")]
    DateTime,
    #[error("neither yes nor no")]
    Boolean,
    #[error("longer than the field, cut")]
    TooLong,
}

/// Reads a cell as a value of the type. On a misfit the second part says why and the value is what to store instead:
/// absent (leave what is there), or the cut text.
pub fn read(cell: Cell, kind: FieldType, length: Option<u32>) -> (Value, Option<Misfit>) {
    let text = match cell {
        Cell::Absent => return (Value::Absent, None),
        Cell::Null => return (Value::Null, None),
        Cell::Text(text) => text,
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return (Value::Null, None);
    }
    let or_absent = |v: Option<Value>, misfit| v.map_or((Value::Absent, Some(misfit)), |v| (v, None));
    match kind {
        FieldType::Text => read_text(text, length),
        FieldType::Integer => or_absent(trimmed.parse().ok().map(Value::Integer), Misfit::Integer),
        FieldType::Decimal => or_absent(trimmed.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::Decimal), Misfit::Decimal),
        FieldType::DateTime => or_absent(date_time(trimmed).map(Value::DateTime), Misfit::DateTime),
        FieldType::Boolean => or_absent(boolean(trimmed).map(Value::Boolean), Misfit::Boolean),
    }
}

/// A default for empty values of a field, as it is kept: written as the type writes it. Empty for none.
///
/// # Errors
/// It is no value of that type, or longer than the field.
pub fn default_value(entered: &str, kind: FieldType, length: Option<u32>) -> Result<String, Misfit> {
    let entered = entered.trim();
    let (value, misfit) = read(Cell::Text(entered.to_owned()), kind, length);
    if let Some(misfit) = misfit {
        return Err(misfit);
    }
    Ok(match value {
        Value::Absent | Value::Null => String::new(),
        Value::Text(text) | Value::DateTime(text) => text,
        Value::Integer(n) => n.to_string(),
        // As entered: a price of 12.50 must not become 12.5.
        Value::Decimal(_) => entered.to_owned(),
        Value::Boolean(yes) => if yes { "yes" } else { "no" }.to_owned(),
    })
}

fn read_text(text: String, length: Option<u32>) -> (Value, Option<Misfit>) {
    let max = length.map_or(MAX_TEXT, |n| (n as usize).clamp(1, MAX_TEXT));
    // PostgreSQL stores no NUL, in text or in JSON.
    let text = if text.contains('\0') { text.replace('\0', "") } else { text };
    if text.len() <= max {
        return (Value::Text(text), None);
    }
    match text.char_indices().nth(max) {
        None => (Value::Text(text), None),
        Some((at, _)) => (Value::Text(text[..at].to_owned()), Some(Misfit::TooLong)),
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |options: &[&str]| options.iter().any(|o| text.eq_ignore_ascii_case(o));
    if is(&["y", "yes", "true", "1", "t"]) {
        Some(true)
    } else if is(&["n", "no", "false", "0", "f"]) {
        Some(false)
    } else {
        None
    }
}

pub(crate) fn date_time(text: &str) -> Option<String> {
    let whole = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?,
    };
    (1..=9999).contains(&whole.year()).then(|| whole.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(t: &str) -> Cell {
        Cell::Text(t.into())
    }

    #[test]
    fn absent_is_not_null_and_misfits_leave_what_is_there() {
        assert_eq!(read(Cell::Absent, FieldType::Text, None), (Value::Absent, None));
        assert_eq!(read(Cell::Null, FieldType::Integer, None), (Value::Null, None));
        assert_eq!(read(text("12"), FieldType::Integer, None), (Value::Integer(12), None));
        assert_eq!(read(text("12.5"), FieldType::Integer, None), (Value::Absent, Some(Misfit::Integer)));
        assert_eq!(read(text("NaN"), FieldType::Decimal, None), (Value::Absent, Some(Misfit::Decimal)));
        assert_eq!(read(text("Y"), FieldType::Boolean, None), (Value::Boolean(true), None));
        assert_eq!(read(text("2020-02-30"), FieldType::DateTime, None), (Value::Absent, Some(Misfit::DateTime)));
        assert_eq!(read(text("2020-02-03T04:05:06"), FieldType::DateTime, None), (Value::DateTime("2020-02-03 04:05:06".into()), None));
    }

    #[test]
    fn a_default_is_of_its_fields_type() {
        let of = |text: &str, kind| default_value(text, kind, Some(5));
        assert_eq!(of("  Dear ", FieldType::Text), Ok("Dear".into()));
        assert_eq!(of("Dearest", FieldType::Text), Err(Misfit::TooLong));
        assert_eq!((of("007", FieldType::Integer), of("7.5", FieldType::Integer)), (Ok("7".into()), Err(Misfit::Integer)));
        assert_eq!((of("12.50", FieldType::Decimal), of("much", FieldType::Decimal)), (Ok("12.50".into()), Err(Misfit::Decimal)));
        assert_eq!(of("2020-02-03", FieldType::DateTime), Ok("2020-02-03 00:00:00".into()));
        assert_eq!(of("soon", FieldType::DateTime), Err(Misfit::DateTime));
        assert_eq!((of("Y", FieldType::Boolean), of("perhaps", FieldType::Boolean)), (Ok("yes".into()), Err(Misfit::Boolean)));
        assert_eq!(of(" ", FieldType::Integer), Ok(String::new()));
    }

    proptest! {
        #[test]
        fn text_is_cut_on_a_character_and_has_no_nul(t in "\\PC{0,300}", max in 1u32..200) {
            if let (Value::Text(kept), _) = read(Cell::Text(t.clone()), FieldType::Text, Some(max)) {
                prop_assert!(kept.chars().count() <= max as usize);
                prop_assert!(t.starts_with(&kept));
            }
        }
    }
}
