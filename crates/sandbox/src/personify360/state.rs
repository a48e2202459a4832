//! What the sandbox holds: edits on top of computed people and lists.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use crate::personify360::interests;
use crate::personify360::jobs::Board;
use crate::personify360::lists::{List, ListState, initial};
use crate::personify360::odata::value::Value;
use crate::personify360::options::Options;
use crate::personify360::people::{ChangeRound, Person, Population, format_master};

/// Activity codes that exist: code and description.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("RIALTO_UNSUB", "Unsubscribed by Rialto"),
    ("RIALTO_RESUB", "Subscribed again by Rialto"),
    ("RIALTO_BADEMAIL", "Invalid e-mail address"),
    ("RIALTO_MAILING", "Mailing sent"),
    ("RIALTO_INTEREST", "Interest changed"),
    ("CONTACTTRACKING", "Contact tracking"),
];

/// Tables that are written to; interests are there from the start.
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
    /// People who were not generated but created; all are in `overrides`.
    pub created: BTreeSet<u64>,
    /// Numbers up to `end` that nobody has.
    pub absent: BTreeSet<u64>,
    pub lists: BTreeMap<String, ListState>,
    pub inactive_addresses: HashSet<u64>,
    pub rows: HashMap<Table, BTreeMap<u64, Vec<Row>>>,
    pub last_id: i64,
    /// Names of procedures that exist, in lower case.
    pub installed: HashSet<String>,
    pub codes: Vec<(String, String)>,
    pub board: Board,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let names = &options.procedures;
        let all = [
            &names.lists,
            &names.fields,
            &names.list_members,
            &names.activities,
            &names.codes,
            &names.interests,
            &names.interests_of,
            &names.interest_members,
        ];
        let exists = |code: &str| (options.installed && options.codes) || !code.starts_with("RIALTO_");
        Self {
            population: Population { seed: options.seed },
            people: options.people,
            end: options.people,
            changes: Vec::new(),
            overrides: HashMap::new(),
            created: BTreeSet::new(),
            absent: BTreeSet::new(),
            lists: initial(options).into_iter().map(|list| (list.code.clone(), list)).collect(),
            inactive_addresses: HashSet::new(),
            rows: HashMap::new(),
            last_id: 0,
            board: Board::default(),
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
        self.population.index(master, sub).filter(|index| self.exists(*index))
    }

    /// Whether anybody has this number.
    pub(crate) fn exists(&self, index: u64) -> bool {
        (1..=self.end).contains(&index) && !self.absent.contains(&index)
    }

    /// Indexes of a list's members from a position on.
    pub(crate) fn members<'a>(&'a self, list: &'a ListState, from: u64) -> impl Iterator<Item = u64> + 'a {
        (from.max(1)..=self.end).filter(move |index| self.on_list(list, *index))
    }

    /// The exact number of members, counted once and kept.
    pub(crate) fn count(&self, list: &ListState) -> u64 {
        match &list.snapshot {
            Some(snapshot) => *snapshot.count.get_or_init(|| self.count_of(list, snapshot)),
            None => 0,
        }
    }

    /// The list as the outside sees it.
    pub(crate) fn show(&self, list: &ListState) -> List {
        List {
            code: list.code.clone(),
            name: list.name.clone(),
            description: list.description.clone(),
            active: list.active,
            regeneration_frequency: list.frequency.code().to_owned(),
            generated: list.refreshed.is_some(),
            last_refreshed: list.refreshed.unwrap_or(list.modified),
            modified_on: list.modified,
            member_count: self.count(list),
        }
    }

    /// Has people selected for a list or not, from its next regeneration on; answers how many that moves.
    pub(crate) fn answer(&mut self, code: &str, indexes: &[u64], member: bool) -> Option<u64> {
        let list = self.lists.get(code)?;
        let moved = indexes.iter().filter(|index| self.qualifies(list, **index) != member).count();
        let answers = &mut self.lists.get_mut(code)?.answers;
        answers.extend(indexes.iter().map(|index| (*index, member)));
        Some(moved as u64)
    }

    /// Puts people on a list or takes them off, and generates it anew; answers how many that changed.
    pub(crate) fn set_members(&mut self, code: &str, indexes: &[u64], member: bool, now: Timestamp) -> Option<u64> {
        let list = self.lists.get(code)?;
        let distinct: BTreeSet<u64> = indexes.iter().copied().collect();
        let changed = distinct.iter().filter(|index| self.on_list(list, **index) != member).count();
        self.answer(code, indexes, member)?;
        self.regenerate(code, now)?;
        Some(changed as u64)
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

    /// Adds a person of their own ids; `make` gets the Master Customer ID.
    pub(crate) fn create(&mut self, make: impl FnOnce(String) -> Person) -> Person {
        let mut index = self.end + 1;
        // That number would be a second record of the person before.
        if self.population.is_second(index) {
            self.absent.insert(index);
            index += 1;
        }
        let mut person = make(format_master(index));
        person.settle();
        self.end = index;
        self.created.insert(index);
        self.overrides.insert(index, person.clone());
        person
    }

    /// The rows a table holds for one person.
    pub(crate) fn rows_of(&self, table: Table, index: u64) -> Cow<'_, [Row]> {
        match self.rows.get(&table).and_then(|people| people.get(&index)) {
            Some(rows) => Cow::Borrowed(rows),
            None => Cow::Owned(self.first_rows(table, index)),
        }
    }

    /// The same, to be changed: from now on they are kept.
    pub(crate) fn rows_mut(&mut self, table: Table, index: u64) -> &mut Vec<Row> {
        let known = self.rows.get(&table).is_some_and(|people| people.contains_key(&index));
        let first = if known { Vec::new() } else { self.first_rows(table, index) };
        self.rows.entry(table).or_default().entry(index).or_insert(first)
    }

    /// What a table holds for somebody before anything is written.
    fn first_rows(&self, table: Table, index: u64) -> Vec<Row> {
        if self.created.contains(&index) || !self.exists(index) {
            return Vec::new();
        }
        match table {
            Table::Activities => Vec::new(),
            Table::OptIns => interests::opt_ins(self.population, index),
            Table::Demographics => interests::demographics(self.population, index),
        }
    }

    /// A number no row has had.
    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }
}
