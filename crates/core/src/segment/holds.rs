//! Whether a segment holds for one person, test by test: the plainest reading of the rules. The statement that the store makes of a segment
//! is tested against it, and "Why is this person in?" is answered by it.

use std::collections::{HashMap, HashSet};

use jiff::civil::{Date, DateTime};

use super::{Days, Group, Node, Number, NumberRule, Rule, Segment, Set, Table, Test, TextRule, TimeRule, Today};
use crate::address::{AddressState, canonical};
use crate::consent::Cause;

/// A value of a field. One that is missing is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Whole(i64),
    Decimal(f64),
    Date(Date),
    DateTime(DateTime),
    Boolean(bool),
}

/// What is known of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// In canonical form.
    pub address: String,
    pub state: AddressState,
    pub remote_id: String,
    pub bridge: i64,
    /// The day on which it was added, in the account's zone.
    pub added: Date,
    /// What holds it back, by record or by address.
    pub causes: HashSet<Cause>,
    pub sets: HashSet<Set>,
    pub values: HashMap<(Table, i64), Value>,
}

/// Why a segment holds or not: the same tree, with an answer at each place.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'a> {
    Group { group: &'a Group, holds: bool, parts: Vec<Answer<'a>> },
    Test { test: &'a Test, holds: bool },
}

impl Answer<'_> {
    pub fn holds(&self) -> bool {
        match self {
            Self::Group { holds, .. } | Self::Test { holds, .. } => *holds,
        }
    }
}

/// Whether a person is in a segment.
pub fn holds(segment: &Segment, person: &Person, today: &Today) -> bool {
    explain(segment, person, today).holds()
}

/// Whether a person is in a segment, with the answer to each of its tests.
pub fn explain<'a>(segment: &'a Segment, person: &Person, today: &Today) -> Answer<'a> {
    group_holds(&segment.root, person, today)
}

fn group_holds<'a>(group: &'a Group, person: &Person, today: &Today) -> Answer<'a> {
    let parts: Vec<Answer<'a>> = group.parts().iter().map(|part| node_holds(part, person, today)).collect();
    let holds = match group {
        Group::All(_) => parts.iter().all(Answer::holds),
        Group::Any(_) => parts.iter().any(Answer::holds),
        Group::None(_) => !parts.iter().any(Answer::holds),
    };
    Answer::Group { group, holds, parts }
}

fn node_holds<'a>(node: &'a Node, person: &Person, today: &Today) -> Answer<'a> {
    match node {
        Node::Group(group) => group_holds(group, person, today),
        Node::Test(test) => Answer::Test { test, holds: test_holds(test, person, today) },
    }
}

/// The answer to one test.
pub fn test_holds(test: &Test, person: &Person, today: &Today) -> bool {
    let usable = person.state == AddressState::Usable;
    match test {
        Test::Address(rule) => text_holds(&rule.map(canonical), &person.address),
        Test::RemoteId(rule) => text_holds(rule, &person.remote_id),
        Test::Bridge { bridge, is } => (person.bridge == *bridge) == *is,
        Test::Added(rule) => rule.days(today.date).contain(person.added),
        Test::UsableAddress(is) => usable == *is,
        Test::Mailable(is) => (usable && person.causes.is_empty()) == *is,
        Test::Cause { cause, is } => person.causes.contains(cause) == *is,
        Test::Member { of, is } => person.sets.contains(of) == *is,
        Test::Field { of, number, is } => rule_holds(is, person.values.get(&(*of, *number)), today),
    }
}

fn rule_holds(rule: &Rule, value: Option<&Value>, today: &Today) -> bool {
    let empty = value.is_none_or(|v| matches!(v, Value::Text(text) if text.is_empty()));
    match (rule, value) {
        (Rule::Empty, _) => empty,
        (Rule::NotEmpty, _) => !empty,
        (Rule::Text(rule), Some(Value::Text(text))) => text_holds(rule, text),
        (Rule::Text(rule), _) => text_holds(rule, ""),
        (Rule::Number(rule), value) => number_holds(rule, value),
        (Rule::Time(rule), Some(Value::Date(day))) => time_holds(rule, *day, today),
        (Rule::Time(rule), Some(Value::DateTime(at))) => time_holds(rule, at.date(), today),
        (Rule::Boolean(yes), Some(Value::Boolean(value))) => yes == value,
        (Rule::Time(_) | Rule::Boolean(_), _) => false,
    }
}

fn time_holds(rule: &TimeRule, day: Date, today: &Today) -> bool {
    Days::contain(&rule.days(today.date), day)
}

/// A missing text is an empty one: no value of a rule is empty, so it is like none of them.
fn text_holds(rule: &TextRule, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let among = |values: &[String]| values.iter().any(|v| v.to_ascii_lowercase() == text);
    match rule {
        TextRule::Is(values) => among(values),
        TextRule::IsNot(values) => !among(values),
        TextRule::Contains(part) => text.contains(&part.to_ascii_lowercase()),
        TextRule::DoesNotContain(part) => !text.contains(&part.to_ascii_lowercase()),
        TextRule::StartsWith(part) => text.starts_with(&part.to_ascii_lowercase()),
    }
}

fn number_holds(rule: &NumberRule, value: Option<&Value>) -> bool {
    use std::cmp::Ordering;
    let order = |to: &Number| match (value, to) {
        (Some(Value::Whole(n)), Number::Whole(to)) => Some(n.cmp(to)),
        (Some(Value::Decimal(n)), to) => n.partial_cmp(&to.decimal()),
        // A fraction where whole numbers stand is refused when the segment is checked.
        _ => None,
    };
    let is = |to: &Number, wanted: &[Ordering]| order(to).is_some_and(|o| wanted.contains(&o));
    match rule {
        NumberRule::Is(values) => values.iter().any(|v| is(v, &[Ordering::Equal])),
        NumberRule::IsNot(values) => !values.iter().any(|v| is(v, &[Ordering::Equal])),
        NumberRule::Less(than) => is(than, &[Ordering::Less]),
        NumberRule::AtMost(most) => is(most, &[Ordering::Less, Ordering::Equal]),
        NumberRule::More(than) => is(than, &[Ordering::Greater]),
        NumberRule::AtLeast(least) => is(least, &[Ordering::Greater, Ordering::Equal]),
        NumberRule::Between { from, to } => is(from, &[Ordering::Greater, Ordering::Equal]) && is(to, &[Ordering::Less, Ordering::Equal]),
    }
}

impl Number {
    pub fn decimal(self) -> f64 {
        match self {
            Self::Whole(n) => n as f64,
            Self::Decimal(n) => n,
        }
    }
}
