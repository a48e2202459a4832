//! The sandbox itself, and what it holds, for tests to compare with.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use serde::Serialize;

use crate::faults::{FaultRule, FaultStatus, Faults};
use crate::journal::{Journal, Requests};
use crate::membersuite::ids;
use crate::membersuite::options::Options;
use crate::membersuite::people::{Individual, NewIndividual};
use crate::membersuite::poller::Poller;
use crate::membersuite::records::{Activity, Configurable, SavedSearch};
use crate::membersuite::schema::{ACTIVITY_TYPE, INDIVIDUAL, SAVED_SEARCH};
use crate::membersuite::state::State;
use crate::personify360::Marked;

/// Most individuals that may be created by hand or through the admin routes.
const MOST_CREATED: usize = 10_000;

/// A saved search as the outside sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its ID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The class it finds.
    pub applicable_type: String,
    /// Whether all may see it.
    pub public: bool,
    /// Whether it is in use.
    pub active: bool,
    /// How many it finds now.
    pub count: u64,
}

/// A simulated MemberSuite. Clones share what it holds.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub options: Options,
    pub faults: Faults,
    pub journal: Journal,
    pub poller: Poller,
    state: RwLock<State>,
}

impl Sandbox {
    /// A sandbox with these settings; costs the same for any number of people.
    pub fn new(options: Options) -> Self {
        let state = RwLock::new(State::new(&options));
        Self {
            inner: Arc::new(Inner { options, faults: Faults::default(), journal: Journal::default(), poller: Poller::default(), state }),
        }
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

    /// The ID of the individual with this number, from 1.
    pub fn id(&self, number: u64) -> String {
        ids::id(self.options().seed, &INDIVIDUAL, number)
    }

    /// One individual.
    pub fn person(&self, id: &str) -> Option<Individual> {
        let state = self.read();
        state.number(id).map(|number| state.person(number))
    }

    /// How many individuals there are.
    pub fn people_count(&self) -> u64 {
        let state = self.read();
        state.end - state.deleted.len() as u64
    }

    /// Creates an individual: Do Not Email unless it says otherwise. `None` when 10,000 were created.
    pub fn create_person(&self, new: NewIndividual) -> Option<Individual> {
        let now = self.now();
        let mut state = self.write();
        (state.created < MOST_CREATED).then(|| state.create(new, now))
    }

    /// Changes an individual; the ID stays.
    pub fn edit_person(&self, id: &str, change: impl FnOnce(&mut Individual)) -> Option<Individual> {
        let now = self.now();
        let mut state = self.write();
        let number = state.number(id)?;
        Some(state.edit(number, now, change))
    }

    /// Sets Do Not Email.
    pub fn set_do_not_email(&self, id: &str, yes: bool) -> Option<Individual> {
        self.edit_person(id, |person| person.do_not_email = yes)
    }

    /// Sets or takes away the address.
    pub fn set_email(&self, id: &str, email: Option<&str>) -> Option<Individual> {
        self.edit_person(id, |person| person.email = email.map(str::to_owned))
    }

    /// Deletes an individual.
    pub fn delete_person(&self, id: &str) -> bool {
        let mut state = self.write();
        let Some(number) = state.number(id) else { return false };
        state.version += 1;
        state.deleted.insert(number)
    }

    /// All saved searches.
    pub fn searches(&self) -> Vec<Found> {
        let state = self.read();
        state.searches.iter().map(|search| self.found(&state, search)).collect()
    }

    /// The search with this ID or name.
    pub fn search(&self, id_or_name: &str) -> Option<Found> {
        let state = self.read();
        self.saved(&state, id_or_name).map(|search| self.found(&state, search))
    }

    fn found(&self, state: &State, saved: &SavedSearch) -> Found {
        let count = match saved.search.kind.as_str() {
            "Individual" => state.individuals(&saved.search.criteria).map(|found| found.len()).unwrap_or_default(),
            _ => crate::names::COMPANIES.len(),
        };
        Found {
            id: ids::id(self.options().seed, &SAVED_SEARCH, saved.number),
            name: saved.name.clone(),
            description: saved.description.clone(),
            applicable_type: saved.search.kind.clone(),
            public: saved.public,
            active: saved.active,
            count: count as u64,
        }
    }

    fn saved<'s>(&self, state: &'s State, id_or_name: &str) -> Option<&'s SavedSearch> {
        let seed = self.options().seed;
        let by_id = ids::read(seed, id_or_name).filter(|(class, _)| class.name == SAVED_SEARCH.name);
        match by_id {
            Some((_, number)) => state.search(number),
            None => state.searches.iter().find(|search| search.name == id_or_name),
        }
    }

    /// Individuals that a search finds now, in the order of their IDs.
    pub fn search_people(&self, id_or_name: &str) -> Vec<Individual> {
        let state = self.read();
        let Some(saved) = self.saved(&state, id_or_name) else { return Vec::new() };
        if saved.search.kind != INDIVIDUAL.name {
            return Vec::new();
        }
        let found = state.individuals(&saved.search.criteria).unwrap_or_default();
        found.iter().map(|number| state.person(*number)).collect()
    }

    /// Changes a search: its name, whether it is public, whether it is active. `None` leaves.
    pub fn edit_search(&self, id_or_name: &str, name: Option<&str>, public: Option<bool>, active: Option<bool>) -> Option<Found> {
        let now = self.now();
        let mut state = self.write();
        let number = self.saved(&state, id_or_name)?.number;
        let search = state.searches.iter_mut().find(|search| search.number == number)?;
        search.public = public.unwrap_or(search.public);
        search.active = active.unwrap_or(search.active);
        if let Some(name) = name {
            search.name = name.to_owned();
        }
        search.modified = now;
        state.version += 1;
        state.search(number).map(|search| self.found(&state, search))
    }

    /// Deletes a search.
    pub fn delete_search(&self, id_or_name: &str) -> bool {
        let mut state = self.write();
        let Some(number) = self.saved(&state, id_or_name).map(|search| search.number) else { return false };
        state.searches.retain(|search| search.number != number);
        true
    }

    /// Has individuals found by a search or not, whatever its criteria say; answers how many that changed.
    pub fn pin(&self, id_or_name: &str, ids: &[String], found: bool) -> Option<u64> {
        let mut state = self.write();
        let criteria = self.saved(&state, id_or_name)?.search.criteria.clone();
        let numbers: Vec<u64> = ids.iter().filter_map(|id| state.number(id)).collect();
        Some(state.pin(&criteria, &numbers, found))
    }

    /// Activities of an individual, oldest first.
    pub fn activities(&self, id: &str) -> Vec<Activity> {
        let state = self.read();
        state.number(id).map(|number| state.activities_of(number)).unwrap_or_default()
    }

    /// How many activities were saved in all.
    pub fn activity_count(&self) -> usize {
        self.read().activities.len()
    }

    /// All marks of activities, in order, each with the IDs of the individuals.
    pub fn marked(&self) -> Vec<Marked> {
        let state = self.read();
        let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for activity in state.activities.values() {
            if let Some(marker) = mark(&activity.description) {
                found.entry(marker.to_owned()).or_default().push((activity.entity.clone(), activity.name.clone()));
            }
        }
        found.into_iter().map(|(marker, activities)| Marked { marker, activities }).collect()
    }

    /// The message categories.
    pub fn categories(&self) -> Vec<Configurable> {
        self.read().categories.clone()
    }

    /// Switches a message category on or off, by its code.
    pub fn set_category(&self, code: &str, active: bool) -> bool {
        set_active(&mut self.write().categories, code, active)
    }

    /// The activity types.
    pub fn activity_types(&self) -> Vec<Configurable> {
        self.read().activity_types.clone()
    }

    /// Adds an activity type, or switches one on or off, by its code.
    pub fn set_activity_type(&self, code: &str, active: bool) {
        let mut state = self.write();
        if !set_active(&mut state.activity_types, code, active) && active {
            let id = ids::id(self.options().seed, &ACTIVITY_TYPE, state.activity_types.len() as u64 + 1);
            state.activity_types.push(Configurable { id, name: code.to_owned(), code: code.to_owned(), active });
        }
    }

    /// Ends all sessions.
    pub fn expire_sessions(&self) {
        self.write().sessions.clear();
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
}

fn set_active(all: &mut [Configurable], code: &str, active: bool) -> bool {
    match all.iter_mut().find(|one| one.code.eq_ignore_ascii_case(code)) {
        Some(one) => {
            one.active = active;
            true
        }
        None => false,
    }
}

/// The last mark in a text.
fn mark(text: &str) -> Option<&str> {
    let rest = text.get(text.rfind("[rialto:")?..)?;
    rest.get(..=rest.find(']')?)
}
