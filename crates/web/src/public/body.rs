//! What a form, or a mail program by RFC 8058, asks for.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, header};

use super::multipart;

/// Largest body in bytes.
pub(super) const LIMIT: usize = 16 << 10;
/// What a person may write; longer texts are cut, for the act counts and not its words.
const WORDS: usize = 500;

/// Interests on one page.
const MOST_INTERESTS: usize = 200;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// By a mail program on a person's behalf: it reads no page.
    OneClick,
    Unsubscribe {
        /// In the words of the ledger; empty when none was given.
        reason: String,
    },
    Resubscribe,
    /// Interests by internal id, and whether they are wanted: only what differs from what was shown, so that an old page gives up
    /// nothing that was taken elsewhere meanwhile.
    Interests(Vec<(i64, bool)>),
}

/// Why somebody leaves: the form's value, and the words for those who read the ledger.
pub(super) const REASONS: [(&str, &str); 4] = [
    ("too_often", "Too many mails"),
    ("not_relevant", "The mails do not interest them"),
    ("never_asked", "They never asked for mail"),
    ("other", "Another reason"),
];

/// Reads a body of at most `LIMIT` bytes. `None` for one that asks for nothing that there is.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Option<Asked> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let fields: Vec<(String, String)> = match multipart::boundary(kind) {
        Some(boundary) => multipart::fields(&String::from_utf8_lossy(body), boundary),
        None => url::form_urlencoded::parse(body).map(|(n, v)| (n.into_owned(), v.into_owned())).collect(),
    };
    let of = |name: &str| fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v.trim());
    if of("List-Unsubscribe").eq_ignore_ascii_case("One-Click") {
        return Some(Asked::OneClick);
    }
    match of("act") {
        "unsubscribe" => Some(Asked::Unsubscribe { reason: reason(of("reason"), of("words")) }),
        "resubscribe" => Some(Asked::Resubscribe),
        "interests" => interests(&fields),
        _ => None,
    }
}

/// What is ticked now against what was ticked on the page. `None` for ids that no page has shown.
fn interests(fields: &[(String, String)]) -> Option<Asked> {
    let ids = |name: &str| -> Option<BTreeSet<i64>> {
        let values = fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.parse().ok().filter(|id| *id > 0));
        values.collect::<Option<BTreeSet<i64>>>().filter(|ids| ids.len() <= MOST_INTERESTS)
    };
    let (was, want) = (ids("was")?, ids("want")?);
    let took = want.difference(&was).map(|id| (*id, true));
    Some(Asked::Interests(took.chain(was.difference(&want).map(|id| (*id, false))).collect()))
}

/// The reason chosen, and the person's own words.
fn reason(chosen: &str, words: &str) -> String {
    let known = REASONS.iter().find(|(value, _)| *value == chosen).map(|(_, told)| *told);
    let parts = [known.map_or_else(|| plain(chosen), str::to_owned), plain(words)];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(": ")
}

/// One line without control characters, cut.
fn plain(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(kind: &'static str, body: &str) -> Option<Asked> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        read(&headers, body.as_bytes())
    }

    #[test]
    fn both_encodings_and_both_acts_are_read() {
        const FORM: &str = "application/x-www-form-urlencoded";
        assert_eq!(of(FORM, "List-Unsubscribe=One-Click"), Some(Asked::OneClick));
        assert_eq!(of("", "list-unsubscribe=one-click"), Some(Asked::OneClick));
        let parts = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--";
        assert_eq!(of("multipart/form-data; boundary=x", parts), Some(Asked::OneClick));
        assert_eq!(of(FORM, "act=resubscribe"), Some(Asked::Resubscribe));
        let unsubscribe = |reason: &str| Some(Asked::Unsubscribe { reason: reason.into() });
        assert_eq!(of(FORM, "act=unsubscribe"), unsubscribe(""));
        assert_eq!(of(FORM, "act=unsubscribe&reason=too_often&words=five+a%0Aday"), unsubscribe("Too many mails: five a day"));
        assert_eq!(of(FORM, "act=unsubscribe&reason=Moved%00away"), unsubscribe("Moved away"));
        assert_eq!(
            of(FORM, "act=interests&was=1&was=2&want=2&want=3&want=3"),
            Some(Asked::Interests(vec![(3, true), (1, false)])),
            "only what differs"
        );
        assert_eq!(of(FORM, "act=interests"), Some(Asked::Interests(Vec::new())));
        let long = format!("act=unsubscribe&words={}", "ü".repeat(2_000));
        assert_eq!(of(FORM, &long), unsubscribe(&"ü".repeat(WORDS)));
    }

    #[test]
    fn anything_else_asks_for_nothing() {
        for body in [
            "",
            "act=",
            "act=erase",
            "act=interests&want=x",
            "act=interests&was=-1&want=1",
            "reason=too_often",
            "{\"act\":\"unsubscribe\"}",
            "List-Unsubscribe=maybe",
            "\u{0}",
        ] {
            assert_eq!(of("application/x-www-form-urlencoded", body), None, "{body}");
            assert_eq!(of("multipart/form-data; boundary=x", body), None, "{body}");
        }
    }
}
