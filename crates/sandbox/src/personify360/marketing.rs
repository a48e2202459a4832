//! Marketing lists as their keepers and tests see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::personify360::churn::{Churn, ChurnReport};
use crate::personify360::jobs::Frequency;
use crate::personify360::lists::{List, ListState, Rule};
use crate::personify360::people::Person;
use crate::personify360::sandbox::Sandbox;
use crate::personify360::state::State;

/// Most lists there may be.
const MOST_LISTS: usize = 2_000;

/// Whom an edit of a list concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The first so many that the edit would change.
    First(u64),
    /// These people, by master and sub id.
    Ids(Vec<(String, i64)>),
}

/// Whom a list that is defined by hand selects, besides those with an opt-in answer for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Only those with an opt-in answer.
    #[default]
    Nobody,
    /// Every constituent.
    Everybody,
    /// Those who live in the West.
    West,
    /// Those whose membership has lapsed.
    Lapsed,
}

impl Selection {
    fn rule(self) -> Rule {
        match self {
            Self::Nobody => Rule::Nobody,
            Self::Everybody => Rule::Everybody,
            Self::West => Rule::West,
            Self::Lapsed => Rule::Lapsed,
        }
    }
}

/// How a list stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListStatus {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// How often MKT600 regenerates it.
    pub frequency: Frequency,
    /// Whether MKT510 created it; MKT600 skips it otherwise.
    pub created: bool,
    /// When its members were last selected; absent if never.
    pub last_regenerated: Option<Timestamp>,
    /// Members as of then.
    pub members: u64,
    /// How many would enter if it were regenerated now.
    pub entering: u64,
    /// How many would leave if it were regenerated now.
    pub leaving: u64,
}

fn status(state: &State, list: &ListState) -> ListStatus {
    let waiting = state.waiting(list);
    let entering = waiting.iter().filter(|(_, enters)| *enters).count() as u64;
    ListStatus {
        code: list.code.clone(),
        name: list.name.clone(),
        active: list.active,
        frequency: list.frequency,
        created: list.created,
        last_regenerated: list.refreshed,
        members: state.count(list),
        entering,
        leaving: waiting.len() as u64 - entering,
    }
}

/// The people an edit concerns: those named, or the first whom it changes.
fn choose(state: &State, code: &str, who: &Who, changes: impl Fn(&State, &ListState, u64) -> bool) -> Option<Vec<u64>> {
    let list = state.lists.get(code)?;
    Some(match who {
        Who::Ids(ids) => ids.iter().filter_map(|(master, sub)| state.index(master, *sub)).collect(),
        Who::First(n) => (1..=state.end)
            .filter(|index| state.exists(*index) && changes(state, list, *index))
            .take(usize::try_from(*n).unwrap_or(usize::MAX))
            .collect(),
    })
}

impl Sandbox {
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

    fn put(&self, code: &str, who: &Who, member: bool) -> Option<u64> {
        let now = self.now();
        let mut state = self.write();
        let indexes = choose(&state, code, who, |state, list, index| state.on_list(list, index) != member)?;
        state.set_members(code, &indexes, member, now)
    }

    /// Puts people on a list, which is generated anew at once; answers how many were not on it.
    pub fn add_to_list(&self, code: &str, who: &Who) -> Option<u64> {
        self.put(code, who, true)
    }

    /// Takes people off a list, which is generated anew at once; answers how many were on it.
    pub fn remove_from_list(&self, code: &str, who: &Who) -> Option<u64> {
        self.put(code, who, false)
    }

    /// Generates a list anew, whatever its frequency, and creates it if MKT510 has not.
    pub fn regenerate(&self, code: &str) -> bool {
        let now = self.now();
        self.write().regenerate(code, now).is_some()
    }

    /// Removes a list.
    pub fn delete_list(&self, code: &str) -> bool {
        self.write().lists.remove(code).is_some()
    }

    /// Creates an empty list, generated at once; false if the code is taken.
    pub fn create_list(&self, code: &str, name: &str) -> bool {
        self.define_list(code, name, Selection::Nobody, Frequency::Daily) && self.regenerate(code)
    }

    /// Defines a list whose members MKT510 is to create; false if the code is taken or there are 2,000 lists.
    pub fn define_list(&self, code: &str, name: &str, selection: Selection, frequency: Frequency) -> bool {
        let now = self.now();
        let mut state = self.write();
        if state.lists.contains_key(code) || state.lists.len() >= MOST_LISTS {
            return false;
        }
        let list = ListState { frequency, ..ListState::new(code, name, selection.rule(), now) };
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

    /// Sets how often MKT600 regenerates a list.
    pub fn set_frequency(&self, code: &str, frequency: Frequency) -> bool {
        self.define(code, |list| list.frequency = frequency)
    }

    /// Gives people the answer that puts them on a list (or keeps them off) when it is next regenerated. Answers how many
    /// will enter (or leave) by that; `First` means those with the lowest ids whom it moves.
    pub fn qualify(&self, code: &str, who: &Who, member: bool) -> Option<u64> {
        let mut state = self.write();
        let indexes = choose(&state, code, who, |state, list, index| state.qualifies(list, index) != member)?;
        state.answer(code, &indexes, member)
    }

    /// Whether somebody would be on a list if it were regenerated now.
    pub fn qualifies(&self, code: &str, master: &str, sub: i64) -> bool {
        let state = self.read();
        let (Some(list), Some(index)) = (state.lists.get(code), state.index(master, sub)) else {
            return false;
        };
        state.qualifies(list, index)
    }

    /// How a list stands: what keeps it, how old its members are, and what its next regeneration will change.
    pub fn list_status(&self, code: &str) -> Option<ListStatus> {
        let state = self.read();
        state.lists.get(code).map(|list| status(&state, list))
    }

    /// Changes a share of a list at once; see [`Churn`].
    pub fn churn(&self, code: &str, churn: Churn) -> Option<ChurnReport> {
        let now = self.now();
        self.write().churn(code, churn, now)
    }
}
