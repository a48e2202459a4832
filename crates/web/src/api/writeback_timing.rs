//! When a bridge's writebacks go out, in its Writeback Settings: as the kind of remote system declares it, or as the bridge says.

use jiff::tz::TimeZone;
use rialto_core::Instant;
use rialto_core::schedule::time_of_day;
use rialto_core::timing::{OwnTiming, Timing, When};
use rialto_core::writeback::WritebackKind;
use rialto_store::bridges::Bridge;
use rialto_store::writebacks::Settings;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Faults, maybe_time};

/// `at_once` (no cycle is waited for), `cycle`, or `daily`. Null in what is sent: as the kind of remote system declares it.
#[derive(Serialize, Deserialize, ToSchema, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct KindTimes {
    pub unsubscribe: Option<String>,
    pub resubscribe: Option<String>,
    pub invalid_email: Option<String>,
    pub interests: Option<String>,
}

/// When writebacks go out, where that is not as the kind of remote system declares it.
#[derive(Serialize, Deserialize, ToSchema, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct OwnTimes {
    pub kinds: KindTimes,
    /// Time of day of those that go daily, `HH:MM`; null: as declared.
    pub at: Option<String>,
    /// IANA name, such as `America/New_York`; null: as declared.
    pub timezone: Option<String>,
}

/// When writebacks go out.
#[derive(Serialize, ToSchema)]
pub struct Times {
    pub kinds: KindTimes,
    pub at: String,
    pub timezone: String,
    /// When those that go daily are due next; null where none do.
    #[schema(format = "date-time")]
    pub next_daily_at: Option<String>,
}

impl KindTimes {
    fn all(&self) -> [(WritebackKind, &Option<String>); 4] {
        [
            (WritebackKind::Unsubscribe, &self.unsubscribe),
            (WritebackKind::Resubscribe, &self.resubscribe),
            (WritebackKind::InvalidEmail, &self.invalid_email),
            (WritebackKind::Interests, &self.interests),
        ]
    }

    fn of(when: impl Fn(WritebackKind) -> Option<When>) -> Self {
        let name = |kind| when(kind).map(|when| when.name().to_owned());
        Self {
            unsubscribe: name(WritebackKind::Unsubscribe),
            resubscribe: name(WritebackKind::Resubscribe),
            invalid_email: name(WritebackKind::InvalidEmail),
            interests: name(WritebackKind::Interests),
        }
    }
}

impl OwnTimes {
    pub fn of(own: &OwnTiming) -> Self {
        Self { kinds: KindTimes::of(|kind| own.kinds.get(&kind).copied()), at: own.at.clone(), timezone: own.timezone.clone() }
    }

    /// What can be read of it; faults name the field.
    pub fn read(self, faults: &mut Faults) -> OwnTiming {
        let mut own = OwnTiming { at: self.at, timezone: self.timezone, ..OwnTiming::default() };
        for (kind, named) in self.kinds.all() {
            match named.as_deref().map(When::from_name) {
                None => {}
                Some(Some(when)) => drop(own.kinds.insert(kind, when)),
                Some(None) => faults.add(format!("timing.kinds.{kind}"), "Use at_once, cycle or daily."),
            }
        }
        bounds(&own, faults);
        own
    }
}

/// What is wrong with the time of day and its zone.
pub fn bounds(own: &OwnTiming, faults: &mut Faults) {
    if own.at.as_deref().is_some_and(|at| time_of_day(at).is_none()) {
        faults.add("timing.at", "Enter a time of day such as 01:00.");
    }
    if own.timezone.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err()) {
        faults.add("timing.timezone", "Enter a time zone such as America/New_York.");
    }
}

/// When a bridge's writebacks go out, with these settings.
pub fn timing(bridge: &Bridge, settings: &Settings) -> Timing {
    rialto_connectors::timing(&bridge.kind, &bridge.settings().unwrap_or_default(), &settings.timing)
}

/// Whether its kind of remote system is told of this at all.
pub fn is_told(bridge: &Bridge, kind: WritebackKind) -> bool {
    rialto_connectors::kind(&bridge.kind).is_none_or(|k| k.writebacks.contains(&kind))
}

pub fn times(bridge: &Bridge, settings: &Settings, now: Instant) -> Times {
    let timing = timing(bridge, settings);
    let daily = timing.kinds.values().any(|when| *when == When::Daily);
    let next = timing.rule().filter(|_| daily).and_then(|rule| rule.after(now));
    Times {
        kinds: KindTimes::of(|kind| is_told(bridge, kind).then(|| timing.of(kind))),
        at: timing.at,
        timezone: timing.timezone,
        next_daily_at: maybe_time(next.map(|at| at.0)),
    }
}
