//! Single entities in verbose JSON, as Create gives them and Save takes and answers them: kept whole, so that a change
//! sends back everything else as it came.

use rialto_core::Instant;
use serde_json::{Map, Value};

use super::names;
use super::remote_id::Key;
use super::service::protocol;
use crate::ConnectorError;
use crate::http::without_bom;

/// Bytes of an answer that is read as entities. One is a few kilobytes, and one person's are few.
const ENTITY_BYTES: usize = 2 << 20;
/// Longest text of the remote's objections that is shown, in characters.
const OBJECTIONS: usize = 300;

/// An entity with all its properties, known here or not.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entity(Map<String, Value>);

impl Entity {
    /// Reads `{"d":{…}}` or the entity alone.
    pub(super) fn single(body: &[u8]) -> Result<Self, ConnectorError> {
        match unwrapped(parse(body)?) {
            Value::Object(properties) if properties.values().any(is_scalar) => Ok(Self(properties)),
            _ => Err(protocol("JSON without an entity")),
        }
    }

    /// Reads `{"d":[…]}` or `{"d":{"results":[…]}}`.
    pub(super) fn collection(body: &[u8]) -> Result<Vec<Self>, ConnectorError> {
        let Value::Object(mut whole) = parse(body)? else { return Err(no_collection()) };
        let rows = match whole.remove("d") {
            Some(Value::Object(mut inner)) => inner.remove("results"),
            other => other,
        };
        let Some(Value::Array(rows)) = rows else { return Err(no_collection()) };
        let entity = |row| if let Value::Object(properties) = row { Ok(Self(properties)) } else { Err(no_collection()) };
        rows.into_iter().map(entity).collect()
    }

    /// What the remote objects to in an answer with status 200: nothing was saved, or not as it was asked for.
    pub(super) fn objections(body: &[u8]) -> Option<String> {
        let issues = match unwrapped(parse(body).ok()?) {
            Value::Object(mut properties) => properties.remove("ValidationIssues").map(unwrapped)?,
            _ => return None,
        };
        let issues = match issues {
            Value::Object(mut inner) => inner.remove("results")?,
            list => list,
        };
        let words: Vec<&str> = issues.as_array()?.iter().map(|i| i.get("Message").and_then(Value::as_str).unwrap_or("no reason")).collect();
        (!words.is_empty()).then(|| names::shown(&words.join(" "), OBJECTIONS))
    }

    /// Whether the property is there, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A property's text, trimmed; empty when it is missing or no text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// A flag: true or false, or Y or N as the columns have them. `None` is null; an error is anything else, or nothing at all.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ConnectorError> {
        let odd = |how: &str| Err(protocol(format!("the property {name} is {how}")));
        match self.0.get(name) {
            Some(Value::Null) => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(*yes)),
            Some(Value::String(text)) => match text.trim() {
                "Y" | "y" | "true" => Ok(Some(true)),
                "N" | "n" | "false" => Ok(Some(false)),
                "" => Ok(None),
                _ => odd("no flag"),
            },
            Some(_) => odd("no flag"),
            None => odd("missing"),
        }
    }

    /// Sets a flag in the way it is written there already.
    pub(super) fn set_flag(&mut self, name: &str, yes: bool) {
        let value = match self.0.get(name) {
            Some(Value::String(text)) if text.trim().len() > 1 => Value::from(if yes { "true" } else { "false" }),
            Some(Value::String(_)) => Value::from(if yes { "Y" } else { "N" }),
            _ => Value::from(yes),
        };
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.0.insert(name.to_owned(), text.into());
    }

    pub(super) fn set_date(&mut self, name: &str, at: Instant) {
        self.set_text(name, &format!("/Date({})/", at.0.div_euclid(1_000)));
    }

    /// Whose it is.
    pub(super) fn set_key(&mut self, key: &Key<'_>) {
        self.set_text("MasterCustomerId", key.master);
        self.0.insert("SubCustomerId".to_owned(), key.sub.into());
    }

    pub(super) fn is_of(&self, key: &Key<'_>) -> bool {
        let sub = match self.0.get("SubCustomerId") {
            Some(Value::Number(n)) => n.as_i64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        self.text("MasterCustomerId") == key.master && sub == Some(key.sub)
    }

    /// As a body for Save. Dates keep the escaped slashes by which the service knows them; elsewhere they change nothing.
    pub(super) fn body(&self) -> String {
        let plain = serde_json::to_string(&self.0).unwrap_or_default();
        plain.replace("\"/Date(", "\"\\/Date(").replace(")/\"", ")\\/\"")
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array() && !value.is_null()
}

fn no_collection() -> ConnectorError {
    protocol("JSON without a collection of entities in `d`")
}

/// What stands in `d`, if anything does.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Object(mut whole) if whole.contains_key("d") => whole.remove("d").unwrap_or(Value::Null),
        other => other,
    }
}

fn parse(body: &[u8]) -> Result<Value, ConnectorError> {
    if body.len() > ENTITY_BYTES {
        return Err(protocol(format!("an answer larger than {ENTITY_BYTES} bytes where entities of one person are expected")));
    }
    let text = String::from_utf8_lossy(without_bom(body));
    serde_json::from_str(&text).map_err(|_| protocol("JSON that is cut off or not well formed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_an_entity_is_refused() {
        let whole = r#"{"d":{"__metadata":{"uri":"x"},"A":"/Date(5)/","AllowEmailFlag":true,"Links":{"__deferred":{}}}}"#;
        for at in 0..whole.len() {
            assert!(Entity::single(&whole.as_bytes()[..at]).is_err(), "{at}");
        }
        let entity = Entity::single(whole.as_bytes()).unwrap();
        assert_eq!(entity.flag("AllowEmailFlag").unwrap(), Some(true));
        assert!(entity.body().contains(r#""\/Date(5)\/""#) && entity.body().contains("__deferred"));
        for odd in ["{}", "[]", "{\"d\":[]}", "{\"d\":null}", "{\"d\":{\"ValidationIssues\":[]}}", "7", "{\"d\":{\"A\":null}}"] {
            assert!(Entity::single(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn flags_are_read_and_kept_as_they_are_written() {
        for (text, yes, after) in
            [("true", Some(true), "false"), ("\"N\"", Some(false), "\"N\""), ("\"true\"", Some(true), "\"false\""), ("null", None, "false")]
        {
            let mut entity = Entity::single(format!("{{\"X\":1,\"F\":{text}}}").as_bytes()).unwrap();
            assert_eq!(entity.flag("F").unwrap(), yes, "{text}");
            entity.set_flag("F", false);
            assert!(entity.body().contains(&format!("\"F\":{after}")), "{text}");
        }
        let entity = Entity::single(b"{\"F\":3}").unwrap();
        assert!(entity.flag("F").is_err() && entity.flag("G").unwrap_err().to_string().contains('G'));
    }

    #[test]
    fn objections_are_heard_in_an_answer_that_looks_well() {
        let heard = |text: &str| Entity::objections(text.as_bytes());
        assert_eq!(heard(r#"{"d":{"A":1,"ValidationIssues":[{"Message":"No."},{"Key":"K"}]}}"#).as_deref(), Some("No. no reason"));
        assert_eq!(heard(r#"{"ValidationIssues":{"results":[{"Message":"No."}]}}"#).as_deref(), Some("No."));
        assert_eq!(heard(r#"{"d":{"A":1,"ValidationIssues":[]}}"#), None);
        assert_eq!(heard("<html>"), None);
    }
}
