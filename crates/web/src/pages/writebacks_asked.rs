//! Which writebacks the list is asked for, as addresses say it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rialto_core::writeback::{WritebackKind, WritebackState};
use rialto_core::{Kind, PublicId};
use rialto_store::views::writebacks::Filter;
use serde::Deserialize;

use super::links;

#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    pub bridge: String,
    pub kind: String,
    pub state: String,
    /// A subscriber's public id.
    pub person: String,
    /// Days, such as `2026-01-05`, in the instance's time zone; both belong to the span.
    pub from: String,
    pub until: String,
    /// Ids of writebacks: behind which a page begins (older), or before which it ends (newer).
    pub before: String,
    pub newer: String,
}

/// What is wrong with the days that were entered; empty where nothing is.
#[derive(Default)]
pub struct Faults {
    pub from: &'static str,
    pub until: &'static str,
}

impl Faults {
    pub fn any(&self) -> bool {
        !self.from.is_empty() || !self.until.is_empty()
    }
}

const NO_DAY: &str = "Enter a day such as 2026-01-05.";

/// The moment at which a day begins or (`end`) ends, in microseconds since 1970.
fn moment(text: &str, zone: &TimeZone, end: bool) -> Result<Option<i64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Date::strptime("%Y-%m-%d", text).map_err(|_| NO_DAY)?;
    let day = if end { day.tomorrow().map_err(|_| NO_DAY)? } else { day };
    day.to_zoned(zone.clone()).map(|at| Some(at.timestamp().as_microsecond())).map_err(|_| NO_DAY)
}

impl Asked {
    /// The filter, its days read in a time zone. What names nothing known filters nothing; a day that is none is a fault.
    pub fn filter(&self, zone: &str) -> (Filter, Faults) {
        let id = |text: &str, kind| PublicId::parse(text, kind).map_or(0, |id| id.id);
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let mut faults = Faults::default();
        let since = moment(self.from.trim(), &zone, false).unwrap_or_else(|fault| {
            faults.from = fault;
            None
        });
        let until = moment(self.until.trim(), &zone, true).unwrap_or_else(|fault| {
            faults.until = fault;
            None
        });
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            faults.until = "This day lies before the first.";
        }
        let filter = Filter {
            bridge_id: id(&self.bridge, Kind::Bridge),
            subscriber_id: id(&self.person, Kind::Subscriber),
            state: WritebackState::from_name(&self.state).map_or("", WritebackState::name).into(),
            kind: WritebackKind::from_name(&self.kind).map_or("", WritebackKind::name).into(),
            since,
            until,
        };
        (filter, faults)
    }

    /// Whether anything was chosen.
    pub fn narrows(&self) -> bool {
        [&self.bridge, &self.kind, &self.state, &self.person, &self.from, &self.until].into_iter().any(|text| !text.is_empty())
    }

    /// The same list in a state (empty for any), from a place.
    pub fn link(&self, path: &str, state: &str, before: &str, newer: &str) -> String {
        let pairs = [
            ("bridge", self.bridge.as_str()),
            ("kind", &self.kind),
            ("person", &self.person),
            ("state", state),
            ("from", &self.from),
            ("until", &self.until),
            ("before", before),
            ("newer", newer),
        ];
        format!("{path}{}", links::query(&pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, until: &str) -> (Option<i64>, Option<i64>, bool) {
        let (filter, faults) = Asked { from: from.into(), until: until.into(), ..Asked::default() }.filter("Europe/Vienna");
        (filter.since, filter.until, faults.any())
    }

    #[test]
    fn a_span_is_whole_days_where_the_instance_is() {
        const HOUR: i64 = 3_600_000_000;
        let (since, until, faulty) = read("2026-01-05", "2026-01-05");
        assert!(!faulty);
        // 23:00 UTC on the day before.
        assert_eq!((since, until), (Some(1_767_567_600_000_000), Some(1_767_567_600_000_000 + 24 * HOUR)));
        let (since, until, _) = read("2026-03-29", "2026-03-29");
        assert_eq!(until.zip(since).map(|(u, s)| (u - s) / HOUR), Some(23), "the day on which summer time begins");
        assert_eq!(read("", ""), (None, None, false));
    }

    #[test]
    fn what_is_no_day_is_a_fault_and_so_is_a_span_turned_round() {
        for (from, until) in [("yesterday", ""), ("", "2026-02-30"), ("2026-01-06", "2026-01-05"), ("", "9999-12-31"), ("2026-1-5x", "")] {
            assert!(read(from, until).2, "{from} {until}");
        }
    }
}
