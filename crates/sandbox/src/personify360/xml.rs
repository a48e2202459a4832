//! Reading small XML bodies, and escaping.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

const MAX_DEPTH: usize = 16;
const MAX_LEAVES: usize = 1_000;

/// An element without child elements.
#[derive(Debug, PartialEq)]
pub(crate) struct Leaf {
    /// Local name.
    pub name: String,
    /// Its text; absent if marked as null.
    pub text: Option<String>,
}

struct Open {
    name: String,
    null: bool,
    text: String,
    parent: bool,
}

#[derive(Default)]
struct Collector {
    open: Vec<Open>,
    leaves: Vec<Leaf>,
}

impl Collector {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH || self.leaves.len() >= MAX_LEAVES {
            return Err("the document is too deep or too long".to_owned());
        }
        if let Some(parent) = self.open.last_mut() {
            parent.parent = true;
        }
        let null = element.attributes().flatten().any(|attribute| {
            let name: &str = attribute.key.local_name().into_inner();
            let value: &str = &attribute.value;
            matches!(name, "null" | "nil") && matches!(value, "true" | "1")
        });
        let name: &str = element.local_name().into_inner();
        self.open.push(Open { name: name.to_owned(), null, text: String::new(), parent: false });
        Ok(())
    }

    fn end(&mut self) {
        if let Some(done) = self.open.pop()
            && !done.parent
        {
            let text = (!done.null).then_some(done.text);
            self.leaves.push(Leaf { name: done.name, text });
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(open) = self.open.last_mut() {
            open.text.push_str(text);
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), String> {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            self.text(character.encode_utf8(&mut [0; 4]));
            return Ok(());
        }
        let name: &str = reference;
        let text = match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" => "'",
            _ => return Err("an unknown entity".to_owned()),
        };
        self.text(text);
        Ok(())
    }
}

/// The leaves of a document in order.
pub(crate) fn leaves(document: &str) -> Result<Vec<Leaf>, String> {
    let mut reader = Reader::from_str(document);
    let mut collector = Collector::default();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => collector.start(&element)?,
            Event::Empty(element) => {
                collector.start(&element)?;
                collector.end();
            }
            Event::End(_) => collector.end(),
            Event::Text(text) => collector.text(&text.xml10_content()),
            Event::CData(data) => collector.text(&data.xml10_content()),
            Event::GeneralRef(reference) => collector.reference(&reference)?,
            Event::DocType(_) => return Err("a DTD is not allowed".to_owned()),
            Event::Eof => break,
            _ => {}
        }
    }
    if collector.open.is_empty() { Ok(collector.leaves) } else { Err("the document ends early".to_owned()) }
}

/// Escapes text for XML content and attributes.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Escapes text twice, for a document within a document.
pub(crate) fn escape_twice(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push_str(match special.as_bytes().first() {
            Some(b'&') => "&amp;amp;",
            Some(b'<') => "&amp;lt;",
            _ => "&amp;gt;",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}
