//! Writebacks: what is told to a remote system, the states of one, and the paths between them (`rules.md` section 4).

use serde::{Deserialize, Serialize};

use crate::consent::Flag;
use crate::ids::PublicId;
use crate::names::names;
use crate::time::Instant;

names! {
    /// What a writeback is about.
    #[derive(PartialOrd, Ord)]
    WritebackKind {
        Unsubscribe = "unsubscribe", Resubscribe = "resubscribe", InvalidEmail = "invalid_email", Interests = "interests",
        MailingActivity = "mailing_activity", Persona = "persona",
    }
}

names! {
    WritebackState {
        Scheduled = "scheduled", New = "new", Held = "held", Processing = "processing", Sent = "sent", Error = "error",
        NoRemoteRecipients = "no_remote_recipients", Cancelled = "cancelled",
    }
}

names! {
    /// Why an address takes no mail; the activity of a bad address tells it (WB-11).
    AddressFault { Malformed = "malformed", InvalidDomain = "invalid_domain", RepeatBouncer = "repeat_bouncer" }
}

names! {
    /// Where a remote system keeps an interest (IP-02).
    #[derive(PartialOrd, Ord)]
    InterestSource { Area = "area", Demographic = "demographic" }
}

names! {
    /// How writebacks reach a remote system: Rialto calls it, or it fetches and acknowledges them (`docs/adr/0125`).
    #[derive(Default)]
    Delivery { #[default] Push = "push", Polled = "polled" }
}

/// Tries that happen by themselves: the first, and two on later cycles (WB-03).
pub const AUTOMATIC_TRIES: i64 = 3;

/// Longest reason that is told, in characters.
pub const LONGEST_REASON: usize = 1_000;

impl WritebackKind {
    /// As the pages say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unsubscribe => "Unsubscribe",
            Self::Resubscribe => "Resubscribe",
            Self::InvalidEmail => "Invalid email address",
            Self::Interests => "Interests",
            Self::MailingActivity => "Mailing activity",
            Self::Persona => "Persona",
        }
    }

    /// 0 goes before 1, 1 before 2: consent before everything.
    pub fn rank(self) -> i64 {
        match self {
            Self::Unsubscribe | Self::Resubscribe => 0,
            Self::InvalidEmail | Self::Interests => 1,
            Self::MailingActivity | Self::Persona => 2,
        }
    }

    /// Whether a bridge may switch it off: never what people decided about being mailed, nor a bad address (WB-10).
    pub fn may_be_off(self) -> bool {
        matches!(self, Self::Interests | Self::MailingActivity | Self::Persona)
    }
}

impl WritebackState {
    /// As the pages say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::New => "New",
            Self::Held => "Held",
            Self::Processing => "Processing",
            Self::Sent => "Sent",
            Self::Error => "Error",
            Self::NoRemoteRecipients => "No Remote Recipients",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Nothing more will happen to it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::NoRemoteRecipients | Self::Cancelled)
    }

    /// Whether the drawn machine has this step.
    pub fn may_become(self, next: Self) -> bool {
        use WritebackState as S;
        matches!(
            (self, next),
            (S::Scheduled, S::New | S::Cancelled)
                | (S::New, S::Processing | S::Held | S::Cancelled)
                | (S::Held, S::New | S::Cancelled)
                // Back to New without a try: the lease ran out before anything was sent, or a set-up fault was found first.
                | (S::Processing, S::Sent | S::Error | S::Held | S::New | S::NoRemoteRecipients)
                | (S::Error, S::Processing | S::New | S::Held | S::Cancelled)
        )
    }
}

impl AddressFault {
    /// The words of the activity.
    pub fn words(self) -> &'static str {
        match self {
            Self::Malformed => "malformed address",
            Self::InvalidDomain => "invalid domain",
            Self::RepeatBouncer => "consecutive bouncer",
        }
    }
}

/// What names an interest at its remote: an opt-in interest area, or a demographic code with its subcode.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct InterestKey {
    pub source: InterestSource,
    pub code: String,
    /// Empty for an interest area.
    pub subcode: String,
}

/// One interest that a person took or gave up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InterestChange {
    pub source: InterestSource,
    /// The remote's code: an opt-in interest area, or a demographic code.
    pub code: String,
    /// A demographic's subcode; empty for an interest area.
    #[serde(default)]
    pub subcode: String,
    pub name: String,
    pub wanted: bool,
}

/// What is told to the remote about one person. Kept as JSON beside the row; holds no address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// When the person decided, or the fact came to light.
    pub at: Instant,
    /// `instance.account_name`.
    pub account: String,
    /// In the words of who acted; empty when none was given.
    #[serde(default)]
    pub reason: String,
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Unsubscribe,
    Resubscribe {
        /// False while a cause of the remote's own stands: then the act is told, but no "yes" is written.
        say_yes: bool,
    },
    InvalidEmail {
        fault: AddressFault,
    },
    Interests {
        changes: Vec<InterestChange>,
    },
    /// The persona that the person is sorted into now. An empty name: none, and the row of ours goes.
    Persona {
        name: String,
        description: String,
        /// What earlier writebacks may have left there: the last one that was acknowledged, and every try since. A row is ours only if
        /// it says one of these, or what is said now.
        #[serde(default)]
        before: Vec<PersonaText>,
    },
}

/// A persona as a remote system's table holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PersonaText {
    pub name: String,
    pub description: String,
}

impl Message {
    pub fn kind(&self) -> WritebackKind {
        match self.what {
            What::Unsubscribe => WritebackKind::Unsubscribe,
            What::Resubscribe { .. } => WritebackKind::Resubscribe,
            What::InvalidEmail { .. } => WritebackKind::InvalidEmail,
            What::Interests { .. } => WritebackKind::Interests,
            What::Persona { .. } => WritebackKind::Persona,
        }
    }

    /// The flag that stands at the remote once it acknowledged this.
    pub fn flag(&self) -> Option<Flag> {
        match self.what {
            What::Unsubscribe => Some(Flag::No),
            What::Resubscribe { say_yes: true } => Some(Flag::Yes),
            _ => None,
        }
    }
}

/// The mark that a writeback leaves at the remote: it is looked for before a second try, and by the standing check.
pub fn marker(id: PublicId) -> String {
    format!("[rialto:{id}]")
}

/// The marker in a text of the remote, if one stands there.
pub fn find_marker(text: &str) -> Option<&str> {
    let start = text.find("[rialto:")?;
    let rest = &text[start..];
    let end = rest.find(']')?;
    let id = &rest["[rialto:".len()..end];
    PublicId::parse(id, crate::ids::Kind::Writeback)?;
    Some(&rest[..=end])
}

/// Whether another try comes by itself after `tries` tries, the last of which failed. A manual retry is one try.
pub fn retries_by_itself(tries: i64, by_hand: bool) -> bool {
    !by_hand && tries < AUTOMATIC_TRIES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Kind;
    use proptest::prelude::*;

    #[test]
    fn what_is_final_stays() {
        for state in WritebackState::ALL.iter().filter(|s| s.is_final()) {
            assert!(WritebackState::ALL.iter().all(|next| !state.may_become(*next)), "{state}");
        }
    }

    #[test]
    fn only_the_try_itself_ends_in_sent() {
        let before: Vec<_> = WritebackState::ALL.iter().filter(|s| s.may_become(WritebackState::Sent)).collect();
        assert_eq!(before, [&WritebackState::Processing]);
    }

    #[test]
    fn three_tries_by_itself_then_one_a_press() {
        assert!(retries_by_itself(1, false) && retries_by_itself(2, false) && !retries_by_itself(3, false));
        assert!(!retries_by_itself(4, true));
    }

    proptest! {
        #[test]
        fn a_marker_is_found_again_in_any_text(before in "[^\\[]{0,40}", after in ".{0,40}", id in 1i64..(1 << 50), ms in 0u64..(1 << 47)) {
            let mark = marker(PublicId { kind: Kind::Writeback, created_ms: ms, id });
            let text = format!("{before}{mark}{after}");
            prop_assert_eq!(find_marker(&text), Some(mark.as_str()));
        }

        #[test]
        fn no_text_breaks_the_search(text in ".{0,60}") {
            let _ = find_marker(&text);
        }
    }
}
