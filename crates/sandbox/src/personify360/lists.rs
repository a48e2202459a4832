//! Marketing lists: who is on them is computed, only edits are kept.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use crate::invented::mix;
use crate::personify360::jobs::Frequency;
use crate::personify360::options::{Options, start};
use crate::personify360::people::{ChangeRound, Population};

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
    /// Whether its members were ever selected. If not, the data service shows no LAST_REFRESHED.
    pub generated: bool,
    /// When its members were last selected; for a list that never was generated, when it was defined.
    pub last_refreshed: Timestamp,
    /// When its definition was last changed.
    pub modified_on: Timestamp,
    /// How many members it has, as of the last regeneration.
    pub member_count: u64,
}

/// By what rule people are on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The generated people, with the bulk changes that a selection has seen.
#[derive(Clone, Copy)]
pub(crate) struct Generated<'a> {
    pub population: Population,
    pub people: u64,
    pub changes: &'a [ChangeRound],
}

/// Who was on a list when it was last generated: what the rule gave for the generated people, and who differed from that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// How many bulk changes to people it has seen.
    pub changes: usize,
    /// True for members that the rule alone does not give, false for the opposite.
    pub exceptions: BTreeMap<u64, bool>,
    pub count: OnceLock<u64>,
}

/// A list: what it selects, and whom it selected last.
#[derive(Clone, Debug)]
pub(crate) struct ListState {
    pub code: String,
    pub name: String,
    pub description: String,
    pub active: bool,
    pub frequency: Frequency,
    pub rule: Rule,
    pub salt: u64,
    /// Opt-in answers: who is to be on the list, or not, whatever the rule says.
    pub answers: BTreeMap<u64, bool>,
    pub rounds: Vec<MemberRound>,
    /// Whether MKT510 created it.
    pub created: bool,
    pub snapshot: Option<Snapshot>,
    pub refreshed: Option<Timestamp>,
    pub modified: Timestamp,
}

impl ListState {
    /// A list whose members were never selected.
    pub(crate) fn new(code: &str, name: &str, rule: Rule, now: Timestamp) -> Self {
        Self {
            code: code.into(),
            name: name.into(),
            description: format!("{name}, kept by the membership office"),
            active: true,
            frequency: Frequency::Daily,
            rule,
            salt: salt(code),
            answers: BTreeMap::new(),
            rounds: Vec::new(),
            created: false,
            snapshot: None,
            refreshed: None,
            modified: now,
        }
    }

    /// A list that was there before the sandbox began. MKT510 found nobody for a list without a rule, and so did not create it.
    fn old(code: &str, name: &str, rule: Rule, frequency: Frequency) -> Self {
        let ago = |hours: i64| start().saturating_sub(hours.hours()).unwrap_or_default();
        Self {
            frequency,
            created: rule != Rule::Nobody,
            snapshot: Some(Snapshot::default()),
            refreshed: Some(ago(6)),
            ..Self::new(code, name, rule, ago(720))
        }
    }

    fn by_rule(&self, of: Generated<'_>, index: u64) -> bool {
        match self.rule {
            Rule::Everybody => true,
            Rule::Permille(share) => mix(of.population.seed, self.salt, index) % 1000 < share,
            Rule::Spread(n) => {
                let step = (of.people / n).max(1);
                (index - 1).is_multiple_of(step) && (index - 1) / step < n
            }
            Rule::West => of.population.is_west(index, of.changes),
            Rule::Lapsed => of.population.is_lapsed(index),
            Rule::Nobody => false,
        }
    }

    /// Whether the rule selects a generated person.
    pub(crate) fn selects(&self, of: Generated<'_>, index: u64) -> bool {
        let member = index <= of.people && self.by_rule(of, index);
        self.after_rounds(of, index, member)
    }

    /// What the bulk changes to the list make of someone whom the rule selects or not.
    pub(crate) fn after_rounds(&self, of: Generated<'_>, index: u64, mut member: bool) -> bool {
        for round in &self.rounds {
            if member {
                member = !round.takes(of.population.seed, self.salt, index);
            } else {
                member = index > of.people && round.new.contains(&index);
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
    let daily = |code: &str, name: &str, rule| ListState::old(code, name, rule, Frequency::Daily);
    let mut lists = vec![
        daily("ALL_MEMBERS", "All members", Rule::Everybody),
        daily("NEWSLETTER", "Newsletter", Rule::Permille(600)),
        ListState::old("CONFERENCE", "Annual conference", Rule::Permille(150), Frequency::Weekly),
        ListState::old("STUDENTS", "Students & early career", Rule::Permille(50), Frequency::Monthly),
        ListState::old("BOARD", "Board", Rule::Spread(24), Frequency::Always),
        daily("REGION_WEST", "Region West", Rule::West),
        daily("LAPSED", "Lapsed members", Rule::Lapsed),
        daily("EMPTY_LIST", "Nobody yet", Rule::Nobody),
        ListState { active: false, ..ListState::old("OLD_APPEAL", "Appeal 2019", Rule::Permille(80), Frequency::Never) },
    ];
    for number in 1..=options.extra_lists {
        let code = format!("EXTRA_{number:04}");
        lists.push(daily(&code, &format!("Extra list {number}"), Rule::Permille(10)));
    }
    lists
}
