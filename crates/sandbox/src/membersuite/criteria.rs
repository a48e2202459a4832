//! Which objects are meant: conditions on fields, as searches and MSQL write them.

use std::cmp::Ordering;

use crate::membersuite::refusal::{Code, Refusal};
use crate::membersuite::schema::Class;
use crate::membersuite::value::{Kind, Object, Value};

/// What is compared, by the names of search operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equals,
    DoesNotEqual,
    Contains,
    DoesNotContain,
    StartsWith,
    EndsWith,
    IsBlank,
    IsNotBlank,
    IsGreaterThan,
    IsGreaterThanOrEqualTo,
    IsLessThan,
    IsLessThanOrEqualTo,
    IsBetween,
    IsOneOfTheFollowing,
    /// MSQL's `like`, with `*` for anything.
    Like,
}

const NAMES: &[(&str, Op)] = &[
    ("Equals", Op::Equals),
    ("DoesNotEqual", Op::DoesNotEqual),
    ("Contains", Op::Contains),
    ("DoesNotContain", Op::DoesNotContain),
    ("StartsWith", Op::StartsWith),
    ("EndsWith", Op::EndsWith),
    ("IsBlank", Op::IsBlank),
    ("IsNotBlank", Op::IsNotBlank),
    ("IsGreaterThan", Op::IsGreaterThan),
    ("IsGreaterThanOrEqualTo", Op::IsGreaterThanOrEqualTo),
    ("IsLessThan", Op::IsLessThan),
    ("IsLessThanOrEqual", Op::IsLessThanOrEqualTo),
    ("IsBetween", Op::IsBetween),
    ("IsOneOfTheFollowing", Op::IsOneOfTheFollowing),
];

impl Op {
    pub(crate) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, op)| *op == self).map_or("Like", |(name, _)| name)
    }

    fn values(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::IsBlank | Self::IsNotBlank => 0..=usize::MAX,
            Self::IsBetween => 2..=2,
            Self::IsOneOfTheFollowing => 1..=1_000,
            _ => 1..=1,
        }
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Criteria {
    All(Vec<Criteria>),
    Any(Vec<Criteria>),
    Is { field: String, op: Op, values: Vec<String> },
}

impl Criteria {
    pub(crate) fn is(field: &str, op: Op, value: &str) -> Self {
        Self::Is { field: field.to_owned(), op, values: vec![value.to_owned()] }
    }

    /// The condition with its fields found and its values read; refused if the class has no such field.
    pub(crate) fn ready(&self, class: &'static Class) -> Result<Ready, Refusal> {
        let many = |parts: &[Self]| parts.iter().map(|part| part.ready(class)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::All(parts) => Ready::All(many(parts)?),
            Self::Any(parts) => Ready::Any(many(parts)?),
            Self::Is { field, op, values } => {
                let at = class.place(field).ok_or_else(|| Refusal::no_field(class, field))?;
                let kind = class.fields.get(at).map_or(Kind::Text, |field| field.kind);
                if !op.values().contains(&values.len()) {
                    return Err(Refusal::about(Code::InvalidQuery, field, format!("{} takes another number of values.", op.name())));
                }
                let textual = matches!(op, Op::Contains | Op::DoesNotContain | Op::StartsWith | Op::EndsWith | Op::Like);
                let kind = if textual || matches!(kind, Kind::List | Kind::Search) { Kind::Text } else { kind };
                let read = |text: &String| {
                    let read = kind.read(text);
                    read.map_err(|why| Refusal::about(Code::InvalidQuery, field, format!("The value '{text}' {why}.")))
                };
                Ready::Is { at, op: *op, values: values.iter().map(read).collect::<Result<_, _>>()? }
            }
        })
    }
}

/// A condition that can be asked of objects of one class.
pub(crate) enum Ready {
    All(Vec<Ready>),
    Any(Vec<Ready>),
    Is { at: usize, op: Op, values: Vec<Value> },
}

impl Ready {
    pub(crate) fn holds(&self, object: &Object) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(object)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(object)),
            Self::Is { at, op, values } => matches(object.values.get(*at).unwrap_or(&Value::Nil), *op, values),
        }
    }
}

fn folded(value: &Value) -> String {
    value.text().unwrap_or_default().to_lowercase()
}

fn matches(held: &Value, op: Op, values: &[Value]) -> bool {
    let first = values.first().unwrap_or(&Value::Nil);
    let order = |value: &Value| (*held != Value::Nil).then(|| compare(held, value));
    let is = |value: &Value| match held {
        Value::List(texts) => texts.iter().any(|text| text.to_lowercase() == folded(value)),
        _ => order(value) == Some(Ordering::Equal),
    };
    match op {
        Op::Equals => is(first),
        Op::DoesNotEqual => !is(first),
        Op::Contains => folded(held).contains(&folded(first)),
        Op::DoesNotContain => !folded(held).contains(&folded(first)),
        Op::StartsWith => folded(held).starts_with(&folded(first)),
        Op::EndsWith => folded(held).ends_with(&folded(first)),
        Op::IsBlank => folded(held).is_empty(),
        Op::IsNotBlank => !folded(held).is_empty(),
        Op::IsGreaterThan => order(first) == Some(Ordering::Greater),
        Op::IsGreaterThanOrEqualTo => order(first).is_some_and(Ordering::is_ge),
        Op::IsLessThan => order(first) == Some(Ordering::Less),
        Op::IsLessThanOrEqualTo => order(first).is_some_and(Ordering::is_le),
        Op::IsBetween => order(first).is_some_and(Ordering::is_ge) && values.get(1).and_then(order).is_some_and(Ordering::is_le),
        Op::IsOneOfTheFollowing => values.iter().any(is),
        Op::Like => like(&folded(held), &folded(first)),
    }
}

/// `*` stands for any text.
fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// How two values of a kind are ordered.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) | (Value::Cents(a), Value::Cents(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        _ => folded(a).cmp(&folded(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn a_star_stands_for_anything() {
        for (text, pattern, expected) in [
            ("anna", "a*", true),
            ("anna", "*a", true),
            ("anna", "a*n*a", true),
            ("anna", "anna", true),
            ("anna", "ann", false),
            ("anna", "*", true),
            ("anna", "b*", false),
            ("anna", "*nn*", true),
            ("an", "an*n", false),
        ] {
            assert_eq!(like(text, pattern), expected, "{text} {pattern}");
        }
    }
}
