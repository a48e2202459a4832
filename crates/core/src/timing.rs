//! When writebacks of a kind go out: at once, with the queue's cycle, or once a day (docs/adr/0129).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Instant;
use crate::names::names;
use crate::schedule::{Daily, time_of_day};
use crate::writeback::{WritebackKind, WritebackState};

names! {
    When { AtOnce = "at_once", Cycle = "cycle", Daily = "daily" }
}

impl When {
    /// As the pages say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::AtOnce => "At once",
            Self::Cycle => "With the next cycle",
            Self::Daily => "Once a day",
        }
    }
}

/// When a bridge's writebacks go out, kind by kind, and at what time of day those that go once a day.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// Kinds that are not named go with the cycle.
    pub kinds: BTreeMap<WritebackKind, When>,
    /// `HH:MM`.
    pub at: String,
    /// IANA name.
    pub timezone: String,
}

/// What a bridge's Writeback Settings say instead of what its kind of remote system declares.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnTiming {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<WritebackKind, When>,
    pub at: Option<String>,
    pub timezone: Option<String>,
}

/// Kinds whose time can be chosen. Personas and mailing activity have dates of their own.
pub const TIMED: &[WritebackKind] =
    &[WritebackKind::Unsubscribe, WritebackKind::Resubscribe, WritebackKind::InvalidEmail, WritebackKind::Interests];

/// The time of day and the zone where nothing is said.
pub const AT: &str = "01:00";
pub const TIMEZONE: &str = "UTC";

impl Timing {
    /// What is declared, with what the bridge says instead.
    pub fn with(mut self, own: &OwnTiming) -> Self {
        self.kinds.extend(&own.kinds);
        self.kinds.retain(|kind, when| TIMED.contains(kind) && *when != When::Cycle);
        let first = |own: &Option<String>, declared: String, usual: &str| match own {
            Some(own) => own.clone(),
            None if declared.is_empty() => usual.to_owned(),
            None => declared,
        };
        self.at = first(&own.at, self.at, AT);
        self.timezone = first(&own.timezone, self.timezone, TIMEZONE);
        self
    }

    pub fn of(&self, kind: WritebackKind) -> When {
        self.kinds.get(&kind).copied().unwrap_or(When::Cycle)
    }

    /// The rule of the day; `None` for a time that is none, or a zone that this machine does not know.
    pub fn rule(&self) -> Option<Daily> {
        Some(Daily::new(time_of_day(&self.at)?, TimeZone::get(&self.timezone).ok()?))
    }

    /// How a writeback that is queued at a moment stands, and when it is due. One whose day cannot be worked out goes with the cycle:
    /// late is worse than early.
    pub fn date(&self, kind: WritebackKind, queued: Instant) -> (WritebackState, Instant) {
        match self.of(kind) {
            // Before every cutoff: no cycle is waited for.
            When::AtOnce => (WritebackState::New, Instant(0)),
            When::Cycle => (WritebackState::New, queued),
            When::Daily => match self.rule().and_then(|rule| rule.after(queued)) {
                Some(at) => (WritebackState::Scheduled, at),
                None => (WritebackState::New, queued),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nightly() -> Timing {
        let kinds = [(WritebackKind::Unsubscribe, When::Daily), (WritebackKind::Interests, When::AtOnce)];
        Timing { kinds: kinds.into(), at: "01:00".into(), timezone: "America/New_York".into() }
    }

    fn date(kind: WritebackKind, queued: &str) -> (WritebackState, String) {
        let (state, at) = nightly().date(kind, Instant::parse(queued).unwrap());
        (state, at.to_string())
    }

    #[test]
    fn the_night_is_that_of_the_zone_also_when_clocks_change() {
        use WritebackState::{New, Scheduled};
        let unsubscribe = |at| date(WritebackKind::Unsubscribe, at);
        assert_eq!(unsubscribe("2026-01-05T08:00:00Z"), (Scheduled, "2026-01-06T06:00:00Z".into()));
        assert_eq!(unsubscribe("2026-07-05T04:59:59Z"), (Scheduled, "2026-07-05T05:00:00Z".into()));
        assert_eq!(unsubscribe("2026-07-05T05:00:00Z"), (Scheduled, "2026-07-06T05:00:00Z".into()), "the next one, not this one again");
        // 1 a.m. comes twice on this night; the first one counts.
        assert_eq!(unsubscribe("2026-10-31T12:00:00Z"), (Scheduled, "2026-11-01T05:00:00Z".into()));
        assert_eq!(unsubscribe("2026-11-01T05:30:00Z"), (Scheduled, "2026-11-02T06:00:00Z".into()));
        assert_eq!(date(WritebackKind::Interests, "2026-01-05T08:00:00Z"), (New, Instant(0).to_string()));
        assert_eq!(date(WritebackKind::Resubscribe, "2026-01-05T08:00:00Z"), (New, "2026-01-05T08:00:00Z".into()));
    }

    #[test]
    fn a_bridge_says_otherwise_kind_by_kind() {
        let own = OwnTiming {
            kinds: [(WritebackKind::Unsubscribe, When::Cycle), (WritebackKind::Resubscribe, When::Daily)].into(),
            at: Some("03:30".into()),
            timezone: None,
        };
        let timing = nightly().with(&own);
        assert_eq!(timing.of(WritebackKind::Unsubscribe), When::Cycle);
        assert_eq!((timing.of(WritebackKind::Resubscribe), timing.of(WritebackKind::Interests)), (When::Daily, When::AtOnce));
        assert_eq!((timing.at.as_str(), timing.timezone.as_str()), ("03:30", "America/New_York"));
        let nothing = Timing::default().with(&OwnTiming::default());
        assert_eq!((nothing.kinds.len(), nothing.at.as_str(), nothing.timezone.as_str()), (0, "01:00", "UTC"));
        let unknown = Timing { timezone: "Mars/Olympus".into(), ..nightly() };
        let at = Instant(5);
        assert_eq!(unknown.date(WritebackKind::Unsubscribe, at), (WritebackState::New, at), "it goes all the same");
    }

    proptest! {
        #[test]
        fn a_day_is_never_further_than_a_day_and_a_bit(micros in 1_500_000_000_000_000i64..2_000_000_000_000_000) {
            let (state, at) = nightly().date(WritebackKind::Unsubscribe, Instant(micros));
            prop_assert_eq!(state, WritebackState::Scheduled);
            prop_assert!(at.0 > micros && at.0 - micros <= 25 * 3_600_000_000);
        }
    }
}
