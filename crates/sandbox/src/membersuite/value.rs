//! Values of fields, and objects made of them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::membersuite::schema::Class;
use crate::membersuite::search::Search;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Boolean,
    Integer,
    Decimal,
    DateTime,
    /// The id of another object.
    Reference,
    /// Texts.
    List,
    Search,
}

impl Kind {
    /// As `DescribeObject` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Decimal => "Decimal",
            Self::DateTime => "DateTime",
            Self::Reference => "Reference",
            Self::List => "List",
            Self::Search => "LargeText",
        }
    }

    /// As the schema of a table names it.
    pub(crate) fn xsd(self) -> &'static str {
        match self {
            Self::Boolean => "xs:boolean",
            Self::Integer => "xs:int",
            Self::Decimal => "xs:decimal",
            Self::DateTime => "xs:dateTime",
            _ => "xs:string",
        }
    }

    /// A text as a value; what programs send as text is turned into what the field holds.
    pub(crate) fn read(self, text: &str) -> Result<Value, &'static str> {
        let plain = text.trim();
        match self {
            Self::Text | Self::Reference => Ok(Value::Text(text.to_owned())),
            _ if plain.is_empty() => Ok(Value::Nil),
            Self::Boolean => match plain.to_ascii_lowercase().as_str() {
                "true" | "1" => Ok(Value::Bool(true)),
                "false" | "0" => Ok(Value::Bool(false)),
                _ => Err("is neither true nor false"),
            },
            Self::Integer => plain.parse().map(Value::Int).map_err(|_| "is no whole number"),
            Self::Decimal => cents(plain).map(Value::Cents).ok_or("is no number"),
            Self::DateTime => moment(plain).map(Value::Date).ok_or("is no date"),
            Self::List => Ok(Value::List(vec![plain.to_owned()])),
            Self::Search => Err("cannot be set"),
        }
    }
}

fn cents(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok()?;
    (number.abs() < 1e12).then(|| (number * 100.0).round() as i64)
}

/// A date and time, as UTC where no zone is given.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Nil,
    Text(String),
    Bool(bool),
    Int(i64),
    /// A decimal number in hundredths.
    Cents(i64),
    Date(Timestamp),
    List(Vec<String>),
    Search(Box<Search>),
}

impl Value {
    pub(crate) fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::Nil, |text| Self::Text(text.to_owned()))
    }

    /// As it stands in a table; absent when it is nil.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Nil => return None,
            Self::Text(text) => text.clone(),
            Self::Bool(yes) => yes.to_string(),
            Self::Int(number) => number.to_string(),
            Self::Cents(cents) => format!("{}{}.{:02}", if *cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100),
            Self::Date(at) => at.to_string(),
            Self::List(texts) => texts.join(","),
            Self::Search(search) => search.text(),
        })
    }
}

/// An object: a class and a value for each of its fields, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub class: &'static Class,
    pub values: Vec<Value>,
}
