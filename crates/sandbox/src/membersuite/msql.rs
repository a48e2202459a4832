//! MSQL, as far as it is publicly known: `select … from Class where … order by …`. What is not known is refused as the service refuses
//! what it does not understand.

use crate::membersuite::criteria::{Criteria, Op};
use crate::membersuite::refusal::{Code, Refusal};

/// What a statement asks to be shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    Columns(Vec<String>),
    Objects,
    Object,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub shown: Shown,
    pub class: String,
    pub criteria: Criteria,
    pub sort: Vec<(String, bool)>,
}

/// Longest statement, in bytes.
const LONGEST: usize = 8_000;
/// Deepest brackets.
const DEEPEST: usize = 16;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::MSQLSyntaxError, message)
}

const SIGNS: &[&str] = &["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let used = if first == '\'' {
            let (literal, used) = literal(rest)?;
            found.push(Token::Text(literal));
            used
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            found.push(Token::Sign(sign));
            sign.len()
        } else {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
            let end = rest.find(|c| !plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(wrong(format!("Unexpected '{first}'.")));
            }
            found.push(Token::Word(rest.get(..end).unwrap_or_default().to_owned()));
            end
        };
        rest = rest.get(used..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

/// A text in single quotes, which are doubled within it; and its length with them.
fn literal(text: &str) -> Result<(String, usize), Refusal> {
    let mut out = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != '\'' {
            out.push(c);
        } else if characters.peek().is_some_and(|(_, next)| *next == '\'') {
            out.push('\'');
            characters.next();
        } else {
            return Ok((out, at + 1));
        }
    }
    Err(wrong("A text is not closed."))
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

/// Reads a statement.
pub(crate) fn parse(text: &str) -> Result<Statement, Refusal> {
    if text.len() > LONGEST {
        return Err(wrong("The statement is too long."));
    }
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable() };
    parser.keyword("select")?;
    let shown = parser.shown()?;
    parser.keyword("from")?;
    let class = parser.word()?;
    let criteria = if parser.takes("where") { parser.any(DEEPEST)? } else { Criteria::All(Vec::new()) };
    let sort = if parser.takes("order") { parser.sort()? } else { Vec::new() };
    match parser.tokens.next() {
        None => Ok(Statement { shown, class, criteria, sort }),
        Some(token) => Err(wrong(format!("Unexpected {token:?}."))),
    }
}

impl Parser {
    fn takes(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))).is_some()
    }

    fn keyword(&mut self, word: &str) -> Result<(), Refusal> {
        if self.takes(word) { Ok(()) } else { Err(wrong(format!("Expected {word}."))) }
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        self.tokens.next_if(|token| *token == Token::Sign(sign)).is_some()
    }

    fn close(&mut self) -> Result<(), Refusal> {
        if self.sign(")") { Ok(()) } else { Err(wrong("A bracket is not closed.")) }
    }

    fn word(&mut self) -> Result<String, Refusal> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            Some(token) => Err(wrong(format!("Expected a name, not {token:?}."))),
            None => Err(wrong("The statement ends early.")),
        }
    }

    fn shown(&mut self) -> Result<Shown, Refusal> {
        let mut names = vec![self.word()?];
        if self.sign("(") {
            self.close()?;
            return match names.pop().unwrap_or_default().to_ascii_uppercase().as_str() {
                "OBJECTS" => Ok(Shown::Objects),
                "OBJECT" => Ok(Shown::Object),
                other => Err(wrong(format!("There is no function {other}()."))),
            };
        }
        while self.sign(",") {
            names.push(self.word()?);
        }
        Ok(Shown::Columns(names))
    }

    fn sort(&mut self) -> Result<Vec<(String, bool)>, Refusal> {
        self.keyword("by")?;
        let mut sort = Vec::new();
        loop {
            let name = self.word()?;
            let down = self.takes("desc");
            if !down {
                self.takes("asc");
            }
            sort.push((name, down));
            if !self.sign(",") {
                return Ok(sort);
            }
        }
    }

    fn any(&mut self, depth: usize) -> Result<Criteria, Refusal> {
        let mut parts = vec![self.all(depth)?];
        while self.takes("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Criteria, Refusal> {
        let mut parts = vec![self.one(depth)?];
        while self.takes("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Criteria, Refusal> {
        if self.sign("(") {
            if depth == 0 {
                return Err(wrong("The brackets are too deep."));
            }
            let inner = self.any(depth - 1)?;
            self.close()?;
            return Ok(inner);
        }
        let field = self.word()?;
        if self.takes("is") {
            let op = if self.takes("not") { Op::IsNotBlank } else { Op::IsBlank };
            self.keyword("null")?;
            return Ok(Criteria::Is { field, op, values: Vec::new() });
        }
        if self.takes("in") {
            return Ok(Criteria::Is { field, op: Op::IsOneOfTheFollowing, values: self.several()? });
        }
        let op = if self.takes("like") { Op::Like } else { self.comparison()? };
        Ok(Criteria::Is { field, op, values: vec![self.value()?] })
    }

    fn comparison(&mut self) -> Result<Op, Refusal> {
        match self.tokens.next() {
            Some(Token::Sign("=")) => Ok(Op::Equals),
            Some(Token::Sign("<>" | "!=")) => Ok(Op::DoesNotEqual),
            Some(Token::Sign("<")) => Ok(Op::IsLessThan),
            Some(Token::Sign("<=")) => Ok(Op::IsLessThanOrEqualTo),
            Some(Token::Sign(">")) => Ok(Op::IsGreaterThan),
            Some(Token::Sign(">=")) => Ok(Op::IsGreaterThanOrEqualTo),
            _ => Err(wrong("Expected a comparison.")),
        }
    }

    fn several(&mut self) -> Result<Vec<String>, Refusal> {
        if !self.sign("(") {
            return Err(wrong("Expected a list in brackets."));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        self.close()?;
        Ok(values)
    }

    /// A text, a number, or true and false.
    fn value(&mut self) -> Result<String, Refusal> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text),
            Some(Token::Word(word)) if word.parse::<f64>().is_ok() || matches!(word.to_ascii_lowercase().as_str(), "true" | "false") => {
                Ok(word)
            }
            _ => Err(wrong("Expected a value: a text stands in single quotes.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_read() {
        let read = parse("SELECT OBJECTS() from SavedSearch where IsPublic=1").unwrap();
        assert_eq!(read.shown, Shown::Objects);
        assert_eq!(read.criteria, Criteria::is("IsPublic", Op::Equals, "1"));
        let read = parse(
            "select LocalID, LastName from individual where LastName like 'O''*' and (A=1 or B is not null) order by LastName desc, ID",
        )
        .unwrap();
        assert_eq!(read.shown, Shown::Columns(vec!["LocalID".into(), "LastName".into()]));
        assert_eq!(read.sort, [("LastName".to_owned(), true), ("ID".to_owned(), false)]);
        let Criteria::All(parts) = read.criteria else { panic!() };
        assert_eq!(parts[0], Criteria::is("LastName", Op::Like, "O'*"));
    }

    #[test]
    fn what_is_not_known_is_a_syntax_error() {
        for bad in [
            "",
            "select",
            "select * from Individual",
            "delete from Individual",
            "select ID from Individual; drop",
            "select ID from Individual where LastName = Smith",
            "select ID from Individual where LastName = 'Smith",
            "select COUNT() from Individual",
            "select ID from Individual group by ID",
            "select ID from Individual where (A = 1",
            &["select ID from Individual where ", &"(".repeat(40)].concat(),
        ] {
            assert_eq!(parse(bad).unwrap_err().code, Code::MSQLSyntaxError, "{bad}");
        }
    }
}
