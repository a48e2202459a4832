//! The trust gate (`rules.md` section 3): when may absence on the remote remove somebody here?

use serde::{Deserialize, Serialize};

use crate::figure;

/// `trust.max_removed` and `trust.max_removed_percent`: both must be exceeded before a run is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub max_removed: u64,
    pub max_removed_percent: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_removed: 10, max_removed_percent: 10 }
    }
}

impl Limits {
    fn exceeded(self, count: u64, members_before: u64) -> bool {
        count > self.max_removed && u128::from(count) * 100 > u128::from(self.max_removed_percent) * u128::from(members_before)
    }
}

/// What a read proved about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    Complete,
    /// Why absence means nothing, as a sentence for people.
    Incomplete(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    pub members_before: u64,
    pub leaving: u64,
    pub lifts: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Removals and lifts go ahead.
    Apply,
    /// Additions stand, removals and lifts wait for a complete read.
    Wait(String),
    /// Additions stand, removals and lifts wait for a person.
    Hold(String),
}

pub fn judge(limits: Limits, proof: &Proof, d: Difference) -> Verdict {
    if let Proof::Incomplete(why) = proof {
        return Verdict::Wait(why.clone());
    }
    if limits.exceeded(d.leaving, d.members_before) {
        return Verdict::Hold(format!(
            "{} of {} people left this list at the remote system, more than you allow at once ({} and {} %). Nobody was removed yet.",
            figure(d.leaving),
            figure(d.members_before),
            figure(limits.max_removed),
            limits.max_removed_percent
        ));
    }
    if limits.exceeded(d.lifts, d.members_before) {
        return Verdict::Hold(format!(
            "{} of {} people may be mailed again according to the remote system, more than you allow at once ({} and {} %). Nobody was made mailable yet.",
            figure(d.lifts),
            figure(d.members_before),
            figure(limits.max_removed),
            limits.max_removed_percent
        ));
    }
    Verdict::Apply
}

/// What a read must show before absence may mean anything.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// How many rows the remote announced; `None` when it cannot say.
    pub announced: Option<u64>,
    pub read: u64,
    pub rejected: u64,
    pub duplicate: u64,
    /// The list was still the same one at the end of the read.
    pub stable: bool,
}

pub fn prove(e: &Evidence) -> Proof {
    let incomplete = |why: String| Proof::Incomplete(why);
    if !e.stable {
        return incomplete("The list was regenerated while it was read, three times in a row.".into());
    }
    if e.rejected > 0 {
        return incomplete(format!("{} rows had no readable key, so somebody may be missing only because of that.", figure(e.rejected)));
    }
    match e.announced {
        None => incomplete("The remote system does not say how many people the list has.".into()),
        // A row sent twice can hide one that was never sent: the count of different people must fit.
        Some(n) if n != e.read - e.duplicate.min(e.read) => incomplete(format!(
            "The remote system announced {} people and sent {} different ones.",
            figure(n),
            figure(e.read - e.duplicate.min(e.read))
        )),
        Some(_) => Proof::Complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdict(before: u64, leaving: u64, lifts: u64) -> Verdict {
        judge(Limits::default(), &Proof::Complete, Difference { members_before: before, leaving, lifts })
    }

    #[test]
    fn both_limits_must_be_exceeded() {
        assert_eq!(verdict(20, 10, 0), Verdict::Apply);
        assert_eq!(verdict(110, 11, 0), Verdict::Apply);
        assert!(matches!(verdict(109, 11, 0), Verdict::Hold(_)));
        assert!(matches!(verdict(12, 12, 0), Verdict::Hold(_)));
        assert!(matches!(verdict(109, 0, 11), Verdict::Hold(_)));
        assert_eq!(verdict(0, 0, 0), Verdict::Apply);
    }

    proptest! {
        #[test]
        fn nothing_is_removed_on_an_unproven_read(before in 0u64..1_000_000, leaving in 0u64..1_000_000, lifts in 0u64..1000) {
            let d = Difference { members_before: before, leaving, lifts };
            let v = judge(Limits::default(), &Proof::Incomplete("x".into()), d);
            prop_assert!(matches!(v, Verdict::Wait(_)));
        }

        #[test]
        fn more_leaving_never_opens_the_gate(before in 0u64..10_000, leaving in 0u64..10_000, more in 0u64..10_000) {
            if matches!(verdict(before, leaving, 0), Verdict::Hold(_)) {
                prop_assert!(matches!(verdict(before, leaving + more, 0), Verdict::Hold(_)));
            }
        }

        #[test]
        fn a_read_is_complete_only_when_all_adds_up(announced in proptest::option::of(0u64..50), read in 0u64..50, rejected in 0u64..3, duplicate in 0u64..3, stable: bool) {
            let complete = prove(&Evidence { announced, read, rejected, duplicate, stable }) == Proof::Complete;
            prop_assert_eq!(complete, stable && rejected == 0 && announced == Some(read.saturating_sub(duplicate)));
        }
    }
}
