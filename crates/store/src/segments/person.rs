//! What is known of one record, as far as a segment asks about it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::{Date, DateTime};
use rialto_core::Instant;
use rialto_core::address::AddressState;
use rialto_core::segment::{Kind, Person, Segment, Table, Value};

use super::context::Context;
use crate::args;
use crate::audiences::{self, KEY};
use crate::consent;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    RECORD = sql!("SELECT bridge_id, remote_id, canonical, address_state, created_at FROM subscriber WHERE id = $1");
    GROUPS = sql!("SELECT group_id FROM membership WHERE subscriber_id = $1 AND group_id IN ", ids 2, "");
}

/// Columns read in one statement: PostgreSQL takes a hundred arguments a function.
const COLUMNS: usize = 50;

/// Reads a record, with the values and sets that a checked segment asks about. `None` when there is no such record.
pub async fn person(db: &Db, segment: &Segment, context: &Context, subscriber_id: i64) -> Result<Option<Person>, StoreError> {
    let record: Option<(i64, String, String, i16, i64)> = db.read().opt(RECORD, args![subscriber_id]).await?;
    let Some((bridge, remote_id, address, state, created_at)) = record else { return Ok(None) };
    let causes: HashSet<_> = consent::open_causes(db.read(), subscriber_id).await?.into_iter().collect();
    let mut person = Person {
        address,
        state: AddressState::from_i16(state),
        remote_id,
        bridge,
        added: context.today.day_of(Instant(created_at)),
        causes,
        sets: HashSet::new(),
        values: HashMap::new(),
    };
    sets(db.read(), segment, context, subscriber_id, &mut person).await?;
    let mut fields: BTreeMap<Table, Vec<i64>> = BTreeMap::new();
    for (table, number) in segment.fields() {
        fields.entry(table).or_default().push(number);
    }
    for (table, numbers) in fields {
        for some in numbers.chunks(COLUMNS) {
            values(db.read(), table, some, context, subscriber_id, &mut person).await?;
        }
    }
    Ok(Some(person))
}

async fn sets(mut read: Read<'_>, segment: &Segment, context: &Context, id: i64, person: &mut Person) -> Result<(), StoreError> {
    let asked: Vec<_> = segment.sets().into_iter().map(|set| Ok((set, context.group_of(set)?))).collect::<Result<_, StoreError>>()?;
    let groups: Vec<i64> = asked.iter().map(|(_, group)| *group).collect();
    let of: HashSet<i64> =
        read.all::<(i64,)>(GROUPS, args![id, serde_json::json!(groups).to_string()]).await?.into_iter().map(|(g,)| g).collect();
    person.sets.extend(asked.into_iter().filter(|(_, group)| of.contains(group)).map(|(set, _)| set));
    Ok(())
}

async fn values(
    mut read: Read<'_>,
    table: Table,
    numbers: &[i64],
    context: &Context,
    id: i64,
    person: &mut Person,
) -> Result<(), StoreError> {
    let columns: Vec<String> = numbers.iter().map(|n| format!("r.f{n}")).collect();
    let array = if read.is_sqlite() { "json_array" } else { "json_build_array" };
    let shown = format!("CAST({array}({}) AS TEXT)", columns.join(", "));
    let (text, key) = match table {
        Table::Bridge(bridge) => {
            let name = crate::fields::table(bridge);
            (format!("SELECT {shown} FROM {name} r WHERE r.subscriber_id = $1"), args![id])
        }
        Table::Audience(audience) => {
            let link = match context.link_of(audience)? {
                Some(("canonical", _)) => &person.address,
                Some((_, Some(bridge))) if bridge == person.bridge => &person.remote_id,
                _ => return Ok(()),
            };
            let name = audiences::table(audience);
            let by = context.key_order(audience)?;
            (format!("SELECT {shown} FROM {name} r WHERE r.link > '' AND r.link = $1 ORDER BY r.f{KEY}{by} LIMIT 1"), args![link])
        }
    };
    let rows: Vec<(String,)> = read.all_built(text, key).await?;
    let Some((row,)) = rows.first() else { return Ok(()) };
    let row: Vec<serde_json::Value> = serde_json::from_str(row).map_err(|_| StoreError::Corrupt("values of a profile".into()))?;
    for (number, value) in numbers.iter().zip(row) {
        if let Some(value) = typed(&value, context.kind(table, *number)?) {
            person.values.insert((table, *number), value);
        }
    }
    Ok(())
}

/// A value as both databases write it in JSON. SQLite writes yes and no as 1 and 0, PostgreSQL a moment with a T.
fn typed(value: &serde_json::Value, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Text => value.as_str().map(|text| Value::Text(text.to_owned())),
        Kind::Whole => value.as_i64().map(Value::Whole),
        Kind::Decimal => value.as_f64().map(Value::Decimal),
        Kind::Boolean => value.as_bool().or_else(|| value.as_i64().map(|n| n != 0)).map(Value::Boolean),
        Kind::Date => value.as_str()?.parse::<Date>().ok().map(Value::Date),
        Kind::DateTime => value.as_str()?.replace(' ', "T").parse::<DateTime>().ok().map(Value::DateTime),
    }
}
