//! What texts of mails can name: the fields of subscribers, of the bridges that brought them, and of audience lists and extensions (L7, PZ-01);
//! and their values, for as many subscribers as there are, in one statement for each table (docs/adr/0153).

mod values;

use std::collections::{BTreeMap, HashSet};

use rialto_core::audience::{self, FieldType};
use rialto_core::fields::FieldType as BridgeType;

use crate::args;
use crate::audiences::{self, Audience};
use crate::bridges::{self, Bridge};
use crate::db::Read;
use crate::error::StoreError;
use crate::fields;
use crate::sql::{sql, statements};

#[cfg(test)]
pub(crate) use values::ALL as VALUES_ALL;
pub use values::values;

statements! {
    AUDIENCE_FIELDS = sql!("SELECT * FROM audience_field WHERE retired_at IS NULL ORDER BY audience_id, position, number");
    BRIDGE_FIELDS = sql!("SELECT bridge_id, number, position, name, label, kind, length, shown, gone_at, display_name, default_value, comment
        FROM bridge_field WHERE gone_at IS NULL AND shown ORDER BY bridge_id, position, number");
}

/// Name of the group of fields that every subscriber has.
pub const SUBSCRIBER: &str = "Subscriber";

/// Where a field's values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Address,
    RemoteId,
    /// Id of a bridge and number of its field, one for each bridge that has it: a subscriber has the value of their own.
    Bridges(Vec<(i64, i64)>),
    Audience {
        id: i64,
        number: i64,
    },
}

/// A field that a text may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `email`, `first_name` or `LOYALTY.points`: the shortest name that is its alone.
    pub reference: String,
    /// Another name of a field of a list or extension: its API name before the dot. It stays the same whatever else is added later.
    pub also: Option<String>,
    pub label: String,
    /// What it belongs to, as people call it.
    pub group: String,
    pub kind: FieldType,
    /// Stands in for an empty value, written as its type; empty for none.
    pub default_value: String,
    pub description: String,
    pub source: Source,
}

#[derive(sqlx::FromRow)]
struct OfBridge {
    bridge_id: i64,
    #[sqlx(flatten)]
    field: fields::Field,
}

/// Every field that there is, in the order of their groups.
pub async fn offered(mut read: Read<'_>) -> Result<Vec<Offer>, StoreError> {
    let bridges = bridges::list(read).await?;
    let of_bridges: Vec<OfBridge> = read.all(BRIDGE_FIELDS, args![]).await?;
    let mut lists = audiences::list(read).await?;
    // What was there first keeps its name.
    lists.sort_by_key(|a| a.id);
    let of_lists: Vec<audiences::Field> = read.all(AUDIENCE_FIELDS, args![]).await?;
    let mut names = Names::default();
    let mut offers = vec![
        names.offer(own("email", "Email", "The address, as the remote system writes it.", Source::Address), None),
        names.offer(own("remote_id", "Remote ID", "The key in the remote system.", Source::RemoteId), None),
    ];
    offers.extend(from_bridges(&bridges, of_bridges, &mut names));
    for list in &lists {
        for field in of_lists.iter().filter(|f| f.audience_id == list.id) {
            offers.push(from_list(list, field, &mut names)?);
        }
    }
    Ok(offers)
}

fn own(reference: &str, label: &str, description: &str, source: Source) -> Offer {
    Offer {
        reference: reference.to_owned(),
        also: None,
        label: label.to_owned(),
        group: SUBSCRIBER.to_owned(),
        kind: FieldType::Text,
        default_value: String::new(),
        description: description.to_owned(),
        source,
    }
}

fn from_list(list: &Audience, field: &audiences::Field, names: &mut Names) -> Result<Offer, StoreError> {
    let source = Source::Audience { id: list.id, number: field.number };
    let offer = Offer {
        reference: list.reference(field),
        also: None,
        label: field.name.clone(),
        group: list.name.clone(),
        kind: field.field_type()?,
        default_value: field.default_value.clone(),
        description: field.description.clone(),
        source,
    };
    Ok(names.offer(offer, Some(format!("{}.{}", list.api_name, field.api_name))))
}

/// Fields of several bridges that have one name are one field.
fn from_bridges(bridges: &[Bridge], rows: Vec<OfBridge>, names: &mut Names) -> Vec<Offer> {
    let mut order: Vec<String> = Vec::new();
    let mut alike: BTreeMap<String, Vec<(OfBridge, BridgeType)>> = BTreeMap::new();
    for row in rows {
        let Some(kind) = BridgeType::from_name(&row.field.kind) else { continue };
        let name = name_of(&row, &alike);
        if !alike.contains_key(&name) {
            order.push(name.clone());
        }
        alike.entry(name).or_default().push((row, kind));
    }
    order.into_iter().filter_map(|name| alike.remove(&name).map(|rows| names.offer(merged(name, &rows, bridges), None))).collect()
}

/// The remote's name as a reference; with its number where the bridge has that name twice, or where nothing of it can stand in one.
fn name_of(row: &OfBridge, taken: &BTreeMap<String, Vec<(OfBridge, BridgeType)>>) -> String {
    let name = audience::api_name(&row.field.name);
    let twice = taken.get(&name).is_some_and(|rows| rows.iter().any(|(other, _)| other.bridge_id == row.bridge_id));
    match (name.is_empty(), twice) {
        (true, _) => format!("field_{}", row.field.number),
        (false, true) => format!("{name}_{}", row.field.number),
        (false, false) => name,
    }
}

fn merged(reference: String, rows: &[(OfBridge, BridgeType)], bridges: &[Bridge]) -> Offer {
    let mut kinds = rows.iter().map(|(_, kind)| typed(*kind));
    let first = kinds.next().unwrap_or(FieldType::Text);
    // Bridges that disagree about the type agree about a text.
    let kind = if kinds.all(|k| k == first) { first } else { FieldType::Text };
    let name = |id: i64| bridges.iter().find(|b| b.id == id).map_or("", |b| b.name.as_str());
    let text =
        |of: &dyn Fn(&fields::Field) -> &str| rows.iter().map(|(r, _)| of(&r.field)).find(|t| !t.is_empty()).unwrap_or_default().to_owned();
    Offer {
        reference,
        also: None,
        label: text(&|f| f.title()),
        group: rows.iter().map(|(r, _)| name(r.bridge_id)).collect::<Vec<_>>().join(", "),
        kind,
        default_value: text(&|f| &f.default_value),
        description: text(&|f| &f.comment),
        source: Source::Bridges(rows.iter().map(|(r, _)| (r.bridge_id, r.field.number)).collect()),
    }
}

/// A bridge's type as that of a list's field.
pub(crate) fn typed(kind: BridgeType) -> FieldType {
    match kind {
        BridgeType::Text => FieldType::Text,
        BridgeType::Integer => FieldType::Long,
        BridgeType::Decimal => FieldType::Float,
        BridgeType::DateTime => FieldType::DateTime,
        BridgeType::Boolean => FieldType::Boolean,
    }
}

/// The names that are taken.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// Gives a field its names: the first that is free, and the longer one beside it.
    fn offer(&mut self, mut offer: Offer, longer: Option<String>) -> Offer {
        let longer = longer.filter(|name| self.0.insert(name.clone()));
        if self.0.insert(offer.reference.clone()) {
            offer.also = longer;
        } else if let Some(name) = longer {
            offer.reference = name;
        } else {
            offer.reference = self.numbered(&offer.reference);
        }
        offer
    }

    fn numbered(&mut self, name: &str) -> String {
        let mut n = 2;
        while !self.0.insert(format!("{name}_{n}")) {
            n += 1;
        }
        format!("{name}_{n}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_keeps_the_short_name() {
        let mut names = Names::default();
        let field = |reference: &str| own(reference, "x", "", Source::Address);
        let first = names.offer(field("first_name"), Some("members.first_name".into()));
        let second = names.offer(field("first_name"), Some("guests.first_name".into()));
        let third = names.offer(field("first_name"), None);
        assert_eq!((first.reference.as_str(), first.also.as_deref()), ("first_name", Some("members.first_name")));
        assert_eq!((second.reference.as_str(), second.also), ("guests.first_name", None));
        assert_eq!(third.reference, "first_name_2");
    }
}
