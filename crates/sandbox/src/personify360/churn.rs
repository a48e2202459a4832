//! Bulk changes that need no memory per person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::personify360::lists::{ListState, MemberRound};
use crate::personify360::people::ChangeRound;
use crate::personify360::state::State;

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
    /// Applies a bulk change and generates the list anew. People brought in by it are on no other list.
    pub(crate) fn churn(&mut self, code: &str, churn: Churn, now: Timestamp) -> Option<ChurnReport> {
        let before = self.lists.get(code)?.clone();
        let count = self.count(&before);
        let joining = count.saturating_mul(churn.new_permille.min(1000)).div_ceil(1000);
        let old_end = self.end;
        let mut after = before.clone();
        after.rounds.push(MemberRound { round: churn.round, gone_permille: churn.gone_permille, new: old_end + 1..=old_end + joining });
        let change = ChangeRound { round: churn.round, permille: churn.changed_permille };
        self.end = old_end + joining;
        self.changes.push(change);
        after.snapshot = Some(self.select(&after));
        let report = self.compare(&before, &after, change);
        if let Some(snapshot) = &after.snapshot {
            snapshot.count.get_or_init(|| report.members);
        }
        after.created |= report.members > 0;
        after.refreshed = Some(now);
        self.lists.insert(code.to_owned(), after);
        Some(report)
    }

    fn compare(&self, before: &ListState, after: &ListState, change: ChangeRound) -> ChurnReport {
        let mut report = ChurnReport { changed: 0, new: 0, gone: 0, members: 0 };
        for index in 1..=self.end {
            match (self.on_list(before, index), self.on_list(after, index)) {
                (true, true) => {
                    let hit = change.hits(self.population.seed, index);
                    report.changed += u64::from(hit && !self.overrides.contains_key(&index));
                    report.members += 1;
                }
                (false, true) => {
                    report.new += 1;
                    report.members += 1;
                }
                (true, false) => report.gone += 1,
                (false, false) => {}
            }
        }
        report
    }
}
