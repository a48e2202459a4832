//! What the builder shows: each part with what can be asked and chosen.

use rialto_core::consent::Cause;
use rialto_core::segment::{Kind, MAX_DEPTH, Reference, Set, Table, Unit};
use rialto_store::segments::Context;

use super::form::{Part, Sent, field_of, field_subject};
use crate::api::segments::public_of;
use crate::error::FieldError;

/// One of a list to choose from.
#[derive(Clone)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

/// Choices under a heading.
pub struct Heading {
    pub label: String,
    pub choices: Vec<Choice>,
}

/// A part as the builder shows it.
pub struct Line {
    pub n: usize,
    pub depth: usize,
    pub group: bool,
    /// Of a group, with what is chosen; of a condition empty.
    pub modes: Vec<Choice>,
    pub subject: String,
    /// What the condition is about, in words.
    pub name: String,
    pub ops: Vec<Choice>,
    /// `lines`, `text`, `number`, `date`, `span`, `choice`, or empty for none.
    pub input: &'static str,
    pub value: String,
    /// There is a second value.
    pub between: bool,
    pub to: String,
    pub units: Vec<Choice>,
    pub choices: Vec<Choice>,
    /// Another group can stand in it.
    pub nests: bool,
    pub fault: String,
}

const TEXT: [(&str, &str); 5] = [
    ("text.is", "is one of"),
    ("text.is_not", "is none of"),
    ("text.contains", "contains"),
    ("text.does_not_contain", "does not contain"),
    ("text.starts_with", "starts with"),
];
const NUMBER: [(&str, &str); 7] = [
    ("number.is", "is one of"),
    ("number.is_not", "is none of"),
    ("number.more", "is more than"),
    ("number.at_least", "is at least"),
    ("number.less", "is less than"),
    ("number.at_most", "is at most"),
    ("number.between", "is between"),
];
const TIME: [(&str, &str); 9] = [
    ("time.in_last", "is in the last"),
    ("time.longer_ago", "is longer ago than"),
    ("time.in_next", "is in the next"),
    ("time.further_ahead", "is further ahead than"),
    ("time.today", "is today"),
    ("time.on", "is on"),
    ("time.before", "is before"),
    ("time.after", "is after"),
    ("time.between", "is between"),
];
const ANNIVERSARY: (&str, &str) = ("time.anniversary", "comes round in so many days");
const YES_NO: [(&str, &str); 2] = [("yes", "yes"), ("no", "no")];
const IS: [(&str, &str); 2] = [("is", "is"), ("is_not", "is not")];
const EMPTY: [(&str, &str); 2] = [("empty", "is empty"), ("not_empty", "is not empty")];
/// What can be asked about without a list or a remote system's fields.
const PLAIN: [(&str, &str); 7] = [
    ("address", "Address"),
    ("remote_id", "Remote ID"),
    ("added", "Added to Rialto"),
    ("bridge", "Bridge"),
    ("mailable", "Can be mailed"),
    ("usable", "Address is usable"),
    ("cause", "Held back because"),
];
const SETS: [(&str, &str); 3] = [("persona", "Persona"), ("interest", "Interest"), ("group", "Target group")];

/// Everything that a condition can be about.
pub fn subjects(context: &Context) -> Vec<Heading> {
    let plain = |label: &str, of: &[(&str, &str)]| Heading {
        label: label.to_owned(),
        choices: of.iter().map(|(value, label)| choice(value, label, "")).collect(),
    };
    let sets: Vec<(&str, &str)> = SETS.into_iter().filter(|(kind, _)| context.sets.iter().any(|set| set_kind(*set) == *kind)).collect();
    let mut all = vec![plain("Subscriber", &PLAIN), plain("Belongs to", &sets)];
    for (table, number) in &context.fields {
        let label = context.owner(*table);
        let choice = choice(&subject_of(context, *table, *number), field_name(context, *table, *number), "");
        match all.iter_mut().skip(2).find(|h| h.label == label) {
            Some(heading) => heading.choices.push(choice),
            None => all.push(Heading { label: label.to_owned(), choices: vec![choice] }),
        }
    }
    all.retain(|h| !h.choices.is_empty());
    all
}

fn subject_of(context: &Context, table: Table, number: i64) -> String {
    let public = match table {
        Table::Bridge(id) => Table::Bridge(public_of(context, Reference::Bridge(id))),
        Table::Audience(id) => Table::Audience(public_of(context, Reference::Audience(id))),
    };
    field_subject(&public, number)
}

fn field_name(context: &Context, table: Table, number: i64) -> &str {
    context.vocabulary.fields.get(&(table, number)).map_or("", |f| f.name.as_str())
}

fn set_kind(set: Set) -> &'static str {
    match set {
        Set::Persona(_) => "persona",
        Set::Interest(_) => "interest",
        Set::Group(_) => "group",
    }
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), chosen: value == chosen }
}

/// The parts of a form, with the faults at their places.
pub fn lines(sent: &Sent, context: &Context, faults: &[FieldError]) -> Vec<Line> {
    let paths = sent.paths();
    let at = |fault: &FieldError| {
        let fits = |path: &String| fault.field.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        paths.iter().enumerate().filter(|(_, path)| fits(path)).max_by_key(|(_, path)| path.len()).map(|(n, _)| n)
    };
    let mut lines: Vec<Line> = sent.parts.iter().enumerate().map(|(n, part)| line(n, part, context)).collect();
    for fault in faults {
        if let Some(line) = at(fault).and_then(|n| lines.get_mut(n)).filter(|line| !line.fault.contains(&fault.detail)) {
            line.fault = format!("{} {}", line.fault, fault.detail).trim().to_owned();
        }
    }
    lines
}

fn line(n: usize, part: &Part, context: &Context) -> Line {
    let (name, ops, choices) = about(part, context);
    let op = ops.iter().find(|(value, _)| *value == part.op).or(ops.first()).map_or("", |(value, _)| *value);
    let input = if part.is_group() { "" } else { input(op, !choices.is_empty()) };
    let mode = [("all", "all of these"), ("any", "at least one of these"), ("none", "none of these")];
    Line {
        n,
        depth: part.depth,
        group: part.is_group(),
        modes: mode.iter().map(|(value, label)| choice(value, label, &part.mode)).collect(),

        subject: part.subject.clone(),
        name,
        ops: ops.iter().map(|(value, label)| choice(value, label, op)).collect(),
        input,
        value: part.value.clone(),
        between: op.ends_with(".between"),
        to: part.to.clone(),
        units: Unit::ALL.iter().map(|u| choice(u.name(), u.name(), &part.unit)).collect(),
        choices,
        nests: part.depth + 1 < MAX_DEPTH,
        fault: String::new(),
    }
}

type Asked = (String, Vec<(&'static str, &'static str)>, Vec<Choice>);

/// The name of what a condition is about, what can be asked of it, and what can be chosen.
fn about(part: &Part, context: &Context) -> Asked {
    let subject = part.subject.as_str();
    let title = PLAIN.iter().chain(&SETS).find(|(value, _)| *value == subject).map_or("", |(_, label)| *label).to_owned();
    let sets = |kind: &str| {
        let of = |set: &Set| match set {
            Set::Persona(id) => Reference::Persona(*id),
            Set::Interest(id) => Reference::Interest(*id),
            Set::Group(id) => Reference::Group(*id),
        };
        let named = |set: &Set| context.vocabulary.sets.get(set).map_or("", String::as_str);
        context.sets.iter().filter(|s| set_kind(**s) == kind).map(|s| choice(&public_of(context, of(s)), named(s), &part.value)).collect()
    };
    match subject {
        "address" | "remote_id" => (title, TEXT.to_vec(), Vec::new()),
        "added" => (title, TIME.to_vec(), Vec::new()),
        "usable" | "mailable" => (title, YES_NO.to_vec(), Vec::new()),
        "persona" | "interest" | "group" => (title, IS.to_vec(), sets(subject)),
        "bridge" => {
            let named = |id: &i64| context.vocabulary.bridges.get(id).map_or("", String::as_str);
            let bridges = context.bridges.iter().map(|id| choice(&public_of(context, Reference::Bridge(*id)), named(id), &part.value));
            (title, IS.to_vec(), bridges.collect())
        }
        "cause" => (title, IS.to_vec(), Cause::ALL.iter().map(|c| choice(c.name(), c.label(), &part.value)).collect()),
        _ => field(part, context),
    }
}

fn field(part: &Part, context: &Context) -> Asked {
    let known = context.fields.iter().find(|(table, number)| subject_of(context, *table, *number) == part.subject);
    let Some((table, number)) = known.filter(|_| field_of(&part.subject).is_some()) else {
        return ("A field that is not there any more".to_owned(), EMPTY.to_vec(), Vec::new());
    };
    let mut ops = match context.vocabulary.fields.get(&(*table, *number)).map(|f| f.kind) {
        Some(Kind::Text) => TEXT.to_vec(),
        Some(Kind::Whole | Kind::Decimal) => NUMBER.to_vec(),
        Some(Kind::Date | Kind::DateTime) => TIME.into_iter().chain([ANNIVERSARY]).collect(),
        Some(Kind::Boolean) => YES_NO.to_vec(),
        None => Vec::new(),
    };
    ops.extend(EMPTY);
    (field_name(context, *table, *number).to_owned(), ops, Vec::new())
}

fn input(op: &str, choices: bool) -> &'static str {
    match op {
        "text.is" | "text.is_not" | "number.is" | "number.is_not" => "lines",
        "time.on" | "time.before" | "time.after" | "time.between" => "date",
        "time.in_last" | "time.longer_ago" | "time.in_next" | "time.further_ahead" => "span",
        "time.anniversary" => "number",
        "is" | "is_not" if choices => "choice",
        _ if op.starts_with("text.") => "text",
        _ if op.starts_with("number.") => "number",
        _ => "",
    }
}
