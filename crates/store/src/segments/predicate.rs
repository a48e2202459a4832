//! One condition about one column. None is ever null: a missing value answers as `rialto_core::segment` says.

use jiff::civil::Date;
use rialto_core::segment::{Days, Kind, Number, NumberRule, Rule, TextRule, TimeRule, Today};

use crate::sql::Arg;

/// Values of a statement's parameters.
pub(super) struct Bound {
    sqlite: bool,
    pub(super) args: Vec<Arg>,
}

/// A condition about the row `r` of a table, and its answer for whoever has no row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) missing: bool,
}

impl Row {
    /// The opposite.
    pub(super) fn turned(&self) -> Self {
        Self { text: format!("NOT {}", self.text), missing: !self.missing }
    }

    /// Both, or one of both.
    pub(super) fn join(&mut self, other: &Self, all: bool) {
        let by = if all { "AND" } else { "OR" };
        self.text = format!("({} {by} {})", self.text, other.text);
        self.missing = if all { self.missing && other.missing } else { self.missing || other.missing };
    }
}

impl Bound {
    pub(super) fn new(sqlite: bool) -> Self {
        Self { sqlite, args: Vec::new() }
    }

    /// The parameter that stands for a value.
    pub(super) fn push(&mut self, value: Arg) -> String {
        self.args.push(value);
        format!("${}", self.args.len())
    }

    fn list(&mut self, values: impl Iterator<Item = Arg>) -> String {
        values.map(|v| self.push(v)).collect::<Vec<_>>().join(", ")
    }

    /// What is asked of a field's column.
    pub(super) fn rule(&mut self, column: &str, rule: &Rule, kind: Kind, today: &Today) -> Row {
        let empty = if kind == Kind::Text { format!("(COALESCE({column}, '') = '')") } else { format!("({column} IS NULL)") };
        match rule {
            Rule::Empty => Row { text: empty, missing: true },
            Rule::NotEmpty => Row { text: format!("NOT {empty}"), missing: false },
            Rule::Text(rule) => {
                let missing = matches!(rule, TextRule::IsNot(_) | TextRule::DoesNotContain(_));
                Row { text: self.text(&format!("COALESCE({column}, '')"), rule), missing }
            }
            Rule::Number(rule) => Row { text: self.number(column, rule, kind), missing: matches!(rule, NumberRule::IsNot(_)) },
            Rule::Time(rule) => Row { text: self.day(column, rule, kind, today), missing: false },
            Rule::Boolean(yes) => {
                let value = if *yes { "TRUE" } else { "FALSE" };
                Row { text: format!("({column} IS NOT NULL AND {column} = {value})"), missing: false }
            }
        }
    }

    /// What is asked of a text that is there. Only A to Z are the same large and small.
    pub(super) fn text(&mut self, expression: &str, rule: &TextRule) -> String {
        let folded = if self.sqlite { format!("lower({expression})") } else { format!("lower({expression} COLLATE \"C\")") };
        let fold = |text: &String| Arg::from(text.to_ascii_lowercase());
        let find = if self.sqlite { "instr" } else { "strpos" };
        match rule {
            TextRule::Is(values) => format!("({folded} IN ({}))", self.list(values.iter().map(fold))),
            TextRule::IsNot(values) => format!("({folded} NOT IN ({}))", self.list(values.iter().map(fold))),
            TextRule::Contains(part) => format!("({find}({folded}, {}) > 0)", self.push(fold(part))),
            TextRule::DoesNotContain(part) => format!("({find}({folded}, {}) = 0)", self.push(fold(part))),
            TextRule::StartsWith(part) => format!("(substr({folded}, 1, {}) = {})", part.chars().count(), self.push(fold(part))),
        }
    }

    fn number(&mut self, column: &str, rule: &NumberRule, kind: Kind) -> String {
        let value = |number: &Number| match (number, kind) {
            (Number::Whole(n), Kind::Whole) => Some(Arg::from(*n)),
            // No whole number is a fraction; a checked segment has none.
            (Number::Decimal(_), Kind::Whole) => None,
            (number, _) => Some(Arg::from(number.decimal())),
        };
        let mut compared =
            |by: &str, to: &Number| value(to).map_or_else(|| "FALSE".to_owned(), |to| format!("{column} {by} {}", self.push(to)));
        let there = match rule {
            NumberRule::Is(values) | NumberRule::IsNot(values) => {
                let list = self.list(values.iter().filter_map(value));
                let text = if list.is_empty() { "FALSE".to_owned() } else { format!("{column} IN ({list})") };
                return if matches!(rule, NumberRule::Is(_)) {
                    format!("({column} IS NOT NULL AND {text})")
                } else {
                    format!("({column} IS NULL OR NOT {text})")
                };
            }
            NumberRule::Less(than) => compared("<", than),
            NumberRule::AtMost(most) => compared("<=", most),
            NumberRule::More(than) => compared(">", than),
            NumberRule::AtLeast(least) => compared(">=", least),
            NumberRule::Between { from, to } => format!("{} AND {}", compared(">=", from), compared("<=", to)),
        };
        format!("({column} IS NOT NULL AND {there})")
    }

    fn day(&mut self, column: &str, rule: &TimeRule, kind: Kind, today: &Today) -> String {
        match rule.days(today.date) {
            Days::OfTheYear(days) => {
                let of_the_year = if self.sqlite { format!("substr({column}, 6, 5)") } else { format!("to_char({column}, 'MM-DD')") };
                format!("({column} IS NOT NULL AND {of_the_year} IN ({}))", self.list(days.into_iter().map(Arg::from)))
            }
            Days::Range { from, until } => {
                // SQLite keeps dates and moments as text: a day sorts before each of its moments.
                let to = if kind == Kind::Date { "DATE" } else { "TIMESTAMP" };
                let mut bound = |day: Date| {
                    let parameter = self.push(day.strftime("%Y-%m-%d").to_string().into());
                    if self.sqlite { parameter } else { format!("CAST({parameter} AS {to})") }
                };
                let mut text = format!("({column} IS NOT NULL");
                if let Some(from) = from {
                    text.push_str(&format!(" AND {column} >= {}", bound(from)));
                }
                if let Some(until) = until {
                    text.push_str(&format!(" AND {column} < {}", bound(until)));
                }
                text.push(')');
                text
            }
        }
    }

    /// What is asked of a moment that is always there, in microseconds.
    pub(super) fn moment(&mut self, column: &str, rule: &TimeRule, today: &Today) -> String {
        let Days::Range { from, until } = rule.days(today.date) else { return "(1 = 0)".to_owned() };
        let from = from.map(|day| format!("{column} >= {}", self.push(today.begins(day).into())));
        let until = until.map(|day| format!("{column} < {}", self.push(today.begins(day).into())));
        let parts: Vec<String> = from.into_iter().chain(until).collect();
        format!("({})", parts.join(" AND "))
    }
}
