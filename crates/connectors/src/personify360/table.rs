//! Small answers as tables.

use std::collections::BTreeSet;

use super::budget::{TABLE_ROWS, too_many};
use super::dataset::{self, Sink};
use super::json::{Entities, Scalar};
use super::service::protocol;
use crate::ConnectorError;

/// Names of unknown columns that are remembered.
const UNKNOWN: usize = 32;

/// Rows of the columns that matter. Cells that were null are missing.
#[derive(Debug)]
pub(super) struct Table {
    names: &'static [&'static str],
    found: Vec<bool>,
    unknown: BTreeSet<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'t> {
    names: &'static [&'static str],
    cells: &'t [Option<String>],
}

impl<'t> Row<'t> {
    /// The cell's trimmed text; `None` when it is null or blank.
    pub(super) fn get(&self, column: &str) -> Option<&'t str> {
        let at = self.names.iter().position(|n| *n == column)?;
        self.cells.get(at)?.as_deref().map(str::trim).filter(|t| !t.is_empty())
    }
}

impl Table {
    /// An empty table that keeps the columns of these names.
    pub(super) fn new(names: &'static [&'static str]) -> Self {
        Self { names, found: vec![false; names.len()], unknown: BTreeSet::new(), rows: Vec::new() }
    }

    /// Decodes a procedure's answer; no rows make an empty table.
    pub(super) fn decode(body: &[u8], names: &'static [&'static str]) -> Result<Self, ConnectorError> {
        let mut table = Self::new(names);
        if let Some(inner) = dataset::unwrap(body)? {
            dataset::read(&inner, &mut table)?;
        }
        Ok(table)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { names: self.names, cells })
    }

    /// Refuses a table in which no row has a `required` column, or in which an `expected` one is missing everywhere while
    /// columns stand there that nobody knows: then it was renamed.
    pub(super) fn check(&self, required: &[&str], expected: &[&str]) -> Result<(), ConnectorError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let found = |c: &&str| self.names.iter().zip(&self.found).any(|(name, found)| name == c && *found);
        if let Some(missing) = required.iter().find(|c| !found(c)) {
            return Err(protocol(format!("the column {missing} is missing")));
        }
        match (self.unknown.first(), expected.iter().find(|c| !found(c))) {
            (Some(unknown), Some(missing)) => {
                Err(protocol(format!("the column {missing} is missing; was it renamed to {}?", printable(unknown))))
            }
            _ => Ok(()),
        }
    }

    fn row(&mut self) -> Result<(), ConnectorError> {
        if self.rows.len() >= TABLE_ROWS {
            return Err(too_many(TABLE_ROWS));
        }
        self.rows.push(vec![None; self.names.len()]);
        Ok(())
    }

    fn put(&mut self, name: &str, text: Option<String>) {
        let Some(at) = self.names.iter().position(|n| *n == name) else {
            return remember(&mut self.unknown, name, UNKNOWN);
        };
        if let Some(found) = self.found.get_mut(at) {
            *found = true;
        }
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.get_mut(at))
            && cell.is_none()
        {
            *cell = text;
        }
    }
}

/// Keeps a column's name, cut to 128 bytes, unless there are enough.
pub(super) fn remember(names: &mut BTreeSet<String>, name: &str, most: usize) {
    let name = name.get(..name.floor_char_boundary(128)).unwrap_or_default();
    if names.len() < most && !names.contains(name) {
        names.insert(name.to_owned());
    }
}

/// A remote's column name, fit for a message.
pub(super) fn printable(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl Sink for Table {
    fn begin(&mut self) -> Result<(), ConnectorError> {
        self.row()
    }

    fn cell(&mut self, name: &str, text: &str) {
        self.put(name, Some(text.to_owned()));
    }

    fn end(&mut self) {}
}

impl Entities for Table {
    fn begin(&mut self) -> Result<(), ConnectorError> {
        self.row()
    }

    fn property(&mut self, name: &str, value: &Scalar<'_>) {
        let text = match value {
            Scalar::Null => None,
            Scalar::Bool(yes) => Some(if *yes { "Y" } else { "N" }.to_owned()),
            Scalar::Number(n) => Some(n.to_string()),
            Scalar::Text(t) => Some((*t).to_owned()),
        };
        self.put(name, text);
    }

    fn end(&mut self) {}
}
