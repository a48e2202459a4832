//! From the rows of a query to people.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;

use super::dialect::{Flat, Generic, Paged, Scalar, decode};
use super::documents::Definition;
use super::lists::{DO_NOT_EMAIL, ID};
use super::service::protocol;
use super::settings::Generation;
use crate::ConnectorError;
use crate::names;

/// From so many rows on, a key or flag that no row has is taken for a missing column, not for nulls.
const TELLING: usize = 50;
/// The number of a row, which the older generation puts before its columns.
const ROW_NUMBER: &str = "ResultRow";

/// What the rows of a list should hold.
pub(super) struct Columns {
    generation: Generation,
    email: String,
    /// What the definition of the query promises.
    promised: BTreeSet<String>,
    fields: Vec<String>,
}

impl Columns {
    pub(super) fn of(generation: Generation, definition: &Definition, email: &str, fields: &[String]) -> Self {
        let promised = definition.columns.iter().map(|c| c.alias.clone()).collect();
        Self { generation, email: email.to_owned(), promised, fields: fields.to_vec() }
    }

    /// Whether the query itself says who may not be mailed.
    pub(super) fn tells_flags(&self) -> bool {
        self.promised.contains(DO_NOT_EMAIL)
    }

    /// Columns that have to come: key, address, flag if the query shows it, and what was asked for as far as the query shows it.
    fn needed(&self) -> impl Iterator<Item = &str> {
        let fixed = [ID, &self.email].into_iter().chain(self.tells_flags().then_some(DO_NOT_EMAIL));
        fixed.chain(self.fields.iter().map(String::as_str).filter(|f| self.promised.contains(*f)))
    }
}

/// A page of rows as they came.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<HashMap<String, Scalar>>,
    pub more: bool,
    /// How many rows the answer would hold, if it says so.
    pub limit: Option<usize>,
}

impl Rows {
    pub(super) fn decode(body: &Bytes, generation: Generation) -> Result<Self, ConnectorError> {
        let row = |cells: Vec<(String, Scalar)>| cells.into_iter().collect::<HashMap<_, _>>();
        Ok(match generation {
            Generation::Ems => {
                let page: Paged<Flat> = decode(body)?;
                Self { more: page.says_more(), limit: page.limit, rows: page.items.0.into_iter().map(|Flat(cells)| row(cells)).collect() }
            }
            Generation::Y2017 => {
                let page: Paged<Generic> = decode(body)?;
                let cells = |g: Generic| g.properties.0.into_iter().map(|p| (p.name, p.value)).collect();
                Self { more: page.says_more(), limit: page.limit, rows: page.items.0.into_iter().map(|g| row(cells(g))).collect() }
            }
        })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The key of each row.
    pub(super) fn keys(&self) -> Vec<Option<String>> {
        self.rows.iter().map(key).collect()
    }
}

fn key(row: &HashMap<String, Scalar>) -> Option<String> {
    row.get(ID).cloned().and_then(Scalar::text).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Which columns earlier pages of the same read had.
#[derive(Default)]
pub(super) struct History {
    seen: BTreeSet<String>,
}

impl History {
    /// Refuses a page whose columns are not what the query's definition promises. EMS shows nulls, so a column that no row has is
    /// missing; the older generation leaves nulls out, and a missing column is told by one that nobody knows.
    pub(super) fn check(&mut self, columns: &Columns, page: &Rows) -> Result<(), ConnectorError> {
        if page.rows.is_empty() {
            return Ok(());
        }
        let present: BTreeSet<&str> = page.rows.iter().flat_map(|row| row.keys().map(String::as_str)).collect();
        let unknown = present.iter().find(|name| **name != ROW_NUMBER && !columns.promised.contains(**name));
        for name in columns.needed().filter(|name| !present.contains(name)) {
            let few = page.rows.len() < TELLING;
            let keyless = name == ID && few && unknown.is_none() && self.seen.contains(ID);
            let null = name != ID && columns.generation == Generation::Y2017 && unknown.is_none() && (few || name != DO_NOT_EMAIL);
            if keyless || null {
                continue;
            }
            let renamed = unknown.map(|u| format!("; was it renamed to {}?", names::shown(u, 64))).unwrap_or_default();
            return Err(protocol(format!("the column {name} is missing{renamed}")));
        }
        self.seen.extend(present.into_iter().filter(|name| columns.promised.contains(*name)).map(str::to_owned));
        Ok(())
    }

    /// What a field is in a row that does not have it.
    fn missing(&self, columns: &Columns, field: &str) -> Cell {
        let sent = columns.promised.contains(field) && self.seen.contains(field);
        if sent { Cell::Null } else { Cell::Absent }
    }
}

/// The people of a page but so many at its beginning. Without a flag in the row they are a no until preferences say otherwise.
pub(super) fn people(columns: &Columns, history: &History, page: Rows, skip: usize) -> Vec<RemotePerson> {
    let person = |mut row: HashMap<String, Scalar>| {
        // Only a clear "may be mailed" is one.
        let flag = if row.get(DO_NOT_EMAIL).and_then(Scalar::flag) == Some(false) { Flag::Yes } else { Flag::No };
        let remote_id = key(&row);
        let address = row.get(&columns.email).cloned().and_then(Scalar::text);
        let cell = |field: &String| match row.remove(field) {
            Some(value) => value.text().map_or(Cell::Null, Cell::Text),
            None => history.missing(columns, field),
        };
        RemotePerson { remote_id, address, flag, cells: columns.fields.iter().map(cell).collect() }
    };
    page.rows.into_iter().skip(skip).map(person).collect()
}

#[cfg(test)]
#[path = "rows_test.rs"]
mod tests;
