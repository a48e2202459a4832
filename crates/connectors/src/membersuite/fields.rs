//! Personalization fields: those that the settings name, with the labels and types that the service describes.

use rialto_core::fields::FieldType;

use super::service::{Service, Way, named};
use super::xml::{Node, protocol};
use crate::names;
use crate::{ConnectorError, RemoteField};

/// Longest label.
const LABEL: usize = 200;

/// Fields, and what is wrong with some.
#[derive(Debug)]
pub(super) struct Offering {
    pub fields: Vec<RemoteField>,
    /// Names of the settings that the service does not know.
    unknown: Vec<String>,
    /// The service describes no classes: all fields are taken for texts.
    undescribed: bool,
}

impl Offering {
    /// Faults as sentences that say what to do.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said = Vec::new();
        if !self.unknown.is_empty() {
            said.push(format!(
                "Fields that MemberSuite does not have: {}. Correct them in the bridge's settings.",
                self.unknown.join(", ")
            ));
        }
        if self.undescribed {
            said.push("MemberSuite does not describe the fields of individuals, so that all of them are taken for texts.".to_owned());
        }
        said
    }
}

/// What the service says about the fields of a class.
pub(super) struct Described {
    pub name: String,
    pub required: bool,
    label: String,
    kind: FieldType,
}

/// The fields of a class; `None` when the service does not describe it.
pub(super) async fn described(service: &Service, class: &str, way: Way) -> Result<Option<Vec<Described>>, ConnectorError> {
    let value = match service.call("DescribeObject", &format!("<objectType>{class}</objectType>"), way).await.map_err(ConnectorError::from)
    {
        Ok(value) => value,
        Err(ConnectorError::Rejected { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let fields = value.child("Fields").ok_or_else(|| named(protocol("a class without fields"), "DescribeObject"))?;
    Ok(Some(fields.children.iter().filter_map(field).collect()))
}

fn field(node: &Node) -> Option<Described> {
    Some(Described {
        name: node.text_of("Name")?.to_owned(),
        required: node.text_of("IsRequired").is_some_and(|text| text == "true" || text == "1"),
        label: names::shown(node.text_of("Label").unwrap_or_default(), LABEL),
        kind: kind(node.text_of("DataType").unwrap_or_default()),
    })
}

/// The type of a field; what is not known is text.
fn kind(name: &str) -> FieldType {
    match name {
        "Boolean" => FieldType::Boolean,
        "Integer" => FieldType::Integer,
        "Decimal" | "Money" | "Percentage" => FieldType::Decimal,
        "Date" | "DateTime" => FieldType::DateTime,
        _ => FieldType::Text,
    }
}

/// The fields that the settings name.
pub(super) async fn all(service: &Service) -> Result<Offering, ConnectorError> {
    let described = described(service, "Individual", Way::Patient).await?;
    let mut offering = Offering { fields: Vec::new(), unknown: Vec::new(), undescribed: described.is_none() };
    for name in &service.settings.fields {
        let text = |name: &str| RemoteField { name: name.to_owned(), label: name.to_owned(), kind: FieldType::Text, length: None };
        match described.as_ref().map(|all| all.iter().find(|field| field.name.eq_ignore_ascii_case(name))) {
            None => offering.fields.push(text(name)),
            Some(Some(field)) => {
                let label = if field.label.is_empty() { name.clone() } else { field.label.clone() };
                offering.fields.push(RemoteField { label, kind: field.kind, ..text(name) });
            }
            Some(None) => offering.unknown.push(name.clone()),
        }
    }
    if !offering.unknown.is_empty() {
        tracing::warn!(unknown = offering.unknown.len(), "fields that the remote system does not have are left out");
    }
    Ok(offering)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_mapped() {
        for (name, expected) in [
            ("Text", FieldType::Text),
            ("Email", FieldType::Text),
            ("Boolean", FieldType::Boolean),
            ("Integer", FieldType::Integer),
            ("Money", FieldType::Decimal),
            ("Date", FieldType::DateTime),
            ("", FieldType::Text),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
