//! Schedules: a time of day in a time zone, and which moments that makes. Also which target groups the overnight sync reads.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::Instant;

/// How many occurrences pages and API show ahead.
pub const SHOWN_AHEAD: usize = 10;

/// What a schedule without settings of its own follows: `sync.overnight_at` and `instance.timezone`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Usual {
    /// Time of day, `HH:MM`.
    pub at: String,
    /// IANA name, e.g. `Europe/Vienna`.
    pub timezone: String,
}

impl Default for Usual {
    fn default() -> Self {
        Self { at: "02:00".into(), timezone: "UTC".into() }
    }
}

impl Usual {
    /// The rule it makes; `None` for a time that is none, or a zone that this machine does not know.
    pub fn daily(&self) -> Option<Daily> {
        Some(Daily::new(time_of_day(&self.at)?, TimeZone::get(&self.timezone).ok()?))
    }
}

/// Reads a time of day as settings write it: `HH:MM`, 24 hours. `None` for anything else.
pub fn time_of_day(text: &str) -> Option<Time> {
    let digits = |part: &str| (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i8>().ok()).flatten();
    let (hour, minute) = text.split_once(':')?;
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}

/// Once a local day, at a time of day in a time zone (docs/adr/0040):
/// - clocks go forward over the time: at the first valid moment after the gap;
/// - clocks go back over it: once, the first time it is reached;
/// - a local day that does not exist has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Daily {
    at: Time,
    zone: TimeZone,
}

impl Daily {
    pub fn new(at: Time, zone: TimeZone) -> Self {
        Self { at, zone }
    }

    /// The moment of one local day.
    pub fn on(&self, day: Date) -> Option<Instant> {
        let wanted = self.zone.to_ambiguous_timestamp(day.to_datetime(self.at));
        let AmbiguousOffset::Gap { .. } = wanted.offset() else { return wanted.earlier().ok().map(Instant::from_timestamp) };
        let start = DateTime::from_parts(day, Time::midnight()).to_zoned(self.zone.clone()).ok()?;
        if start.date() != day {
            return None;
        }
        // Read with the offset of before, the wanted time is the transition itself or later.
        let beyond = wanted.later().ok()?.checked_add(1.nanosecond()).ok()?;
        self.zone.preceding(beyond).next().map(|t| Instant::from_timestamp(t.timestamp()))
    }

    /// The first occurrence later than `moment`.
    pub fn after(&self, moment: Instant) -> Option<Instant> {
        let mut day = self.day_of(moment).checked_sub(2.days()).ok()?;
        // Two days back and some ahead: a gap may move an occurrence to the next day, and a day may be missing.
        for _ in 0..7 {
            if let Some(at) = self.on(day).filter(|at| *at > moment) {
                return Some(at);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The last occurrence at or before `moment`.
    pub fn latest(&self, moment: Instant) -> Option<Instant> {
        let mut day = self.day_of(moment).checked_add(1.day()).ok()?;
        for _ in 0..7 {
            if let Some(at) = self.on(day).filter(|at| *at <= moment) {
                return Some(at);
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// The next occurrences later than `moment`, in order.
    pub fn next(&self, moment: Instant, count: usize) -> Vec<Instant> {
        std::iter::successors(self.after(moment), |at| self.after(*at)).take(count).collect()
    }

    /// The occurrence that should have begun by `now`: the last one, when it is later than `since`. Occurrences
    /// missed before it are not made up for.
    pub fn due(&self, since: Instant, now: Instant) -> Option<Instant> {
        self.latest(now).filter(|at| *at > since)
    }

    fn day_of(&self, moment: Instant) -> Date {
        let at: Timestamp = moment.timestamp();
        at.to_zoned(self.zone.clone()).date()
    }
}

/// How long a change keeps a group in the overnight sync (SY-08).
pub const MODIFIED_WITHIN: i64 = 7 * 86_400;

/// How long use in a mailing keeps a group in the overnight sync (SY-08).
pub const USED_WITHIN: i64 = 90 * 86_400;

/// Why the overnight sync reads a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The remote changed the list: its MODIFIED_ON.
    Modified,
    /// Somebody edited the group here.
    Edited,
    /// A mailing used it.
    Used,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Self::Modified => "modified",
            Self::Edited => "edited",
            Self::Used => "used",
        }
    }
}

/// Whether the overnight sync of `occurrence` reads a group: modified at the remote or edited here within 7 days, or used in a mailing
/// within 90 days; days of 24 hours, the limits included. A time later than the occurrence counts as within.
pub fn overnight(modified: Option<Instant>, edited: Option<Instant>, used: Option<Instant>, occurrence: Instant) -> Option<Why> {
    let within = |at: Option<Instant>, seconds: i64| at.is_some_and(|at| at >= occurrence.plus_seconds(-seconds));
    if within(modified, MODIFIED_WITHIN) {
        Some(Why::Modified)
    } else if within(edited, MODIFIED_WITHIN) {
        Some(Why::Edited)
    } else if within(used, USED_WITHIN) {
        Some(Why::Used)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "schedule_test.rs"]
mod tests;
