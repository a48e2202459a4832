//! What one row means, before anything is written: a pure function of the row and of what is known.

use rialto_core::consent::{Flag, FlagStep, flag_step};
use rialto_core::person::Mapped;
use rialto_store::people::Known;

/// What a row of a list calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// Something of the person has to be written.
    pub dirty: bool,
    /// The row opens a `remote_flag` cause, at once.
    pub suppress: bool,
    /// The row may lift the open `remote_flag` cause, after proof and gate.
    pub lift: bool,
    /// The connector leaves people with a remote "no" out of the group.
    pub left_out: bool,
}

pub(crate) fn classify(row: &Mapped, known: Option<Known>, leaves_out: bool) -> Verdict {
    let step = flag_step(known.map(|k| k.flag).unwrap_or_default(), row.flag);
    let left_out = leaves_out && row.flag == Flag::No;
    let suppress = step == FlagStep::Suppress;
    // Somebody who is left out and whom nobody knows is not brought over at all.
    let unwanted = left_out && known.is_none();
    // A yes where our no was the last that was delivered: the remote decided since, which has to be known although the row itself is old.
    let contradicts = row.flag == Flag::Yes && known.is_some_and(|k| k.flag.delivered == Some(Flag::No));
    let differs = contradicts || known.is_none_or(|k| k.hash != row.hash);
    Verdict { dirty: !unwanted && (differs || suppress), suppress: suppress && !unwanted, lift: step == FlagStep::Lift, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rialto_core::consent::FlagState;
    use rialto_core::person::{RemotePerson, map};

    fn row(flag: Flag) -> Mapped {
        map(RemotePerson { remote_id: Some("1-0".into()), address: Some("a@b.example".into()), flag, cells: vec![] }, &[]).unwrap()
    }

    proptest! {
        /// Reading the same row twice writes once (I14), and a no is never missed (the safe direction).
        #[test]
        fn equal_rows_are_not_written_again(no: bool, suppressed: bool) {
            let row = row(if no { Flag::No } else { Flag::Yes });
            let known = Known { id: 1, hash: row.hash, flag: FlagState { suppressed, delivered: None, seen: None } };
            let v = classify(&row, Some(known), false);
            prop_assert_eq!(v.dirty, no && !suppressed);
            prop_assert_eq!(v.suppress, no && !suppressed);
            prop_assert_eq!(v.lift, !no && suppressed);
        }
    }

    #[test]
    fn a_yes_against_our_delivered_no_is_written_although_the_row_is_old() {
        let row = row(Flag::Yes);
        let flag = FlagState { suppressed: false, delivered: Some(Flag::No), seen: None };
        assert!(classify(&row, Some(Known { id: 1, hash: row.hash, flag }), false).dirty);
    }

    #[test]
    fn a_new_person_is_written_and_a_no_suppresses_at_once() {
        assert!(classify(&row(Flag::Yes), None, false).dirty);
        let v = classify(&row(Flag::No), None, false);
        assert!(v.dirty && v.suppress && !v.left_out);
    }

    #[test]
    fn leaving_out_brings_no_new_person_but_suppresses_a_known_one() {
        let v = classify(&row(Flag::No), None, true);
        assert!(v.left_out && !v.dirty && !v.suppress);
        let known = Known { id: 1, hash: 5, flag: FlagState::default() };
        let v = classify(&row(Flag::No), Some(known), true);
        assert!(v.left_out && v.dirty && v.suppress);
    }
}
