//! Marketing lists: who is on them is computed, only edits are kept.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use crate::options::{Options, start};
use crate::people::{Population, mix};

/// A marketing list as the data service shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct List {
    /// Its code, which never changes.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Whether it is in use.
    pub active: bool,
    /// How often it is generated anew.
    pub regeneration_frequency: String,
    /// When its members were last generated or edited.
    pub last_refreshed: Timestamp,
    /// When its definition was last changed.
    pub modified_on: Timestamp,
    /// How many members it has.
    pub member_count: u64,
}

/// By what rule people are on a list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    Everybody,
    Permille(u64),
    Spread(u64),
    West,
    Lapsed,
    Nobody,
}

/// One bulk change to the members of a list.
#[derive(Clone, Debug)]
pub(crate) struct MemberRound {
    pub round: u64,
    pub gone_permille: u64,
    pub new: RangeInclusive<u64>,
}

impl MemberRound {
    fn takes(&self, seed: u64, salt: u64, index: u64) -> bool {
        mix(seed, salt ^ 0x6000_0000 ^ self.round, index) % 1000 < self.gone_permille
    }
}

/// A list with its edits.
#[derive(Clone, Debug)]
pub(crate) struct ListState {
    pub code: String,
    pub name: String,
    pub description: String,
    pub active: bool,
    pub frequency: &'static str,
    pub rule: Rule,
    pub salt: u64,
    pub adds: BTreeSet<u64>,
    pub removes: BTreeSet<u64>,
    pub rounds: Vec<MemberRound>,
    pub count: OnceLock<u64>,
    pub refreshed: Timestamp,
    pub modified: Timestamp,
}

impl ListState {
    pub(crate) fn new(code: &str, name: &str, rule: Rule) -> Self {
        Self {
            code: code.into(),
            name: name.into(),
            description: format!("{name}, kept by the membership office"),
            active: true,
            frequency: "DAILY",
            rule,
            salt: salt(code),
            adds: BTreeSet::new(),
            removes: BTreeSet::new(),
            rounds: Vec::new(),
            count: OnceLock::new(),
            refreshed: start().saturating_sub(6.hours()).unwrap_or_default(),
            modified: start().saturating_sub(720.hours()).unwrap_or_default(),
        }
    }

    fn by_rule(&self, population: Population, people: u64, index: u64) -> bool {
        match self.rule {
            Rule::Everybody => true,
            Rule::Permille(share) => mix(population.seed, self.salt, index) % 1000 < share,
            Rule::Spread(n) => {
                let step = (people / n).max(1);
                (index - 1).is_multiple_of(step) && (index - 1) / step < n
            }
            Rule::West => population.is_west(index),
            Rule::Lapsed => population.is_lapsed(index),
            Rule::Nobody => false,
        }
    }

    /// Whether someone is on the list.
    pub(crate) fn contains(&self, population: Population, people: u64, index: u64) -> bool {
        if !self.adds.is_empty() && self.adds.contains(&index) {
            return true;
        }
        if !self.removes.is_empty() && self.removes.contains(&index) {
            return false;
        }
        let mut member = index <= people && self.by_rule(population, people, index);
        for round in &self.rounds {
            if member {
                member = !round.takes(population.seed, self.salt, index);
            } else {
                member = index > people && round.new.contains(&index);
            }
        }
        member
    }
}

fn salt(code: &str) -> u64 {
    code.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

/// The lists a sandbox starts with.
pub(crate) fn initial(options: &Options) -> Vec<ListState> {
    let mut lists = vec![
        ListState::new("ALL_MEMBERS", "All members", Rule::Everybody),
        ListState::new("NEWSLETTER", "Newsletter", Rule::Permille(600)),
        ListState::new("CONFERENCE", "Annual conference", Rule::Permille(150)),
        ListState::new("STUDENTS", "Students & early career", Rule::Permille(50)),
        ListState::new("BOARD", "Board", Rule::Spread(24)),
        ListState::new("REGION_WEST", "Region West", Rule::West),
        ListState::new("LAPSED", "Lapsed members", Rule::Lapsed),
        ListState::new("EMPTY_LIST", "Nobody yet", Rule::Nobody),
        ListState::new("OLD_APPEAL", "Appeal 2019", Rule::Permille(80)),
    ];
    if let Some(old) = lists.last_mut() {
        old.active = false;
        old.frequency = "NEVER";
    }
    for number in 1..=options.extra_lists {
        let code = format!("EXTRA_{number:04}");
        lists.push(ListState::new(&code, &format!("Extra list {number}"), Rule::Permille(10)));
    }
    lists
}
