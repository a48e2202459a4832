//! Whether a segment can be: its bounds, and whether what it speaks of is there and of the right type.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::days::MAX_SPAN;
use super::{
    Group, MAX_DEPTH, MAX_TESTS, MAX_TEXT, MAX_VALUES, Node, Number, NumberRule, Reference, Rule, Segment, Set, Table, Test, TextRule,
    TimeRule,
};
use crate::names::names;

names! {
    /// What kind of values a field has, as far as rules differ.
    Kind {
        Text = "text",
        Whole = "whole",
        Decimal = "decimal",
        Date = "date",
        DateTime = "datetime",
        Boolean = "boolean",
    }
}

impl From<crate::audience::FieldType> for Kind {
    fn from(kind: crate::audience::FieldType) -> Self {
        use crate::audience::FieldType as T;
        match kind {
            T::Integer | T::Long => Self::Whole,
            T::Text | T::LongText => Self::Text,
            T::Float => Self::Decimal,
            T::DateTime => Self::DateTime,
            T::Date => Self::Date,
            T::Boolean => Self::Boolean,
        }
    }
}

impl From<crate::fields::FieldType> for Kind {
    fn from(kind: crate::fields::FieldType) -> Self {
        use crate::fields::FieldType as T;
        match kind {
            T::Text => Self::Text,
            T::Integer => Self::Whole,
            T::Decimal => Self::Decimal,
            T::DateTime => Self::DateTime,
            T::Boolean => Self::Boolean,
        }
    }
}

/// A field that can be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// As people call it, with where it stands.
    pub name: String,
    pub kind: Kind,
    /// Why it can no longer be asked about, as a sentence; empty for nothing.
    pub gone: String,
}

/// Everything that a segment can speak of, by internal ids.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Names of bridges.
    pub bridges: HashMap<i64, String>,
    pub fields: HashMap<(Table, i64), Known>,
    /// Names of personas, used interests and target groups.
    pub sets: HashMap<Set, String>,
}

/// What is wrong with a segment, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// JSON pointer to the place, empty for the whole.
    pub path: String,
    pub message: String,
}

impl<R: DeserializeOwned> Segment<R> {
    /// Reads a segment from JSON.
    ///
    /// # Errors
    /// It is not written as one; the fault says where.
    pub fn read(json: &Value) -> Result<Self, Fault> {
        read_group(json, "", 1).map(|root| Self { root })
    }
}

const GROUPS: [&str; 3] = ["all", "any", "none"];

fn read_group<R: DeserializeOwned>(json: &Value, path: &str, depth: usize) -> Result<Group<R>, Fault> {
    let fault = |path: &str, message: String| Fault { path: path.to_owned(), message };
    if depth > MAX_DEPTH {
        return Err(fault(path, format!("Groups stand at most {MAX_DEPTH} deep, one inside another.")));
    }
    let named = json.as_object().filter(|o| o.len() == 1).and_then(|o| GROUPS.iter().find_map(|g| o.get(*g).map(|parts| (*g, parts))));
    let Some((name, parts)) = named else {
        return Err(fault(path, "A group has one name: “all”, “any” or “none”.".to_owned()));
    };
    let at = format!("{path}/{name}");
    let parts = parts.as_array().ok_or_else(|| fault(&at, "A group is a list of conditions and groups.".to_owned()))?;
    let mut read = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let at = format!("{at}/{n}");
        let is_group = part.as_object().is_some_and(|o| o.keys().any(|k| GROUPS.contains(&k.as_str())));
        read.push(if is_group {
            Node::Group(read_group(part, &at, depth + 1)?)
        } else {
            let test = Test::deserialize(part).map_err(|e| fault(&at, format!("This condition cannot be read: {e}.")))?;
            Node::Test(Box::new(test))
        });
    }
    Ok(match name {
        "all" => Group::All(read),
        "any" => Group::Any(read),
        _ => Group::None(read),
    })
}

struct Checker<'a> {
    known: Option<&'a Vocabulary>,
    tests: usize,
    values: usize,
    faults: Vec<Fault>,
}

/// Faults that are told at once.
const MAX_FAULTS: usize = 20;

impl Segment {
    /// Faults of its form alone.
    pub fn bounds(&self) -> Vec<Fault> {
        self.faults(None)
    }

    /// Everything that keeps it from being asked; empty for nothing.
    pub fn check(&self, known: &Vocabulary) -> Vec<Fault> {
        self.faults(Some(known))
    }

    fn faults(&self, known: Option<&Vocabulary>) -> Vec<Fault> {
        let mut checker = Checker { known, tests: 0, values: 0, faults: Vec::new() };
        checker.group(&self.root, String::new(), 1);
        if checker.tests > MAX_TESTS {
            checker.fault("", format!("A segment has at most {MAX_TESTS} conditions; this one has {}.", checker.tests));
        }
        if checker.values > MAX_VALUES {
            checker.fault("", format!("A segment has at most {MAX_VALUES} values; this one has {}.", checker.values));
        }
        checker.faults
    }
}

impl Checker<'_> {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { path: path.to_owned(), message: message.into() });
        }
    }

    fn group(&mut self, group: &Group, path: String, depth: usize) {
        if depth > MAX_DEPTH {
            return self.fault(&path, format!("Groups stand at most {MAX_DEPTH} deep, one inside another."));
        }
        if group.parts().is_empty() {
            return self.fault(&path, "This group is empty. Add a condition, or remove the group.");
        }
        for (n, part) in group.parts().iter().enumerate() {
            let path = format!("{path}/{}/{n}", group.name());
            match part {
                Node::Group(group) => self.group(group, path, depth + 1),
                Node::Test(test) => self.test(test, &path),
            }
        }
    }

    fn test(&mut self, test: &Test, path: &str) {
        self.tests += 1;
        match test {
            // What is left of a value when it is read as an address must be something.
            Test::Address(rule) => self.text(&rule.map(crate::address::canonical), &format!("{path}/address")),
            Test::RemoteId(rule) => self.text(rule, &format!("{path}/remote_id")),
            Test::Bridge { bridge, .. } => self.reference(Reference::Bridge(*bridge), &format!("{path}/bridge")),
            Test::Added(TimeRule::Anniversary { .. }) => {
                self.fault(&format!("{path}/added"), "The day of the year can be asked of fields only.");
            }
            Test::Added(rule) => self.time(rule, &format!("{path}/added")),
            Test::UsableAddress(_) | Test::Mailable(_) | Test::Cause { .. } => {}
            Test::Member { of, .. } => self.set(*of, &format!("{path}/member")),
            Test::Field { of, number, is } => self.field((*of, *number), is, &format!("{path}/field")),
        }
    }

    fn reference(&mut self, to: Reference<i64>, path: &str) {
        if let (Reference::Bridge(id), Some(known)) = (to, self.known)
            && !known.bridges.contains_key(&id)
        {
            self.fault(path, "The bridge is not there any more. Choose another one.");
        }
    }

    fn set(&mut self, of: Set, path: &str) {
        let Some(known) = self.known else { return };
        if !known.sets.contains_key(&of) {
            let message = match of {
                Set::Persona(_) => "The persona is not there any more. Choose another one.",
                Set::Interest(_) => "The interest is not used any more. Use it again, or choose another one.",
                Set::Group(_) => "The target group is not there any more. Choose another one.",
            };
            self.fault(path, message);
        }
    }

    fn field(&mut self, field: (Table, i64), rule: &Rule, path: &str) {
        let kind = match self.known.map(|known| known.fields.get(&field)) {
            Some(None) => return self.fault(path, "The field is not there any more. Choose another one."),
            Some(Some(known)) if !known.gone.is_empty() => {
                let gone = known.gone.clone();
                return self.fault(path, gone);
            }
            Some(Some(known)) => Some((known.kind, known.name.clone())),
            None => None,
        };
        let path = format!("{path}/is");
        if let Some((kind, name)) = &kind
            && !rule.suits(*kind)
        {
            return self.fault(&path, format!("{name} holds {}; this condition is made for something else.", kind.words()));
        }
        match rule {
            Rule::Empty | Rule::NotEmpty | Rule::Boolean(_) => {}
            Rule::Text(rule) => self.text(rule, &format!("{path}/text")),
            Rule::Number(rule) => self.number(rule, kind.map(|(kind, _)| kind), &format!("{path}/number")),
            Rule::Time(rule) => self.time(rule, &format!("{path}/time")),
        }
    }

    fn text(&mut self, rule: &TextRule, path: &str) {
        match rule {
            TextRule::Is(values) | TextRule::IsNot(values) => {
                self.some(values.len(), path);
                values.iter().for_each(|v| self.one_text(v, path));
            }
            TextRule::Contains(v) | TextRule::DoesNotContain(v) | TextRule::StartsWith(v) => {
                self.values += 1;
                self.one_text(v, path);
            }
        }
    }

    fn some(&mut self, values: usize, path: &str) {
        self.values += values;
        if values == 0 {
            self.fault(path, "Give at least one value.");
        }
    }

    fn one_text(&mut self, text: &str, path: &str) {
        if text.is_empty() {
            self.fault(path, "Give a value. To find people without one, choose “is empty”.");
        } else if text.chars().nth(MAX_TEXT).is_some() {
            self.fault(path, format!("A value has at most {MAX_TEXT} characters."));
        } else if text.contains('\0') {
            self.fault(path, "A value cannot contain the character NUL.");
        }
    }

    fn number(&mut self, rule: &NumberRule, kind: Option<Kind>, path: &str) {
        let values: Vec<Number> = match rule {
            NumberRule::Is(values) | NumberRule::IsNot(values) => values.clone(),
            NumberRule::Less(v) | NumberRule::AtMost(v) | NumberRule::More(v) | NumberRule::AtLeast(v) => vec![*v],
            NumberRule::Between { from, to } => vec![*from, *to],
        };
        self.some(values.len(), path);
        let finite = values.iter().all(|v| v.decimal().is_finite());
        if !finite {
            self.fault(path, "Give a number.");
        } else if kind == Some(Kind::Whole) && values.iter().any(|v| matches!(v, Number::Decimal(_))) {
            self.fault(path, "The field holds whole numbers; give a whole number.");
        } else if let NumberRule::Between { from, to } = rule
            && from.decimal() > to.decimal()
        {
            self.fault(path, "The first number is larger than the second one.");
        }
    }

    fn time(&mut self, rule: &TimeRule, path: &str) {
        self.values += 1;
        match rule {
            TimeRule::Between { from, to } if from > to => self.fault(path, "The first day comes after the second one."),
            TimeRule::InLast(span) | TimeRule::LongerAgo(span) | TimeRule::InNext(span) | TimeRule::FurtherAhead(span)
                if span.n == 0 || span.n > MAX_SPAN =>
            {
                self.fault(path, format!("Give a whole number from 1 to {MAX_SPAN}."));
            }
            TimeRule::Anniversary { within_days } if *within_days > 366 => self.fault(path, "Give at most 366 days."),
            _ => {}
        }
    }
}

impl Rule {
    /// Whether it can be asked of values of this kind.
    pub fn suits(&self, kind: Kind) -> bool {
        match self {
            Self::Empty | Self::NotEmpty => true,
            Self::Text(_) => kind == Kind::Text,
            Self::Number(_) => matches!(kind, Kind::Whole | Kind::Decimal),
            Self::Time(_) => matches!(kind, Kind::Date | Kind::DateTime),
            Self::Boolean(_) => kind == Kind::Boolean,
        }
    }
}

impl Kind {
    /// What its values are, in the middle of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole numbers",
            Self::Decimal => "numbers",
            Self::Date => "dates",
            Self::DateTime => "dates and times",
            Self::Boolean => "yes or no",
        }
    }
}
