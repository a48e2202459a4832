//! Selecting the members of a list anew, and what would change if that were done now.
//!
//! A snapshot costs memory only for those who differ from the rule, whatever the number of people.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::names::WEST;
use crate::personify360::lists::{Generated, ListState, Rule, Snapshot};
use crate::personify360::people::Person;
use crate::personify360::state::State;

impl State {
    fn generated(&self, changes: usize) -> Generated<'_> {
        Generated { population: self.population, people: self.people, changes: self.changes.get(..changes).unwrap_or(&self.changes) }
    }

    /// Whether someone was selected when the list was last generated.
    pub(crate) fn on_list(&self, list: &ListState, index: u64) -> bool {
        let Some(snapshot) = &list.snapshot else {
            return false;
        };
        if !snapshot.exceptions.is_empty()
            && let Some(member) = snapshot.exceptions.get(&index)
        {
            return *member;
        }
        list.selects(self.generated(snapshot.changes), index)
    }

    /// Whether the list would select someone as they are now.
    pub(crate) fn qualifies(&self, list: &ListState, index: u64) -> bool {
        if let Some(answer) = list.answers.get(&index) {
            return *answer;
        }
        let all = self.generated(self.changes.len());
        let created = self.created.contains(&index);
        // People whom a bulk change brought in belong to its list alone.
        let own = index <= self.people || created;
        match self.overrides.get(&index).filter(|_| own).and_then(|person| by_person(list.rule, person, created)) {
            Some(member) => list.after_rounds(all, index, member),
            None => list.selects(all, index),
        }
    }

    /// Those whose membership may differ from what the rule gives for generated people.
    fn special(&self, list: &ListState) -> BTreeSet<u64> {
        let mut special: BTreeSet<u64> = list.answers.keys().copied().collect();
        match list.rule {
            Rule::West | Rule::Lapsed => special.extend(self.overrides.keys()),
            Rule::Everybody => special.extend(&self.created),
            Rule::Permille(_) | Rule::Spread(_) | Rule::Nobody => {}
        }
        special
    }

    /// The members that the list selects now.
    pub(crate) fn select(&self, list: &ListState) -> Snapshot {
        let all = self.generated(self.changes.len());
        let differs = |index: u64| {
            let member = self.qualifies(list, index);
            (member != list.selects(all, index)).then_some((index, member))
        };
        Snapshot {
            changes: self.changes.len(),
            exceptions: self.special(list).into_iter().filter_map(differs).collect(),
            count: OnceLock::new(),
        }
    }

    /// Whether the rule gives the same generated people now as at the snapshot.
    fn same_ground(&self, list: &ListState, snapshot: &Snapshot) -> bool {
        list.rule != Rule::West || snapshot.changes == self.changes.len()
    }

    /// Those who would enter (true) or leave if the list were generated now, in order of their ids.
    pub(crate) fn waiting(&self, list: &ListState) -> Vec<(u64, bool)> {
        let moves = |index: u64| {
            let member = self.qualifies(list, index);
            (member != self.on_list(list, index)).then_some((index, member))
        };
        match &list.snapshot {
            Some(snapshot) if self.same_ground(list, snapshot) => {
                let mut special = self.special(list);
                special.extend(snapshot.exceptions.keys());
                special.into_iter().filter_map(moves).collect()
            }
            _ => (1..=self.end).filter_map(moves).collect(),
        }
    }

    /// Selects the members of a list anew; answers how many there are now.
    pub(crate) fn regenerate(&mut self, code: &str, now: Timestamp) -> Option<u64> {
        let members = {
            let list = self.lists.get(code)?;
            let fresh = self.select(list);
            let members = match &list.snapshot {
                Some(old) if self.same_ground(list, old) => self.recount(list),
                _ => self.count_of(list, &fresh),
            };
            fresh.count.get_or_init(|| members);
            let list = self.lists.get_mut(code)?;
            list.snapshot = Some(fresh);
            list.refreshed = Some(now);
            members
        };
        if let Some(list) = self.lists.get_mut(code) {
            list.created |= members > 0;
        }
        Some(members)
    }

    /// How many members there will be, from how many there are and who moves.
    fn recount(&self, list: &ListState) -> u64 {
        let moves = self.waiting(list);
        let entering = moves.iter().filter(|(_, enters)| *enters).count() as u64;
        (self.count(list) + entering).saturating_sub(moves.len() as u64 - entering)
    }

    pub(crate) fn count_of(&self, list: &ListState, snapshot: &Snapshot) -> u64 {
        let ground = self.generated(snapshot.changes);
        let member = |index: &u64| snapshot.exceptions.get(index).copied().unwrap_or_else(|| list.selects(ground, *index));
        (1..=self.end).filter(member).count() as u64
    }
}

/// What a rule says of someone who was edited or created; `None` if it does not look at the person.
fn by_person(rule: Rule, person: &Person, created: bool) -> Option<bool> {
    match rule {
        Rule::West => Some(person.state.as_deref().is_some_and(|state| WEST.contains(&state))),
        Rule::Lapsed => Some(!person.member_flag),
        Rule::Everybody if created => Some(true),
        _ => None,
    }
}
