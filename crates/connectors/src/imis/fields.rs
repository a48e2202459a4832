//! Personalization fields: the columns of all queries that are lists.

use std::collections::BTreeMap;

use rialto_core::fields::FieldType;

use super::documents::Column;
use super::lists::{self, DO_NOT_EMAIL, ID};
use super::service::Service;
use crate::names::{self, FIELD, NAME};
use crate::{ConnectorError, RemoteField};

/// Most fields of a bridge.
const MOST: usize = 1_000;

/// Fields, and how many are left out because their name cannot be kept.
#[derive(Debug, Default)]
pub(super) struct Offering {
    pub fields: Vec<RemoteField>,
    pub skipped: usize,
}

impl Offering {
    /// Faults as a sentence that says what to do.
    pub(super) fn warnings(&self) -> Option<String> {
        (self.skipped > 0).then(|| {
            format!(
                "Columns left out: {}. Their alias is longer than {FIELD} characters, or holds characters that cannot be kept: give them another.",
                self.skipped
            )
        })
    }
}

/// The columns of all lists, each once, in the order in which they are first met. A list that does not show one leaves it as it is.
pub(super) async fn all(service: &Service) -> Result<Offering, ConnectorError> {
    let queries = lists::judged(service).await?;
    let columns = queries.into_iter().filter_map(|(_, definition)| definition.ok()).flat_map(|d| d.columns);
    Ok(offering(columns, &service.settings.column_email))
}

fn offering(columns: impl Iterator<Item = Column>, email: &str) -> Offering {
    let mut offering = Offering::default();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for column in columns.filter(|c| c.alias != ID && c.alias != DO_NOT_EMAIL && c.alias != email) {
        let Some(name) = names::key(&column.alias, FIELD).filter(|name| *name == column.alias) else {
            offering.skipped += 1;
            continue;
        };
        let Some(kind) = kind(&column.kind) else { continue };
        if let Some(known) = places.get(&name).and_then(|at| offering.fields.get_mut(*at)) {
            // Queries that disagree about a type agree on text.
            known.kind = if known.kind == kind { kind } else { FieldType::Text };
        } else if offering.fields.len() < MOST {
            let label = Some(names::shown(&column.caption, NAME)).filter(|l| !l.is_empty()).unwrap_or_else(|| name.clone());
            places.insert(name.clone(), offering.fields.len());
            offering.fields.push(RemoteField { name, label, kind, length: None });
        }
    }
    offering
}

/// The type of a column; `None` for bytes, which no mail shows.
fn kind(name: &str) -> Option<FieldType> {
    Some(match name {
        "Boolean" => FieldType::Boolean,
        "Byte" | "SByte" | "Int32" | "Int64" => FieldType::Integer,
        "Decimal" | "Double" => FieldType::Decimal,
        "DateTime" => FieldType::DateTime,
        "Byte[]" => return None,
        _ => FieldType::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_several_queries_become_fields_once() {
        let column = |alias: &str, kind: &str| Column { alias: alias.into(), caption: format!("The {alias}"), kind: kind.into() };
        let all = [
            column("ID", "String"),
            column("City", "String"),
            column("Age", "Int32"),
            column("Email", "String"),
            column("City", "String"),
            column("Age", "Decimal"),
            column("Photo", "Byte[]"),
            column(&"x".repeat(200), "String"),
            column("DoNotEmail", "Boolean"),
        ];
        let offering = offering(all.into_iter(), "Email");
        let found: Vec<_> = offering.fields.iter().map(|f| (f.name.as_str(), f.label.as_str(), f.kind)).collect();
        assert_eq!(found, [("City", "The City", FieldType::Text), ("Age", "The Age", FieldType::Text)]);
        assert!(offering.skipped == 1 && offering.warnings().is_some());
    }
}
