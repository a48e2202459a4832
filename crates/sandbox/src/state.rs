//! What the sandbox holds: edits on top of computed people and lists.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::lists::{List, ListState, initial};
use crate::odata::value::Value;
use crate::options::Options;
use crate::people::{ChangeRound, Person, Population};

/// Activity codes that exist: code and description.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("RIALTO_UNSUB", "Unsubscribed by Rialto"),
    ("RIALTO_RESUB", "Subscribed again by Rialto"),
    ("RIALTO_BADEMAIL", "Invalid e-mail address"),
    ("RIALTO_MAILING", "Mailing sent"),
    ("RIALTO_INTEREST", "Interest changed"),
    ("CONTACTTRACKING", "Contact tracking"),
];

/// Tables whose rows come from writes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Activities,
    OptIns,
    Demographics,
}

/// A stored row, in the order of its entity's fields.
pub(crate) type Row = Vec<Value>;

pub(crate) struct State {
    pub population: Population,
    pub people: u64,
    pub end: u64,
    pub changes: Vec<ChangeRound>,
    pub overrides: HashMap<u64, Person>,
    pub lists: BTreeMap<String, ListState>,
    pub inactive_addresses: HashSet<u64>,
    pub rows: HashMap<Table, BTreeMap<u64, Vec<Row>>>,
    pub last_id: i64,
    /// Names of procedures that exist, in lower case.
    pub installed: HashSet<String>,
    pub codes: Vec<(String, String)>,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let names = &options.procedures;
        let all = [&names.lists, &names.fields, &names.list_members, &names.activities, &names.codes];
        let exists = |code: &str| options.installed || !code.starts_with("RIALTO_");
        Self {
            population: Population { seed: options.seed },
            people: options.people,
            end: options.people,
            changes: Vec::new(),
            overrides: HashMap::new(),
            lists: initial(options).into_iter().map(|list| (list.code.clone(), list)).collect(),
            inactive_addresses: HashSet::new(),
            rows: HashMap::new(),
            last_id: 0,
            installed: all.into_iter().filter(|_| options.installed).map(|name| name.to_ascii_lowercase()).collect(),
            codes: CODES.iter().filter(|(code, _)| exists(code)).map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect(),
        }
    }

    /// The person at an index as they are now.
    pub(crate) fn person_at(&self, index: u64) -> Person {
        match self.overrides.get(&index) {
            Some(person) => person.clone(),
            None => self.population.person(index, &self.changes),
        }
    }

    /// The index of someone who exists.
    pub(crate) fn index(&self, master: &str, sub: i64) -> Option<u64> {
        self.population.index(master, sub).filter(|index| *index <= self.end)
    }

    /// Whether someone is on a list.
    pub(crate) fn on_list(&self, list: &ListState, index: u64) -> bool {
        list.contains(self.population, self.people, index)
    }

    /// Indexes of a list's members from a position on.
    pub(crate) fn members<'a>(&'a self, list: &'a ListState, from: u64) -> impl Iterator<Item = u64> + 'a {
        (from.max(1)..=self.end).filter(move |index| self.on_list(list, *index))
    }

    /// The exact number of members, counted once and kept.
    pub(crate) fn count(&self, list: &ListState) -> u64 {
        *list.count.get_or_init(|| self.members(list, 1).count() as u64)
    }

    /// The list as the outside sees it.
    pub(crate) fn show(&self, list: &ListState) -> List {
        List {
            code: list.code.clone(),
            name: list.name.clone(),
            description: list.description.clone(),
            active: list.active,
            regeneration_frequency: list.frequency.to_owned(),
            last_refreshed: list.refreshed,
            modified_on: list.modified,
            member_count: self.count(list),
        }
    }

    /// Puts people on a list or takes them off; answers how many that changed.
    pub(crate) fn set_members(&mut self, code: &str, indexes: &[u64], member: bool, now: Timestamp) -> Option<u64> {
        let (population, people) = (self.population, self.people);
        let before = self.count(self.lists.get(code)?);
        let list = self.lists.get_mut(code)?;
        let mut changed = 0;
        for index in indexes {
            if list.contains(population, people, *index) == member {
                continue;
            }
            changed += 1;
            let (put, take) = if member { (&mut list.adds, &mut list.removes) } else { (&mut list.removes, &mut list.adds) };
            take.remove(index);
            put.insert(*index);
        }
        let after = if member { before + changed } else { before.saturating_sub(changed) };
        list.count = after.into();
        list.refreshed = now;
        Some(changed)
    }

    /// Marks a list as generated anew.
    pub(crate) fn refresh(&mut self, code: &str, now: Timestamp) -> bool {
        match self.lists.get_mut(code) {
            Some(list) => {
                list.refreshed = now;
                true
            }
            None => false,
        }
    }

    /// Changes one person.
    pub(crate) fn edit(&mut self, index: u64, change: impl FnOnce(&mut Person)) -> Person {
        let before = self.person_at(index);
        let mut person = before.clone();
        change(&mut person);
        person.master_customer_id = before.master_customer_id;
        person.sub_customer_id = before.sub_customer_id;
        person.settle();
        self.overrides.insert(index, person.clone());
        person
    }

    /// The rows a table holds for one person.
    pub(crate) fn rows_of(&self, table: Table, index: u64) -> &[Row] {
        let rows = self.rows.get(&table).and_then(|people| people.get(&index));
        rows.map_or(&[], Vec::as_slice)
    }

    /// A number no row has had.
    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }
}
