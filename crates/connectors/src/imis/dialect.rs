//! The JSON dialect: types named first, collections in `$values`, values bare or boxed. What a hostile answer nests or repeats is
//! never held as a whole.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;

use super::service::protocol;
use crate::ConnectorError;
use crate::http::without_bom;

/// Bytes of an answer that is read as the entities of one person.
const ENTITY_BYTES: usize = 2 << 20;
/// Longest text of a value that is kept, in bytes.
const TEXT: usize = 64 << 10;
/// Columns of a row that are looked at.
const COLUMNS: usize = 512;

/// Decodes an answer. Bytes that are no UTF-8 stay where they are, as replacement characters.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ConnectorError> {
    let text = String::from_utf8_lossy(without_bom(body));
    serde_json::from_str(&text).map_err(|e| match e.classify() {
        // What is wrong with data may quote it; the line and column do not.
        Category::Data => protocol(format!("JSON of another shape than was promised (line {}, column {})", e.line(), e.column())),
        _ => protocol("JSON that is cut off or not well formed"),
    })
}

/// Decodes a small answer whole, to be sent back as it came.
pub(super) fn entity(body: &[u8]) -> Result<Value, ConnectorError> {
    if body.len() > ENTITY_BYTES {
        return Err(protocol(format!("an answer larger than {ENTITY_BYTES} bytes where one entity is expected")));
    }
    match decode(body)? {
        entity @ Value::Object(_) => Ok(entity),
        _ => Err(protocol("JSON without an entity")),
    }
}

/// The values of a collection in an entity that was decoded whole.
pub(super) fn values(of: Option<&Value>) -> &[Value] {
    let list = match of {
        Some(Value::Object(map)) => map.get("$values"),
        other => other,
    };
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A value of a row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Scalar {
    #[default]
    Null,
    Bool(bool),
    Number(String),
    Text(String),
}

impl Scalar {
    /// As text; `None` for null.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(yes) => Some(if yes { "true" } else { "false" }.to_owned()),
            Self::Number(text) | Self::Text(text) => Some(text),
        }
    }

    /// Yes or no in any of the ways it is written; `None` for anything else.
    pub(super) fn flag(&self) -> Option<bool> {
        let word = match self {
            Self::Bool(yes) => return Some(*yes),
            Self::Number(text) | Self::Text(text) => text.trim(),
            Self::Null => return None,
        };
        let is = |words: &[&str]| words.iter().any(|w| word.eq_ignore_ascii_case(w));
        if is(&["true", "1", "y", "yes"]) { Some(true) } else { is(&["false", "0", "n", "no"]).then_some(false) }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, bare or boxed")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(yes))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n.to_string()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n.to_string()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(n.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.get(..text.floor_char_boundary(TEXT)).unwrap_or_default().to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        let mut found = Scalar::Null;
        while let Some(name) = map.next_key::<String>()? {
            if name == "$value" {
                found = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Null)
    }
}

/// A collection of at most so many values, in `$values` or bare; null is an empty one.
#[derive(Clone, Debug)]
pub(super) struct Values<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for Values<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Values<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValuesVisitor::<T, MOST>(PhantomData)).map(Self)
    }
}

struct ValuesVisitor<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for ValuesVisitor<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a collection of at most {MOST}")
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "$values" {
                found = Some(map.next_value::<Values<T, MOST>>()?.0);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        found.ok_or_else(|| A::Error::custom("no $values"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = seq.next_element()? {
            if all.len() >= MOST {
                return Err(A::Error::custom("too many"));
            }
            all.push(item);
        }
        Ok(all)
    }
}

/// A row of a query on EMS, or any object of plain members. Members of the dialect itself are left out.
#[derive(Debug, Default)]
pub(super) struct Flat(pub Vec<(String, Scalar)>);

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(FlatVisitor)
    }
}

struct FlatVisitor;

impl<'de> Visitor<'de> for FlatVisitor {
    type Value = Flat;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
        let mut row = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.starts_with('$') {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if row.len() >= COLUMNS {
                return Err(A::Error::custom("too many columns"));
            }
            row.push((name, map.next_value()?));
        }
        Ok(Flat(row))
    }
}

/// A property of a generic entity; without a value it is null.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Property {
    pub name: String,
    #[serde(default)]
    pub value: Scalar,
}

/// A generic entity: an activity, or a row of a query on the older generation.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generic {
    pub properties: Values<Property, COLUMNS>,
}

impl Generic {
    /// The text of a property; `None` when it is null or missing.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.properties.0.iter().find(|p| p.name == name).and_then(|p| p.value.clone().text())
    }
}

/// A page of an answer.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "PascalCase", bound = "T: DeserializeOwned")]
pub(super) struct Paged<T> {
    pub items: Values<T, 500>,
    #[serde(default)]
    pub limit: Option<usize>,
    #[serde(default)]
    pub total_count: Option<u64>,
    #[serde(default)]
    pub has_next: Option<bool>,
    #[serde(default)]
    pub next_offset: Option<u64>,
}

impl<T> Paged<T> {
    /// Whether the answer says that there is more, in either way.
    pub(super) fn says_more(&self) -> bool {
        self.has_next.unwrap_or_else(|| self.next_offset.is_some_and(|n| n > 0))
    }
}

/// An identity or parameter as it is sent.
#[derive(Serialize)]
pub(super) struct Boxed<T> {
    #[serde(rename = "$type")]
    pub kind: &'static str,
    #[serde(rename = "$value")]
    pub value: T,
}

/// A text as a parameter.
pub(super) fn text_parameter(text: &str) -> Value {
    serde_json::json!(Boxed { kind: "System.String", value: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_bare_and_boxed() {
        let row: Flat =
            decode(br#"{"$type":"x","A":"1","B":{"$type":"System.Int32","$value":5},"C":null,"D":true,"E":[1],"F":1.5}"#).unwrap();
        let texts: Vec<_> = row.0.into_iter().map(|(n, v)| (n, v.text())).collect();
        let expect = |n: &str, v: Option<&str>| (n.to_owned(), v.map(str::to_owned));
        assert_eq!(
            texts,
            [
                expect("A", Some("1")),
                expect("B", Some("5")),
                expect("C", None),
                expect("D", Some("true")),
                expect("E", None),
                expect("F", Some("1.5"))
            ]
        );
    }

    #[test]
    fn more_than_was_asked_for_is_refused_while_it_is_parsed() {
        let many = format!("{{\"Items\":{{\"$values\":[{}{{}}]}}}}", "{},".repeat(500));
        assert!(decode::<Paged<Flat>>(many.as_bytes()).is_err());
        let page: Paged<Flat> = decode(br#"{"Items":{"$values":[{}]},"TotalCount":7,"NextOffset":1}"#).unwrap();
        assert!(page.items.0.len() == 1 && page.total_count == Some(7) && page.says_more());
        for odd in ["{}", "[]", "7", r#"{"Items":{}}"#, r#"{"Items":7}"#, r#"{"Items":{"$values":[7]}}"#, r#"{"Items":[],"TotalCount":-1}"#]
        {
            assert!(decode::<Paged<Flat>>(odd.as_bytes()).is_err(), "{odd}");
        }
    }

    #[test]
    fn flags_are_read_in_the_ways_they_are_written() {
        let flag = |t: &str| Scalar::Text(t.into()).flag();
        assert_eq!((flag("True"), flag("N"), flag(""), flag("maybe")), (Some(true), Some(false), None, None));
        assert_eq!((Scalar::Bool(false).flag(), Scalar::Number("1".into()).flag(), Scalar::Null.flag()), (Some(false), Some(true), None));
    }

    #[test]
    fn every_prefix_of_an_answer_is_refused() {
        let whole =
            r#"{"$type":"x","Items":{"$type":"y","$values":[{"$type":"z","ID":"101","Email":null}]},"TotalCount":1,"HasNext":false}"#;
        assert_eq!(decode::<Paged<Flat>>(whole.as_bytes()).unwrap().items.0.len(), 1);
        for at in 0..whole.len() {
            let error = decode::<Paged<Flat>>(&whole.as_bytes()[..at]).unwrap_err();
            assert!(error.kind() == "protocol" && !error.to_string().contains("101"), "{at}");
        }
    }
}
