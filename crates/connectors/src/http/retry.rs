//! When a read is tried again. Only reads come here: they change nothing, so a second one is harmless.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use jiff::fmt::rfc2822::DateTimeParser;
use rialto_core::Instant;
use tokio::time::Instant as Moment;

use super::limits::{LONGEST_RETRY_AFTER, Limits};
use crate::ConnectorError;

/// Reads `Retry-After`: seconds, or an HTTP date compared with `now`. Capped at an hour; a past date is zero; anything
/// else (negative, fractions, words) is `None`.
pub fn retry_after(value: &str, now: Instant) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    }
    let at = http_date(value)?;
    let seconds = u64::try_from(at.seconds_since(now)).unwrap_or(0);
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// `Mon, 05 Jan 2026 08:00:00 GMT`; the two obsolete forms are not read.
fn http_date(value: &str) -> Option<Instant> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(value).ok().map(Instant::from_timestamp)
}

/// The pauses of one call.
pub(super) struct Pauses {
    delays: ExponentialBackoff,
    left: Duration,
    until: Moment,
}

impl Pauses {
    pub(super) fn new(limits: &Limits, seed: u64) -> Self {
        let delays = ExponentialBuilder::new()
            .with_min_delay(limits.pause)
            .with_max_delay(limits.patience)
            .with_max_times(limits.attempts.saturating_sub(1))
            .with_jitter()
            .with_jitter_seed(seed)
            .build();
        Self { delays, left: limits.patience, until: Moment::now() + limits.call }
    }

    /// How long to wait before the next attempt; `None` when the error is final.
    pub(super) fn after(&mut self, error: &ConnectorError) -> Option<Duration> {
        let own = match error {
            ConnectorError::Transient { .. } | ConnectorError::Limited { .. } => self.delays.next()?,
            _ => return None,
        };
        let pause = match error {
            ConnectorError::Limited { retry_after: Some(asked) } => *asked,
            _ => own,
        };
        self.left = self.left.checked_sub(pause)?;
        (Moment::now() + pause < self.until).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<u64> {
        retry_after(value, Instant::parse("2026-01-05T08:00:00Z").unwrap()).map(|d| d.as_secs())
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_and_is_capped() {
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(" 120 "), Some(120));
        assert_eq!(read("1000000000"), Some(3_600));
        assert_eq!(read("99999999999999999999999999"), Some(3_600));
        assert_eq!(read("Mon, 05 Jan 2026 08:01:30 GMT"), Some(90));
        assert_eq!(read("Mon, 05 Jan 2026 07:00:00 GMT"), Some(0));
        assert_eq!(read("Tue, 05 Jan 2027 08:00:00 GMT"), Some(3_600));
        for odd in ["", "-5", "1.5", "soon", "Mon, 99 Foo 2026 08:00:00 GMT", "12 s"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_end_with_the_attempts_and_with_the_patience() {
        let limits = Limits { attempts: 3, ..Limits::default() };
        let transient = ConnectorError::Transient { detail: String::new() };
        let mut pauses = Pauses::new(&limits, 1);
        assert!(pauses.after(&transient).is_some() && pauses.after(&transient).is_some());
        assert_eq!(pauses.after(&transient), None);
        let asked = |s| ConnectorError::Limited { retry_after: Some(Duration::from_secs(s)) };
        assert_eq!(Pauses::new(&limits, 1).after(&asked(31)), None);
        let mut pauses = Pauses::new(&limits, 1);
        assert_eq!(pauses.after(&asked(20)), Some(Duration::from_secs(20)));
        assert_eq!(pauses.after(&asked(20)), None);
        assert_eq!(Pauses::new(&limits, 1).after(&ConnectorError::Auth { detail: String::new() }), None);
    }
}
