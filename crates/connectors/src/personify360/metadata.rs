//! `$metadata`: the properties of an entity set.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::service::protocol;
use crate::ConnectorError;
use crate::http::without_bom;

/// Most properties of one entity type.
const PROPERTIES: usize = 4_096;

/// A property as the service describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Property {
    pub name: String,
    /// For example `Edm.String`.
    pub edm: String,
    pub length: Option<u32>,
}

/// The properties of the set's entity type, in the order of the document. A set that is not there is
/// `ConnectorError::Rejected`. The document is gone through twice, so that only one type's properties are kept.
pub(super) fn properties(body: &[u8], set: &str) -> Result<Vec<Property>, ConnectorError> {
    let text = String::from_utf8_lossy(without_bom(body));
    let mut wanted = None;
    elements(&text, |step| {
        if let Step::Begin("EntitySet", e) = step
            && attribute(e, "Name").as_deref() == Some(set)
        {
            wanted = attribute(e, "EntityType");
        }
        Ok(())
    })?;
    let kind = wanted.ok_or_else(|| ConnectorError::Rejected { detail: format!("the service has no entity set {set}") })?;
    of_type(&text, kind.rsplit('.').next().unwrap_or_default())?.ok_or_else(malformed)
}

fn of_type(text: &str, kind: &str) -> Result<Option<Vec<Property>>, ConnectorError> {
    let mut found: Option<Vec<Property>> = None;
    let mut within = false;
    elements(text, |step| {
        match step {
            Step::Begin("EntityType", e) if found.is_none() && attribute(e, "Name").as_deref() == Some(kind) => {
                within = true;
                found = Some(Vec::new());
            }
            Step::Begin("EntityType" | "ComplexType", _) | Step::End("EntityType") => within = false,
            Step::Begin("Property", e) if within => {
                let kept = found.get_or_insert_default();
                if kept.len() >= PROPERTIES {
                    return Err(protocol(format!("an entity type of more than {PROPERTIES} properties")));
                }
                kept.extend(property(e));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

enum Step<'e> {
    Begin(&'e str, &'e BytesStart<'e>),
    End(&'e str),
}

fn elements(text: &str, mut each: impl FnMut(Step<'_>) -> Result<(), ConnectorError>) -> Result<(), ConnectorError> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(e) | Event::Empty(e) => each(Step::Begin(e.local_name().into_inner(), &e))?,
            Event::End(e) => each(Step::End(e.local_name().into_inner()))?,
            Event::DocType(_) => return Err(malformed()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn described(types: &str) -> String {
        format!("<Schema>{types}<EntityContainer><EntitySet Name=\"Members\" EntityType=\"N.Member\"/></EntityContainer></Schema>")
    }

    #[test]
    fn only_the_sets_own_properties_are_kept() {
        let other = "<ComplexType Name=\"C\"><Property Name=\"X\" Type=\"Edm.String\"/></ComplexType>";
        let text = described(&format!(
            "<EntityType Name=\"Member\"><Property Name=\"A\" Type=\"Edm.String\" MaxLength=\"9\"/></EntityType>{other}<EntityType Name=\"B\"/>"
        ));
        let found = properties(text.as_bytes(), "Members").unwrap();
        assert_eq!(found, [Property { name: "A".into(), edm: "Edm.String".into(), length: Some(9) }]);
        assert_eq!(properties(text.as_bytes(), "Else").unwrap_err().kind(), "rejected");
        let crowd = "<Property Name=\"A\" Type=\"B\"/>".repeat(PROPERTIES + 1);
        let text = described(&format!("<EntityType Name=\"Member\">{crowd}</EntityType>"));
        assert_eq!(properties(text.as_bytes(), "Members").unwrap_err().kind(), "protocol");
    }
}
