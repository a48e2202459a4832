//! When a job is due.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// Most minutes between two occurrences: 31 days.
pub(crate) const MOST_MINUTES: u32 = 44_640;

/// How a job recurs, in JSON `"once"`, `"daily"`, `"weekly"`, `"monthly"` or `{"minutes": 15}`. Days are of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// At its beginning only.
    Once,
    /// Every so many minutes, from 1 to 44,640.
    Minutes(u32),
    /// Every day.
    Daily,
    /// Every seven days.
    Weekly,
    /// Every month on the day of its beginning, or the month's last day if it has none such.
    Monthly,
}

impl Pattern {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Once => "Once".into(),
            Self::Minutes(1) => "Every minute".into(),
            Self::Minutes(n) => format!("Every {n} minutes"),
            Self::Daily => "Daily".into(),
            Self::Weekly => "Weekly".into(),
            Self::Monthly => "Monthly".into(),
        }
    }

    fn period(self) -> Option<SignedDuration> {
        match self {
            Self::Once | Self::Monthly => None,
            Self::Minutes(n) => Some(SignedDuration::from_mins(i64::from(n.clamp(1, MOST_MINUTES)))),
            Self::Daily => Some(SignedDuration::from_hours(24)),
            Self::Weekly => Some(SignedDuration::from_hours(24 * 7)),
        }
    }

    /// The first occurrence at `from` or later, of a job that begins at `begin`.
    pub(crate) fn first(self, begin: Timestamp, from: Timestamp) -> Option<Timestamp> {
        if from <= begin {
            return Some(begin);
        }
        match self.period() {
            Some(period) => {
                let periods = from.duration_since(begin).as_nanos().div_euclid(period.as_nanos());
                let at = |many: i128| self.skip(begin, begin, u64::try_from(many).ok()?);
                at(periods).filter(|at| *at >= from).or_else(|| at(periods + 1))
            }
            None if self == Self::Monthly => monthly(begin, from),
            None => None,
        }
    }

    /// The first occurrence after `last`.
    pub(crate) fn after(self, begin: Timestamp, last: Timestamp) -> Option<Timestamp> {
        self.first(begin, last.checked_add(SignedDuration::from_nanos(1)).ok()?)
    }

    fn onward(self, begin: Timestamp, next: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(Some(next), move |last| self.after(begin, *last))
    }

    /// How many occurrences there are from `next` to `now`, both included.
    pub(crate) fn due(self, begin: Timestamp, next: Timestamp, now: Timestamp) -> u64 {
        match self.period() {
            _ if next > now => 0,
            Some(period) => 1 + u64::try_from(now.duration_since(next).as_nanos() / period.as_nanos()).unwrap_or(0),
            None => self.onward(begin, next).take_while(|at| *at <= now).count() as u64,
        }
    }

    /// The occurrence so many after `next`.
    pub(crate) fn skip(self, begin: Timestamp, next: Timestamp, many: u64) -> Option<Timestamp> {
        match self.period() {
            Some(period) => {
                let seconds = period.as_secs().checked_mul(i64::try_from(many).ok()?)?;
                next.checked_add(SignedDuration::from_secs(seconds)).ok()
            }
            None => self.onward(begin, next).nth(usize::try_from(many).ok()?),
        }
    }
}

fn monthly(begin: Timestamp, from: Timestamp) -> Option<Timestamp> {
    let start = begin.to_zoned(TimeZone::UTC);
    let until = from.to_zoned(TimeZone::UTC);
    let years = i32::from(until.year()) - i32::from(start.year());
    let months = years * 12 + i32::from(until.month()) - i32::from(start.month());
    let at = |months: i32| start.checked_add(months.months()).ok().map(|zoned| zoned.timestamp());
    (months..=months + 1).filter_map(at).find(|at| *at >= from)
}
