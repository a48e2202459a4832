//! The definition of the personas' table, and what is wrong with it (`rules.md` section 4): names exact, both columns texts, lengths
//! exactly as documented; prompts are ignored.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dialect::{entity, values};
use super::service::{Service, named, protocol};
use crate::ConnectorError;
use crate::http::Refusal;
use crate::names;

const DEFINITIONS: &str = "BoEntityDefinition";
/// Columns of the table: name and length.
pub(super) const NAME: (&str, usize) = ("SCORE_NAME", 255);
pub(super) const DESCRIPTION: (&str, usize) = ("SCORE_DESC", 2_000);

/// What a look at the table's definition found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// What is wrong, one sentence for each fault; empty when the table is as it should be.
    pub faults: Vec<String>,
    /// All its columns.
    pub columns: BTreeSet<String>,
}

/// Looks whether the table is as it should be, by one attempt.
pub(super) async fn check(service: &Service) -> Result<Checked, ConnectorError> {
    let table = &service.settings.persona_table;
    let body = match service.get(&[DEFINITIONS, table], &[], false).await {
        Ok(body) => body,
        Err(Refusal { status: Some(404), .. }) => return Ok(Checked { faults: vec![not_there(service).await?], ..Checked::default() }),
        Err(refusal) => return Err(refusal.into()),
    };
    let definition = entity(&body).map_err(|e| named(e, DEFINITIONS))?;
    let faults = judge(&definition, table).map_err(|e| named(e, DEFINITIONS))?;
    let names = values(definition.get("Properties")).iter().filter_map(|p| p.get("Name")?.as_str());
    Ok(Checked { faults, columns: names.map(str::to_owned).collect() })
}

/// The sentence about a table that is not there, or is there under another name.
async fn not_there(service: &Service) -> Result<String, ConnectorError> {
    let table = &service.settings.persona_table;
    let body = service.get(&[DEFINITIONS], &[("limit", "500")], false).await?;
    let whole: Value = super::dialect::decode(&body).map_err(|e| named(e, DEFINITIONS))?;
    let known = values(whole.get("Items")).iter().filter_map(|d| d.get("EntityTypeName")).filter_map(Value::as_str);
    let like = known.map(|name| names::shown(name, names::FIELD)).find(|name| alike(name, table));
    Ok(match like {
        Some(like) => misnamed_table(&like, table),
        None => format!("The user-defined table {table} is missing. {}", to_make(table)),
    })
}

/// The same letters and digits, whatever stands between them and however they are written.
fn alike(a: &str, b: &str) -> bool {
    let bare = |t: &str| t.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (a, b) = (bare(a), bare(b));
    // A plural is the commonest slip.
    a == b || a.strip_suffix('s') == Some(&b) || b.strip_suffix('s') == Some(&a)
}

fn misnamed_table(found: &str, table: &str) -> String {
    format!("The user-defined table is named {found}: rename it to {table}, letter by letter.")
}

fn to_make(table: &str) -> String {
    format!(
        "Make it for contacts with multiple instances allowed, named {table}, with the fields {} Char {} and {} Char {}.",
        NAME.0, NAME.1, DESCRIPTION.0, DESCRIPTION.1
    )
}

fn judge(definition: &Value, table: &str) -> Result<Vec<String>, ConnectorError> {
    let Some(found) = definition.get("EntityTypeName").and_then(Value::as_str) else {
        return Err(protocol("a definition without EntityTypeName"));
    };
    let Some(properties) = definition.get("Properties").filter(|p| p.get("$values").is_some_and(Value::is_array)) else {
        return Err(protocol("a definition without Properties"));
    };
    let mut faults = Vec::new();
    if found != table {
        faults.push(misnamed_table(&names::shown(found, names::FIELD), table));
    }
    let parent = definition.get("PrimaryParentEntityTypeName").and_then(Value::as_str).unwrap_or("Party");
    if parent != "Party" {
        faults.push(format!("The user-defined table {table} belongs to {}: it must be one of contacts.", names::shown(parent, 40)));
    }
    faults.extend([NAME, DESCRIPTION].into_iter().filter_map(|column| column_fault(values(Some(properties)), column, table)));
    Ok(faults)
}

/// One sentence about a column, or none.
fn column_fault(properties: &[Value], (name, length): (&str, usize), table: &str) -> Option<String> {
    let text = |p: &Value, member: &str| p.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(column) = properties.iter().find(|p| text(p, "Name") == name) else {
        let others = properties.iter().map(|p| text(p, "Name")).filter(|n| n != NAME.0 && n != DESCRIPTION.0);
        return Some(match others.map(|n| names::shown(&n, names::FIELD)).find(|n| alike(n, name)) {
            Some(like) => format!("The column {like} of the table {table} must be named {name}, letter by letter."),
            None => format!("The column {name} is missing in the table {table}: add it as Char {length}."),
        });
    };
    let kind = text(column, "PropertyTypeName");
    if kind != "String" {
        let kind = if kind.is_empty() { "an unknown type".to_owned() } else { format!("the type {}", names::shown(&kind, 40)) };
        return Some(format!("The column {name} of the table {table} has {kind}: it must be Char {length}."));
    }
    match max_length(column) {
        Some(found) if found == length as u64 => None,
        Some(found) => Some(format!("The column {name} of the table {table} has the length {found}: it must be {length}.")),
        None => Some(format!("The column {name} of the table {table} does not tell its length: it must be Char {length}.")),
    }
}

/// As a number, as a text, or boxed.
fn max_length(column: &Value) -> Option<u64> {
    let value = column.get("MaxLength")?;
    let value = value.get("$value").unwrap_or(value);
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(name: &str, columns: &[(&str, &str, Value)]) -> Value {
        let property = |(name, kind, length): &(&str, &str, Value)| json!({ "Name": name, "PropertyTypeName": kind, "MaxLength": length });
        let columns: Vec<Value> = columns.iter().map(property).collect();
        json!({ "EntityTypeName": name, "PrimaryParentEntityTypeName": "Party", "Properties": { "$values": columns } })
    }

    fn judged(name: &str, columns: &[(&str, &str, Value)]) -> Vec<String> {
        judge(&definition(name, columns), "INFORMZ_PERSONA").unwrap()
    }

    fn good() -> [(&'static str, &'static str, Value); 2] {
        [("SCORE_NAME", "String", json!(255)), ("SCORE_DESC", "String", json!("2000"))]
    }

    #[test]
    fn the_documented_table_has_no_fault() {
        assert_eq!(judged("INFORMZ_PERSONA", &good()), [""; 0]);
        let more = [good().to_vec(), vec![("OTHER", "Integer", Value::Null)]].concat();
        assert_eq!(judged("INFORMZ_PERSONA", &more), [""; 0]);
    }

    #[test]
    fn each_fault_is_one_sentence_that_names_it() {
        let [name, desc] = good();
        let with = |first: (&'static str, &'static str, Value)| judged("INFORMZ_PERSONA", &[first, desc.clone()]);
        let cases = [
            (judged("Informz_Persona", &good()), "named Informz_Persona"),
            (judged("INFORMZ_PERSONA", std::slice::from_ref(&desc)), "SCORE_NAME is missing"),
            (judged("INFORMZ_PERSONA", std::slice::from_ref(&name)), "SCORE_DESC is missing"),
            (with(("SCORE_Name", "String", json!(255))), "column SCORE_Name of the table INFORMZ_PERSONA must be named SCORE_NAME"),
            (with(("SCORENAME", "String", json!(255))), "must be named SCORE_NAME"),
            (with(("SCORE_NAME", "Integer", Value::Null)), "the type Integer"),
            (with(("SCORE_NAME", "String", json!(256))), "the length 256"),
            (with(("SCORE_NAME", "String", json!({"$type": "System.Int32", "$value": 100}))), "the length 100"),
            (with(("SCORE_NAME", "String", Value::Null)), "does not tell its length"),
        ];
        for (faults, words) in cases {
            assert!(faults.len() == 1 && faults[0].contains(words) && faults[0].ends_with('.'), "{faults:?}");
        }
        assert_eq!(judged("INFORMZ_PERSONA", &[]).len(), 2);
    }

    #[test]
    fn what_is_no_definition_is_no_missing_column() {
        for odd in [json!({}), json!({ "EntityTypeName": "INFORMZ_PERSONA" }), json!({ "EntityTypeName": "X", "Properties": 7 })] {
            assert!(judge(&odd, "INFORMZ_PERSONA").is_err(), "{odd}");
        }
    }
}
