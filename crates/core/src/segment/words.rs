//! Segments in words, for the people who made them.

use super::{Answer, Group, Number, NumberRule, Rule, Set, Span, Test, TextRule, TimeRule, Unit, Vocabulary};

/// A group's heading.
pub fn answer_words(group: &Group) -> &'static str {
    match group {
        Group::All(_) => "All of these hold",
        Group::Any(_) => "At least one of these holds",
        Group::None(_) => "None of these holds",
    }
}

impl Answer<'_> {
    /// What stands at this place of the tree.
    pub fn words(&self, known: &Vocabulary) -> String {
        match self {
            Self::Group { group, .. } => answer_words(group).to_owned(),
            Self::Test { test, .. } => test_words(test, known),
        }
    }
}

/// A test as a sentence without a full stop: “Tier (Loyalty) is Gold or Silver”.
pub fn test_words(test: &Test, known: &Vocabulary) -> String {
    let is = |yes: bool| if yes { "is" } else { "is not" };
    match test {
        Test::Address(rule) => format!("Address {}", text_words(rule)),
        Test::RemoteId(rule) => format!("Remote ID {}", text_words(rule)),
        Test::Bridge { bridge, is: yes } => {
            format!("Bridge {} {}", is(*yes), known.bridges.get(bridge).map_or("one that was deleted", String::as_str))
        }
        Test::Added(rule) => format!("Added {}", time_words(rule)),
        Test::UsableAddress(yes) => format!("Address {} usable", is(*yes)),
        Test::Mailable(yes) => if *yes { "Can be mailed" } else { "Cannot be mailed" }.to_owned(),
        Test::Cause { cause, is: yes } => format!("{}: {}", cause.label(), if *yes { "yes" } else { "no" }),
        Test::Member { of, is: yes } => member_words(*of, *yes, known),
        Test::Field { of, number, is } => {
            let name = known.fields.get(&(*of, *number)).map_or("A field that is gone", |field| field.name.as_str());
            format!("{name} {}", rule_words(is))
        }
    }
}

fn member_words(of: Set, yes: bool, known: &Vocabulary) -> String {
    let name = known.sets.get(&of).map_or("one that is gone", String::as_str);
    match (of, yes) {
        (Set::Persona(_), true) => format!("Persona is {name}"),
        (Set::Persona(_), false) => format!("Persona is not {name}"),
        (Set::Interest(_), true) => format!("Interested in {name}"),
        (Set::Interest(_), false) => format!("Not interested in {name}"),
        (Set::Group(_), true) => format!("In target group {name}"),
        (Set::Group(_), false) => format!("Not in target group {name}"),
    }
}

fn rule_words(rule: &Rule) -> String {
    match rule {
        Rule::Empty => "is empty".to_owned(),
        Rule::NotEmpty => "is not empty".to_owned(),
        Rule::Text(rule) => text_words(rule),
        Rule::Number(rule) => number_words(rule),
        Rule::Time(rule) => format!("is {}", time_words(rule)),
        Rule::Boolean(yes) => if *yes { "is yes" } else { "is no" }.to_owned(),
    }
}

/// Values that a sentence names; more are counted.
const NAMED: usize = 5;

fn either(values: Vec<String>) -> String {
    let more = values.len().saturating_sub(NAMED);
    let named = values.into_iter().take(NAMED).collect::<Vec<_>>().join(" or ");
    if more == 0 { named } else { format!("{named} or {more} more") }
}

fn text_words(rule: &TextRule) -> String {
    match rule {
        TextRule::Is(values) => format!("is {}", either(values.clone())),
        TextRule::IsNot(values) => format!("is not {}", either(values.clone())),
        TextRule::Contains(part) => format!("contains {part}"),
        TextRule::DoesNotContain(part) => format!("does not contain {part}"),
        TextRule::StartsWith(part) => format!("starts with {part}"),
    }
}

fn number_words(rule: &NumberRule) -> String {
    let all = |values: &[Number]| either(values.iter().map(Number::to_string).collect());
    match rule {
        NumberRule::Is(values) => format!("is {}", all(values)),
        NumberRule::IsNot(values) => format!("is not {}", all(values)),
        NumberRule::Less(than) => format!("is less than {than}"),
        NumberRule::AtMost(most) => format!("is {most} or less"),
        NumberRule::More(than) => format!("is more than {than}"),
        NumberRule::AtLeast(least) => format!("is {least} or more"),
        NumberRule::Between { from, to } => format!("is from {from} to {to}"),
    }
}

fn time_words(rule: &TimeRule) -> String {
    match rule {
        TimeRule::Today => "today".to_owned(),
        TimeRule::On(day) => format!("on {day}"),
        TimeRule::Before(day) => format!("before {day}"),
        TimeRule::After(day) => format!("after {day}"),
        TimeRule::Between { from, to } => format!("from {from} to {to}"),
        TimeRule::InLast(span) => format!("in the last {span}"),
        TimeRule::LongerAgo(span) => format!("more than {span} ago"),
        TimeRule::InNext(span) => format!("in the next {span}"),
        TimeRule::FurtherAhead(span) => format!("more than {span} ahead"),
        TimeRule::Anniversary { within_days: 0 } => "on this day of any year".to_owned(),
        TimeRule::Anniversary { within_days: 1 } => "today or tomorrow, in any year".to_owned(),
        TimeRule::Anniversary { within_days } => format!("in the next {within_days} days, in any year"),
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(n) => n.fmt(f),
            Self::Decimal(n) => n.fmt(f),
        }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (one, many) = match self.unit {
            Unit::Days => ("day", "days"),
            Unit::Weeks => ("week", "weeks"),
            Unit::Months => ("month", "months"),
            Unit::Years => ("year", "years"),
        };
        if self.n == 1 { f.write_str(one) } else { write!(f, "{} {many}", self.n) }
    }
}
