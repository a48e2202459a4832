//! Answers as trees: bounded in depth, elements and text, without document types. Names keep their prefixes, so that a part can be sent
//! back as it came.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::ConnectorError;
use crate::http::without_bom;

/// Deepest nesting.
const DEPTH: usize = 64;
/// Most elements of an answer.
const ELEMENTS: usize = 200_000;
/// Most attributes of an element.
const ATTRIBUTES: usize = 32;
/// Bytes kept of one text; the rest is cut on a character boundary.
const TEXT: usize = 64 << 10;

/// Elements of a usual row.
const ROW: usize = 16;

/// An answer that breaks the contract.
pub(super) fn protocol(detail: impl Into<String>) -> ConnectorError {
    ConnectorError::Protocol { detail: detail.into() }
}

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    /// As it is written, with its prefix. A table repeats its names by the thousand: they are shared.
    pub written: Arc<str>,
    /// As they are written.
    pub attributes: Vec<(String, String)>,
    pub text: String,
    /// Whether some of the text was cut.
    pub cut: bool,
    pub children: Vec<Node>,
    /// The namespaces in force, by their prefixes; only where a `Value` holds elements.
    pub scope: Vec<(String, String)>,
}

fn local(written: &str) -> &str {
    written.rsplit(':').next().unwrap_or_default()
}

impl Node {
    /// Local name.
    pub(super) fn name(&self) -> &str {
        local(&self.written)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name() == name)
    }

    /// The child with this name, taken out.
    pub(super) fn take(self, name: &str) -> Option<Self> {
        self.children.into_iter().find(|child| child.name() == name)
    }

    /// Text of a child, trimmed; `None` when it is missing or nil.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.is_nil()).map(|child| child.text.trim())
    }

    /// An attribute by its local name.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(written, _)| local(written) == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self.attribute("nil"), Some("true" | "1"))
    }

    /// The namespaces that the element declares, by their prefixes.
    pub(super) fn declared(&self) -> impl Iterator<Item = (&str, &str)> {
        let prefix = |written: &'static str| written;
        self.attributes.iter().filter_map(move |(written, value)| match written.strip_prefix("xmlns:") {
            Some(name) => Some((name, value.as_str())),
            None => (written == "xmlns").then_some((prefix(""), value.as_str())),
        })
    }

    /// Writes the element as it came; `extra` are attributes more.
    pub(super) fn write(&self, out: &mut String, extra: &str) {
        out.push('<');
        out.push_str(&self.written);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            out.push_str(&escape(value));
            out.push('"');
        }
        out.push_str(extra);
        out.push('>');
        if self.children.is_empty() {
            out.push_str(&escape(&self.text));
        }
        for child in &self.children {
            child.write(out, "");
        }
        out.push_str("</");
        out.push_str(&self.written);
        out.push('>');
    }
}

#[derive(Default)]
struct Tree {
    open: Vec<Node>,
    root: Option<Node>,
    elements: usize,
    names: HashSet<Arc<str>>,
}

/// Reads an answer. Bytes that are no UTF-8 become U+FFFD where they stand.
pub(super) fn parse(body: &[u8]) -> Result<Node, ConnectorError> {
    let text = std::str::from_utf8(without_bom(body)).map_or_else(|_| String::from_utf8_lossy(without_bom(body)), Cow::Borrowed);
    let mut reader = Reader::from_str(&text);
    let mut tree = Tree::default();
    loop {
        match reader.read_event().map_err(|_| cut())? {
            Event::Start(e) => tree.begin(&e)?,
            Event::Empty(e) => {
                tree.begin(&e)?;
                tree.end()?;
            }
            Event::End(_) => tree.end()?,
            Event::Text(t) => tree.text(&t.into_inner())?,
            Event::CData(t) => tree.text(&t.into_inner())?,
            Event::GeneralRef(r) => tree.text(resolved(&r)?.encode_utf8(&mut [0; 4]))?,
            Event::DocType(_) => return Err(protocol("an answer with a document type")),
            Event::Eof => break,
            _ => {}
        }
    }
    tree.root.filter(|_| tree.open.is_empty()).ok_or_else(cut)
}

impl Tree {
    fn begin(&mut self, element: &BytesStart<'_>) -> Result<(), ConnectorError> {
        self.elements += 1;
        if self.open.len() >= DEPTH || self.elements > ELEMENTS {
            return Err(protocol("an answer that is nested too deeply or has too many elements"));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(cut());
        }
        let mut node = Node { written: self.name(element.name().into_inner()), ..Node::default() };
        let attributes = (!element.attributes_raw().is_empty()).then(|| element.attributes());
        for attribute in attributes.into_iter().flatten() {
            let attribute = attribute.map_err(|_| cut())?;
            if node.attributes.len() >= ATTRIBUTES {
                return Err(protocol("an element with too many attributes"));
            }
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| cut())?;
            node.attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
        }
        let scope = match self.open.last() {
            Some(parent) if parent.name() == "Value" && parent.scope.is_empty() => self.scope(),
            _ => Vec::new(),
        };
        if let Some(parent) = self.open.last_mut()
            && !scope.is_empty()
        {
            parent.scope = scope;
        }
        self.open.push(node);
        Ok(())
    }

    fn name(&mut self, written: &str) -> Arc<str> {
        if let Some(known) = self.names.get(written) {
            return known.clone();
        }
        let new: Arc<str> = written.into();
        self.names.insert(new.clone());
        new
    }

    /// What is declared by all open elements, the innermost first.
    fn scope(&self) -> Vec<(String, String)> {
        let mut scope: Vec<(String, String)> = Vec::new();
        for (prefix, uri) in self.open.iter().rev().flat_map(Node::declared) {
            if !scope.iter().any(|(known, _)| known == prefix) {
                scope.push((prefix.to_owned(), uri.to_owned()));
            }
        }
        scope
    }

    fn end(&mut self) -> Result<(), ConnectorError> {
        let done = self.open.pop().ok_or_else(cut)?;
        match self.open.last_mut() {
            Some(parent) => {
                // Most elements hold a text; one that holds others holds a row's worth of them.
                if parent.children.is_empty() {
                    parent.children.reserve(ROW);
                }
                parent.children.push(done);
            }
            None => self.root = Some(done),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ConnectorError> {
        let Some(node) = self.open.last_mut() else {
            return if text.trim().is_empty() { Ok(()) } else { Err(cut()) };
        };
        let room = TEXT - node.text.len().min(TEXT);
        if text.len() <= room && !node.cut {
            node.text.push_str(text);
        } else {
            node.text.push_str(text.get(..text.floor_char_boundary(if node.cut { 0 } else { room })).unwrap_or_default());
            node.cut = true;
        }
        Ok(())
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<char, ConnectorError> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character);
    }
    let name: &str = reference;
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(protocol("an unknown entity")),
    }
}

fn cut() -> ConnectorError {
    protocol("an answer that is cut off or not well formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "\u{feff}<?xml version=\"1.0\"?><a:A xmlns:a=\"u:a\" i:nil=\"false\"><!-- x --><a:Value xmlns:b=\"u:b\"><b:C k=\"&lt;\">1 &amp; &#50;<![CDATA[<3>]]></b:C><d/></a:Value></a:A>";

    #[test]
    fn a_tree_keeps_what_stands_there_and_can_be_written_back() {
        let tree = parse(SOUND.as_bytes()).unwrap();
        let value = tree.child("Value").unwrap();
        assert_eq!(value.text_of("C"), Some("1 & 2<3>"));
        assert_eq!(value.scope, [("b".to_owned(), "u:b".to_owned()), ("a".to_owned(), "u:a".to_owned())]);
        let mut out = String::new();
        value.write(&mut out, "");
        assert_eq!(out, "<a:Value xmlns:b=\"u:b\"><b:C k=\"&lt;\">1 &amp; 2&lt;3&gt;</b:C><d></d></a:Value>");
    }

    #[test]
    fn every_prefix_and_what_is_no_document_is_refused() {
        for at in (0..SOUND.len()).filter(|at| SOUND.is_char_boundary(*at)) {
            assert!(parse(&SOUND.as_bytes()[..at]).is_err(), "{at}");
        }
        for bad in ["<a/><b/>", "<a></b>", "<a/>x", "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "<a>&b;</a>", "<a b='1' b='2'/>"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse("<a>".repeat(70).as_bytes()).is_err());
        assert!(parse(format!("<a>{}</a>", "<b/>".repeat(ELEMENTS)).as_bytes()).is_err());
    }

    #[test]
    fn a_long_text_is_cut_and_bad_bytes_stay_where_they_are() {
        let tree = parse(format!("<a>{}</a>", "ä".repeat(TEXT)).as_bytes()).unwrap();
        assert!(tree.cut && tree.text.len() <= TEXT);
        let tree = parse(b"<a><b>\xff\xfe</b></a>").unwrap();
        assert_eq!(tree.text_of("b"), Some("\u{fffd}\u{fffd}"));
    }
}
