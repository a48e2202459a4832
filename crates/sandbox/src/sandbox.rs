//! The sandbox itself, and what it holds, for tests to compare with.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use crate::churn::{Churn, ChurnReport};
use crate::faults::{FaultRule, FaultStatus, Faults};
use crate::journal::{Journal, Requests};
use crate::lists::{List, ListState, Rule};
use crate::odata::value::Value;
use crate::options::Options;
use crate::people::{Person, format_master, parse_master};
use crate::state::{State, Table};

/// Whom an edit of a list concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The first so many that the edit would change.
    First(u64),
    /// These people, by master and sub id.
    Ids(Vec<(String, i64)>),
}

/// A contact-tracking entry written to the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Activity {
    /// Generated id.
    pub id: i64,
    /// Code.
    pub code: String,
    /// Date.
    pub date: Option<Timestamp>,
    /// Text.
    pub text: String,
}

/// A simulated data service. Clones share what it holds.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: Options,
    pub faults: Faults,
    pub journal: Journal,
    state: RwLock<State>,
}

impl Sandbox {
    /// A sandbox with these settings; costs the same for any number of people.
    pub fn new(options: Options) -> Self {
        let state = RwLock::new(State::new(&options));
        let (faults, journal) = (Faults::default(), Journal::default());
        Self { inner: Arc::new(Inner { options, faults, journal, state }) }
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

    /// One person.
    pub fn person(&self, master: &str, sub: i64) -> Option<Person> {
        let state = self.read();
        state.index(master, sub).map(|index| state.person_at(index))
    }

    /// How many people there are.
    pub fn people_count(&self) -> u64 {
        self.read().end
    }

    /// All lists, ordered by code.
    pub fn lists(&self) -> Vec<List> {
        let state = self.read();
        state.lists.values().map(|list| state.show(list)).collect()
    }

    /// One list.
    pub fn list(&self, code: &str) -> Option<List> {
        let state = self.read();
        state.lists.get(code).map(|list| state.show(list))
    }

    /// Members of a list in the order of their ids; none for an unknown list.
    pub fn list_members(&self, code: &str) -> Vec<Person> {
        let mut members = Vec::new();
        self.for_each_member(code, |person| members.push(person.clone()));
        members
    }

    /// Visits the members of a list one by one, without holding them all.
    pub fn for_each_member(&self, code: &str, mut visit: impl FnMut(&Person)) {
        let state = self.read();
        if let Some(list) = state.lists.get(code) {
            state.members(list, 1).for_each(|index| visit(&state.person_at(index)));
        }
    }

    /// Members of a list from an offset on.
    pub fn member_slice(&self, code: &str, offset: usize, limit: usize) -> Vec<Person> {
        let state = self.read();
        let Some(list) = state.lists.get(code) else {
            return Vec::new();
        };
        let indexes = state.members(list, 1).skip(offset).take(limit);
        indexes.map(|index| state.person_at(index)).collect()
    }

    /// Whether someone is on a list.
    pub fn is_member(&self, code: &str, master: &str, sub: i64) -> bool {
        let state = self.read();
        let (Some(list), Some(index)) = (state.lists.get(code), state.index(master, sub)) else {
            return false;
        };
        state.on_list(list, index)
    }

    /// Changes a person; ids stay, and "Allow Solicitation" off puts "Allow Email" off.
    pub fn edit_person(&self, master: &str, sub: i64, change: impl FnOnce(&mut Person)) -> Option<Person> {
        let mut state = self.write();
        let index = state.index(master, sub)?;
        Some(state.edit(index, change))
    }

    /// Sets "Allow Email". On puts "Allow Solicitation" on as well.
    pub fn set_allow_email(&self, master: &str, sub: i64, allow: bool) -> Option<Person> {
        self.edit_person(master, sub, |person| {
            person.allow_email = allow;
            person.allow_solicitation |= allow;
        })
    }

    /// Sets "Allow Solicitation". Off puts "Allow Email" off as well.
    pub fn set_allow_solicitation(&self, master: &str, sub: i64, allow: bool) -> Option<Person> {
        self.edit_person(master, sub, |person| person.allow_solicitation = allow)
    }

    /// Sets or takes away the primary address.
    pub fn set_email(&self, master: &str, sub: i64, email: Option<&str>) -> Option<Person> {
        self.edit_person(master, sub, |person| person.email = email.map(str::to_owned))
    }

    /// Renames a person.
    pub fn rename_person(&self, master: &str, sub: i64, first: &str, last: &str) -> Option<Person> {
        self.edit_person(master, sub, |person| {
            person.first_name = Cow::Owned(first.to_owned());
            person.last_name = Cow::Owned(last.to_owned());
            person.label_name = format!("{first} {last}");
        })
    }

    /// Whether the address was marked inactive through CusCommunication.
    pub fn is_address_inactive(&self, master: &str, sub: i64) -> bool {
        let state = self.read();
        state.index(master, sub).is_some_and(|index| state.inactive_addresses.contains(&index))
    }

    /// Activities saved for a person, oldest first.
    pub fn activities(&self, master: &str, sub: i64) -> Vec<Activity> {
        let state = self.read();
        let Some(index) = state.index(master, sub) else {
            return Vec::new();
        };
        let rows = state.rows_of(Table::Activities, index);
        rows.iter().map(|row| crate::odata::entities::activity(row)).collect()
    }

    /// How many activities were saved in all.
    pub fn activity_count(&self) -> usize {
        let state = self.read();
        let people = state.rows.get(&Table::Activities);
        people.map_or(0, |people| people.values().map(Vec::len).sum())
    }

    /// Opt-in answers saved for a person: code and whether opted in.
    pub fn opt_ins(&self, master: &str, sub: i64) -> Vec<(String, bool)> {
        let state = self.read();
        let Some(index) = state.index(master, sub) else {
            return Vec::new();
        };
        let rows = state.rows_of(Table::OptIns, index);
        rows.iter().map(|row| crate::odata::entities::opt_in(row)).collect()
    }

    /// Demographics saved for a person: code and subcode.
    pub fn demographics(&self, master: &str, sub: i64) -> Vec<(String, String)> {
        let state = self.read();
        let Some(index) = state.index(master, sub) else {
            return Vec::new();
        };
        let text = |value: Option<&Value>| value.map(Value::text).unwrap_or_default();
        let rows = state.rows_of(Table::Demographics, index);
        rows.iter().map(|row| (text(row.get(3)), text(row.get(4)))).collect()
    }

    fn choose(&self, code: &str, who: &Who, member: bool) -> Option<Vec<u64>> {
        let state = self.read();
        let list = state.lists.get(code)?;
        Some(match who {
            Who::Ids(ids) => ids.iter().filter_map(|(master, sub)| state.index(master, *sub)).collect(),
            Who::First(n) => (1..=state.end)
                .filter(|index| state.on_list(list, *index) != member)
                .take(usize::try_from(*n).unwrap_or(usize::MAX))
                .collect(),
        })
    }

    /// Puts people on a list; answers how many were not on it.
    pub fn add_to_list(&self, code: &str, who: &Who) -> Option<u64> {
        let indexes = self.choose(code, who, true)?;
        let now = self.now();
        self.write().set_members(code, &indexes, true, now)
    }

    /// Takes people off a list; answers how many were on it.
    pub fn remove_from_list(&self, code: &str, who: &Who) -> Option<u64> {
        let indexes = self.choose(code, who, false)?;
        let now = self.now();
        self.write().set_members(code, &indexes, false, now)
    }

    /// Generates a list anew: same members, later LAST_REFRESHED.
    pub fn regenerate(&self, code: &str) -> bool {
        let now = self.now();
        self.write().refresh(code, now)
    }

    /// Removes a list.
    pub fn delete_list(&self, code: &str) -> bool {
        self.write().lists.remove(code).is_some()
    }

    /// Creates an empty list; false if the code is taken.
    pub fn create_list(&self, code: &str, name: &str) -> bool {
        let now = self.now();
        let mut state = self.write();
        if state.lists.contains_key(code) {
            return false;
        }
        let mut list = ListState::new(code, name, Rule::Nobody);
        (list.refreshed, list.modified) = (now, now);
        state.lists.insert(code.to_owned(), list);
        true
    }

    fn define(&self, code: &str, change: impl FnOnce(&mut ListState)) -> bool {
        let now = self.now();
        match self.write().lists.get_mut(code) {
            Some(list) => {
                change(list);
                list.modified = now;
                true
            }
            None => false,
        }
    }

    /// Gives a list another name.
    pub fn rename_list(&self, code: &str, name: &str) -> bool {
        self.define(code, |list| list.name = name.to_owned())
    }

    /// Puts a list in or out of use.
    pub fn set_list_active(&self, code: &str, active: bool) -> bool {
        self.define(code, |list| list.active = active)
    }

    /// Changes a share of a list at once; see [`Churn`].
    pub fn churn(&self, code: &str, churn: Churn) -> Option<ChurnReport> {
        let now = self.now();
        self.write().churn(code, churn, now)
    }

    /// Adds a fault rule.
    pub fn inject(&self, rule: FaultRule) {
        self.inner.faults.inject(rule);
    }

    /// Removes all fault rules.
    pub fn clear_faults(&self) {
        self.inner.faults.clear();
    }

    /// The fault rules and how often each was shown.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.inner.faults.status()
    }

    /// The requests seen so far.
    pub fn requests(&self) -> Requests {
        self.inner.journal.snapshot()
    }

    /// Forgets the requests seen so far.
    pub fn clear_requests(&self) {
        self.inner.journal.clear();
    }

    /// Ids of the person with this number, for tests: `(master, sub)`.
    pub fn ids(&self, number: u64) -> (String, i64) {
        let (master, sub) = self.read().population.key(number.max(1));
        (format_master(master), i64::from(sub))
    }

    /// Splits a Remote ID such as `000000000101-0`.
    pub fn split_remote_id(id: &str) -> Option<(String, i64)> {
        let (master, sub) = id.split_once('-')?;
        parse_master(master)?;
        Some((master.to_owned(), sub.parse().ok()?))
    }
}
