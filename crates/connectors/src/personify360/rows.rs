//! From cells to people. Whether the columns that were promised are there, `history` judges.

use std::collections::{BTreeSet, HashMap};

use rialto_core::consent::Flag;
use rialto_core::fields::Cell;
use rialto_core::person::RemotePerson;

use super::budget::too_many;
use super::dataset::Sink;
use super::position::Position;
use super::table::remember;
use crate::ConnectorError;

/// Columns before the fields: key, sub key, address, two flags.
pub(super) const FIXED: usize = 5;
pub(super) const MASTER: usize = 0;
pub(super) const SUB: usize = 1;
pub(super) const ADDRESS: usize = 2;
pub(super) const ALLOW_EMAIL: usize = 3;
pub(super) const ALLOW_SOLICITATION: usize = 4;

/// Names of unknown columns of one page that are remembered.
const UNKNOWN: usize = 32;

/// What the rows of a list should hold.
pub(super) struct Columns {
    pub names: Vec<String>,
    /// Each name's first place: a field that is also a fixed column is found there.
    places: HashMap<String, usize>,
    /// Fields that are also fixed columns: (place among the fields, place among the fixed).
    pub aliases: Vec<(usize, usize)>,
    /// The column that names the list, if it is there, and what it must say.
    list: (&'static str, String),
    /// Whether nulls are sent: then a column that is not there is missing.
    pub nulls: bool,
}

impl Columns {
    /// Columns of a stored procedure's DataSet, which leaves out nulls and encodes odd names.
    pub(super) fn of_procedure(code: &str, fields: &[String]) -> Self {
        let fixed = ["MASTER_CUSTOMER_ID", "SUB_CUSTOMER_ID", "PRIMARY_EMAIL_ADDRESS", "ALLOW_EMAIL_FLAG", "ALLOW_SOLICITATION_FLAG"];
        Self::new(fixed, fields.iter().map(|f| encoded(f)), ("LIST_CODE", code.to_owned()), false)
    }

    /// Properties of an entity set in JSON, which sends nulls.
    pub(super) fn of_entity_set(code: &str, fields: &[String]) -> Self {
        let fixed = ["MasterCustomerId", "SubCustomerId", "PrimaryEmailAddress", "AllowEmailFlag", "AllowSolicitationFlag"];
        Self::new(fixed, fields.iter().cloned(), ("ListCode", code.to_owned()), true)
    }

    fn new(fixed: [&str; FIXED], fields: impl Iterator<Item = String>, list: (&'static str, String), nulls: bool) -> Self {
        let mut names: Vec<String> = fixed.iter().map(|n| (*n).to_owned()).collect();
        names.extend(fields);
        let mut places = HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            places.entry(name.clone()).or_insert(at);
        }
        let place = |name: &String| places.get(name).copied().filter(|at| *at < FIXED);
        let aliases = names.iter().skip(FIXED).enumerate().filter_map(|(at, n)| Some((at, place(n)?))).collect();
        Self { names, places, aliases, list, nulls }
    }

    /// Whether the field is one of the fixed columns under another hat.
    pub(super) fn is_alias(&self, field: usize) -> bool {
        self.aliases.iter().any(|(at, _)| *at == field)
    }

    /// The column's place, tried first where the order of the last row says it should be.
    fn place(&self, name: &str, guess: usize) -> Option<usize> {
        let guessed = self.names.get(guess).is_some_and(|n| n == name)
            && (self.aliases.is_empty() || guess.checked_sub(FIXED).is_none_or(|field| !self.is_alias(field)));
        if guessed { Some(guess) } else { self.places.get(name).copied() }
    }

    /// Whether the row says that it belongs to another list than was asked for.
    fn is_foreign(&self, name: &str, text: &str) -> bool {
        name == self.list.0 && !text.trim().eq_ignore_ascii_case(self.list.1.trim())
    }

    /// Name of the column that names the list.
    pub(super) fn list_column(&self) -> &'static str {
        self.list.0
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

/// The rows of one page while they are decoded, and after.
pub(super) struct Rows<'c> {
    pub columns: &'c Columns,
    most: usize,
    pub people: Vec<RemotePerson>,
    pub last: Option<Position>,
    /// Rows that had the column.
    pub seen: Vec<usize>,
    pub unknown: BTreeSet<String>,
    /// Some row belongs to another list.
    pub foreign: bool,
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
    /// Takes at most so many rows.
    pub(super) fn new(columns: &'c Columns, most: usize) -> Self {
        Self {
            columns,
            most,
            people: Vec::new(),
            last: None,
            seen: vec![0; columns.names.len()],
            unknown: BTreeSet::new(),
            foreign: false,
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
            None if name == self.columns.list.0 || name == "__metadata" => {}
            None => remember(&mut self.unknown, name, UNKNOWN),
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
    fn begin(&mut self) -> Result<(), ConnectorError> {
        if self.people.len() >= self.most {
            return Err(too_many(self.most));
        }
        let fields = self.columns.names.len() - FIXED;
        self.guess = 0;
        self.now.master.clear();
        self.now.sub.clear();
        self.now.address = None;
        self.now.allow_email = false;
        self.now.allow_solicitation = false;
        let missing = if self.columns.nulls { Cell::Absent } else { Cell::Null };
        self.now.cells = vec![missing; fields];
        Ok(())
    }

    fn cell(&mut self, name: &str, text: &str) {
        let Some(place) = self.find(name) else {
            self.foreign |= self.columns.is_foreign(name, text);
            return;
        };
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

#[cfg(test)]
#[path = "rows_test.rs"]
mod tests;
