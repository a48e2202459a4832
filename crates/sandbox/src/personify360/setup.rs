//! The set-up script: which procedures it creates.

use serde::Serialize;

use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::CODES;

/// What a script did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SetupReport {
    /// Procedures created or altered.
    pub procedures: Vec<String>,
    /// Views created or altered.
    pub views: Vec<String>,
    /// Activity codes now present that were not before.
    pub codes: Vec<String>,
}

impl Sandbox {
    /// Runs a T-SQL script as far as the sandbox understands it: `CREATE PROCEDURE` and
    /// `CREATE VIEW` (also `OR ALTER`), and the activity codes it names as texts.
    pub fn run_setup(&self, script: &str) -> SetupReport {
        let plain = without_comments(script);
        let mut report = SetupReport::default();
        let apart = |c: char| c.is_whitespace() || "'();,".contains(c);
        let words: Vec<&str> = plain.split(apart).filter(|word| !word.is_empty()).collect();
        for at in 0..words.len() {
            match created(words.get(at..).unwrap_or_default()) {
                Some((Object::Procedure, name)) => report.procedures.push(name),
                Some((Object::View, name)) => report.views.push(name),
                None => {}
            }
        }
        // "CREATE OR ALTER" is seen twice.
        report.procedures.dedup();
        report.views.dedup();
        let mut state = self.write();
        for name in &report.procedures {
            state.installed.insert(name.to_ascii_lowercase());
        }
        for (code, text) in CODES {
            let named = plain.contains(&format!("'{code}'"));
            if named && !state.codes.iter().any(|(known, _)| known == code) {
                state.codes.push(((*code).to_owned(), (*text).to_owned()));
                report.codes.push((*code).to_owned());
            }
        }
        report
    }
}

enum Object {
    Procedure,
    View,
}

/// The object a statement at the start of these words creates.
fn created(words: &[&str]) -> Option<(Object, String)> {
    let is = |at: usize, wanted: &str| words.get(at).is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    let at = match () {
        () if is(0, "CREATE") && is(1, "OR") && is(2, "ALTER") => 3,
        () if is(0, "CREATE") => 1,
        () if is(0, "ALTER") => 1,
        () => return None,
    };
    let object = match () {
        () if is(at, "PROCEDURE") || is(at, "PROC") => Object::Procedure,
        () if is(at, "VIEW") => Object::View,
        () => return None,
    };
    let name = bare(words.get(at + 1)?);
    (!name.is_empty()).then_some((object, name))
}

/// `[dbo].[usr_X]` or `dbo.usr_X` as `usr_X`.
fn bare(word: &str) -> String {
    let last = word.rsplit('.').next().unwrap_or_default();
    last.chars().filter(|c| c.is_alphanumeric() || *c == '_').take(128).collect()
}

fn without_comments(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    let mut rest = script;
    while let Some(at) = rest.find("/*") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push(' ');
        rest = after.find("*/").and_then(|end| after.get(end + 2..)).unwrap_or_default();
    }
    out.push_str(rest);
    let code = |line: &str| line.split("--").next().unwrap_or_default().to_owned();
    out.lines().map(code).collect::<Vec<_>>().join("\n")
}
