//! How old a list's own data may be: what the remote's regeneration frequency promises.

use crate::Instant;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Seconds after which a list of this regeneration frequency should have been made anew; `None` when the frequency promises nothing
/// (`NEVER`, empty, or a word that is not known). Words are those of the remote's list maintenance, in any case. A month counts 31
/// days, a quarter 92, a year 366. `ALWAYS` (made anew at each use) is taken as an hour.
pub fn promise(regeneration: &str) -> Option<i64> {
    let word: String = regeneration.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
    match word.as_str() {
        "ALWAYS" | "HOURLY" => Some(HOUR),
        "DAILY" | "NIGHTLY" => Some(DAY),
        "WEEKLY" => Some(7 * DAY),
        "BIWEEKLY" | "FORTNIGHTLY" => Some(14 * DAY),
        "SEMIMONTHLY" => Some(16 * DAY),
        "MONTHLY" => Some(31 * DAY),
        "QUARTERLY" => Some(92 * DAY),
        "SEMIANNUALLY" | "SEMIANNUAL" => Some(184 * DAY),
        "YEARLY" | "ANNUALLY" | "ANNUAL" => Some(366 * DAY),
        _ => None,
    }
}

/// What there is to say about the age of a list's data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Age {
    /// Younger than promised, or nothing is promised.
    Fine,
    /// Older than its frequency promises; both in seconds.
    Late { age: i64, promised: i64 },
    /// A promise, but the remote does not say when the data was made.
    Unknown { promised: i64 },
}

/// Judges data made at `made`. Exactly as old as promised is still fine; data from the future (a clock that goes ahead) is too.
pub fn judge(regeneration: &str, made: Option<Instant>, now: Instant) -> Age {
    let Some(promised) = promise(regeneration) else { return Age::Fine };
    match made {
        None => Age::Unknown { promised },
        Some(made) if now.0.saturating_sub(made.0) > promised.saturating_mul(1_000_000) => {
            Age::Late { age: now.seconds_since(made), promised }
        }
        Some(_) => Age::Fine,
    }
}

/// A length of time as people say it: the two largest parts, e.g. `2 days 3 hours`.
pub fn in_words(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let parts = [(seconds / DAY, "day"), (seconds % DAY / HOUR, "hour"), (seconds % HOUR / 60, "minute")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(n, _)| *n == 0)
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    if shown.is_empty() { "less than a minute".into() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(1_767_600_000_000_000);

    fn made(seconds: i64, micros: i64) -> Option<Instant> {
        Some(Instant(NOW.plus_seconds(-seconds).0 - micros))
    }

    #[test]
    fn a_promise_is_broken_a_microsecond_too_late() {
        for (word, seconds) in [("DAILY", DAY), ("weekly", 7 * DAY), (" Monthly ", 31 * DAY), ("HOURLY", HOUR), ("ALWAYS", HOUR)] {
            assert_eq!(judge(word, made(seconds, 0), NOW), Age::Fine, "{word}");
            assert_eq!(judge(word, made(seconds, 1), NOW), Age::Late { age: seconds, promised: seconds }, "{word}");
            assert_eq!(judge(word, None, NOW), Age::Unknown { promised: seconds });
        }
    }

    #[test]
    fn what_promises_nothing_is_never_late() {
        for word in ["", "NEVER", "ON DEMAND", "ad hoc", "7", "DAILYISH"] {
            assert_eq!(judge(word, made(3_000 * DAY, 0), NOW), Age::Fine, "{word:?}");
            assert_eq!(judge(word, None, NOW), Age::Fine, "{word:?}");
        }
        assert_eq!(judge("DAILY", made(-DAY, 0), NOW), Age::Fine);
        assert_eq!(promise("Semi-Annually"), Some(184 * DAY));
    }

    #[test]
    fn lengths_read_well() {
        for (seconds, words) in [
            (0, "less than a minute"),
            (60, "1 minute"),
            (3_600, "1 hour"),
            (93_600, "1 day 2 hours"),
            (8 * DAY + 59, "8 days"),
            (DAY + 120, "1 day"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
