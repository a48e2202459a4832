//! Is the body what was asked for? A login or maintenance page with status 200 is not an empty list.

use crate::ConnectorError;

/// What an answer should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    Xml,
    Json,
}

impl Expect {
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Xml => "application/xml, text/xml",
            Self::Json => "application/json",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Xml => "XML",
            Self::Json => "JSON",
        }
    }

    /// Refuses web pages, empty bodies and other formats by their first bytes; the content type alone decides only for HTML,
    /// since services mislabel the rest.
    pub(super) fn check(self, content_type: &str, body: &[u8]) -> Result<(), ConnectorError> {
        let start = without_bom(body).trim_ascii_start();
        let wrong = |what: &str| Err(ConnectorError::Protocol { detail: format!("{what} instead of {}", self.name()) });
        if content_type.to_ascii_lowercase().contains("html") || is_page(start) {
            return wrong("a web page");
        }
        match (self, start.first()) {
            (_, None) => wrong("an empty answer"),
            (Self::Xml, Some(b'<')) | (Self::Json, Some(b'{' | b'[')) => Ok(()),
            _ => wrong("something else"),
        }
    }
}

pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

fn is_page(start: &[u8]) -> bool {
    let begins = |with: &[u8]| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with));
    begins(b"<!doctype html") || begins(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_empty_bodies_and_other_formats_are_refused() {
        let ok = |e: Expect, t: &str, b: &str| e.check(t, b.as_bytes()).is_ok();
        assert!(ok(Expect::Xml, "application/xml", "<a/>") && ok(Expect::Xml, "", "\u{feff} \r\n<?xml version=\"1.0\"?><a/>"));
        assert!(ok(Expect::Json, "application/json", " {\"d\":[]}"));
        for (kind, body) in [
            ("text/html", "<a/>"),
            ("Text/HTML; charset=x", "<a/>"),
            ("application/xhtml+xml", "<a/>"),
            ("application/xml", "<!DocType HTML><x>"),
            ("", "\n<HTML>"),
            ("application/xml", ""),
            ("application/xml", "  "),
            ("application/xml", "{}"),
            ("text/plain", "No Data Found"),
        ] {
            assert!(!ok(Expect::Xml, kind, body), "{kind} {body}");
        }
        assert!(!ok(Expect::Json, "application/json", "<a/>") && !ok(Expect::Json, "application/json", "null"));
    }
}
