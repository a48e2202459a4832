//! The least that any reader of an answer must do: the kept library goes through all of it, and nothing is kept.

use anyhow::{Context, Result, ensure};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::IgnoredAny;

/// Goes through an answer of JSON or XML, also through a DataSet that stands in it as escaped text. Answers how many tokens of XML
/// were seen.
pub fn read(body: &[u8]) -> Result<usize> {
    if body.first().is_some_and(|first| *first == b'{' || *first == b'[') {
        let IgnoredAny = serde_json::from_slice(body)?;
        return Ok(1);
    }
    let text = std::str::from_utf8(body)?.trim_start_matches('\u{feff}');
    match escaped(text) {
        Some(inner) => events(&quick_xml::escape::unescape(inner)?),
        None => events(text),
    }
}

/// What stands in `Data`.
fn escaped(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Data>")?;
    rest.split_once("</Data>").map(|(inner, _)| inner)
}

fn events(text: &str) -> Result<usize> {
    if !text.trim_start().starts_with('<') {
        return Ok(1);
    }
    let mut reader = Reader::from_str(text);
    let mut seen = 0;
    loop {
        match reader.read_event().context("well-formed XML")? {
            Event::Eof => break,
            _ => seen += 1,
        }
    }
    ensure!(seen > 0, "an answer without an element");
    Ok(seen)
}

#[cfg(test)]
mod tests {
    #[test]
    fn goes_through_all_dialects_and_refuses_what_is_cut() {
        assert_eq!(super::read(b"<O><Data>&lt;T&gt;&lt;R/&gt;&lt;/T&gt;</Data></O>").unwrap(), 3);
        assert_eq!(super::read(b"<O><Data>No Data Found</Data></O>").unwrap(), 1);
        assert_eq!(super::read(b"<a><b>1</b></a>").unwrap(), 5);
        assert_eq!(super::read(b"{\"a\":[1]}").unwrap(), 1);
        assert!(super::read(b"{\"a\":[1]").is_err() && super::read(b"<a></b>").is_err());
    }
}
