//! What all writes have in common: generic entities as they are sent, and answers sorted by who can do something.

use serde_json::{Value, json};

use super::dialect::{decode, values};
use crate::http::Refusal;
use crate::names;
use crate::{ConnectorError, DeliveryError};

/// Longest text of the remote's objections that is shown, in characters.
const OBJECTIONS: usize = 300;

/// A refusal of what was sent.
pub(super) fn refused(refusal: Refusal) -> DeliveryError {
    match refusal.error {
        ConnectorError::Rejected { detail } => DeliveryError::Refused { detail },
        other => other.into(),
    }
}

/// Validation results in an answer that looks well are a refusal, whatever its status says.
pub(super) fn recognised(body: &[u8], what: &str) -> Result<(), DeliveryError> {
    let Ok(Value::Object(answer)) = decode::<Value>(body) else { return Ok(()) };
    let errors = values(answer.get("Errors"));
    let words: Vec<&str> = errors.iter().map(|e| e.get("Message").and_then(Value::as_str).unwrap_or("no reason")).collect();
    if words.is_empty() {
        return Ok(());
    }
    Err(DeliveryError::Refused { detail: format!("{what}: {}", names::shown(&words.join(" "), OBJECTIONS)) })
}

/// A generic entity of a party, as it is created.
pub(super) fn generic(entity: &str, party: &str, properties: &[(&str, &str)]) -> Value {
    let property = |(name, value): &(&str, &str)| json!({ "$type": "Asi.Soa.Core.DataContracts.GenericPropertyData, Asi.Contracts", "Name": name, "Value": value });
    json!({
        "$type": "Asi.Soa.Core.DataContracts.GenericEntityData, Asi.Contracts",
        "EntityTypeName": entity,
        "PrimaryParentEntityTypeName": "Party",
        "PrimaryParentIdentity": {
            "$type": "Asi.Soa.Core.DataContracts.IdentityData, Asi.Contracts",
            "EntityTypeName": "Party",
            "IdentityElements": {
                "$type": "System.Collections.ObjectModel.Collection`1[[System.String, mscorlib]], mscorlib",
                "$values": [party],
            },
        },
        "Properties": {
            "$type": "Asi.Soa.Core.DataContracts.GenericPropertyDataCollection, Asi.Contracts",
            "$values": properties.iter().map(property).collect::<Vec<_>>(),
        },
    })
}

/// The text of a property of a generic entity that was decoded whole; empty when it is null or missing.
pub(super) fn property<'v>(entity: &'v Value, name: &str) -> &'v str {
    let found = values(entity.get("Properties")).iter().find(|p| p.get("Name").and_then(Value::as_str) == Some(name));
    found.and_then(|p| p.get("Value")).and_then(Value::as_str).unwrap_or_default()
}

/// Whose a generic entity is.
pub(super) fn party_of(entity: &Value) -> &str {
    let parent = entity.get("PrimaryParentIdentity").and_then(|i| values(i.get("IdentityElements")).first()).and_then(Value::as_str);
    let named = || ["PartyId", "ID"].into_iter().map(|name| property(entity, name)).find(|t| !t.is_empty());
    parent.or_else(named).unwrap_or_default()
}

/// The beginning of a text, in so many UTF-16 units at most, as columns count them.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > most
    });
    end.map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!((cut("äbc", 2), cut("abc", 9), cut("a😀b", 2), cut("a😀b", 3)), ("äb", "abc", "a", "a😀"));
    }

    #[test]
    fn objections_are_heard_in_an_answer_that_looks_well() {
        let heard = |text: &str| recognised(text.as_bytes(), "X").is_err();
        assert!(heard(r#"{"$type":"v","Errors":{"$values":[{"Message":"No."}]}}"#));
        assert!(!heard(r#"{"$type":"v","Errors":{"$values":[]}}"#) && !heard("<html>") && !heard("{}"));
    }

    #[test]
    fn an_entity_says_whose_it_is() {
        let entity = generic("Activity", "101", &[("A", "x")]);
        assert_eq!((party_of(&entity), property(&entity, "A"), property(&entity, "B")), ("101", "x", ""));
        assert_eq!(party_of(&json!({ "Properties": { "$values": [{ "Name": "ID", "Value": "7" }] } })), "7");
    }
}
