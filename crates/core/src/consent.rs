//! Consent causes and who may lift them (`rules.md` section 2).

use serde::{Deserialize, Serialize};

use crate::books::Line;

/// Why somebody is not mailed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    OwnUnsubscribe,
    Complaint,
    InvalidAddress,
    RemoteFlag,
    Upload,
    Admin,
}

/// What a cause is bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding {
    Record,
    Address,
    RecordAndAddress,
}

/// Who wants to lift a cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lifter {
    /// The person's own later act.
    Person,
    Admin {
        with_evidence: bool,
    },
    /// The same remote system, by its own later yes.
    SameRemote,
    /// A new address for the record.
    NewAddress,
}

impl Cause {
    pub const ALL: [Cause; 6] = [Self::OwnUnsubscribe, Self::Complaint, Self::InvalidAddress, Self::RemoteFlag, Self::Upload, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::OwnUnsubscribe => "own_unsubscribe",
            Self::Complaint => "complaint",
            Self::InvalidAddress => "invalid_address",
            Self::RemoteFlag => "remote_flag",
            Self::Upload => "upload",
            Self::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    pub fn binding(self) -> Binding {
        match self {
            Self::OwnUnsubscribe | Self::Complaint | Self::Admin => Binding::RecordAndAddress,
            Self::InvalidAddress | Self::Upload => Binding::Address,
            Self::RemoteFlag => Binding::Record,
        }
    }

    pub fn lifted_by(self, who: Lifter) -> bool {
        match (self, who) {
            (Self::OwnUnsubscribe, Lifter::Person) => true,
            (Self::OwnUnsubscribe | Self::Complaint | Self::Upload, Lifter::Admin { with_evidence }) => with_evidence,
            (Self::InvalidAddress, Lifter::NewAddress | Lifter::Admin { .. }) => true,
            (Self::RemoteFlag, Lifter::SameRemote) => true,
            (Self::Admin, Lifter::Admin { .. }) => true,
            _ => false,
        }
    }

    /// The line of the waterfall for somebody held back by this cause alone.
    pub fn line(self) -> Line {
        match self {
            Self::InvalidAddress => Line::Invalid,
            Self::Complaint => Line::Complaint,
            Self::OwnUnsubscribe => Line::UnsubscribedHere,
            Self::Admin | Self::Upload => Line::AdminOrUpload,
            Self::RemoteFlag => Line::RemoteFlag,
        }
    }

    /// As the pages say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::OwnUnsubscribe => "Unsubscribed here",
            Self::Complaint => "Complained",
            Self::InvalidAddress => "Invalid address",
            Self::RemoteFlag => "Unsubscribed from remote system",
            Self::Upload => "Uploaded as unsubscribed",
            Self::Admin => "Blocked by an administrator",
        }
    }
}

/// A remote system's flag for one record. Anything but a clear yes is a no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    Yes,
    No,
}

impl Flag {
    /// Personify360: both Allow Email and Allow Solicitation must be a clear `Y`.
    pub fn both(allow_email: Option<&str>, allow_solicitation: Option<&str>) -> Self {
        let clear_yes = |v: Option<&str>| v.is_some_and(|v| v.trim().eq_ignore_ascii_case("Y"));
        if clear_yes(allow_email) && clear_yes(allow_solicitation) { Self::Yes } else { Self::No }
    }
}

/// What Rialto knows of one record's remote flag before a row is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlagState {
    /// A `remote_flag` cause is open for the record.
    pub suppressed: bool,
    /// The last flag that we wrote to the remote and that it acknowledged.
    pub delivered: Option<Flag>,
    /// The flag of the last row read.
    pub seen: Option<Flag>,
}

/// What a row's flag does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlagStep {
    Nothing,
    /// Opens a `remote_flag` cause, at once.
    Suppress,
    /// May lift the `remote_flag` cause; waits for a complete read and the gate.
    Lift,
}

/// Decides by rule "no echo": a no equal to the last one we delivered, and never contradicted since, opens no cause.
pub fn flag_step(state: FlagState, row: Flag) -> FlagStep {
    match (row, state.suppressed) {
        (Flag::Yes, true) => FlagStep::Lift,
        (Flag::Yes, false) | (Flag::No, true) => FlagStep::Nothing,
        (Flag::No, false) if state.delivered == Some(Flag::No) => FlagStep::Nothing,
        (Flag::No, false) => FlagStep::Suppress,
    }
}

/// The first line of the waterfall among the open causes; `Mailable` without any.
pub fn first_line(causes: impl IntoIterator<Item = Cause>) -> Line {
    causes.into_iter().map(Cause::line).min().unwrap_or(Line::Mailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cause() -> impl Strategy<Value = Cause> {
        proptest::sample::select(&Cause::ALL[..])
    }

    fn flag() -> impl Strategy<Value = Flag> {
        proptest::sample::select(&[Flag::Yes, Flag::No][..])
    }

    proptest! {
        /// A permissive remote flag, or another bridge, never undoes what the person, an admin or a complaint set.
        #[test]
        fn a_remote_yes_lifts_only_its_own_cause(c in cause()) {
            prop_assert_eq!(c.lifted_by(Lifter::SameRemote), c == Cause::RemoteFlag);
        }

        #[test]
        fn a_remote_no_is_lifted_by_nobody_else(evidence: bool) {
            for who in [Lifter::Person, Lifter::NewAddress, Lifter::Admin { with_evidence: evidence }] {
                prop_assert!(!Cause::RemoteFlag.lifted_by(who));
            }
        }

        #[test]
        fn names_read_back(c in cause()) {
            prop_assert_eq!(Cause::from_name(c.name()), Some(c));
        }

        /// Reading the same flag again after its step was carried out does nothing: no echo, no repeated ledger rows.
        #[test]
        fn a_flag_read_twice_acts_once(suppressed: bool, delivered in proptest::option::of(flag()), row in flag()) {
            let before = FlagState { suppressed, delivered, seen: None };
            let after = match flag_step(before, row) {
                FlagStep::Suppress => true,
                FlagStep::Lift => false,
                FlagStep::Nothing => suppressed,
            };
            let again = flag_step(FlagState { suppressed: after, delivered, seen: Some(row) }, row);
            prop_assert_eq!(again, FlagStep::Nothing);
        }

        #[test]
        fn anything_but_a_clear_yes_is_a_no(a in "[YyNn \u{0}x01]{0,3}", b in "[YyNn ]{0,2}") {
            let yes = a.trim().eq_ignore_ascii_case("y") && b.trim().eq_ignore_ascii_case("y");
            prop_assert_eq!(Flag::both(Some(&a), Some(&b)) == Flag::Yes, yes);
            prop_assert_eq!(Flag::both(None, Some(&b)), Flag::No);
            prop_assert_eq!(Flag::both(Some(&a), None), Flag::No);
        }

        #[test]
        fn the_first_line_is_the_strongest(cs in proptest::collection::vec(cause(), 0..6)) {
            let line = first_line(cs.iter().copied());
            prop_assert!(cs.iter().all(|c| line <= c.line()));
            prop_assert_eq!(line == Line::Mailable, cs.is_empty());
        }
    }
}
