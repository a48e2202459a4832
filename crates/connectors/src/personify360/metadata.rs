//! `$metadata`: the properties of an entity set.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::service::protocol;
use crate::ConnectorError;
use crate::http::without_bom;

/// A property as the service describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Property {
    pub name: String,
    /// For example `Edm.String`.
    pub edm: String,
    pub length: Option<u32>,
}

/// The properties of the set's entity type, in the order of the document. A set that is not there is
/// `ConnectorError::Rejected`.
pub(super) fn properties(body: &[u8], set: &str) -> Result<Vec<Property>, ConnectorError> {
    let text = String::from_utf8_lossy(without_bom(body));
    let mut reader = Reader::from_str(&text);
    let mut types: HashMap<String, Vec<Property>> = HashMap::new();
    let mut within = None;
    let mut wanted = None;
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(e) | Event::Empty(e) => match e.local_name().into_inner() {
                "EntityType" => within = attribute(&e, "Name"),
                "Property" => {
                    if let (Some(kind), Some(property)) = (&within, property(&e)) {
                        types.entry(kind.clone()).or_default().push(property);
                    }
                }
                "EntitySet" if attribute(&e, "Name").as_deref() == Some(set) => wanted = attribute(&e, "EntityType"),
                _ => {}
            },
            Event::DocType(_) => return Err(malformed()),
            Event::Eof => break,
            _ => {}
        }
    }
    let kind = wanted.ok_or_else(|| ConnectorError::Rejected { detail: format!("the service has no entity set {set}") })?;
    let kind = kind.rsplit('.').next().unwrap_or_default();
    types.remove(kind).ok_or_else(malformed)
}

fn property(element: &BytesStart<'_>) -> Option<Property> {
    Some(Property {
        name: attribute(element, "Name")?,
        edm: attribute(element, "Type")?,
        length: attribute(element, "MaxLength").and_then(|n| n.parse().ok()),
    })
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = element.attributes().flatten().find(|a| a.key.local_name().into_inner() == name)?;
    quick_xml::escape::unescape(&found.value).ok().map(|v| v.into_owned())
}

fn malformed() -> ConnectorError {
    protocol("a description that cannot be read")
}
