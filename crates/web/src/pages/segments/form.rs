//! The builder's form: groups and conditions as they stand, one after another, each with its depth. Every field of the part number `n` is
//! called `n<n>-…`; the part number 0 is the outermost group.

use rialto_core::consent::Cause;
use rialto_core::segment::{
    Day, Group, MAX_DEPTH, MAX_TESTS, Node, Number, NumberRule, Rule, Segment, Set, Span, Table, Test, TextRule, TimeRule, Unit,
};

use crate::error::FieldError;

/// Parts of a form that are looked at.
const MOST: usize = MAX_TESTS * 2;

/// A group or a condition as entered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    pub depth: usize,
    /// `all`, `any` or `none`; empty for a condition.
    pub mode: String,
    /// What a condition is about: `address`, `field audience <id> <number>`, `persona`, …
    pub subject: String,
    pub op: String,
    pub value: String,
    /// The other end of “between”.
    pub to: String,
    pub unit: String,
    /// What is to be added to a group.
    pub add: String,
}

impl Part {
    pub fn is_group(&self) -> bool {
        !self.mode.is_empty()
    }
}

/// The form as the browser sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub name: String,
    pub description: String,
    pub folder: String,
    pub act: String,
    pub parts: Vec<Part>,
}

impl Default for Sent {
    fn default() -> Self {
        let root = Part { mode: "all".to_owned(), ..Part::default() };
        Self { name: String::new(), description: String::new(), folder: String::new(), act: String::new(), parts: vec![root] }
    }
}

impl Sent {
    pub fn read(pairs: Vec<(String, String)>) -> Self {
        let mut sent = Self { parts: Vec::new(), ..Self::default() };
        for (name, value) in pairs {
            match name.as_str() {
                "name" => sent.name = value,
                "description" => sent.description = value.replace("\r\n", "\n"),
                "folder" => sent.folder = value,
                "act" => sent.act = value,
                other => sent.part(other, value),
            }
        }
        sent.settle();
        sent
    }

    fn part(&mut self, name: &str, value: String) {
        let Some((number, field)) = name.strip_prefix('n').and_then(|rest| rest.split_once('-')) else { return };
        let Some(n) = number.parse::<usize>().ok().filter(|n| *n < MOST) else { return };
        if self.parts.len() <= n {
            self.parts.resize(n + 1, Part::default());
        }
        let Some(part) = self.parts.get_mut(n) else { return };
        match field {
            "depth" => part.depth = value.parse().unwrap_or(0),
            "mode" => part.mode = value,
            "subject" => part.subject = value,
            "op" => part.op = value,
            "value" => part.value = value.replace("\r\n", "\n"),
            "to" => part.to = value,
            "unit" => part.unit = value,
            "add" => part.add = value,
            _ => {}
        }
    }

    /// Whatever was sent becomes a tree: the first part is the outermost group, and nothing stands deeper than one below the group above it.
    fn settle(&mut self) {
        self.parts.retain(|p| p.is_group() || !p.subject.is_empty());
        if !self.parts.first().is_some_and(Part::is_group) {
            self.parts.insert(0, Part { mode: "all".to_owned(), ..Part::default() });
        }
        let mut deepest = 0;
        for (n, part) in self.parts.iter_mut().enumerate() {
            part.depth = if n == 0 { 0 } else { part.depth.clamp(1, deepest) };
            deepest = if part.is_group() { part.depth + 1 } else { part.depth };
        }
    }

    /// Does what a button of the builder says: `add:<group>`, `group:<group>` or `remove:<part>`. True when it was one.
    pub fn build(&mut self) -> bool {
        let Some((act, number)) = self.act.split_once(':') else { return self.act == "show" };
        let Some(n) = number.parse::<usize>().ok().filter(|n| *n < self.parts.len()) else { return true };
        let (depth, end) = (self.parts[n].depth, self.end(n));
        match act {
            "remove" if n > 0 => drop(self.parts.drain(n..end)),
            "add" if self.parts[n].is_group() && !self.parts[n].add.is_empty() => {
                let subject = std::mem::take(&mut self.parts[n].add);
                self.parts.insert(end, Part { depth: depth + 1, subject, ..Part::default() });
            }
            "group" if self.parts[n].is_group() && depth + 1 < MAX_DEPTH => {
                self.parts.insert(end, Part { depth: depth + 1, mode: "any".to_owned(), ..Part::default() });
            }
            _ => {}
        }
        true
    }

    /// Behind the last part that stands in this one.
    fn end(&self, n: usize) -> usize {
        let depth = self.parts[n].depth;
        (n + 1..self.parts.len()).find(|i| self.parts[*i].depth <= depth).unwrap_or(self.parts.len())
    }

    /// Nothing was chosen yet.
    pub fn is_empty(&self) -> bool {
        !self.parts.iter().any(|p| !p.is_group())
    }

    /// The path of each part in the rule, as faults name it.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::with_capacity(self.parts.len());
        let mut above: Vec<(usize, usize)> = Vec::new();
        for (n, part) in self.parts.iter().enumerate() {
            above.truncate(part.depth);
            let path = match above.last_mut() {
                None => "rule".to_owned(),
                Some((group, parts)) => {
                    *parts += 1;
                    format!("{}.{}[{}]", paths[*group], self.parts[*group].mode, *parts - 1)
                }
            };
            paths.push(path);
            if part.is_group() {
                above.push((n, 0));
            }
        }
        paths
    }

    /// The rule that was entered, by public ids.
    ///
    /// # Errors
    /// Values that cannot be read, with the path of their condition.
    pub fn segment(&self) -> Result<Segment<String>, Vec<FieldError>> {
        let mut faults = Vec::new();
        let root = self.group(0, &self.paths(), &mut faults);
        if faults.is_empty() { Ok(Segment { root }) } else { Err(faults) }
    }

    fn group(&self, n: usize, paths: &[String], faults: &mut Vec<FieldError>) -> Group<String> {
        let (depth, end) = (self.parts[n].depth, self.end(n));
        let mut parts = Vec::new();
        for i in (n + 1..end).filter(|i| self.parts[*i].depth == depth + 1) {
            if self.parts[i].is_group() {
                parts.push(Node::Group(self.group(i, paths, faults)));
                continue;
            }
            match test(&self.parts[i]) {
                Ok(test) => parts.push(Node::Test(Box::new(test))),
                Err(detail) => faults.push(FieldError { field: paths[i].clone(), detail }),
            }
        }
        match self.parts[n].mode.as_str() {
            "any" => Group::Any(parts),
            "none" => Group::None(parts),
            _ => Group::All(parts),
        }
    }

    /// The form of a segment that is kept.
    pub fn of(segment: &Segment<String>) -> Self {
        let mut sent = Self { parts: Vec::new(), ..Self::default() };
        sent.show(&segment.root, 0);
        sent
    }

    fn show(&mut self, group: &Group<String>, depth: usize) {
        self.parts.push(Part { depth, mode: group.name().to_owned(), ..Part::default() });
        for part in group.parts() {
            match part {
                Node::Group(group) => self.show(group, depth + 1),
                Node::Test(test) => self.parts.push(Part { depth: depth + 1, ..shown(test) }),
            }
        }
    }
}

fn test(part: &Part) -> Result<Test<String>, String> {
    let yes = part.op == "yes" || part.op == "is";
    let chosen = || if part.value.is_empty() { Err("Choose one.".to_owned()) } else { Ok(part.value.clone()) };
    Ok(match part.subject.as_str() {
        "address" => Test::Address(text(part)?),
        "remote_id" => Test::RemoteId(text(part)?),
        "bridge" => Test::Bridge { bridge: chosen()?, is: yes },
        "added" => Test::Added(time(part)?),
        "usable" => Test::UsableAddress(yes),
        "mailable" => Test::Mailable(yes),
        "cause" => Test::Cause { cause: Cause::from_name(&part.value).ok_or("Choose one.")?, is: yes },
        "persona" => Test::Member { of: Set::Persona(chosen()?), is: yes },
        "interest" => Test::Member { of: Set::Interest(chosen()?), is: yes },
        "group" => Test::Member { of: Set::Group(chosen()?), is: yes },
        other => {
            let (of, number) = field_of(other).ok_or("Choose what the condition is about.")?;
            Test::Field { of, number, is: rule(part)? }
        }
    })
}

/// `field audience <id> <number>`.
pub fn field_of(subject: &str) -> Option<(Table<String>, i64)> {
    let mut words = subject.split(' ');
    let (kind, table, id, number) = (words.next()?, words.next()?, words.next()?.to_owned(), words.next()?.parse().ok()?);
    match (kind, table) {
        ("field", "bridge") => Some((Table::Bridge(id), number)),
        ("field", "audience") => Some((Table::Audience(id), number)),
        _ => None,
    }
}

pub fn field_subject(of: &Table<String>, number: i64) -> String {
    match of {
        Table::Bridge(id) => format!("field bridge {id} {number}"),
        Table::Audience(id) => format!("field audience {id} {number}"),
    }
}

fn rule(part: &Part) -> Result<Rule, String> {
    Ok(match part.op.split_once('.') {
        Some(("text", _)) => Rule::Text(text(part)?),
        Some(("number", _)) => Rule::Number(number(part)?),
        Some(("time", _)) => Rule::Time(time(part)?),
        _ => match part.op.as_str() {
            "empty" => Rule::Empty,
            "not_empty" => Rule::NotEmpty,
            "yes" | "no" => Rule::Boolean(part.op == "yes"),
            _ => return Err("Choose what is asked.".to_owned()),
        },
    })
}

fn op(part: &Part) -> &str {
    part.op.split_once('.').map_or("", |(_, op)| op)
}

/// Values stand in lines of their own.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn text(part: &Part) -> Result<TextRule, String> {
    let one = || part.value.trim().to_owned();
    Ok(match op(part) {
        "is" => TextRule::Is(lines(&part.value)),
        "is_not" => TextRule::IsNot(lines(&part.value)),
        "contains" => TextRule::Contains(one()),
        "does_not_contain" => TextRule::DoesNotContain(one()),
        "starts_with" => TextRule::StartsWith(one()),
        _ => return Err("Choose what is asked.".to_owned()),
    })
}

fn one_number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    let decimal = || text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Number::Decimal);
    text.parse::<i64>().ok().map(Number::Whole).or_else(decimal).ok_or_else(|| "Give a number, such as 12 or 2.5.".to_owned())
}

fn number(part: &Part) -> Result<NumberRule, String> {
    let many = || lines(&part.value).iter().map(|line| one_number(line)).collect::<Result<Vec<_>, _>>();
    let one = || one_number(&part.value);
    Ok(match op(part) {
        "is" => NumberRule::Is(many()?),
        "is_not" => NumberRule::IsNot(many()?),
        "less" => NumberRule::Less(one()?),
        "at_most" => NumberRule::AtMost(one()?),
        "more" => NumberRule::More(one()?),
        "at_least" => NumberRule::AtLeast(one()?),
        "between" => NumberRule::Between { from: one()?, to: one_number(&part.to)? },
        _ => return Err("Choose what is asked.".to_owned()),
    })
}

fn time(part: &Part) -> Result<TimeRule, String> {
    let day = |text: &str| Day::parse(text.trim()).ok_or_else(|| "Give a date, such as 2026-05-31.".to_owned());
    let span = || {
        let n = part.value.trim().parse::<u32>().map_err(|_| "Give a whole number.".to_owned())?;
        Ok::<_, String>(Span { n, unit: Unit::from_name(&part.unit).unwrap_or(Unit::Days) })
    };
    Ok(match op(part) {
        "today" => TimeRule::Today,
        "on" => TimeRule::On(day(&part.value)?),
        "before" => TimeRule::Before(day(&part.value)?),
        "after" => TimeRule::After(day(&part.value)?),
        "between" => TimeRule::Between { from: day(&part.value)?, to: day(&part.to)? },
        "in_last" => TimeRule::InLast(span()?),
        "longer_ago" => TimeRule::LongerAgo(span()?),
        "in_next" => TimeRule::InNext(span()?),
        "further_ahead" => TimeRule::FurtherAhead(span()?),
        "anniversary" => {
            let within_days = part.value.trim().parse().map_err(|_| "Give a whole number of days; 0 is today.".to_owned())?;
            TimeRule::Anniversary { within_days }
        }
        _ => return Err("Choose what is asked.".to_owned()),
    })
}

fn shown(test: &Test<String>) -> Part {
    let part = |subject: &str, op: &str, value: &str| Part {
        subject: subject.to_owned(),
        op: op.to_owned(),
        value: value.to_owned(),
        ..Part::default()
    };
    let is = |yes: bool| if yes { "is" } else { "is_not" };
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    match test {
        Test::Address(rule) => Part { subject: "address".to_owned(), ..shown_text(rule) },
        Test::RemoteId(rule) => Part { subject: "remote_id".to_owned(), ..shown_text(rule) },
        Test::Bridge { bridge, is: told } => part("bridge", is(*told), bridge),
        Test::Added(rule) => Part { subject: "added".to_owned(), ..shown_time(rule) },
        Test::UsableAddress(told) => part("usable", yes(*told), ""),
        Test::Mailable(told) => part("mailable", yes(*told), ""),
        Test::Cause { cause, is: told } => part("cause", is(*told), cause.name()),
        Test::Member { of: Set::Persona(id), is: told } => part("persona", is(*told), id),
        Test::Member { of: Set::Interest(id), is: told } => part("interest", is(*told), id),
        Test::Member { of: Set::Group(id), is: told } => part("group", is(*told), id),
        Test::Field { of, number, is: rule } => {
            let of_rule = match rule {
                Rule::Empty => part("", "empty", ""),
                Rule::NotEmpty => part("", "not_empty", ""),
                Rule::Boolean(told) => part("", yes(*told), ""),
                Rule::Text(rule) => shown_text(rule),
                Rule::Number(rule) => shown_number(rule),
                Rule::Time(rule) => shown_time(rule),
            };
            Part { subject: field_subject(of, *number), ..of_rule }
        }
    }
}

fn asked(op: &str, value: String) -> Part {
    Part { op: op.to_owned(), value, ..Part::default() }
}

fn shown_text(rule: &TextRule) -> Part {
    match rule {
        TextRule::Is(values) => asked("text.is", values.join("\n")),
        TextRule::IsNot(values) => asked("text.is_not", values.join("\n")),
        TextRule::Contains(value) => asked("text.contains", value.clone()),
        TextRule::DoesNotContain(value) => asked("text.does_not_contain", value.clone()),
        TextRule::StartsWith(value) => asked("text.starts_with", value.clone()),
    }
}

fn shown_number(rule: &NumberRule) -> Part {
    let all = |values: &[Number]| values.iter().map(Number::to_string).collect::<Vec<_>>().join("\n");
    match rule {
        NumberRule::Is(values) => asked("number.is", all(values)),
        NumberRule::IsNot(values) => asked("number.is_not", all(values)),
        NumberRule::Less(n) => asked("number.less", n.to_string()),
        NumberRule::AtMost(n) => asked("number.at_most", n.to_string()),
        NumberRule::More(n) => asked("number.more", n.to_string()),
        NumberRule::AtLeast(n) => asked("number.at_least", n.to_string()),
        NumberRule::Between { from, to } => Part { to: to.to_string(), ..asked("number.between", from.to_string()) },
    }
}

fn shown_time(rule: &TimeRule) -> Part {
    let span = |op: &str, span: &Span| Part { unit: span.unit.name().to_owned(), ..asked(op, span.n.to_string()) };
    match rule {
        TimeRule::Today => asked("time.today", String::new()),
        TimeRule::On(day) => asked("time.on", day.to_string()),
        TimeRule::Before(day) => asked("time.before", day.to_string()),
        TimeRule::After(day) => asked("time.after", day.to_string()),
        TimeRule::Between { from, to } => Part { to: to.to_string(), ..asked("time.between", from.to_string()) },
        TimeRule::InLast(n) => span("time.in_last", n),
        TimeRule::LongerAgo(n) => span("time.longer_ago", n),
        TimeRule::InNext(n) => span("time.in_next", n),
        TimeRule::FurtherAhead(n) => span("time.further_ahead", n),
        TimeRule::Anniversary { within_days } => asked("time.anniversary", within_days.to_string()),
    }
}

#[cfg(test)]
#[path = "form_test.rs"]
mod tests;
