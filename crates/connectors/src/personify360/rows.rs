//! From cells to people, and whether the columns that were promised are there.

use std::collections::BTreeSet;

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;

use super::dataset::Sink;
use super::service::protocol;
use super::table::printable;
use crate::ConnectorError;

/// Columns before the fields: key, sub key, address, two flags.
const FIXED: usize = 5;
const MASTER: usize = 0;
const SUB: usize = 1;
const ADDRESS: usize = 2;
const ALLOW_EMAIL: usize = 3;
const ALLOW_SOLICITATION: usize = 4;

/// From so many rows on, a column that no row has is taken for a missing column, not for nulls.
const TELLING: usize = 50;
/// Names of unknown columns that are remembered.
const UNKNOWN: usize = 32;

/// What the rows of a list should hold.
pub(super) struct Columns {
    names: Vec<String>,
    /// Fields that are also fixed columns: (place among the fields, place among the fixed).
    aliases: Vec<(usize, usize)>,
    /// Columns that are neither.
    ignored: &'static [&'static str],
    /// Whether nulls are sent: then a column that is not there is missing.
    nulls: bool,
}

impl Columns {
    /// Columns of a stored procedure's DataSet, which leaves out nulls and encodes odd names.
    pub(super) fn of_procedure(fields: &[String]) -> Self {
        let fixed = ["MASTER_CUSTOMER_ID", "SUB_CUSTOMER_ID", "PRIMARY_EMAIL_ADDRESS", "ALLOW_EMAIL_FLAG", "ALLOW_SOLICITATION_FLAG"];
        Self::new(fixed, fields.iter().map(|f| encoded(f)), &["LIST_CODE"], false)
    }

    /// Properties of an entity set in JSON, which sends nulls.
    pub(super) fn of_entity_set(fields: &[String]) -> Self {
        let fixed = ["MasterCustomerId", "SubCustomerId", "PrimaryEmailAddress", "AllowEmailFlag", "AllowSolicitationFlag"];
        Self::new(fixed, fields.iter().cloned(), &["ListCode", "__metadata"], true)
    }

    fn new(fixed: [&str; FIXED], fields: impl Iterator<Item = String>, ignored: &'static [&'static str], nulls: bool) -> Self {
        let mut names: Vec<String> = fixed.iter().map(|n| (*n).to_owned()).collect();
        names.extend(fields);
        let place = |name: &String| names.iter().take(FIXED).position(|f| f == name);
        let aliases = names.iter().skip(FIXED).enumerate().filter_map(|(at, n)| Some((at, place(n)?))).collect();
        Self { names, aliases, ignored, nulls }
    }

    /// The column's place, tried first where the order of the last row says it should be.
    fn place(&self, name: &str, guess: usize) -> Option<usize> {
        let from = |start: usize, names: &[String]| names.iter().position(|n| n == name).map(|at| start + at);
        from(guess, self.names.get(guess..)?).or_else(|| from(0, self.names.get(..guess)?))
    }

    fn missing(&self) -> Cell {
        if self.nulls { Cell::Absent } else { Cell::Null }
    }
}

/// A name as an XML element: characters that cannot stand there become `_xHHHH_`.
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        let fits = c == '_' || c.is_alphabetic() || (at > 0 && (c.is_alphanumeric() || matches!(c, '-' | '.')));
        if fits { out.push(c) } else { out.push_str(&format!("_x{:04X}_", u32::from(c))) }
    }
    out
}

/// Where a page ends: the two ids of its last row that has both.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Position {
    pub master: String,
    pub sub: String,
}

/// The rows of one page while they are decoded, and after.
pub(super) struct Rows<'c> {
    columns: &'c Columns,
    pub people: Vec<RemotePerson>,
    pub last: Option<Position>,
    /// Rows that had the column.
    seen: Vec<usize>,
    unknown: BTreeSet<String>,
    guess: usize,
    now: Now,
}

#[derive(Default)]
struct Now {
    master: String,
    sub: String,
    address: Option<String>,
    allow_email: bool,
    allow_solicitation: bool,
    cells: Vec<Cell>,
}

impl<'c> Rows<'c> {
    pub(super) fn new(columns: &'c Columns) -> Self {
        Self {
            columns,
            people: Vec::new(),
            last: None,
            seen: vec![0; columns.names.len()],
            unknown: BTreeSet::new(),
            guess: 0,
            now: Now::default(),
        }
    }

    /// A cell that is there and null.
    pub(super) fn null(&mut self, name: &str) {
        if let Some(place) = self.find(name)
            && let Some(field) = place.checked_sub(FIXED)
        {
            self.set(field, Cell::Null);
        }
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        let place = self.columns.place(name, self.guess);
        match place {
            Some(at) => {
                self.guess = if at + 1 == self.columns.names.len() { 0 } else { at + 1 };
                if let Some(count) = self.seen.get_mut(at) {
                    *count += 1;
                }
            }
            None if !self.columns.ignored.contains(&name) && self.unknown.len() < UNKNOWN => {
                self.unknown.insert(name.to_owned());
            }
            None => {}
        }
        place
    }

    fn set(&mut self, field: usize, cell: Cell) {
        if let Some(slot) = self.now.cells.get_mut(field) {
            *slot = cell;
        }
    }

    fn fixed(&mut self, place: usize, text: &str) {
        let yes = || Flag::both(Some(text), Some("Y")) == Flag::Yes;
        match place {
            MASTER => text.trim().clone_into(&mut self.now.master),
            SUB => text.trim().clone_into(&mut self.now.sub),
            ADDRESS => self.now.address = Some(text.to_owned()),
            ALLOW_EMAIL => self.now.allow_email = yes(),
            _ => self.now.allow_solicitation = yes(),
        }
        for (field, _) in self.columns.aliases.iter().filter(|(_, fixed)| *fixed == place) {
            self.set(*field, Cell::Text(text.to_owned()));
        }
    }

    fn remote_id(&mut self) -> Option<String> {
        let now = &self.now;
        if now.master.is_empty() || now.sub.is_empty() {
            return None;
        }
        let mut id = String::with_capacity(now.master.len() + 1 + now.sub.len());
        id.push_str(&now.master);
        id.push('-');
        id.push_str(&now.sub);
        let last = self.last.get_or_insert_default();
        last.master.clone_from(&now.master);
        last.sub.clone_from(&now.sub);
        Some(id)
    }
}

impl Sink for Rows<'_> {
    fn begin(&mut self) {
        let fields = self.columns.names.len() - FIXED;
        self.guess = 0;
        self.now.master.clear();
        self.now.sub.clear();
        self.now.address = None;
        self.now.allow_email = false;
        self.now.allow_solicitation = false;
        self.now.cells = vec![self.columns.missing(); fields];
    }

    fn cell(&mut self, name: &str, text: &str) {
        let Some(place) = self.find(name) else { return };
        match place.checked_sub(FIXED) {
            Some(field) => self.set(field, Cell::Text(text.to_owned())),
            None => self.fixed(place, text),
        }
    }

    fn end(&mut self) {
        let said = |yes: bool| Some(if yes { "Y" } else { "N" });
        let flag = Flag::both(said(self.now.allow_email), said(self.now.allow_solicitation));
        let remote_id = self.remote_id();
        let address = self.now.address.take();
        let cells = std::mem::take(&mut self.now.cells);
        self.people.push(RemotePerson { remote_id, address, flag, cells });
    }
}

/// Which columns earlier pages of the same read had.
#[derive(Default)]
pub(super) struct History {
    seen: Vec<bool>,
    unknown: BTreeSet<String>,
}

impl History {
    /// Refuses a page whose columns are not what was promised. Where a small page leaves it open whether a field was
    /// renamed or is null for these few people, its cells become absent: what is stored stays.
    pub(super) fn check(&mut self, rows: &mut Rows<'_>) -> Result<(), ConnectorError> {
        self.seen.resize(rows.seen.len(), false);
        if rows.people.is_empty() {
            return Ok(());
        }
        let news: Vec<String> = rows.unknown.difference(&self.unknown).cloned().collect();
        let missing: Vec<usize> = rows.seen.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
        for place in missing {
            let aliased = place.checked_sub(FIXED).is_some_and(|f| rows.columns.aliases.iter().any(|(field, _)| *field == f));
            if !aliased {
                self.judge(rows, place, &news)?;
            }
        }
        for (known, count) in self.seen.iter_mut().zip(&rows.seen) {
            *known |= *count > 0;
        }
        self.unknown.append(&mut rows.unknown);
        Ok(())
    }

    fn judge(&self, rows: &mut Rows<'_>, place: usize, news: &[String]) -> Result<(), ConnectorError> {
        let full = rows.people.len() >= TELLING;
        let known = self.seen.get(place).copied().unwrap_or_default();
        let refuse = match place {
            _ if rows.columns.nulls => true,
            ADDRESS => full || !news.is_empty(),
            MASTER | SUB | ALLOW_EMAIL | ALLOW_SOLICITATION => full || !news.is_empty() || !known,
            _ => full && !news.is_empty(),
        };
        if refuse {
            return Err(missing(rows.columns.names.get(place), news));
        }
        if !news.is_empty()
            && let Some(field) = place.checked_sub(FIXED)
        {
            rows.people.iter_mut().filter_map(|p| p.cells.get_mut(field)).for_each(|c| *c = Cell::Absent);
        }
        Ok(())
    }
}

fn missing(column: Option<&String>, news: &[String]) -> ConnectorError {
    let column = column.map_or("", String::as_str);
    protocol(match news {
        [unknown] => format!("the column {column} is missing; was it renamed to {}?", printable(unknown)),
        _ => format!("the column {column} is missing or was renamed"),
    })
}

#[cfg(test)]
#[path = "rows_test.rs"]
mod tests;
