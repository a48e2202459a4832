//! Values of the fields that a text names. Whatever the number of subscribers, each table is read once.

use std::collections::{BTreeMap, HashMap};

use rialto_core::audience::{FieldType, Stored};
use serde_json::json;

use super::{Offer, Source};
use crate::args;
use crate::audiences::{self, Audience, KEY};
use crate::db::Read;
use crate::error::StoreError;
use crate::fields;
use crate::sql::{sql, statements};

statements! {
    PEOPLE = sql!("SELECT id, bridge_id, remote_id, address FROM subscriber WHERE id ", among 1, "");
    AUDIENCES = sql!("SELECT * FROM audience WHERE id ", among 1, "");
    BRIDGE_TYPES = sql!("SELECT bridge_id, number, kind FROM bridge_field WHERE bridge_id ", among 1, "");
}

/// Columns of one table that are wanted: which of the fields asked for each is, its number and its type.
type Wanted = Vec<(usize, i64, FieldType)>;

/// Rows of values by subscriber, in the order of the fields asked for.
struct Found {
    rows: HashMap<i64, Vec<Stored>>,
}

/// The values of some fields for some subscribers, in the order of the fields; subscribers who are gone are not answered. `Null` is a value that is
/// empty or not there. Dates are `YYYY-MM-DD`, moments `YYYY-MM-DD HH:MM:SS`. Where several rows of a list are a subscriber's, the one with the
/// lowest key counts.
///
/// # Errors
/// The database's, and a value that is not of its field's type.
pub async fn values(mut read: Read<'_>, subscribers: &[i64], wanted: &[&Offer]) -> Result<HashMap<i64, Vec<Stored>>, StoreError> {
    let ids = json!(subscribers).to_string();
    let people: Vec<(i64, i64, String, String)> = read.all(PEOPLE, args![&ids]).await?;
    let mut found = Found { rows: people.iter().map(|(id, ..)| (*id, vec![Stored::Null; wanted.len()])).collect() };
    for (id, bridge_id, remote_id, address) in &people {
        for (slot, offer) in wanted.iter().enumerate() {
            match offer.source {
                Source::Address => found.set(*id, slot, text_of(address)),
                Source::RemoteId if *bridge_id != rialto_core::upload::SOURCE => found.set(*id, slot, text_of(remote_id)),
                _ => {}
            }
        }
    }
    from_bridges(read, &ids, wanted, &people, &mut found).await?;
    from_audiences(read, &ids, wanted, &mut found).await?;
    Ok(found.rows)
}

impl Found {
    fn set(&mut self, subscriber: i64, slot: usize, value: Stored) {
        if let Some(cell) = self.rows.get_mut(&subscriber).and_then(|row| row.get_mut(slot)) {
            *cell = value;
        }
    }

    fn take(&mut self, subscriber: i64, columns: &Wanted, values: &str) -> Result<(), StoreError> {
        let corrupt = |_| StoreError::Corrupt("a row of personalization values".into());
        let values: Vec<Option<String>> = serde_json::from_str(values).map_err(corrupt)?;
        for ((slot, number, kind), value) in columns.iter().zip(values) {
            let value = value.map_or(Ok(Stored::Null), |text| stored(text, *kind, *number))?;
            self.set(subscriber, *slot, value);
        }
        Ok(())
    }
}

fn text_of(text: &str) -> Stored {
    if text.is_empty() { Stored::Null } else { Stored::Text(text.to_owned()) }
}

async fn from_bridges(
    mut read: Read<'_>,
    ids: &str,
    wanted: &[&Offer],
    people: &[(i64, i64, String, String)],
    found: &mut Found,
) -> Result<(), StoreError> {
    let mut by_bridge: BTreeMap<i64, Vec<(usize, i64)>> = BTreeMap::new();
    for (slot, offer) in wanted.iter().enumerate() {
        let Source::Bridges(of) = &offer.source else { continue };
        // Only bridges that brought one of these people.
        for (bridge, number) in of.iter().filter(|(bridge, _)| people.iter().any(|(_, b, ..)| b == bridge)) {
            by_bridge.entry(*bridge).or_default().push((slot, *number));
        }
    }
    if by_bridge.is_empty() {
        return Ok(());
    }
    let bridges = json!(by_bridge.keys().collect::<Vec<_>>()).to_string();
    let types: Vec<(i64, i64, String)> = read.all(BRIDGE_TYPES, args![bridges]).await?;
    let type_of = |bridge: i64, number: i64| {
        let kind = types.iter().find(|(b, n, _)| (*b, *n) == (bridge, number)).map(|(.., kind)| kind.as_str());
        kind.and_then(rialto_core::fields::FieldType::from_name).map(super::typed)
    };
    for (bridge, of) in by_bridge {
        let columns: Wanted = of.into_iter().filter_map(|(slot, n)| type_of(bridge, n).map(|kind| (slot, n, kind))).collect();
        if columns.is_empty() {
            continue;
        }
        let text = format!(
            "SELECT r.subscriber_id, {} FROM {} r WHERE r.subscriber_id {}",
            row_of(read.is_sqlite(), &columns),
            fields::table(bridge),
            among(read.is_sqlite())
        );
        let rows: Vec<(i64, String)> = read.all_built(text, args![ids]).await?;
        for (subscriber, values) in rows {
            found.take(subscriber, &columns, &values)?;
        }
    }
    Ok(())
}

async fn from_audiences(mut read: Read<'_>, ids: &str, wanted: &[&Offer], found: &mut Found) -> Result<(), StoreError> {
    let mut by_list: BTreeMap<i64, Wanted> = BTreeMap::new();
    for (slot, offer) in wanted.iter().enumerate() {
        if let Source::Audience { id, number } = offer.source {
            by_list.entry(id).or_default().push((slot, number, offer.kind));
        }
    }
    if by_list.is_empty() {
        return Ok(());
    }
    let lists = json!(by_list.keys().collect::<Vec<_>>()).to_string();
    for list in read.all::<Audience>(AUDIENCES, args![lists]).await? {
        let Some(columns) = by_list.get(&list.id) else { continue };
        let Some(meets) = meets(&list) else { continue };
        // CROSS JOIN: SQLite then begins with the subscribers, whatever it believes of the sizes. The lowest key comes last, and stays.
        let text = format!(
            "SELECT s.id, {} FROM subscriber s CROSS JOIN {} r WHERE s.id {} AND {meets} ORDER BY s.id, r.f{KEY} DESC",
            row_of(read.is_sqlite(), columns),
            audiences::table(list.id),
            among(read.is_sqlite())
        );
        let rows: Vec<(i64, String)> = read.all_built(text, args![ids]).await?;
        for (subscriber, values) in rows {
            found.take(subscriber, columns, &values)?;
        }
    }
    Ok(())
}

/// How a row of the list is found to be a subscriber's; `None` while no data sync has said so.
fn meets(list: &Audience) -> Option<String> {
    use rialto_core::data_sync::MatchBy;
    Some(match list.matching()? {
        MatchBy::Email => "s.canonical <> '' AND r.link = s.canonical".to_owned(),
        MatchBy::RemoteId => format!("s.bridge_id = {} AND r.link = s.remote_id", list.match_bridge?),
    })
}

fn among(sqlite: bool) -> &'static str {
    if sqlite { "IN (SELECT value FROM json_each($1))" } else { "= ANY (ARRAY(SELECT json_array_elements_text($1::json)::bigint))" }
}

/// The columns as one JSON array of texts, so that rows of any width have one type. PostgreSQL takes no more than 100 arguments a function, but
/// an array of any length.
fn row_of(sqlite: bool, columns: &Wanted) -> String {
    let texts: Vec<String> = columns.iter().map(|(_, number, kind)| cell(sqlite, *number, *kind)).collect();
    if sqlite { format!("json_array({})", texts.join(", ")) } else { format!("CAST(to_json(ARRAY[{}]) AS TEXT)", texts.join(", ")) }
}

fn cell(sqlite: bool, number: i64, kind: FieldType) -> String {
    let column = format!("r.f{number}");
    match (kind, sqlite) {
        (FieldType::Boolean, true) => format!("CASE {column} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"),
        // SQLite's own text of a decimal has 15 digits.
        (FieldType::Float, true) => format!("CASE WHEN {column} IS NOT NULL THEN printf('%!.17g', {column}) END"),
        (FieldType::DateTime, false) => format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS')"),
        _ => format!("CAST({column} AS TEXT)"),
    }
}

fn stored(text: String, kind: FieldType, number: i64) -> Result<Stored, StoreError> {
    let read = match kind {
        FieldType::Integer | FieldType::Long => text.parse().ok().map(Stored::Integer),
        FieldType::Float => text.parse().ok().map(Stored::Float),
        FieldType::Boolean => text.parse().ok().map(Stored::Boolean),
        FieldType::Text | FieldType::LongText | FieldType::Date | FieldType::DateTime => return Ok(Stored::Text(text)),
    };
    read.ok_or_else(|| StoreError::Corrupt(format!("a value of field {number} is not of type {}", kind.name())))
}
