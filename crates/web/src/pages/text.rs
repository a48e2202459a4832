//! How pages write figures, times and states.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::tz::TimeZone;
use rialto_core::Instant;
use rialto_core::run::{RunState, Trigger};

/// Template filters.
pub mod filters {
    /// A whole number with separators: `1,204`.
    #[askama::filter_fn]
    pub fn num(value: &i64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::num(*value))
    }

    /// An email address that breaks before its `@`, where there is not enough room.
    #[askama::filter_fn]
    pub fn address(value: &str, _: &dyn askama::Values) -> askama::Result<askama::filters::Safe<String>> {
        Ok(askama::filters::Safe(super::address(value)))
    }
}

/// `1,204`; a real minus sign for what is below zero.
pub fn num(n: i64) -> String {
    rialto_core::figure(n)
}

/// `1 person`, `2 people`.
pub fn count(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", num(n), if n == 1 { one } else { many })
}

/// `1 person`, `1,204 people`.
pub fn people(n: i64) -> String {
    count(n, "person", "people")
}

/// A moment as an age, with the exact time in the reader's zone on hover.
#[derive(Clone, Debug)]
pub struct When {
    pub ago: String,
    pub exact: String,
    /// RFC 3339, in UTC.
    pub iso: String,
}

impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\" title=\"{}\">{}</time>", self.iso, self.exact, self.ago)
    }
}

/// Where and when the reader is.
#[derive(Clone, Debug)]
pub struct Here {
    pub now: Instant,
    pub zone: TimeZone,
}

impl Here {
    /// An unknown zone is UTC.
    pub fn new(now: Instant, zone: &str) -> Self {
        Self { now, zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC) }
    }

    pub fn when(&self, at: i64) -> When {
        let at = Instant(at);
        let exact = at.timestamp().to_zoned(self.zone.clone()).strftime("%A, %-d %B %Y, %H:%M:%S %Z").to_string();
        When { ago: ago(self.now.seconds_since(at)), exact: escape(&exact), iso: at.to_string() }
    }

    /// A moment written out, to the minute, in the reader's zone: `Monday, 5 January 2026, 08:57 CET`.
    pub fn minute(&self, at: i64) -> String {
        Instant(at).timestamp().to_zoned(self.zone.clone()).strftime("%A, %-d %B %Y, %H:%M %Z").to_string()
    }

    /// The same where there is little room: `Mon 5 Jan, 08:57 CET`, in another year `Mon 5 Jan 2027, 08:57 CET`.
    pub fn short(&self, at: i64) -> String {
        let (at, now) = (Instant(at).timestamp().to_zoned(self.zone.clone()), self.now.timestamp().to_zoned(self.zone.clone()));
        at.strftime(if at.year() == now.year() { "%a %-d %b, %H:%M %Z" } else { "%a %-d %b %Y, %H:%M %Z" }).to_string()
    }

    pub fn maybe(&self, at: Option<i64>) -> Option<When> {
        at.map(|at| self.when(at))
    }
}

/// Text as it may stand in HTML, also inside quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As `escape`; an address may break before its `@`, rather than anywhere.
pub fn address(text: &str) -> String {
    let escaped = escape(text);
    if text.contains(char::is_whitespace) { escaped } else { escaped.replacen('@', "<wbr>@", 1) }
}

fn ago(seconds: i64) -> String {
    let (span, later) = (seconds.unsigned_abs(), seconds < 0);
    let (n, unit) = match span {
        0..=4 => return "just now".into(),
        5..=59 => (span, "second"),
        60..=3_599 => (span / 60, "minute"),
        3_600..=86_399 => (span / 3_600, "hour"),
        86_400..=5_183_999 => (span / 86_400, "day"),
        5_184_000..=63_071_999 => (span / 2_592_000, "month"),
        _ => (span / 31_536_000, "year"),
    };
    let s = if n == 1 { "" } else { "s" };
    if later { format!("in {n} {unit}{s}") } else { format!("{n} {unit}{s} ago") }
}

/// How long something took: `4 s`, `2 min 5 s`.
pub fn span(microseconds: i64) -> String {
    let seconds = microseconds.max(0) / 1_000_000;
    match seconds {
        0 => format!("{} ms", microseconds.max(0) / 1_000),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A state as a word with a shape; the colour only repeats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chip {
    pub tone: &'static str,
    pub word: &'static str,
}

impl HtmlSafe for Chip {}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = match self.tone {
            "ok" => "●",
            "look" => "▲",
            "stop" => "■",
            "go" => "▶",
            _ => "○",
        };
        write!(f, "<span class=\"chip {}\"><span aria-hidden=\"true\">{shape}</span>{}</span>", self.tone, self.word)
    }
}

impl Chip {
    pub const fn ok(word: &'static str) -> Self {
        Self { tone: "ok", word }
    }

    pub const fn look(word: &'static str) -> Self {
        Self { tone: "look", word }
    }

    pub const fn stop(word: &'static str) -> Self {
        Self { tone: "stop", word }
    }

    pub const fn go(word: &'static str) -> Self {
        Self { tone: "go", word }
    }

    pub const fn off(word: &'static str) -> Self {
        Self { tone: "off", word }
    }

    pub fn of_run(state: RunState, plan_only: bool) -> Self {
        match state {
            RunState::Queued => Self::go("Queued"),
            RunState::Running => Self::go("Running"),
            RunState::Succeeded if plan_only => Self::ok("Planned"),
            RunState::Succeeded => Self::ok("Succeeded"),
            RunState::Incomplete => Self::look("Incomplete"),
            RunState::Held => Self::look("Held"),
            RunState::Approved => Self::ok("Approved"),
            RunState::Discarded => Self::off("Discarded"),
            RunState::Superseded => Self::off("Superseded"),
            RunState::Failed => Self::stop("Failed"),
        }
    }
}

/// What set a run off, as a person would say it.
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Login => "a sign-in",
        Trigger::Send => "a mailing about to be sent",
        Trigger::RefreshGroups => "Refresh Target Group List",
        Trigger::RefreshBridge => "Bridge Configuration",
        Trigger::Resync => "Resync Target Group",
        Trigger::Info => "Info",
        Trigger::Overnight => "the night's schedule",
        Trigger::Upload => "an upload",
        Trigger::Api => "the API",
        Trigger::Cli => "the command line",
    }
}

/// `user:ann@x` → `ann@x`.
pub fn actor(name: &str) -> String {
    match name.split_once(':') {
        Some(("user", email)) => email.to_owned(),
        Some(("person", _)) => "the person, by their link".into(),
        Some(("token", token)) => format!("the token {token}"),
        _ if name == "cli" => "the command line".into(),
        _ => "Rialto".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_separators() {
        assert_eq!([num(0), num(999), num(1_204), num(-1_000_000)], ["0", "999", "1,204", "−1,000,000"]);
    }

    #[test]
    fn ages_are_said_as_people_say_them() {
        assert_eq!(
            [ago(2), ago(59), ago(60), ago(7_200), ago(-90), ago(90_000)],
            ["just now", "59 seconds ago", "1 minute ago", "2 hours ago", "in 1 minute", "1 day ago"]
        );
        assert_eq!([span(4_000), span(4_000_000), span(125_000_000)], ["4 ms", "4 s", "2 min 5 s"]);
    }

    #[test]
    fn a_moment_shows_the_readers_zone() {
        let here = Here::new(Instant(1_767_600_000_000_000), "Europe/Berlin");
        let text = here.when(1_767_599_820_000_000).to_string();
        assert_eq!(text, "<time datetime=\"2026-01-05T07:57:00Z\" title=\"Monday, 5 January 2026, 08:57:00 CET\">3 minutes ago</time>");
    }
}
