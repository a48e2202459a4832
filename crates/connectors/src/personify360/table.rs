//! Small answers as tables.

use std::collections::BTreeSet;

use super::dataset::{self, Sink};
use super::service::protocol;
use crate::ConnectorError;

/// Rows of named cells. Cells that were null are missing.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Vec<(String, String)>>,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'t>(&'t [(String, String)]);

impl Row<'_> {
    /// The cell's trimmed text; `None` when it is null or blank.
    pub(super) fn get(&self, column: &str) -> Option<&str> {
        let (_, text) = self.0.iter().find(|(name, _)| name == column)?;
        Some(text.trim()).filter(|t| !t.is_empty())
    }
}

impl Table {
    /// Decodes a procedure's answer; no rows make an empty table.
    pub(super) fn decode(body: &[u8]) -> Result<Self, ConnectorError> {
        let mut table = Self::default();
        if let Some(inner) = dataset::unwrap(body)? {
            dataset::read(&inner, &mut table)?;
        }
        Ok(table)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|r| Row(r))
    }

    /// Refuses a table in which no row has a `required` column, or in which an `expected` one is missing everywhere while
    /// columns stand there that nobody knows: then it was renamed.
    pub(super) fn check(&self, required: &[&str], expected: &[&str]) -> Result<(), ConnectorError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let found: BTreeSet<&str> = self.rows.iter().flatten().map(|(name, _)| name.as_str()).collect();
        if let Some(missing) = required.iter().find(|c| !found.contains(*c)) {
            return Err(protocol(format!("the column {missing} is missing")));
        }
        let unknown = found.iter().find(|c| !required.contains(*c) && !expected.contains(*c));
        match (unknown, expected.iter().find(|c| !found.contains(*c))) {
            (Some(unknown), Some(missing)) => {
                Err(protocol(format!("the column {missing} is missing; was it renamed to {}?", printable(unknown))))
            }
            _ => Ok(()),
        }
    }
}

/// A remote's column name, fit for a message.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl Sink for Table {
    fn begin(&mut self) {
        self.rows.push(Vec::new());
    }

    fn cell(&mut self, name: &str, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.push((name.to_owned(), text.to_owned()));
        }
    }

    fn end(&mut self) {}
}
