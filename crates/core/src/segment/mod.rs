//! Segments: rules over profiles that choose people (`docs/adr/0152`). A segment says who is meant; whether they may be mailed is decided
//! by consent, never here.
//!
//! What a missing value means: it fits no test that asks for something ("is gold", "is before 2026", "is no"), and every test that asks for
//! the opposite ("is not gold", "does not contain"). An empty text is no value.

mod check;
mod days;
mod holds;
mod words;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::consent::Cause;

pub use check::{Fault, Kind, Known, Vocabulary};
pub use days::{Anniversaries, Day, Days, Span, Today, Unit};
pub use holds::{Answer, Person, Value, explain, holds, test_holds};
pub use words::{answer_words, test_words};

/// Most groups one inside another, the outermost among them.
pub const MAX_DEPTH: usize = 5;
/// Most tests of a segment.
pub const MAX_TESTS: usize = 100;
/// Most values in all tests together.
pub const MAX_VALUES: usize = 1_000;
/// Longest value, in characters.
pub const MAX_TEXT: usize = 4_000;

/// A segment. `R` is how it names bridges, lists and groups: internal ids where it is stored, public ones in the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Segment<R = i64> {
    pub root: Group<R>,
}

/// How the parts of a group are joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group<R = i64> {
    /// Each part holds.
    All(Vec<Node<R>>),
    /// At least one part holds.
    Any(Vec<Node<R>>),
    /// No part holds.
    None(Vec<Node<R>>),
}

/// A part of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node<R = i64> {
    Group(Group<R>),
    Test(Box<Test<R>>),
}

/// One question about a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Test<R = i64> {
    /// Of the address in its canonical form.
    Address(TextRule),
    RemoteId(TextRule),
    Bridge {
        bridge: R,
        is: bool,
    },
    /// When Rialto came to know the record.
    Added(TimeRule),
    /// The address can be written to, whatever consent says.
    UsableAddress(bool),
    /// The address can be written to, and nothing holds the person back.
    Mailable(bool),
    /// Something of this kind holds the person back.
    Cause {
        cause: Cause,
        is: bool,
    },
    Member {
        of: Set<R>,
        is: bool,
    },
    Field {
        of: Table<R>,
        number: i64,
        is: Rule,
    },
}

/// A set of people that is kept elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Set<R = i64> {
    Persona(R),
    Interest(R),
    Group(R),
}

/// Where a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table<R = i64> {
    /// Personalization fields of a bridge's subscribers.
    Bridge(R),
    /// An audience list or a profile extension.
    Audience(R),
}

/// What is asked about a field's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Empty,
    NotEmpty,
    Text(TextRule),
    Number(NumberRule),
    Time(TimeRule),
    /// Is yes, or is no. Without a value it is neither.
    Boolean(bool),
}

/// Letters from A to Z are the same large and small; all others are compared as they are, on both databases (`docs/adr/0152`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextRule {
    Is(Vec<String>),
    IsNot(Vec<String>),
    Contains(String),
    DoesNotContain(String),
    StartsWith(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    Whole(i64),
    Decimal(f64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NumberRule {
    Is(Vec<Number>),
    IsNot(Vec<Number>),
    Less(Number),
    AtMost(Number),
    More(Number),
    AtLeast(Number),
    /// Both ends belong to it.
    Between {
        from: Number,
        to: Number,
    },
}

/// Whole days. Relative ones are counted from today in the account's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeRule {
    Today,
    On(Day),
    Before(Day),
    After(Day),
    /// Both ends belong to it.
    Between {
        from: Day,
        to: Day,
    },
    /// From so long ago up to today.
    InLast(Span),
    /// More than so long ago.
    LongerAgo(Span),
    /// From today up to so far ahead.
    InNext(Span),
    /// More than so far ahead.
    FurtherAhead(Span),
    /// Of a field: its day of the year comes today or in the next so many days.
    Anniversary {
        within_days: u16,
    },
}

impl<R> Group<R> {
    pub fn parts(&self) -> &[Node<R>] {
        match self {
            Self::All(parts) | Self::Any(parts) | Self::None(parts) => parts,
        }
    }

    /// `all`, `any` or `none`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::None(_) => "none",
        }
    }

    /// The same with other names for what it speaks of. Stops at the first that has none.
    ///
    /// # Errors
    /// Whatever `f` answers.
    pub fn try_map<S, E>(self, f: &mut impl FnMut(Reference<R>) -> Result<S, E>) -> Result<Group<S>, E> {
        let mut of = |parts: Vec<Node<R>>| parts.into_iter().map(|p| p.try_map(f)).collect::<Result<Vec<_>, E>>();
        Ok(match self {
            Self::All(parts) => Group::All(of(parts)?),
            Self::Any(parts) => Group::Any(of(parts)?),
            Self::None(parts) => Group::None(of(parts)?),
        })
    }
}

/// Something that a segment speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reference<R> {
    Bridge(R),
    Audience(R),
    Persona(R),
    Interest(R),
    Group(R),
}

impl<R> Node<R> {
    fn try_map<S, E>(self, f: &mut impl FnMut(Reference<R>) -> Result<S, E>) -> Result<Node<S>, E> {
        Ok(match self {
            Self::Group(group) => Node::Group(group.try_map(f)?),
            Self::Test(test) => Node::Test(Box::new(test.try_map(f)?)),
        })
    }
}

impl<R> Test<R> {
    fn try_map<S, E>(self, f: &mut impl FnMut(Reference<R>) -> Result<S, E>) -> Result<Test<S>, E> {
        Ok(match self {
            Self::Address(rule) => Test::Address(rule),
            Self::RemoteId(rule) => Test::RemoteId(rule),
            Self::Bridge { bridge, is } => Test::Bridge { bridge: f(Reference::Bridge(bridge))?, is },
            Self::Added(rule) => Test::Added(rule),
            Self::UsableAddress(is) => Test::UsableAddress(is),
            Self::Mailable(is) => Test::Mailable(is),
            Self::Cause { cause, is } => Test::Cause { cause, is },
            Self::Member { of, is } => Test::Member { of: of.try_map(f)?, is },
            Self::Field { of, number, is } => Test::Field { of: of.try_map(f)?, number, is },
        })
    }
}

impl<R> Set<R> {
    fn try_map<S, E>(self, f: &mut impl FnMut(Reference<R>) -> Result<S, E>) -> Result<Set<S>, E> {
        Ok(match self {
            Self::Persona(id) => Set::Persona(f(Reference::Persona(id))?),
            Self::Interest(id) => Set::Interest(f(Reference::Interest(id))?),
            Self::Group(id) => Set::Group(f(Reference::Group(id))?),
        })
    }
}

impl<R> Table<R> {
    fn try_map<S, E>(self, f: &mut impl FnMut(Reference<R>) -> Result<S, E>) -> Result<Table<S>, E> {
        Ok(match self {
            Self::Bridge(id) => Table::Bridge(f(Reference::Bridge(id))?),
            Self::Audience(id) => Table::Audience(f(Reference::Audience(id))?),
        })
    }
}

impl TextRule {
    /// The same with other values.
    pub fn map(&self, f: impl Fn(&str) -> String) -> Self {
        let all = |texts: &[String]| texts.iter().map(|t| f(t)).collect();
        match self {
            Self::Is(texts) => Self::Is(all(texts)),
            Self::IsNot(texts) => Self::IsNot(all(texts)),
            Self::Contains(text) => Self::Contains(f(text)),
            Self::DoesNotContain(text) => Self::DoesNotContain(f(text)),
            Self::StartsWith(text) => Self::StartsWith(f(text)),
        }
    }
}

impl Segment {
    /// All its tests, in the order in which they stand.
    pub fn tests(&self) -> Vec<&Test> {
        let mut all = Vec::new();
        collect(&self.root, &mut all);
        all
    }

    /// Sets of people that it asks about.
    pub fn sets(&self) -> HashSet<Set> {
        self.tests().into_iter().filter_map(|t| if let Test::Member { of, .. } = t { Some(*of) } else { None }).collect()
    }

    /// Fields that it asks about.
    pub fn fields(&self) -> HashSet<(Table, i64)> {
        self.tests().into_iter().filter_map(|t| if let Test::Field { of, number, .. } = t { Some((*of, *number)) } else { None }).collect()
    }

    /// Who is in it changes as days pass, without anything being changed.
    pub fn moves_with_the_day(&self) -> bool {
        self.tests().into_iter().any(|t| match t {
            Test::Added(rule) | Test::Field { is: Rule::Time(rule), .. } => rule.is_relative(),
            _ => false,
        })
    }
}

fn collect<'a>(group: &'a Group, into: &mut Vec<&'a Test>) {
    for part in group.parts() {
        match part {
            Node::Group(group) => collect(group, into),
            Node::Test(test) => into.push(test),
        }
    }
}

#[cfg(test)]
#[path = "../segment_test.rs"]
mod tests;
