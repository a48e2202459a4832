//! The sandbox itself, and what it holds, for tests to compare with.

use std::borrow::Cow;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;

use crate::faults::{FaultRule, FaultStatus, Faults};
use crate::journal::{Journal, Requests};
use crate::personify360::odata::value::Value;
use crate::personify360::options::Options;
use crate::personify360::people::{NewPerson, Person, format_master, parse_master};
use crate::personify360::state::{State, Table};

/// Most constituents that may be created by hand or through the admin routes.
const MOST_CREATED: usize = 10_000;

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
    /// When the next job is due, in microseconds; `i64::MAX` if none is.
    pub next_due: AtomicI64,
    state: RwLock<State>,
}

impl Sandbox {
    /// A sandbox with these settings; costs the same for any number of people.
    pub fn new(options: Options) -> Self {
        let state = RwLock::new(State::new(&options));
        let (faults, journal) = (Faults::default(), Journal::default());
        Self { inner: Arc::new(Inner { options, faults, journal, next_due: AtomicI64::new(i64::MAX), state }) }
    }

    /// Its settings.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// What it holds, after the jobs that were due. Never with a guard in hand.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.settle();
        self.lock_read()
    }

    /// The same, to be changed.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.settle();
        self.lock_write()
    }

    pub(crate) fn lock_read(&self) -> RwLockReadGuard<'_, State> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_write(&self) -> RwLockWriteGuard<'_, State> {
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
        let state = self.read();
        state.end - state.absent.len() as u64
    }

    /// Whether another constituent may be created from outside.
    pub(crate) fn has_room(&self) -> bool {
        self.read().created.len() < MOST_CREATED
    }

    /// Creates a constituent, who is on no list until lists are regenerated.
    pub fn create_person(&self, new: NewPerson) -> Person {
        self.write().create(|master| new.with_id(master))
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
        rows.iter().map(|row| crate::personify360::odata::entities::activity(row)).collect()
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
        rows.iter().map(|row| crate::personify360::odata::entities::opt_in(row)).collect()
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
