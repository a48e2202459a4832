//! Words of filter expressions and key predicates.

use super::value::{Value, parse_date};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Open,
    Close,
    Comma,
    Equals,
    Word(String),
    Literal(Value),
}

/// Splits an expression; the error says what was not understood.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut rest = text.trim_start();
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '=' => (Token::Equals, 1),
            '\'' => quoted(rest).map(|(text, used)| (Token::Literal(Value::Text(text)), used))?,
            '-' | '0'..='9' => number(rest)?,
            _ if first.is_ascii_alphabetic() || first == '_' => word(rest)?,
            _ => return Err(format!("unexpected character '{first}'")),
        };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

/// A quoted text at the start, and how many bytes it takes; quotes inside are doubled.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            content.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            content.push('\'');
        } else {
            return Ok((content, at + 1));
        }
    }
    Err("a text is not closed".to_owned())
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let length = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.'))).unwrap_or(text.len());
    let digits = text.get(..length).unwrap_or_default();
    let suffix = text.get(length..).and_then(|rest| rest.chars().next());
    let suffix_length = usize::from(suffix.is_some_and(|c| "LlMmDdFf".contains(c)));
    let value = if let Ok(whole) = digits.parse() {
        Value::Int(whole)
    } else {
        let parsed: f64 = digits.parse().map_err(|_| format!("bad number '{digits}'"))?;
        Value::Decimal((parsed * 100.0).round() as i64)
    };
    Ok((Token::Literal(value), length + suffix_length))
}

fn word(text: &str) -> Result<(Token, usize), String> {
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '/')).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let token = match name {
        "null" => Token::Literal(Value::Null),
        "true" => Token::Literal(Value::Bool(true)),
        "false" => Token::Literal(Value::Bool(false)),
        "datetime" if rest.starts_with('\'') => {
            let (inner, used) = quoted(rest)?;
            let millis = parse_date(&inner).ok_or_else(|| format!("bad datetime '{inner}'"))?;
            return Ok((Token::Literal(Value::Date(millis)), length + used));
        }
        _ => Token::Word(name.to_owned()),
    };
    Ok((token, length))
}
