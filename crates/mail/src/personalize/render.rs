//! A checked text and one person's values become what that person reads. Total: whatever the values are, the only ends are a text or [`Stopped`].

use std::borrow::Cow;
use std::cmp::Ordering;

use super::program::{Comparison, Expr, Node, Operation};
use super::value::Value;
use super::{Field, MAX_OUTPUT};

/// Where the text stands, which says what has to be escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Values cannot become markup, in text or between quotes.
    Html,
    /// Values stand as they are.
    Text,
    /// A header, such as the subject: no value and no line of the text can begin a new one.
    Line,
}

/// Why there is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    #[error("The text becomes longer than 1 MiB with this person's values.")]
    TooLong,
    #[error("The text takes too much work with this person's values: shorten it, or name long fields less often.")]
    TooMuchWork,
}

/// Steps of one rendering; a value costs as many as it has bytes, so that long values in many conditions end too.
const FUEL: usize = 8 * 1024 * 1024;

pub(super) fn render(nodes: &[Node], fields: &[Field], values: &[Value], medium: Medium) -> Result<String, Stopped> {
    let mut run = Run { fields, values, medium, fuel: FUEL, out: String::new() };
    run.nodes(nodes)?;
    Ok(run.out)
}

struct Run<'a> {
    fields: &'a [Field],
    values: &'a [Value],
    medium: Medium,
    fuel: usize,
    out: String,
}

impl<'a> Run<'a> {
    fn nodes(&mut self, nodes: &'a [Node]) -> Result<(), Stopped> {
        for node in nodes {
            self.burn(1)?;
            match node {
                Node::Raw(text) if self.medium == Medium::Line => self.line(text)?,
                Node::Raw(text) => self.push(text)?,
                Node::Show(expr) => {
                    let value = self.value(expr, true)?;
                    self.show(&value)?;
                }
                Node::If { when, then, otherwise } => {
                    let branch = if self.value(when, true)?.holds() { then } else { otherwise };
                    self.nodes(branch)?;
                }
            }
        }
        Ok(())
    }

    fn burn(&mut self, steps: usize) -> Result<(), Stopped> {
        self.fuel = self.fuel.checked_sub(steps).ok_or(Stopped::TooMuchWork)?;
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), Stopped> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return Err(Stopped::TooLong);
        }
        self.out.push_str(text);
        Ok(())
    }

    fn show(&mut self, value: &Value) -> Result<(), Stopped> {
        let text = match value {
            Value::Text(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.shown()),
        };
        self.burn(text.len())?;
        match self.medium {
            Medium::Text => self.push(&text),
            Medium::Line => self.line(&text),
            Medium::Html => self.html(&text),
        }
    }

    fn html(&mut self, text: &str) -> Result<(), Stopped> {
        let mut rest = text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (before, from) = rest.split_at(at);
            self.push(before)?;
            self.push(match from.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                Some(b'"') => "&quot;",
                _ => "&#39;",
            })?;
            rest = from.get(1..).unwrap_or_default();
        }
        self.push(rest)
    }

    /// Line ends and other control characters become spaces.
    fn line(&mut self, text: &str) -> Result<(), Stopped> {
        for (at, part) in text.split(breaks).enumerate() {
            if at > 0 {
                self.push(" ")?;
            }
            self.push(part)?;
        }
        Ok(())
    }

    /// The value of an expression. `own`: whether a field's own default stands in, which one of the text itself goes before.
    fn value(&mut self, expr: &'a Expr, own: bool) -> Result<Cow<'a, Value>, Stopped> {
        self.burn(1)?;
        Ok(match expr {
            Expr::Literal(value) => Cow::Borrowed(value),
            Expr::Field(slot) => self.field(*slot, own)?,
            Expr::Filter(of, filter) => {
                let value = self.value(of, own)?;
                let changed = filter.apply(&value);
                self.burn(size(&changed))?;
                Cow::Owned(changed)
            }
            Expr::Default(of, instead) => {
                let value = self.value(of, false)?;
                if value.is_null() { self.value(instead, own)? } else { value }
            }
            Expr::Not(of) => truth(!self.value(of, own)?.holds()),
            Expr::And(a, b) => truth(self.value(a, own)?.holds() && self.value(b, own)?.holds()),
            Expr::Or(a, b) => truth(self.value(a, own)?.holds() || self.value(b, own)?.holds()),
            Expr::Compare(a, how, b) => {
                let (a, b) = (self.value(a, own)?, self.value(b, own)?);
                self.burn(size(&a).min(size(&b)))?;
                truth(compare(&a, *how, &b))
            }
            Expr::Among(of, all) => {
                let value = self.value(of, own)?;
                let mut found = false;
                for one in all {
                    let one = self.value(one, own)?;
                    self.burn(size(&value).min(size(&one)))?;
                    found |= compare(&value, Comparison::Equal, &one);
                }
                truth(found)
            }
            Expr::Arithmetic(a, operation, b) => {
                let (a, b) = (self.value(a, own)?, self.value(b, own)?);
                Cow::Owned(calculate(&a, *operation, &b))
            }
        })
    }

    fn field(&mut self, slot: usize, own: bool) -> Result<Cow<'a, Value>, Stopped> {
        let Some(field) = self.fields.get(slot) else { return Ok(Cow::Owned(Value::Null)) };
        let fits = |value: &&Value| value.kind() == Some(field.kind) && !matches!(value, Value::Text(text) if text.is_empty());
        Ok(match self.values.get(slot).filter(fits) {
            Some(value) => Cow::Borrowed(value),
            None if own => Cow::Borrowed(&field.default),
            None => Cow::Owned(Value::Null),
        })
    }
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn truth<'a>(yes: bool) -> Cow<'a, Value> {
    Cow::Owned(Value::Boolean(yes))
}

fn size(value: &Value) -> usize {
    if let Value::Text(text) = value { text.len() } else { 1 }
}

/// An empty value equals an empty one and is neither less nor greater than anything.
fn compare(a: &Value, how: Comparison, b: &Value) -> bool {
    let order = if a.is_null() && b.is_null() && matches!(how, Comparison::Equal | Comparison::Unequal) {
        Some(Ordering::Equal)
    } else {
        a.against(b)
    };
    match how {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::Unequal => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

/// Whole numbers stay whole where the result is; what has no result is empty.
fn calculate(a: &Value, operation: Operation, b: &Value) -> Value {
    if let (Value::Integer(a), Value::Integer(b)) = (a, b)
        && let Some(whole) = match operation {
            Operation::Add => a.checked_add(*b),
            Operation::Subtract => a.checked_sub(*b),
            Operation::Multiply => a.checked_mul(*b),
            Operation::Divide => a.checked_rem(*b).filter(|rest| *rest == 0).and_then(|_| a.checked_div(*b)),
        }
    {
        return Value::Integer(whole);
    }
    let (Some(a), Some(b)) = (a.float(), b.float()) else { return Value::Null };
    let result = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
    };
    if result.is_finite() { Value::Float(result) } else { Value::Null }
}
