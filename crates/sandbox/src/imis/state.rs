//! What the sandbox holds: edits on top of computed contacts, queries, tables and activities.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::imis::activities::{self, TYPES};
use crate::imis::contacts::{CommunicationType, Contact, Population, communication_types};
use crate::imis::options::Options;
use crate::imis::queries::{Selection, Stored, initial};
use crate::imis::tables::{Table, Tables};
use crate::imis::token::Tokens;
use crate::names::{PLACES, WEST};

pub(crate) struct State {
    pub population: Population,
    /// The last number anybody has.
    pub end: u64,
    pub overrides: HashMap<u64, Contact>,
    /// Contacts who were not generated but created; all are in `overrides`.
    pub created: BTreeSet<u64>,
    /// Grows with every change that may change who is selected.
    pub version: u64,
    pub queries: BTreeMap<u64, Stored>,
    pub last_query: u64,
    pub communication_types: Vec<CommunicationType>,
    pub activities: BTreeMap<u64, Vec<activities::Stored>>,
    /// Activity types that exist: code and description.
    pub activity_types: Vec<(String, String)>,
    pub last_seqn: i64,
    pub tables: Tables,
    pub tokens: Tokens,
}

impl State {
    pub(crate) fn new(options: &Options) -> Self {
        let queries: BTreeMap<u64, Stored> = initial((options.now)()).into_iter().map(|q| (q.number, q)).collect();
        let mut tables = Tables::default();
        if options.persona_table {
            // A well-formed table in an empty set.
            let _ = tables.create(Table::personas());
        }
        Self {
            population: Population { seed: options.seed },
            end: options.people,
            overrides: HashMap::new(),
            created: BTreeSet::new(),
            version: 0,
            last_query: queries.len() as u64,
            queries,
            communication_types: communication_types(),
            activities: BTreeMap::new(),
            activity_types: TYPES.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect(),
            last_seqn: 0,
            tables,
            tokens: Tokens::default(),
        }
    }

    /// The contact at an index as they are now.
    pub(crate) fn contact_at(&self, index: u64) -> Contact {
        match self.overrides.get(&index) {
            Some(contact) => contact.clone(),
            None => self.population.contact(index),
        }
    }

    /// The index of somebody who exists.
    pub(crate) fn index(&self, id: &str) -> Option<u64> {
        Population::index(id).filter(|index| (1..=self.end).contains(index))
    }

    /// Changes one contact; the id stays.
    pub(crate) fn edit(&mut self, index: u64, change: impl FnOnce(&mut Contact)) -> Contact {
        let mut contact = self.contact_at(index);
        let id = contact.id.clone();
        change(&mut contact);
        contact.id = id;
        self.overrides.insert(index, contact.clone());
        self.version += 1;
        contact
    }

    /// Adds a contact; `make` gets the id.
    pub(crate) fn create(&mut self, make: impl FnOnce(String) -> Contact) -> Contact {
        self.end += 1;
        let contact = make(Population::id(self.end));
        self.created.insert(self.end);
        self.overrides.insert(self.end, contact.clone());
        self.version += 1;
        contact
    }

    /// Whether a query selects somebody now.
    pub(crate) fn selects(&self, query: &Stored, index: u64) -> bool {
        if let Some(answer) = query.answers.get(&index) {
            return *answer;
        }
        let roll = || self.population.roll(query.salt(), index);
        if let Some(contact) = self.overrides.get(&index) {
            return query.selects(contact, roll());
        }
        match query.selection {
            Selection::Everybody => true,
            Selection::Nobody => false,
            Selection::Permille(n) => roll() % 1000 < n,
            Selection::Members => self.population.member_type(index) != "NM",
            Selection::Students => self.population.member_type(index) == "STU",
            Selection::West => PLACES[self.population.picks(index).2].1.is_some_and(|state| WEST.contains(&state)),
        }
    }

    /// A query by its path without regard to case.
    pub(crate) fn query(&self, path: &str) -> Option<&Stored> {
        self.queries.values().find(|q| q.path().eq_ignore_ascii_case(path))
    }

    /// A number no activity has had.
    pub(crate) fn next_seqn(&mut self) -> i64 {
        self.last_seqn += 1;
        self.last_seqn
    }
}
