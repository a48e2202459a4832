//! Values of rows, and the filters by which rows are asked for.

use serde_json::{Value, json};

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Bool(bool),
    Int(i64),
    /// In hundredths.
    Decimal(i64),
}

impl Cell {
    /// As filters compare it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            Self::Bool(yes) => yes.to_string(),
            Self::Int(n) => n.to_string(),
            Self::Decimal(cents) => format!("{}.{:02}", cents / 100, cents % 100),
        }
    }

    fn number(cents: i64) -> Value {
        // Two digits of a sandbox's small sums are exact enough.
        json!(cents as f64 / 100.0)
    }

    /// As a member of a flat row.
    pub(crate) fn flat(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => json!(text),
            Self::Bool(yes) => json!(yes),
            Self::Int(n) => json!(n),
            Self::Decimal(cents) => Self::number(*cents),
        }
    }

    /// As the value of a generic property: what is no text is boxed with its type.
    pub(crate) fn boxed(&self) -> Value {
        let boxed = |kind: &str, value: Value| json!({ "$type": kind, "$value": value });
        match self {
            Self::Bool(yes) => boxed("System.Boolean", json!(yes)),
            Self::Int(n) => boxed("System.Int32", json!(n)),
            Self::Decimal(cents) => boxed("System.Decimal", Self::number(*cents)),
            other => other.flat(),
        }
    }

    /// Reads a value as clients send it: bare or boxed.
    pub(crate) fn read(value: &Value) -> Self {
        match value {
            Value::Object(boxed) => boxed.get("$value").map_or(Self::Null, Self::read),
            Value::String(text) => Self::Text(text.clone()),
            Value::Bool(yes) => Self::Bool(*yes),
            Value::Number(n) => n.as_i64().map_or_else(|| Self::Text(n.to_string()), Self::Int),
            _ => Self::Null,
        }
    }
}

/// One condition of a query string, such as `City=contains:ford`.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub name: String,
    operator: Operator,
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Not,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Contains,
    NotContain,
    StartsWith,
    In,
    IsEmpty,
    Between,
}

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::Not),
    ("gt", Operator::Greater),
    ("ge", Operator::GreaterEqual),
    ("lt", Operator::Less),
    ("le", Operator::LessEqual),
    ("contains", Operator::Contains),
    ("notContain", Operator::NotContain),
    ("startsWith", Operator::StartsWith),
    ("in", Operator::In),
    ("isEmpty", Operator::IsEmpty),
    ("between", Operator::Between),
];

impl Filter {
    pub(crate) fn parse(name: &str, value: &str) -> Self {
        let known = value.split_once(':').and_then(|(word, rest)| {
            let found = OPERATORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
            Some((found.1, rest))
        });
        let (operator, rest) = known.unwrap_or((Operator::Equal, value));
        let many = matches!(operator, Operator::In | Operator::Between);
        let values = if many { rest.split('|').map(str::to_owned).collect() } else { vec![rest.to_owned()] };
        Self { name: name.to_owned(), operator, values }
    }

    /// Names of properties are compared without regard to case.
    pub(crate) fn is_about(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.eq_ignore_ascii_case(&self.name))
    }

    /// The values of which one must be met, for `eq` and `in`.
    pub(crate) fn wanted(&self) -> Option<&[String]> {
        matches!(self.operator, Operator::Equal | Operator::In).then_some(&self.values)
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        let (text, first) = (text.to_lowercase(), self.values.first().map(|v| v.to_lowercase()).unwrap_or_default());
        let order = || match (text.parse::<f64>(), first.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => text.cmp(&first),
        };
        match self.operator {
            Operator::Equal => text == first,
            Operator::Not => text != first,
            Operator::Greater => order().is_gt(),
            Operator::GreaterEqual => order().is_ge(),
            Operator::Less => order().is_lt(),
            Operator::LessEqual => order().is_le(),
            Operator::Contains => text.contains(&first),
            Operator::NotContain => !text.contains(&first),
            Operator::StartsWith => text.starts_with(&first),
            Operator::In => self.values.iter().any(|v| v.to_lowercase() == text),
            Operator::IsEmpty => text.is_empty() != first.eq_ignore_ascii_case("false"),
            Operator::Between => order().is_ge() && self.values.get(1).is_some_and(|last| text <= last.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_hold_as_their_operators_say() {
        let holds = |value: &str, text: &str| Filter::parse("X", value).holds(text);
        assert!(holds("101", "101") && holds("eq:Ann", "ann") && !holds("ne:Ann", "Ann"));
        assert!(holds("in:101|102", "102") && !holds("in:101|102", "1"));
        assert!(holds("contains:ord", "Stratford") && holds("startsWith:Str", "Stratford") && holds("gt:9", "10"));
        assert!(holds("a:b", "a:b"), "an unknown word is part of the value");
    }

    #[test]
    fn values_are_read_bare_or_boxed() {
        assert_eq!(Cell::read(&json!({"$type": "System.Boolean", "$value": true})), Cell::Bool(true));
        assert_eq!(Cell::read(&json!("x")), Cell::Text("x".into()));
        assert_eq!(Cell::Bool(false).boxed(), json!({"$type": "System.Boolean", "$value": false}));
        assert_eq!(Cell::Decimal(1_250).flat(), json!(12.5));
    }
}
