//! Days, and what a rule about time means on a certain day.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Step, ToSpan};
use serde::{Deserialize, Serialize};

use super::TimeRule;
use crate::Instant;
use crate::names::names;

/// Most units of a span: a hundred years in days.
pub const MAX_SPAN: u32 = 36_525;

/// A day from the year 1 to 9999, written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    pub fn new(date: Date) -> Option<Self> {
        (1..=9999).contains(&date.year()).then_some(Self(date))
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<Date>().ok().filter(|_| text.len() == 10).and_then(Self::new)
    }

    pub fn date(self) -> Date {
        self.0
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a date (YYYY-MM-DD)")
    }
}

names! {
    Unit { Days = "days", Weeks = "weeks", Months = "months", Years = "years" }
}

/// `30 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub n: u32,
    pub unit: Unit,
}

impl Span {
    /// A month before the 31st of March is the last day of February.
    fn step(self) -> Step {
        let n = i64::from(self.n.min(MAX_SPAN));
        match self.unit {
            Unit::Days => n.days(),
            Unit::Weeks => n.weeks(),
            // More than all years there are would be refused: they are as far away as can be.
            Unit::Months => n.min(9_999 * 12).months(),
            Unit::Years => n.min(9_999).years(),
        }
    }

    fn before(self, day: Date) -> Date {
        day.saturating_sub(self.step()).max(jiff::civil::date(1, 1, 1))
    }

    fn after(self, day: Date) -> Date {
        day.saturating_add(self.step())
    }
}

/// Today, and the zone in which it is.
#[derive(Clone, Debug)]
pub struct Today {
    pub date: Date,
    pub zone: TimeZone,
}

impl Today {
    pub fn at(now: Instant, zone: &TimeZone) -> Self {
        Self { date: now.timestamp().to_zoned(zone.clone()).date(), zone: zone.clone() }
    }

    /// Today in a zone by its name (`instance.timezone`); in UTC where this machine does not know it.
    pub fn in_zone(now: Instant, name: &str) -> Self {
        Self::at(now, &TimeZone::get(name).unwrap_or(TimeZone::UTC))
    }

    /// The day of a moment, in this zone.
    pub fn day_of(&self, at: Instant) -> Date {
        at.timestamp().to_zoned(self.zone.clone()).date()
    }

    /// The moment at which a day begins here.
    pub fn begins(&self, day: Date) -> Instant {
        day.to_zoned(self.zone.clone())
            .map_or(Instant(if day > self.date { i64::MAX } else { i64::MIN }), |at| Instant::from_timestamp(at.timestamp()))
    }

    /// When the next day begins.
    pub fn ends(&self) -> Instant {
        self.begins(self.date.saturating_add(1.day()))
    }
}

/// Days of the year, `MM-DD`, ascending.
pub type Anniversaries = Vec<String>;

/// Which days a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Days {
    /// From the first, up to but not including the second.
    Range {
        from: Option<Date>,
        until: Option<Date>,
    },
    OfTheYear(Anniversaries),
}

impl Days {
    pub fn contain(&self, day: Date) -> bool {
        match self {
            Self::Range { from, until } => from.is_none_or(|from| day >= from) && until.is_none_or(|until| day < until),
            Self::OfTheYear(days) => days.contains(&of_the_year(day)),
        }
    }
}

fn of_the_year(day: Date) -> String {
    format!("{:02}-{:02}", day.month(), day.day())
}

fn next(day: Date) -> Date {
    day.saturating_add(1.day())
}

impl TimeRule {
    /// Whether it means other days tomorrow.
    pub fn is_relative(&self) -> bool {
        !matches!(self, Self::On(_) | Self::Before(_) | Self::After(_) | Self::Between { .. })
    }

    pub fn days(&self, today: Date) -> Days {
        let range = |from, until| Days::Range { from, until };
        match self {
            Self::Today => range(Some(today), Some(next(today))),
            Self::On(day) => range(Some(day.0), Some(next(day.0))),
            Self::Before(day) => range(None, Some(day.0)),
            Self::After(day) => range(Some(next(day.0)), None),
            Self::Between { from, to } => range(Some(from.0), Some(next(to.0))),
            Self::InLast(span) => range(Some(span.before(today)), Some(next(today))),
            Self::LongerAgo(span) => range(None, Some(span.before(today))),
            Self::InNext(span) => range(Some(today), Some(next(span.after(today)))),
            Self::FurtherAhead(span) => range(Some(next(span.after(today))), None),
            Self::Anniversary { within_days } => Days::OfTheYear(anniversaries(today, *within_days)),
        }
    }
}

/// Whoever was born on the 29th of February has their day on the 28th in years without one.
fn anniversaries(today: Date, within_days: u16) -> Anniversaries {
    let mut all = Anniversaries::new();
    for ahead in 0..=i64::from(within_days.min(366)) {
        let day = today.saturating_add(ahead.days());
        all.push(of_the_year(day));
        if day.month() == 2 && day.day() == 28 && !day.in_leap_year() {
            all.push("02-29".to_owned());
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
