//! Audience lists and profile extensions: the types of their fields, their names, and how a value of an event becomes a value of a field
//! (LO-10, LO-11, LO-12, LO-16).

use crate::names::names;

/// Most fields of a list or extension, retired ones among them.
pub const MAX_FIELDS: usize = 300;
/// Longest `text(n)`, in characters.
pub const MAX_TEXT: u32 = 4_000;
/// Longest `longtext`, in characters.
pub const MAX_LONGTEXT: usize = 100_000;
/// Longest API name, in characters.
pub const MAX_API_NAME: usize = 50;

names! {
    /// Type of a field (LO-11).
    FieldType {
        /// From -2,147,483,648 to 2,147,483,647.
        Integer = "integer",
        /// 64 bits.
        Long = "long",
        /// Up to its length in characters.
        Text = "text",
        LongText = "longtext",
        Float = "float",
        /// Without a zone: what has an offset is told in UTC.
        DateTime = "datetime",
        Date = "date",
        Boolean = "boolean",
    }
}

impl FieldType {
    /// Whether a row can be found by a field of this type.
    pub fn can_be_key(self) -> bool {
        matches!(self, Self::Integer | Self::Long | Self::Text)
    }

    /// As pages call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Integer => "Integer",
            Self::Long => "Long",
            Self::Text => "Text",
            Self::LongText => "Long text",
            Self::Float => "Float",
            Self::DateTime => "Date and time",
            Self::Date => "Date",
            Self::Boolean => "Yes or no",
        }
    }
}

/// What a name of the API may be: letters, digits and underscores, beginning with a letter (LO-16).
pub fn is_api_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_API_NAME
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The API name that a name gives by itself; empty when nothing of it can stand in one.
pub fn api_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    out.get(..out.len().min(MAX_API_NAME)).unwrap_or_default().trim_end_matches('_').to_owned()
}

/// A value as an event sends it. Null clears a field; what an event does not have is no `Sent` at all and leaves the field.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    Null,
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
    /// A list or an object, which no field holds.
    Nested,
}

/// Longest sample, in characters.
const SAMPLE: usize = 80;

impl Sent {
    /// The value as text, cut: for people who choose fields. Empty where it tells nothing.
    pub fn sample(&self) -> String {
        match self {
            Self::Null | Self::Nested => String::new(),
            Self::Integer(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Boolean(yes) => yes.to_string(),
            Self::Text(text) => text.chars().filter(|c| *c != '\0').take(SAMPLE).collect(),
        }
    }
}

/// A value as it is stored. Dates are `YYYY-MM-DD`, moments `YYYY-MM-DD HH:MM:SS`.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    Null,
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(String),
}

/// Why a value does not fit its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misfit {
    #[error("not a whole number")]
    Whole,
    #[error("too large for an integer; the field would have to be a long")]
    Large,
    #[error("not a number")]
    Number,
    #[error("not a date (YYYY-MM-DD)")]
    Date,
    #[error("not a date and time (YYYY-MM-DDTHH:MM:SS)")]
    Moment,
    #[error("neither true nor false")]
    Boolean,
    #[error("a list or an object, which no field holds")]
    Nested,
    /// Characters that fit.
    #[error("longer than the {0} characters of the field")]
    Long(usize),
}

/// The value as the field stores it. A text that is spelled as the field's type says is taken as such; nothing is rounded or cut (LO-12).
///
/// # Errors
/// It is of another type, or does not fit.
pub fn fit(sent: &Sent, kind: FieldType, length: Option<u32>) -> Result<Stored, Misfit> {
    match sent {
        Sent::Null => return Ok(Stored::Null),
        Sent::Nested => return Err(Misfit::Nested),
        _ => {}
    }
    match kind {
        FieldType::Integer => whole(sent).and_then(|n| i32::try_from(n).map(|_| Stored::Integer(n)).map_err(|_| Misfit::Large)),
        FieldType::Long => whole(sent).map(Stored::Integer),
        FieldType::Float => number(sent).map(Stored::Float),
        FieldType::Boolean => boolean(sent).map(Stored::Boolean),
        FieldType::Text => text(sent, length.map_or(MAX_TEXT, |n| n.clamp(1, MAX_TEXT)) as usize),
        FieldType::LongText => text(sent, MAX_LONGTEXT),
        FieldType::Date => date(sent).map(Stored::Text),
        FieldType::DateTime => moment(sent).map(Stored::Text),
    }
}

fn whole(sent: &Sent) -> Result<i64, Misfit> {
    match sent {
        Sent::Integer(n) => Ok(*n),
        Sent::Text(text) => text.trim().parse().map_err(|_| Misfit::Whole),
        _ => Err(Misfit::Whole),
    }
}

fn number(sent: &Sent) -> Result<f64, Misfit> {
    let n = match sent {
        Sent::Integer(n) => *n as f64,
        Sent::Float(n) => *n,
        Sent::Text(text) => text.trim().parse().map_err(|_| Misfit::Number)?,
        _ => return Err(Misfit::Number),
    };
    if n.is_finite() { Ok(n) } else { Err(Misfit::Number) }
}

fn boolean(sent: &Sent) -> Result<bool, Misfit> {
    match sent {
        Sent::Boolean(yes) => Ok(*yes),
        Sent::Text(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
        Sent::Text(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Misfit::Boolean),
    }
}

fn text(sent: &Sent, most: usize) -> Result<Stored, Misfit> {
    let text = match sent {
        // PostgreSQL stores no NUL.
        Sent::Text(text) => text.replace('\0', ""),
        Sent::Integer(n) => n.to_string(),
        Sent::Float(n) => n.to_string(),
        Sent::Boolean(yes) => yes.to_string(),
        Sent::Null | Sent::Nested => return Err(Misfit::Nested),
    };
    if text.len() > most && text.chars().nth(most).is_some() { Err(Misfit::Long(most)) } else { Ok(Stored::Text(text)) }
}

fn date(sent: &Sent) -> Result<String, Misfit> {
    let Sent::Text(text) = sent else { return Err(Misfit::Date) };
    let text = text.trim();
    let day = text.parse::<jiff::civil::Date>().ok().filter(|day| (1..=9999).contains(&day.year()));
    // A moment is no date: which day it is depends on the zone.
    day.filter(|_| text.len() == 10).map(|day| day.strftime("%Y-%m-%d").to_string()).ok_or(Misfit::Date)
}

fn moment(sent: &Sent) -> Result<String, Misfit> {
    let Sent::Text(text) = sent else { return Err(Misfit::Moment) };
    crate::fields::date_time(text.trim()).ok_or(Misfit::Moment)
}

/// What the values of a source's field have looked like so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen(u8);

impl Seen {
    const KINDS: [(u8, &'static str); 6] = [(1, "integer"), (2, "float"), (4, "boolean"), (8, "date"), (16, "datetime"), (32, "text")];

    pub fn from_bits(bits: i64) -> Self {
        Self(u8::try_from(bits).unwrap_or(0) & 63)
    }

    pub fn bits(self) -> i64 {
        self.0.into()
    }

    /// Takes one more value into account; a null tells nothing.
    pub fn add(&mut self, sent: &Sent) {
        self.0 |= match sent {
            Sent::Null | Sent::Nested => 0,
            Sent::Integer(_) => 1,
            Sent::Float(_) => 2,
            Sent::Boolean(_) => 4,
            Sent::Text(_) if date(sent).is_ok() => 8,
            Sent::Text(_) if moment(sent).is_ok() => 16,
            Sent::Text(_) => 32,
        };
    }

    /// Takes what else was seen into account.
    pub fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// As pages say it: "integer", "date or text", or "no value yet".
    pub fn words(self) -> String {
        let names: Vec<&str> = Self::KINDS.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| *name).collect();
        if names.is_empty() { "no value yet".to_owned() } else { names.join(" or ") }
    }

    /// Why no value like these can go into a field of this type; `None` when some can, or when none was seen yet. A single odd value must not
    /// forbid a field for ever: it is rejected by itself (LO-12).
    pub fn refused_by(self, kind: FieldType) -> Option<String> {
        let takes: u8 = match kind {
            FieldType::Integer | FieldType::Long => 1,
            FieldType::Float => 1 | 2,
            FieldType::Boolean => 4,
            FieldType::Date => 8,
            FieldType::DateTime => 8 | 16,
            FieldType::Text | FieldType::LongText => 63,
        };
        let none_fits = self.0 != 0 && self.0 & takes == 0;
        none_fits.then(|| format!("The source sends {} here, and the field is of type {}.", self.words(), kind.name()))
    }
}

#[cfg(test)]
#[path = "audience_test.rs"]
mod tests;
