//! Values of fields: numbers compare as numbers, dates as dates, and what is not there is empty.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use rialto_core::audience::{FieldType, Stored};

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Date,
    Moment,
    Boolean,
}

impl Kind {
    /// As a sentence says it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Date => "a date",
            Self::Moment => "a date and time",
            Self::Boolean => "yes or no",
        }
    }

    /// Whether values of both can be held against each other.
    pub fn compares_with(self, other: Self) -> bool {
        self == other || (self.is_day() && other.is_day())
    }

    /// A date, with or without a time.
    pub fn is_day(self) -> bool {
        matches!(self, Self::Date | Self::Moment)
    }
}

impl From<FieldType> for Kind {
    fn from(of: FieldType) -> Self {
        match of {
            FieldType::Integer | FieldType::Long | FieldType::Float => Self::Number,
            FieldType::Text | FieldType::LongText => Self::Text,
            FieldType::DateTime => Self::Moment,
            FieldType::Date => Self::Date,
            FieldType::Boolean => Self::Boolean,
        }
    }
}

/// A value. Equality is that of Rust's types; texts are held against each other by [`Value::against`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Empty.
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Date(Date),
    Moment(DateTime),
    Boolean(bool),
}

impl Value {
    /// A value as the database keeps it, of a field of this kind. What does not fit it is empty; an empty text is empty too.
    pub fn of(stored: Stored, kind: Kind) -> Self {
        match (stored, kind) {
            (Stored::Null, _) => Self::Null,
            (Stored::Text(text), _) => Self::read(&text, kind).unwrap_or(Self::Null),
            (Stored::Integer(n), Kind::Number) => Self::Integer(n),
            (Stored::Float(n), Kind::Number) if n.is_finite() => Self::Float(n),
            (Stored::Boolean(yes), Kind::Boolean) => Self::Boolean(yes),
            (Stored::Integer(n), Kind::Text) => Self::Text(n.to_string()),
            (Stored::Float(n), Kind::Text) => Self::Text(n.to_string()),
            (Stored::Boolean(yes), Kind::Text) => Self::Text(yes_or_no(yes).to_owned()),
            _ => Self::Null,
        }
    }

    /// A text read as a value of the kind: a default, or what a text is compared with. `None` when it is none.
    pub fn read(text: &str, kind: Kind) -> Option<Self> {
        let trimmed = text.trim();
        match kind {
            _ if trimmed.is_empty() => Some(Self::Null),
            Kind::Text => Some(Self::Text(text.to_owned())),
            Kind::Number => number(trimmed),
            Kind::Date => trimmed.get(..10).filter(|_| is_day(trimmed)).and_then(|t| t.parse().ok()).map(Self::Date),
            Kind::Moment => moment(trimmed).map(Self::Moment),
            Kind::Boolean => match trimmed.to_ascii_lowercase().as_str() {
                "true" | "yes" => Some(Self::Boolean(true)),
                "false" | "no" => Some(Self::Boolean(false)),
                _ => None,
            },
        }
    }

    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => return None,
            Self::Text(_) => Kind::Text,
            Self::Integer(_) | Self::Float(_) => Kind::Number,
            Self::Date(_) => Kind::Date,
            Self::Moment(_) => Kind::Moment,
            Self::Boolean(_) => Kind::Boolean,
        })
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What a condition makes of it by itself: a text that is there, a number other than 0, a yes, any date.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Text(text) => !text.is_empty(),
            Self::Integer(n) => *n != 0,
            Self::Float(n) => *n != 0.0,
            Self::Date(_) | Self::Moment(_) => true,
            Self::Boolean(yes) => *yes,
        }
    }

    /// Which of two values comes first; `None` where they cannot be compared, as with an empty one.
    pub(super) fn against(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Integer(a), Self::Integer(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            (Self::Integer(_) | Self::Float(_), Self::Integer(_) | Self::Float(_)) => self.float()?.partial_cmp(&other.float()?),
            _ => Some(self.moment()?.cmp(&other.moment()?)),
        }
    }

    /// A number as such.
    pub(super) fn float(&self) -> Option<f64> {
        match self {
            Self::Integer(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// A date as its midnight.
    pub(super) fn moment(&self) -> Option<DateTime> {
        match self {
            Self::Date(day) => Some(day.to_datetime(jiff::civil::Time::midnight())),
            Self::Moment(at) => Some(*at),
            _ => None,
        }
    }

    /// As a text shows it without a filter: the same wherever Rialto runs.
    pub fn shown(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Integer(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Date(day) => day.to_string(),
            // Systems that have no dates send midnights.
            Self::Moment(at) if at.time() == jiff::civil::Time::midnight() => at.date().to_string(),
            Self::Moment(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
            Self::Boolean(yes) => yes_or_no(*yes).to_owned(),
        }
    }
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(n) = text.parse() {
        return Some(Value::Integer(n));
    }
    text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float)
}

/// `YYYY-MM-DD`, alone or before a midnight.
fn is_day(text: &str) -> bool {
    text.len() == 10 || text.get(10..).is_some_and(|rest| matches!(rest, " 00:00:00" | "T00:00:00"))
}

fn moment(text: &str) -> Option<DateTime> {
    if text.len() == 10 { text.parse::<Date>().ok().map(|day| day.to_datetime(jiff::civil::Time::midnight())) } else { text.parse().ok() }
}
