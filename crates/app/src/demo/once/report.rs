//! What was checked, and what came of it.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Map, Value, json};

/// The checks of one step, and figures worth showing.
#[derive(Default)]
pub struct Checks {
    checks: Vec<(String, Option<String>)>,
    figures: Map<String, Value>,
}

impl Checks {
    pub fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    pub fn that(&mut self, what: &str, holds: bool) {
        self.checks.push((what.to_owned(), (!holds).then(|| "does not hold".to_owned())));
    }

    /// `found` is Rialto's, `truth` the sandbox's.
    pub fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, truth: T) {
        let fault = (found != truth).then(|| format!("found {found:?}, the truth is {truth:?}"));
        self.checks.push((what.to_owned(), fault));
    }

    /// As `equal` for sets; a fault names a few of the differences.
    pub fn same<T: Ord + Debug>(&mut self, what: &str, found: &BTreeSet<T>, truth: &BTreeSet<T>) {
        let few = |a: &BTreeSet<T>, b: &BTreeSet<T>| {
            format!("{} such as {:?}", a.difference(b).count(), a.difference(b).take(3).collect::<Vec<_>>())
        };
        let fault = (found != truth).then(|| format!("too many: {}; missing: {}", few(found, truth), few(truth, found)));
        self.checks.push((what.to_owned(), fault));
    }

    fn ok(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|(_, fault)| fault.is_none())
    }
}

struct Step {
    id: &'static str,
    name: &'static str,
    ok: bool,
    checks: Checks,
    error: Option<String>,
}

pub struct Report {
    quiet: bool,
    steps: Vec<Step>,
}

impl Report {
    pub fn new(quiet: bool) -> Self {
        Self { quiet, steps: Vec::new() }
    }

    pub fn step(&mut self, id: &'static str, name: &'static str, outcome: anyhow::Result<Checks>) {
        let (checks, error) = match outcome {
            Ok(checks) => (checks, None),
            Err(e) => (Checks::default(), Some(format!("{e:#}"))),
        };
        let step = Step { id, name, ok: error.is_none() && checks.ok(), checks, error };
        if !self.quiet {
            eprintln!("{:4} {}", step.id, if step.ok { "holds" } else { "DOES NOT HOLD" });
        }
        self.steps.push(step);
    }

    pub fn ok(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|s| s.ok)
    }

    pub fn as_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::as_json).collect();
        json!({"ok": self.ok(), "steps": steps})
    }

    pub fn print(&self) {
        for step in &self.steps {
            println!("\n{} {}: {}", if step.ok { "ok  " } else { "FAIL" }, step.id, step.name);
            for (what, fault) in &step.checks.checks {
                match fault {
                    None => println!("       ok  {what}"),
                    Some(fault) => println!("     FAIL  {what}: {fault}"),
                }
            }
            if let Some(error) = &step.error {
                println!("     FAIL  {error}");
            }
            for (name, value) in &step.checks.figures {
                println!("           {name} = {value}");
            }
        }
        println!("\n{}", if self.ok() { "Every step held." } else { "Not every step held." });
    }
}

impl Step {
    fn as_json(&self) -> Value {
        let mut detail = self.checks.figures.clone();
        let shown = |(what, fault): &(String, Option<String>)| match fault {
            None => json!({"check": what, "ok": true}),
            Some(fault) => json!({"check": what, "ok": false, "fault": fault}),
        };
        detail.insert("checks".into(), self.checks.checks.iter().map(shown).collect());
        if let Some(error) = &self.error {
            detail.insert("error".into(), Value::String(error.clone()));
        }
        json!({"id": self.id, "name": self.name, "ok": self.ok, "detail": detail})
    }
}
