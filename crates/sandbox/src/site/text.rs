//! Numbers and times as people read them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// `1,234,567`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `2026-03-02 08:00:05`, in UTC.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As the value of a `datetime-local` field, in UTC.
pub(crate) fn field(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

/// Reads a `datetime-local` field as UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    let years = 2000..=2200;
    time.to_zoned(TimeZone::UTC).ok().filter(|_| years.contains(&time.year())).map(|zoned| zoned.timestamp())
}

/// `3 minutes ago`, `just now`, `in 2 hours`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let words = match seconds.unsigned_abs() {
        0..10 => return "just now".into(),
        s @ 10..120 => format!("{s} seconds"),
        s @ 120..7_200 => format!("{} minutes", s / 60),
        s @ 7_200..172_800 => format!("{} hours", s / 3_600),
        s => format!("{} days", s / 86_400),
    };
    if seconds < 0 { format!("in {words}") } else { format!("{words} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ages_are_readable() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        assert!(cases.iter().all(|(n, text)| number(*n) == *text));
        let now: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let of = |text: &str| age(text.parse().unwrap(), now);
        assert_eq!(of("2026-03-02T07:59:55Z"), "just now");
        assert_eq!(of("2026-03-02T07:30:00Z"), "30 minutes ago");
        assert_eq!(of("2026-03-02T13:00:00Z"), "in 5 hours");
        assert_eq!(of("2026-02-20T08:00:00Z"), "10 days ago");
    }

    #[test]
    fn form_times_are_utc_and_bounded() {
        assert_eq!(parse("2026-03-02T08:05").map(field), Some("2026-03-02T08:05".into()));
        for bad in ["", "x", "1999-01-01T00:00", "2999-01-01T00:00", "2026-13-01T00:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
