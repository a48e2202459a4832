//! Bulk changes that need no memory per person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lists::{ListState, MemberRound};
use crate::people::ChangeRound;
use crate::state::State;

/// How much of a list is to change.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Churn {
    /// Members in a thousand whose city and job title change.
    #[serde(default)]
    pub changed_permille: u64,
    /// New members in a thousand of the present ones.
    #[serde(default)]
    pub new_permille: u64,
    /// Members in a thousand who leave.
    #[serde(default)]
    pub gone_permille: u64,
    /// Number of the round; another number hits other people.
    #[serde(default)]
    pub round: u64,
}

/// What a bulk change did to a list, counted exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChurnReport {
    /// Staying members whose data changed.
    pub changed: u64,
    /// Members that joined.
    pub new: u64,
    /// Members that left.
    pub gone: u64,
    /// Members now.
    pub members: u64,
}

impl State {
    /// Applies a bulk change. People brought in by it are on no other list.
    pub(crate) fn churn(&mut self, code: &str, churn: Churn, now: Timestamp) -> Option<ChurnReport> {
        let before = self.lists.get(code)?.clone();
        let count = self.count(&before);
        let joining = count.saturating_mul(churn.new_permille.min(1000)).div_ceil(1000);
        let old_end = self.end;
        let mut after = before.clone();
        after.rounds.push(MemberRound { round: churn.round, gone_permille: churn.gone_permille, new: old_end + 1..=old_end + joining });
        let change = ChangeRound { round: churn.round, permille: churn.changed_permille };
        let (stayed, changed) = self.compare(&before, &after, change);
        self.end = old_end + joining;
        self.changes.push(change);
        after.count = (stayed + joining).into();
        after.refreshed = now;
        self.lists.insert(code.to_owned(), after);
        Some(ChurnReport { changed, new: joining, gone: count - stayed, members: stayed + joining })
    }

    fn compare(&self, before: &ListState, after: &ListState, change: ChangeRound) -> (u64, u64) {
        let mut stayed = 0;
        let mut changed = 0;
        for index in self.members(before, 1) {
            if self.on_list(after, index) {
                stayed += 1;
                let hit = change.hits(self.population.seed, index);
                changed += u64::from(hit && !self.overrides.contains_key(&index));
            }
        }
        (stayed, changed)
    }
}
