//! The JSON dialect: every object names its type first, collections stand in `$values`.

use serde_json::{Map, Value, json};

use crate::imis::rows::Cell;

const CORE: &str = "Asi.Soa.Core.DataContracts";
const MEMBERSHIP: &str = "Asi.Soa.Membership.DataContracts";
const STRINGS: &str = "System.Collections.ObjectModel.Collection`1[[System.String, mscorlib]], mscorlib";
const OBJECTS: &str = "System.Collections.Generic.List`1[[System.Object, mscorlib]], mscorlib";

/// An object of the core contracts. Members are sorted by name, and `$` comes before letters.
pub(crate) fn core(name: &str, members: Value) -> Value {
    typed(&format!("{CORE}.{name}, Asi.Contracts"), members)
}

/// An object of the membership contracts.
pub(crate) fn membership(name: &str, members: Value) -> Value {
    typed(&format!("{MEMBERSHIP}.{name}, Asi.Contracts"), members)
}

fn typed(kind: &str, members: Value) -> Value {
    let mut map = match members {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    map.insert("$type".into(), kind.into());
    Value::Object(map)
}

/// A collection.
pub(crate) fn values(kind: &str, items: Vec<Value>) -> Value {
    json!({ "$type": format!("{CORE}.{kind}, Asi.Contracts"), "$values": items })
}

/// A collection of objects of several types.
pub(crate) fn objects(items: Vec<Value>) -> Value {
    json!({ "$type": OBJECTS, "$values": items })
}

/// The values of a collection as clients send it, bare or wrapped.
pub(crate) fn items(value: Option<&Value>) -> &[Value] {
    let list = match value {
        Some(Value::Object(map)) => map.get("$values"),
        other => other,
    };
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member by its name without regard to case.
pub(crate) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The text of a member; empty if it is missing or no text.
pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    member(value, name).and_then(Value::as_str).unwrap_or_default()
}

/// An identity of so many parts.
pub(crate) fn identity(entity: &str, parts: &[&str]) -> Value {
    let elements = json!({ "$type": STRINGS, "$values": parts });
    core("IdentityData", json!({ "EntityTypeName": entity, "IdentityElements": elements }))
}

/// A generic entity that belongs to a party.
pub(crate) fn generic(entity: &str, parts: &[&str], party: &str, properties: &[(String, Cell)]) -> Value {
    core(
        "GenericEntityData",
        json!({
            "EntityTypeName": entity,
            "Identity": identity(entity, parts),
            "PrimaryParentEntityTypeName": "Party",
            "PrimaryParentIdentity": identity("Party", &[party]),
            "Properties": self::properties(properties),
        }),
    )
}

/// Properties of a generic entity; null ones are left out.
pub(crate) fn properties(of: &[(String, Cell)]) -> Value {
    let one = |(name, cell): &(String, Cell)| core("GenericPropertyData", json!({ "Name": name, "Value": cell.boxed() }));
    let there = of.iter().filter(|(_, cell)| *cell != Cell::Null);
    values("GenericPropertyDataCollection", there.map(one).collect())
}

/// The properties of a generic entity as a client sends it: names as sent.
pub(crate) fn read_properties(entity: &Value) -> Vec<(String, Cell)> {
    let list = items(member(entity, "Properties"));
    let one =
        |p: &Value| Some((text(p, "Name").to_owned(), member(p, "Value").map_or(Cell::Null, Cell::read))).filter(|(n, _)| !n.is_empty());
    list.iter().filter_map(one).collect()
}

/// The party that a generic entity as sent belongs to.
pub(crate) fn parent(entity: &Value) -> Option<String> {
    let identity = member(entity, "PrimaryParentIdentity")?;
    items(member(identity, "IdentityElements")).first()?.as_str().map(str::to_owned)
}

/// One page of an answer.
pub(crate) struct Slice {
    pub offset: usize,
    pub limit: usize,
}

/// The envelope of a page. `total` may be more than there are: a fault.
pub(crate) fn page(items: Value, count: usize, slice: &Slice, total: u64) -> Value {
    let end = slice.offset + count;
    let more = total > end as u64 && count > 0;
    core(
        "PagedResult",
        json!({
            "Items": items,
            "Offset": slice.offset,
            "Limit": slice.limit,
            "Count": count,
            "TotalCount": total,
            "NextPageLink": null,
            "HasNext": more,
            "NextOffset": if more { end } else { 0 },
        }),
    )
}

/// What a validation refuses.
pub(crate) fn validation(message: &str) -> Value {
    let error = core("ValidationResultData", json!({ "Message": message }));
    core("ValidationResultsData", json!({ "Errors": values("ValidationResultDataCollection", vec![error]) }))
}
