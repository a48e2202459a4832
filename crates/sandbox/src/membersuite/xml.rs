//! Small documents as trees, and escaping.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

const MAX_DEPTH: usize = 40;
const MAX_NODES: usize = 20_000;

/// An element.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    /// Local name.
    pub name: String,
    /// Local names and values of attributes.
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Node>,
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).filter(|child| !child.nil()).map(|child| child.text.as_str())
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn nil(&self) -> bool {
        matches!(self.attribute("nil"), Some("true" | "1"))
    }

    /// The type an element says it is of, without its prefix.
    pub(crate) fn type_name(&self) -> &str {
        self.attribute("type").map_or("", |name| name.rsplit(':').next().unwrap_or_default())
    }
}

/// Reads a document.
pub(crate) fn parse(document: &str) -> Result<Node, String> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    let mut nodes = 0;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => {
                nodes += 1;
                if open.len() >= MAX_DEPTH || nodes > MAX_NODES {
                    return Err("the document is too deep or too long".to_owned());
                }
                open.push(start(&element)?);
            }
            Event::Empty(element) => {
                nodes += 1;
                if nodes > MAX_NODES {
                    return Err("the document is too long".to_owned());
                }
                close(&mut open, &mut root, start(&element)?);
            }
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    close(&mut open, &mut root, done);
                }
            }
            Event::Text(text) => add(&mut open, &text.xml10_content()),
            Event::CData(data) => add(&mut open, &data.xml10_content()),
            Event::GeneralRef(reference) => add(&mut open, &resolved(&reference)?),
            Event::DocType(_) => return Err("a DTD is not allowed".to_owned()),
            Event::Eof => break,
            _ => {}
        }
    }
    root.filter(|_| open.is_empty()).ok_or_else(|| "the document ends early".to_owned())
}

fn start(element: &BytesStart<'_>) -> Result<Node, String> {
    let mut node = Node { name: element.local_name().into_inner().to_owned(), ..Node::default() };
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        node.attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
    }
    Ok(node)
}

fn close(open: &mut [Node], root: &mut Option<Node>, done: Node) {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
}

fn add(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return Ok(character.to_string());
    }
    let name: &str = reference;
    Ok(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return Err("an unknown entity".to_owned()),
    }
    .to_owned())
}

/// Escapes text for content and attributes. What XML cannot hold is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\r' | '\t' => out.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
