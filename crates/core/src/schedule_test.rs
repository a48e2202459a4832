use super::*;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

fn daily(at: &str, zone: &str) -> Daily {
    Daily::new(time_of_day(at).unwrap(), TimeZoneDatabase::bundled().get(zone).unwrap())
}

fn at(text: &str) -> Instant {
    Instant::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn first(rule: &Daily, after: &str, count: usize) -> Vec<String> {
    rule.next(at(after), count).iter().map(ToString::to_string).collect()
}

#[test]
fn a_gap_is_jumped_and_an_overlap_counts_once() {
    let vienna = daily("02:30", "Europe/Vienna");
    assert_eq!(
        first(&vienna, "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        "on 29 March 02:30 does not exist; 03:00 is the first valid moment"
    );
    assert_eq!(
        first(&vienna, "2026-10-24T00:00:00Z", 3),
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        "on 25 October 02:30 comes twice; the first counts"
    );
    // The gap begins at the very time, and at midnight.
    assert_eq!(first(&daily("02:00", "Europe/Vienna"), "2026-03-29T00:00:00Z", 1), ["2026-03-29T01:00:00Z"]);
    assert_eq!(first(&daily("00:00", "America/Sao_Paulo"), "2018-11-03T12:00:00Z", 2), ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"]);
    // Half an hour, in the other hemisphere.
    assert_eq!(first(&daily("02:15", "Australia/Lord_Howe"), "2026-10-03T00:00:00Z", 1), ["2026-10-03T15:30:00Z"]);
}

#[test]
fn a_day_that_does_not_exist_has_no_occurrence() {
    // Samoa went from 29 to 31 December 2011.
    assert_eq!(
        first(&daily("02:00", "Pacific/Apia"), "2011-12-29T00:00:00Z", 3),
        ["2011-12-29T12:00:00Z", "2011-12-30T12:00:00Z", "2011-12-31T12:00:00Z"]
    );
    let apia = daily("02:00", "Pacific/Apia");
    assert_eq!(apia.on(jiff::civil::date(2011, 12, 30)), None);
}

#[test]
fn only_the_last_missed_occurrence_is_due_and_a_clock_set_back_finds_the_same() {
    let rule = daily("02:00", "Europe/Vienna");
    let since = at("2026-01-05T08:00:00Z");
    assert_eq!(rule.due(since, at("2026-01-06T00:59:59Z")), None);
    assert_eq!(rule.due(since, at("2026-01-06T01:00:00Z")), Some(at("2026-01-06T01:00:00Z")), "at the very moment");
    assert_eq!(rule.due(since, at("2026-01-16T14:00:00Z")), Some(at("2026-01-16T01:00:00Z")), "ten days asleep: the last one only");
    assert_eq!(rule.due(since, at("2026-01-06T00:30:00Z")), None, "set back before it");
    assert_eq!(rule.due(at("2026-01-06T01:00:00Z"), at("2026-01-06T01:00:00Z")), None, "made at that moment: from the next one on");
}

#[test]
fn times_of_day_are_two_digits_each() {
    for good in ["00:00", "02:30", "23:59"] {
        assert!(time_of_day(good).is_some(), "{good}");
    }
    for bad in ["", "2:30", "02:3", "24:00", "02:60", "02:30:00", "+2:30", "02.30", "02:30 ", "aa:bb", "٠٢:٣٠"] {
        assert!(time_of_day(bad).is_none(), "{bad}");
    }
}

#[test]
fn seven_and_ninety_days_to_the_microsecond() {
    let night = at("2026-04-01T00:00:00Z");
    let ago = |seconds: i64, micros: i64| Some(Instant(night.plus_seconds(-seconds).0 - micros));
    assert_eq!(overnight(ago(7 * 86_400, 0), None, None, night), Some(Why::Modified));
    assert_eq!(overnight(ago(7 * 86_400, 1), None, None, night), None);
    assert_eq!(overnight(None, ago(7 * 86_400, 0), None, night), Some(Why::Edited));
    assert_eq!(overnight(None, ago(7 * 86_400, 1), None, night), None);
    assert_eq!(overnight(None, None, ago(90 * 86_400, 0), night), Some(Why::Used));
    assert_eq!(overnight(None, None, ago(90 * 86_400, 1), night), None);
    assert_eq!(overnight(None, None, None, night), None);
    assert_eq!(overnight(ago(-3_600, 0), None, None, night), Some(Why::Modified), "the remote's clock goes ahead");
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Vienna",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Havana",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
];

fn zone() -> impl Strategy<Value = &'static str> {
    (0..ZONES.len()).prop_map(|n| ZONES[n])
}

/// 2008 to 2040: before and beyond what the tables list.
fn moment() -> impl Strategy<Value = Instant> {
    (1_199_145_600i64..2_208_988_800).prop_map(|s| Instant(s * 1_000_000))
}

fn time() -> impl Strategy<Value = String> {
    (0u8..24, 0u8..60).prop_map(|(h, m)| format!("{h:02}:{m:02}"))
}

#[test]
fn a_gap_may_end_at_the_midnight_behind_it() {
    let rule = daily("23:00", "America/Nuuk");
    let next = rule.after(Instant::from_timestamp("2027-03-27T12:00:00Z".parse().unwrap())).unwrap();
    assert_eq!(next.to_string(), "2027-03-28T01:00:00Z", "the 27th's, when the clocks have gone forward");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn occurrences_increase_and_each_is_the_one_of_its_local_day(at in time(), name in zone(), from in moment()) {
        let rule = daily(&at, name);
        let next = rule.next(from, 12);
        prop_assert_eq!(next.len(), 12);
        prop_assert!(next[0] > from);
        prop_assert!(next.windows(2).all(|w| w[0] < w[1]));
        for pair in next.windows(2) {
            let hours = pair[1].seconds_since(pair[0]) as f64 / 3_600.0;
            prop_assert!((21.0..=27.0).contains(&hours), "{} hours apart in {}", hours, name);
        }
        let zone = TimeZoneDatabase::bundled().get(name).unwrap();
        let mut days = std::collections::BTreeSet::new();
        for moment in &next {
            let local = moment.timestamp().to_zoned(zone.clone());
            let time = time_of_day(&at).unwrap();
            let mut day = local.date();
            // Not at the wanted time: then that time lies in the gap that ends here, perhaps at the midnight behind it (Nuuk, 2027).
            if local.datetime() != day.to_datetime(time) {
                if local.time() == jiff::civil::Time::midnight() {
                    day = day.yesterday().unwrap();
                }
                let wanted = day.to_datetime(time);
                let before = moment.timestamp().checked_sub(1.nanosecond()).unwrap().to_zoned(zone.clone()).datetime();
                prop_assert!(before < wanted && wanted < local.datetime(), "{} in {}: {} to {}", wanted, name, before, local);
            }
            prop_assert!(days.insert(day), "two on {}", day);
        }
    }

    #[test]
    fn looking_back_and_ahead_agree(at in time(), name in zone(), from in moment()) {
        let rule = daily(&at, name);
        let next = rule.after(from).unwrap();
        prop_assert_eq!(rule.latest(next), Some(next));
        let last = rule.latest(Instant(next.0 - 1)).unwrap();
        prop_assert!(last <= from, "nothing lies between");
        prop_assert_eq!(rule.after(last), Some(next));
    }

    /// A clock that jumps at will, looked at after every jump: what is due is the last real occurrence, never one from before the
    /// schedule's time, and a step back to a moment before it finds nothing newer.
    #[test]
    fn a_jumping_clock_meets_only_the_last_occurrence(
        at in time(), name in zone(), start in moment(), jumps in proptest::collection::vec(-40i64 * 86_400..40 * 86_400, 1..40),
    ) {
        let rule = daily(&at, name);
        let mut now = start;
        for jump in jumps {
            now = now.plus_seconds(jump);
            match rule.due(start, now) {
                Some(due) => {
                    prop_assert!(due > start && due <= now);
                    prop_assert_eq!(rule.latest(due), Some(due));
                    prop_assert!(rule.after(due).unwrap() > now, "a later one was passed over");
                    prop_assert!(rule.due(start, Instant(due.0 - 1)).is_none_or(|older| older < due));
                }
                None => prop_assert!(rule.after(start).unwrap() > now),
            }
        }
    }
}
