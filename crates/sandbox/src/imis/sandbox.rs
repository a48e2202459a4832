//! The simulated iMIS itself, and what it holds, for tests to compare with.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use crate::faults::{FaultRule, FaultStatus, Faults};
use crate::imis::activities::{self, Activity};
use crate::imis::contacts::{CommunicationType, Contact, ContactPatch, NewContact};
use crate::imis::options::Options;
use crate::imis::queries::{NewQuery, Query, QueryPatch, Stored};
use crate::imis::rows::Cell;
use crate::imis::state::State;
use crate::imis::tables::{Cells, Field, Row, Table, TableError};
use crate::journal::{Journal, Requests};

/// Most contacts that may be created by hand or through the admin routes.
const MOST_CREATED: usize = 10_000;
/// Most queries there may be.
const MOST_QUERIES: usize = 1_000;

/// A simulated iMIS. Clones share what it holds.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: Options,
    pub faults: Faults,
    pub journal: Journal,
    state: RwLock<State>,
    /// Whom a query selects, as of a version of the state.
    selected: Mutex<HashMap<u64, (u64, Selected)>>,
}

/// Indexes of the contacts a query selects.
pub(crate) type Selected = Arc<Vec<u64>>;

impl Sandbox {
    /// A sandbox with these settings; costs the same for any number of people.
    pub fn new(options: Options) -> Self {
        let state = RwLock::new(State::new(&options));
        let (faults, journal) = (Faults::default(), Journal::default());
        Self { inner: Arc::new(Inner { options, faults, journal, state, selected: Mutex::default() }) }
    }

    /// Its settings.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.options.now)()
    }

    /// Whom a query selects now, worked out once for each state of things.
    pub(crate) fn selected(&self, state: &State, query: &Stored) -> Selected {
        let lock = || self.inner.selected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, known)) = lock().get(&query.number)
            && *version == state.version
        {
            return known.clone();
        }
        let fresh: Selected = Arc::new((1..=state.end).filter(|index| state.selects(query, *index)).collect());
        let mut selected = lock();
        if selected.len() >= MOST_QUERIES {
            selected.clear();
        }
        selected.insert(query.number, (state.version, fresh.clone()));
        fresh
    }

    /// One contact.
    pub fn contact(&self, id: &str) -> Option<Contact> {
        let state = self.read();
        state.index(id).map(|index| state.contact_at(index))
    }

    /// How many contacts there are.
    pub fn contact_count(&self) -> u64 {
        self.read().end
    }

    /// Creates a contact; `None` when there are too many of them.
    pub fn create_contact(&self, new: NewContact) -> Option<Contact> {
        let mut state = self.write();
        (state.created.len() < MOST_CREATED).then(|| state.create(|id| new.with_id(id)))
    }

    /// Changes a contact; the id stays.
    pub fn edit_contact(&self, id: &str, change: impl FnOnce(&mut Contact)) -> Option<Contact> {
        let mut state = self.write();
        let index = state.index(id)?;
        Some(state.edit(index, change))
    }

    /// Changes what a patch names.
    pub fn patch_contact(&self, id: &str, patch: ContactPatch) -> Option<Contact> {
        let types = self.communication_types();
        self.edit_contact(id, |contact| patch.apply(contact, &types))
    }

    /// Sets Do Not Email.
    pub fn set_do_not_email(&self, id: &str, no: bool) -> Option<Contact> {
        self.patch_contact(id, ContactPatch { do_not_email: Some(no), ..ContactPatch::default() })
    }

    /// Communication types.
    pub fn communication_types(&self) -> Vec<CommunicationType> {
        self.read().communication_types.clone()
    }

    /// Takes a communication type away; false if there is none of this name.
    pub fn drop_communication_type(&self, name: &str) -> bool {
        let mut state = self.write();
        let before = state.communication_types.len();
        state.communication_types.retain(|t| t.name != name);
        state.communication_types.len() < before
    }

    fn show(&self, state: &State, query: &Stored) -> Query {
        Query {
            number: query.number,
            path: query.path(),
            name: query.name.clone(),
            folder: query.folder.clone(),
            description: query.description.clone(),
            selection: query.selection,
            columns: query.columns.iter().map(|c| c.alias()).collect(),
            shared: query.shared,
            prompt: query.prompt.clone(),
            published: query.published,
            modified: query.modified,
            members: self.selected(state, query).len() as u64,
        }
    }

    /// All queries, by number.
    pub fn queries(&self) -> Vec<Query> {
        let state = self.read();
        state.queries.values().map(|query| self.show(&state, query)).collect()
    }

    /// One query by its path.
    pub fn query(&self, path: &str) -> Option<Query> {
        let state = self.read();
        state.query(path).map(|query| self.show(&state, query))
    }

    /// One query by its number.
    pub fn query_by_number(&self, number: u64) -> Option<Query> {
        let state = self.read();
        state.queries.get(&number).map(|query| self.show(&state, query))
    }

    /// Whom a query selects now, in the order in which it answers.
    pub fn members(&self, path: &str) -> Vec<Contact> {
        let state = self.read();
        let Some(query) = state.query(path) else { return Vec::new() };
        self.selected(&state, query).iter().map(|index| state.contact_at(*index)).collect()
    }

    /// So many of them from an offset.
    pub fn member_slice(&self, number: u64, offset: usize, limit: usize) -> Vec<Contact> {
        let state = self.read();
        let Some(query) = state.queries.get(&number) else { return Vec::new() };
        self.selected(&state, query).iter().skip(offset).take(limit).map(|index| state.contact_at(*index)).collect()
    }

    /// Makes a query; `None` when its name is taken, or does not fit.
    pub fn create_query(&self, new: NewQuery) -> Option<Query> {
        let now = self.now();
        let mut state = self.write();
        let path = format!("{}/{}", new.folder, new.name);
        if !new.fits() || state.queries.len() >= MOST_QUERIES || state.query(&path).is_some() {
            return None;
        }
        state.last_query += 1;
        let number = state.last_query;
        state.queries.insert(number, Stored::new(number, new, now));
        drop(state);
        self.query_by_number(number)
    }

    /// Changes a query; `None` when there is none, or the new name is taken or does not fit.
    pub fn patch_query(&self, number: u64, patch: QueryPatch) -> Option<Query> {
        let now = self.now();
        let mut state = self.write();
        let mut query = state.queries.get(&number)?.clone();
        if let Some(name) = patch.name {
            query.name = name;
            let new = NewQuery { folder: query.folder.clone(), ..NewQuery::new(&query.name, query.selection) };
            let taken = state.query(&query.path()).is_some_and(|other| other.number != number);
            if taken || !new.fits() {
                return None;
            }
        }
        query.shared = patch.shared.unwrap_or(query.shared);
        query.published = patch.published.unwrap_or(query.published);
        query.selection = patch.selection.unwrap_or(query.selection);
        if let Some(columns) = patch.columns {
            query.columns = columns;
        }
        if let Some(prompt) = patch.prompt {
            query.prompt = (!prompt.is_empty()).then_some(prompt);
        }
        query.modified = now;
        state.queries.insert(number, query);
        state.version += 1;
        drop(state);
        self.query_by_number(number)
    }

    /// Deletes a query.
    pub fn delete_query(&self, number: u64) -> bool {
        self.write().queries.remove(&number).is_some()
    }

    /// Has a query select people or not, whatever its rule says; answers how many that changed. Unknown ids are skipped.
    pub fn answer(&self, number: u64, ids: &[String], member: bool) -> Option<u64> {
        let mut state = self.write();
        let query = state.queries.get(&number)?;
        let indexes: BTreeSet<u64> = ids.iter().filter_map(|id| state.index(id)).collect();
        let changed = indexes.iter().filter(|index| state.selects(query, **index) != member).count();
        if let Some(query) = state.queries.get_mut(&number) {
            query.answers.extend(indexes.into_iter().map(|index| (index, member)));
        }
        state.version += 1;
        Some(changed as u64)
    }

    /// Activities of a contact, oldest first.
    pub fn activities(&self, id: &str) -> Vec<Activity> {
        let state = self.read();
        let Some(index) = state.index(id) else { return Vec::new() };
        state.activities.get(&index).into_iter().flatten().map(|a| a.show(id)).collect()
    }

    /// How many activities there are in all.
    pub fn activity_count(&self) -> usize {
        self.read().activities.values().map(Vec::len).sum()
    }

    /// Stores an activity; the error says what it breaks.
    pub(crate) fn add_activity(&self, id: &str, given: Cells) -> Result<activities::Stored, String> {
        let today = self.now().strftime("%Y-%m-%dT00:00:00").to_string();
        let mut state = self.write();
        let index = state.index(id).ok_or_else(|| format!("The contact {id} does not exist."))?;
        let cells = activities::fit(given, &state.activity_types, &today)?;
        if state.activities.get(&index).is_some_and(|theirs| theirs.len() >= activities::MOST) {
            return Err("The contact has too many activities.".into());
        }
        let stored = activities::Stored { seqn: state.next_seqn(), cells };
        state.activities.entry(index).or_default().push(stored.clone());
        Ok(stored)
    }

    /// Activity types that exist.
    pub fn activity_types(&self) -> Vec<(String, String)> {
        self.read().activity_types.clone()
    }

    /// Adds an activity type, or takes it away.
    pub fn set_activity_type(&self, code: &str, exists: bool) {
        let mut state = self.write();
        state.activity_types.retain(|(known, _)| known != code);
        if exists && state.activity_types.len() < MOST_QUERIES {
            state.activity_types.push((code.to_owned(), String::new()));
        }
    }

    /// Definitions of the user-defined tables.
    pub fn tables(&self) -> Vec<Table> {
        self.read().tables.0.iter().map(|t| t.table.clone()).collect()
    }

    /// One definition by its exact name.
    pub fn table(&self, name: &str) -> Option<Table> {
        self.read().tables.0.iter().find(|t| t.table.name == name).map(|t| t.table.clone())
    }

    /// Makes a table.
    pub fn create_table(&self, table: Table) -> Result<(), TableError> {
        self.write().tables.create(table)
    }

    /// Drops a table with its rows.
    pub fn drop_table(&self, name: &str) -> Result<(), TableError> {
        self.write().tables.drop(name)
    }

    /// Renames a table; its rows stay.
    pub fn rename_table(&self, name: &str, to: &str) -> Result<(), TableError> {
        self.write().tables.rename(name, to)
    }

    /// Puts another field in a field's place; its values stay.
    pub fn alter_field(&self, table: &str, field: &str, to: Field) -> Result<(), TableError> {
        self.write().tables.alter(table, field, to)
    }

    /// Adds a field.
    pub fn add_field(&self, table: &str, field: Field) -> Result<(), TableError> {
        self.write().tables.add_field(table, field)
    }

    /// Drops a field with its values.
    pub fn drop_field(&self, table: &str, field: &str) -> Result<(), TableError> {
        self.write().tables.drop_field(table, field)
    }

    /// Rows of a table by contact and ordinal, at most so many; those of one contact if an id is given.
    pub fn rows(&self, table: &str, id: Option<&str>, most: usize) -> Vec<Row> {
        let state = self.read();
        let Some(stored) = state.tables.get(table) else { return Vec::new() };
        let only = id.map(|id| state.index(id).unwrap_or(0));
        let theirs = stored.rows.iter().filter(|((index, _), _)| only.is_none_or(|only| only == *index));
        let show = |((index, ordinal), cells): (&(u64, i64), &Cells)| Row {
            id: crate::imis::contacts::Population::id(*index),
            ordinal: *ordinal,
            values: cells.iter().filter(|(_, c)| *c != Cell::Null).map(|(name, cell)| (name.clone(), cell.text())).collect(),
        };
        theirs.take(most).map(show).collect()
    }

    /// Adds a row by hand; answers its ordinal.
    pub fn add_row(&self, table: &str, id: &str, values: &[(&str, &str)]) -> Result<i64, TableError> {
        let mut state = self.write();
        let index = state.index(id).ok_or_else(|| TableError::Missing(format!("contact {id}")))?;
        let cells = values.iter().map(|(name, text)| ((*name).to_owned(), Cell::Text((*text).to_owned()))).collect();
        state.tables.get_mut(table)?.insert(index, cells)
    }

    /// Deletes a row.
    pub fn delete_row(&self, table: &str, id: &str, ordinal: i64) -> bool {
        let mut state = self.write();
        let Some(index) = state.index(id) else { return false };
        state.tables.get_mut(table).is_ok_and(|stored| stored.rows.remove(&(index, ordinal)).is_some())
    }

    /// No token handed out so far is good any more.
    pub fn expire_tokens(&self) {
        self.write().tokens.expire();
    }

    /// How many tokens were handed out.
    pub fn tokens_issued(&self) -> u64 {
        self.read().tokens.handed_out()
    }

    /// Adds a fault rule.
    pub fn inject(&self, rule: FaultRule) {
        self.inner.faults.inject(rule);
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// The fault rules in force.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.inner.faults.status()
    }

    /// Requests so far.
    pub fn requests(&self) -> Requests {
        self.inner.journal.snapshot()
    }

    /// Forgets them.
    pub fn clear_requests(&self) {
        self.inner.journal.clear();
    }
}
