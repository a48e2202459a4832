//! Verbose JSON as of OData 1: `{"d":[…]}` and `{"d":{…}}`; of OData 2 on request.

use std::fmt::Write as _;

use super::atom::{View, entity_uri};
use super::value::{Value, format_cents};

/// A collection; as `d.results` for clients of OData 2.
pub(crate) fn collection(view: &View<'_>, rows: &[Vec<Value>], second: bool) -> String {
    let (head, tail) = if second { ("{\"d\":{\"results\":[", "]}}") } else { ("{\"d\":[", "]}") };
    let mut out = String::from(head);
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        object(&mut out, view, row, at as u64);
    }
    out.push_str(tail);
    out
}

/// A single entity.
pub(crate) fn single(view: &View<'_>, row: &[Value]) -> String {
    let mut out = String::from("{\"d\":");
    object(&mut out, view, row, 0);
    out.push('}');
    out
}

fn object(out: &mut String, view: &View<'_>, row: &[Value], at: u64) {
    let uri = quote(&entity_uri(view, row));
    let _ = write!(out, "{{\"__metadata\":{{\"uri\":{uri},\"type\":\"Personify.{}\"}}", view.entity.name);
    for (name, value) in view.shown(row, at) {
        let _ = write!(out, ",{}:", quote(name));
        match value.as_ref() {
            Value::Null => out.push_str("null"),
            Value::Bool(flag) => {
                let _ = write!(out, "{flag}");
            }
            Value::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Value::Decimal(cents) => {
                let _ = write!(out, "\"{}\"", format_cents(*cents));
            }
            Value::Date(millis) => {
                let _ = write!(out, "\"\\/Date({millis})\\/\"");
            }
            Value::Text(text) => out.push_str(&quote(text)),
        }
    }
    out.push('}');
}

/// A JSON string.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
