//! Personas: one row of ours per person in the user-defined table. The columns are exactly two and have no room for a mark, so our
//! row is the one that says what we said (ADR 116); every other row of the person is left alone.

use std::collections::BTreeSet;

use rialto_core::writeback::PersonaText;
use serde_json::Value;

use super::delivery::{cut, generic, party_of, property, recognised, refused};
use super::dialect::{entity, values};
use super::service::{Service, named, protocol};
use super::table::{self, DESCRIPTION, NAME};
use crate::http::Verb;
use crate::{Acknowledged, ConnectorError, DeliveryError};

/// Most rows of one person that are looked at.
const ROWS: usize = 500;
/// Properties of every row, whether the definition names them or not.
const OWN: &[&str] = &["ID", "PartyId", "Ordinal"];

/// What a row says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Says {
    name: String,
    description: String,
}

impl Says {
    /// What is left of a text that is longer than its column.
    fn of(name: &str, description: &str) -> Self {
        Self { name: cut(name, NAME.1).to_owned(), description: cut(description, DESCRIPTION.1).to_owned() }
    }

    /// Without blanks at the ends: columns of a fixed length fill up with them.
    fn is(&self, row: &Row) -> bool {
        let same = |a: &str, b: &str| a.trim() == b.trim();
        same(&self.name, row.text(NAME.0)) && same(&self.description, row.text(DESCRIPTION.0))
    }
}

/// A row of the table with all its columns.
#[derive(Clone, Debug)]
struct Row(Value);

impl Row {
    fn text(&self, column: &str) -> &str {
        property(&self.0, column)
    }

    /// A property that no column of the table has; or that there are no properties at all.
    fn unknown(&self, columns: &BTreeSet<String>) -> Option<String> {
        let properties = values(self.0.get("Properties"));
        let name = |p: &Value| p.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = |name: &String| columns.contains(name) || OWN.contains(&name.as_str());
        if properties.is_empty() {
            return Some("none".to_owned());
        }
        properties.iter().map(name).find(|name| !known(name)).map(|name| crate::names::shown(&name, 64))
    }

    /// Its address: `101`, or `~101|3` where there are several instances.
    fn key(&self) -> Option<String> {
        let parts: Vec<&str> = values(self.0.get("Identity")?.get("IdentityElements")).iter().filter_map(Value::as_str).collect();
        match parts.as_slice() {
            [] => None,
            [id] => Some((*id).to_owned()),
            several => Some(format!("~{}", several.join("|"))),
        }
    }

    fn set(&mut self, column: &str, text: &str) -> Result<(), ConnectorError> {
        let odd = || protocol("a row without properties");
        let list = self.0.get_mut("Properties").and_then(|p| p.get_mut("$values")).and_then(Value::as_array_mut).ok_or_else(odd)?;
        match list.iter_mut().find(|p| p.get("Name").and_then(Value::as_str) == Some(column)).and_then(Value::as_object_mut) {
            Some(property) => drop(property.insert("Value".into(), text.into())),
            None => list.push(serde_json::json!({
                "$type": "Asi.Soa.Core.DataContracts.GenericPropertyData, Asi.Contracts", "Name": column, "Value": text,
            })),
        }
        Ok(())
    }
}

/// What is to stand in the table.
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub before: &'a [PersonaText],
    /// An earlier try may have arrived.
    pub again: bool,
}

/// Makes our row say the persona, or takes it away. Every part may be done twice.
pub(super) async fn write(service: &Service, id: &str, wanted: Wanted<'_>) -> Result<Acknowledged, DeliveryError> {
    let columns = set_up(service).await?;
    let says = (!wanted.name.trim().is_empty()).then(|| Says::of(wanted.name, wanted.description));
    let ours: Vec<Says> = wanted.before.iter().map(|b| Says::of(&b.name, &b.description)).chain(says.clone()).collect();
    let mut rows: Vec<Row> = rows(service, id, &columns).await?.into_iter().filter(|row| ours.iter().any(|says| says.is(row))).collect();
    let mut changed = false;
    if let Some(says) = &says {
        match rows.iter().position(|row| says.is(row)) {
            Some(stands) => drop(rows.remove(stands)),
            None => {
                changed = true;
                if rows.is_empty() { create(service, id, says).await? } else { replace(service, id, rows.remove(0), says).await? }
            }
        }
    } else if rows.is_empty() {
        // Somebody who is not there any more has no row either.
        super::party::of(service, id).await?;
    }
    if !rows.is_empty() {
        changed = true;
        delete(service, &rows).await?;
        looked(&self::rows(service, id, &columns).await?, says.as_ref(), &ours).map_err(|e| named(e, &service.settings.persona_table))?;
    }
    let values = says.map_or(0, |says| u8::from(says.name != wanted.name) + u8::from(says.description != wanted.description));
    Ok(match values {
        0 if wanted.again && !changed => Acknowledged::FoundThere,
        0 => Acknowledged::Written,
        values => Acknowledged::Cut { values },
    })
}

/// Nothing is written into a table that is not exactly as it should be. Answers its columns.
async fn set_up(service: &Service) -> Result<BTreeSet<String>, DeliveryError> {
    let checked = table::check(service).await?;
    if checked.faults.is_empty() { Ok(checked.columns) } else { Err(DeliveryError::SetUp { missing: checked.faults.join(" ") }) }
}

/// All rows of a person. Nulls are left out of a row; a property that the table does not have means that one was renamed on the way.
async fn rows(service: &Service, id: &str, columns: &BTreeSet<String>) -> Result<Vec<Row>, DeliveryError> {
    let table = service.settings.persona_table.as_str();
    let limit = ROWS.to_string();
    let body = service.get(&[table], &[("ID", id), ("limit", &limit)], false).await.map_err(ConnectorError::from)?;
    let page = entity(&body).map_err(|e| named(e, table))?;
    let Some(items) = page.get("Items").filter(|i| i.get("$values").is_some_and(Value::is_array)) else {
        return Err(named(protocol("an answer without Items"), table).into());
    };
    let rows: Vec<Row> = values(Some(items)).iter().cloned().map(Row).collect();
    if rows.iter().any(|row| party_of(&row.0) != id) {
        return Err(named(protocol("somebody else's rows, as if the filter ID were ignored"), table).into());
    }
    if let Some(odd) = rows.iter().find_map(|row| row.unknown(columns)) {
        return Err(named(protocol(format!("a row with a property {odd} that the table does not have")), table).into());
    }
    if page.get("HasNext").and_then(Value::as_bool) == Some(true) || rows.len() > ROWS {
        return Err(DeliveryError::Refused { detail: format!("This person has more than {ROWS} rows in {table}.") });
    }
    Ok(rows)
}

async fn create(service: &Service, id: &str, says: &Says) -> Result<(), DeliveryError> {
    let table = &service.settings.persona_table;
    let sent = generic(table, id, &[("ID", id), (NAME.0, &says.name), (DESCRIPTION.0, &says.description)]);
    let saved = service.change(Verb::Post, &[table], Some(&sent)).await.map_err(refused)?;
    shows(&saved, table, id, says)
}

async fn replace(service: &Service, id: &str, mut row: Row, says: &Says) -> Result<(), DeliveryError> {
    let table = &service.settings.persona_table;
    let key = row.key().ok_or_else(|| named(protocol("a row without an identity"), table))?;
    for (column, text) in [(NAME.0, &says.name), (DESCRIPTION.0, &says.description)] {
        row.set(column, text).map_err(|e| named(e, table))?;
    }
    let saved = service.change(Verb::Put, &[table, &key], Some(&row.0)).await.map_err(refused)?;
    shows(&saved, table, id, says)
}

/// The answer has to be the row that was saved. Its ordinal is 0 where rows are several, whatever it is.
fn shows(saved: &[u8], table: &str, id: &str, says: &Says) -> Result<(), DeliveryError> {
    recognised(saved, table)?;
    let saved = Row(entity(saved).map_err(|e| named(e, table))?);
    if party_of(&saved.0) != id {
        return Err(named(protocol("saving a row was answered with somebody else's"), table).into());
    }
    if says.is(&saved) { Ok(()) } else { Err(named(protocol("what was saved came back as something else"), table).into()) }
}

/// Deletes rows of ours. What that answers says nothing: whoever deletes looks whether they are gone.
async fn delete(service: &Service, gone: &[Row]) -> Result<(), DeliveryError> {
    let table = &service.settings.persona_table;
    for row in gone {
        let key = row.key().ok_or_else(|| named(protocol("a row without an identity"), table))?;
        let answer = service.change(Verb::Delete, &[table, &key], None).await;
        // Somebody else was quicker.
        if let Err(refusal) = answer
            && refusal.status != Some(404)
        {
            return Err(refused(refusal));
        }
    }
    Ok(())
}

/// Whether of our rows only the one that is to stay stands there.
fn looked(rows: &[Row], stays: Option<&Says>, ours: &[Says]) -> Result<(), ConnectorError> {
    let left = rows.iter().filter(|row| ours.iter().any(|says| says.is(row)));
    let (stay, odd): (Vec<&Row>, Vec<&Row>) = left.partition(|row| stays.is_some_and(|says| says.is(row)));
    if odd.is_empty() && stay.len() == usize::from(stays.is_some()) {
        Ok(())
    } else {
        Err(protocol("rows that were deleted still stand there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        let says = Says::of(&"ä".repeat(300), &"😀".repeat(1_500));
        assert_eq!((says.name.chars().count(), says.description.chars().count()), (255, 1_000));
    }

    #[test]
    fn a_row_is_changed_in_two_columns_only() {
        let text = r#"{"Identity":{"IdentityElements":{"$values":["101","3"]}},"Properties":{"$values":[{"Name":"ID","Value":"101"},{"Name":"SCORE_NAME","Value":"Old "},{"Name":"N","Value":{"$type":"System.Int32","$value":5}}]}}"#;
        let mut row = Row(serde_json::from_str(text).unwrap());
        assert_eq!(row.key().as_deref(), Some("~101|3"));
        assert!(Says::of("Old", "").is(&row) && !Says::of("old", "").is(&row));
        row.set("SCORE_NAME", "New").unwrap();
        row.set("SCORE_DESC", "Words").unwrap();
        assert!(Says::of("New", "Words").is(&row) && row.0.to_string().contains("\"$value\":5"));
        assert!(Row(Value::Null).set("X", "").is_err());
    }
}
