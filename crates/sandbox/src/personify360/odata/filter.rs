//! `$filter`: parsing, evaluation, and what can be told from it in advance.

use std::cmp::Ordering;

use super::lexer::{Token, tokens};
use super::schema::Entity;
use super::value::Value;

const MAX_DEPTH: usize = 50;
const MAX_TOKENS: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Column(usize),
    Literal(Value),
}

impl Operand {
    fn value<'a>(&'a self, row: &'a [Value]) -> &'a Value {
        match self {
            Self::Column(at) => row.get(*at).unwrap_or(&Value::Null),
            Self::Literal(value) => value,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Compare(Operand, Op, Operand),
    StartsWith(Operand, Operand),
    Contains { needle: Operand, text: Operand },
}

impl Expr {
    /// Reads a filter on an entity type; the error is for the caller to see.
    pub(crate) fn parse(text: &str, entity: &Entity) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if tokens.len() > MAX_TOKENS {
            return Err("the filter is too long".to_owned());
        }
        let mut parser = Parser { tokens: &tokens, at: 0, entity };
        let expr = parser.or(0)?;
        match parser.peek() {
            None => Ok(expr),
            Some(token) => Err(format!("unexpected {token:?} after the end")),
        }
    }

    /// Reads a key predicate: `'x'`, or `A='x',B=0`.
    pub(crate) fn parse_key(text: &str, entity: &Entity) -> Result<Self, String> {
        let tokens = tokens(text)?;
        let key = entity.key();
        let named = match tokens.as_slice() {
            [literal @ Token::Literal(_)] if key.len() == 1 => vec![(0, literal)],
            _ => named_keys(&tokens, entity)?,
        };
        if named.len() != key.len() {
            return Err("the key is not complete".to_owned());
        }
        Ok(Self::And(named.into_iter().map(|(at, token)| key_part(at, token)).collect()))
    }

    /// Whether a row passes.
    pub(crate) fn passes(&self, row: &[Value]) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.passes(row)),
            Self::And(parts) => parts.iter().all(|part| part.passes(row)),
            Self::Not(part) => !part.passes(row),
            Self::Compare(a, op, b) => compare(a.value(row), *op, b.value(row)),
            Self::StartsWith(text, start) => texts(text, start, row).is_some_and(|(text, start)| text.starts_with(start)),
            Self::Contains { needle, text } => texts(text, needle, row).is_some_and(|(text, needle)| text.contains(needle)),
        }
    }

    /// The only texts a column can have in rows that pass, if that can be told.
    pub(crate) fn only(&self, column: usize) -> Option<Vec<&str>> {
        match self {
            Self::Compare(Operand::Column(at), Op::Eq, Operand::Literal(Value::Text(text))) if *at == column => Some(vec![text]),
            Self::And(parts) => parts.iter().find_map(|part| part.only(column)),
            Self::Or(parts) => {
                let all: Option<Vec<_>> = parts.iter().map(|part| part.only(column)).collect();
                all.map(|sets| sets.into_iter().flatten().collect())
            }
            _ => None,
        }
    }

    /// Bounds of a text column in rows that pass: least and greatest, as far as can be told.
    pub(crate) fn bounds(&self, column: usize) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Compare(Operand::Column(at), op, Operand::Literal(Value::Text(text))) if *at == column => match op {
                Op::Gt | Op::Ge => (Some(text), None),
                Op::Lt | Op::Le => (None, Some(text)),
                _ => (None, None),
            },
            Self::And(parts) => parts.iter().fold((None, None), |(low, high), part| {
                let (a, b) = part.bounds(column);
                (low.or(a), high.or(b))
            }),
            _ => (None, None),
        }
    }
}

fn key_part(at: usize, token: &Token) -> Expr {
    let value = match token {
        Token::Literal(value) => value.clone(),
        _ => Value::Null,
    };
    Expr::Compare(Operand::Column(at), Op::Eq, Operand::Literal(value))
}

fn named_keys<'t>(tokens: &'t [Token], entity: &Entity) -> Result<Vec<(usize, &'t Token)>, String> {
    let part = |tokens: &'t [Token]| match tokens {
        [Token::Word(name), Token::Equals, literal @ Token::Literal(_)] => {
            let at = entity.column(name).filter(|at| *at < entity.keys);
            at.map(|at| (at, literal)).ok_or_else(|| format!("'{name}' is no key property"))
        }
        _ => Err("bad key predicate".to_owned()),
    };
    tokens.split(|token| *token == Token::Comma).map(part).collect()
}

fn texts<'a>(a: &'a Operand, b: &'a Operand, row: &'a [Value]) -> Option<(&'a str, &'a str)> {
    Some((a.value(row).as_text()?, b.value(row).as_text()?))
}

fn compare(a: &Value, op: Op, b: &Value) -> bool {
    let nulls = (*a == Value::Null, *b == Value::Null);
    if nulls.0 || nulls.1 {
        let equal = nulls.0 && nulls.1;
        return match op {
            Op::Eq => equal,
            Op::Ne => !equal,
            _ => false,
        };
    }
    let Some(order) = a.compare(b) else {
        return op == Op::Ne;
    };
    match op {
        Op::Eq => order == Ordering::Equal,
        Op::Ne => order != Ordering::Equal,
        Op::Gt => order == Ordering::Greater,
        Op::Ge => order != Ordering::Less,
        Op::Lt => order == Ordering::Less,
        Op::Le => order != Ordering::Greater,
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    entity: &'a Entity,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let eats = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(eats);
        eats
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), String> {
        match self.next() {
            Some(token) if token == *wanted => Ok(()),
            other => Err(format!("expected {wanted:?}, found {other:?}")),
        }
    }

    fn or(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > MAX_DEPTH {
            return Err("the filter is nested too deeply".to_owned());
        }
        let mut parts = vec![self.and(depth)?];
        while self.eat_word("or") {
            parts.push(self.and(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn and(&mut self, depth: usize) -> Result<Expr, String> {
        let mut parts = vec![self.primary(depth)?];
        while self.eat_word("and") {
            parts.push(self.primary(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, String> {
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or(depth + 1)?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if self.eat_word("startswith") {
            let (text, start) = self.pair()?;
            return self.maybe_compared(Expr::StartsWith(text, start));
        }
        if self.eat_word("substringof") {
            let (needle, text) = self.pair()?;
            return self.maybe_compared(Expr::Contains { needle, text });
        }
        let left = self.operand()?;
        let Some(op) = self.op() else {
            return Err("a comparison is expected".to_owned());
        };
        Ok(Expr::Compare(left, op, self.operand()?))
    }

    fn pair(&mut self) -> Result<(Operand, Operand), String> {
        self.expect(&Token::Open)?;
        let first = self.operand()?;
        self.expect(&Token::Comma)?;
        let second = self.operand()?;
        self.expect(&Token::Close)?;
        Ok((first, second))
    }

    /// A function may be compared with a truth value.
    fn maybe_compared(&mut self, call: Expr) -> Result<Expr, String> {
        let Some(op) = self.op() else { return Ok(call) };
        match (op, self.next()) {
            (Op::Eq, Some(Token::Literal(Value::Bool(wanted)))) => Ok(wanted_is(call, wanted)),
            (Op::Ne, Some(Token::Literal(Value::Bool(wanted)))) => Ok(wanted_is(call, !wanted)),
            _ => Err("a function is compared with true or false only".to_owned()),
        }
    }

    fn op(&mut self) -> Option<Op> {
        let Some(Token::Word(word)) = self.peek() else {
            return None;
        };
        let op = match word.as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            "lt" => Op::Lt,
            "le" => Op::Le,
            _ => return None,
        };
        self.at += 1;
        Some(op)
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.next() {
            Some(Token::Literal(value)) => Ok(Operand::Literal(value)),
            Some(Token::Word(name)) => {
                let column = self.entity.column(&name);
                column.map(Operand::Column).ok_or_else(|| format!("No property '{name}' exists in type '{}'", self.entity.name))
            }
            other => Err(format!("a property or a value is expected, found {other:?}")),
        }
    }
}

fn wanted_is(call: Expr, wanted: bool) -> Expr {
    if wanted { call } else { Expr::Not(Box::new(call)) }
}
