//! A look at a text before it is parsed. The parser takes any size and goes as deep as the text says, and a stack that is too deep ends the
//! whole process: so tags, their parts and their depth are counted first, and statements that a mailing does not have are named here.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::{Fault, MAX_FAULTS, MAX_TEMPLATE, words};

/// Most parts (names, signs, values) of one tag.
const MAX_PARTS: usize = 100;
/// Most conditions within each other; an `elif` is one within the `if` before it.
const MAX_DEPTH: usize = 50;

/// Jinja's signs, and every character of the text kept.
pub(super) fn syntax() -> Result<SyntaxConfig, Vec<Fault>> {
    let fault = || vec![Fault { line: 1, what: "The text cannot be read.".into(), advice: "Report this.".into() }];
    SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(|_| fault())
}

/// The line that a place in the text belongs to, beginning with 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count()
}

struct Scan<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    /// For each open condition: where it begins, and how many levels it takes.
    open: Vec<(usize, usize)>,
    /// All levels of the open ones.
    depth: usize,
}

/// Whether a text can be parsed.
///
/// # Errors
/// It is too long, a tag is too long, conditions go too deep or are not closed, or there are statements that mailings do not have.
pub(super) fn scan(text: &str) -> Result<(), Vec<Fault>> {
    if text.len() > MAX_TEMPLATE {
        let what = format!("The text has {} KiB; at most {} are allowed.", text.len().div_ceil(1024), MAX_TEMPLATE / 1024);
        return Err(vec![Fault { line: 1, what, advice: "Shorten it: embed no pictures in the text, link them.".into() }]);
    }
    let mut scan = Scan { text, faults: Vec::new(), open: Vec::new(), depth: 0 };
    let (mut parts, mut first) = (0, false);
    for token in tokenize(text, false, syntax()?) {
        let (token, span) = match token {
            Ok(found) => found,
            Err(error) => {
                scan.faults.push(words::syntax(error.line().unwrap_or(1), error.detail().unwrap_or_default()));
                return Err(scan.faults);
            }
        };
        let at = span.start_offset as usize;
        match token {
            Token::BlockStart => (parts, first) = (0, true),
            Token::VariableStart => (parts, first) = (0, false),
            Token::Ident(name) if first => {
                first = false;
                scan.statement(name, at);
            }
            _ => {
                first = false;
                parts += 1;
                if parts == MAX_PARTS + 1 {
                    scan.fault(at, format!("A tag has more than {MAX_PARTS} parts."), "Make it simpler, or make several of it.");
                }
            }
        }
        if scan.faults.len() >= MAX_FAULTS || scan.depth > MAX_DEPTH {
            return Err(scan.faults);
        }
    }
    scan.finish()
}

impl Scan<'_> {
    fn fault(&mut self, at: usize, what: String, advice: &str) {
        self.faults.push(Fault { line: line_at(self.text, at), what, advice: advice.to_owned() });
    }

    fn statement(&mut self, name: &str, at: usize) {
        match name {
            "if" => {
                self.open.push((at, 1));
                self.deeper(at);
            }
            "endif" => match self.open.pop() {
                Some((_, levels)) => self.depth -= levels,
                None => self.fault(at, "{% endif %} closes no condition.".into(), "Take it away, or put {% if … %} before it."),
            },
            "elif" | "else" => match self.open.last_mut() {
                Some((_, levels)) if name == "elif" => {
                    *levels += 1;
                    self.deeper(at);
                }
                Some(_) => {}
                None => self.fault(at, format!("{{% {name} %}} stands in no condition."), "Put {% if … %} before it."),
            },
            _ => {
                let what = format!("There is no {{% {name} %}} in mailings.");
                self.fault(at, what, "Use fields {{ … }} and conditions {% if … %} … {% elif … %} … {% else %} … {% endif %}.");
            }
        }
    }

    fn deeper(&mut self, at: usize) {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.fault(at, format!("More than {MAX_DEPTH} conditions stand within each other."), "Close some before others begin.");
        }
    }

    fn finish(mut self) -> Result<(), Vec<Fault>> {
        for (at, _) in std::mem::take(&mut self.open) {
            self.fault(at, "{% if … %} is never closed.".into(), "Put {% endif %} where the condition ends.");
        }
        self.faults.sort_by_key(|f| f.line);
        self.faults.truncate(MAX_FAULTS);
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}
