//! Members of a target group, page by page (`docs/adr/0003`), as a whole or standing on one line of the waterfall.

use std::collections::HashMap;

use rialto_core::books::Line;
use rialto_core::consent::Cause;
use rialto_core::upload::SOURCE;

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};

use super::Way;
pub use super::by_address::by_address;

/// One text for both databases and both directions: `$cmp` and `$dir` are `>` and an empty text onward, `<` and `DESC` back.
macro_rules! both {
    ($text:expr) => {
        Sql { sqlite: $text, postgres: $text }
    };
}

macro_rules! by_id {
    ($cmp:literal, $dir:literal) => {
        both!(concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM (SELECT subscriber_id FROM membership WHERE group_id = $1 AND subscriber_id ",
            $cmp,
            " $2 ORDER BY subscriber_id ",
            $dir,
            " LIMIT $3) p JOIN subscriber s ON s.id = p.subscriber_id ORDER BY s.id ",
            $dir
        ))
    };
}

macro_rules! by_state {
    ($cmp:literal, $dir:literal) => {
        both!(concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM membership m JOIN subscriber s ON s.id = m.subscriber_id
            WHERE m.group_id = $1 AND m.subscriber_id ",
            $cmp,
            " $2 AND s.address_state = $3 ORDER BY m.subscriber_id ",
            $dir,
            " LIMIT $4"
        ))
    };
}

/// Members whose first cause is `$3` (9 for none) and who carry their address.
macro_rules! on_line {
    ($cmp:literal, $dir:literal) => {
        both!(concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM membership m JOIN subscriber s ON s.id = m.subscriber_id JOIN bridge b ON b.id = s.bridge_id
            WHERE m.group_id = $1 AND m.subscriber_id ", $cmp, " $2 AND s.address_state = 0
            AND COALESCE((SELECT MIN(CASE x.cause WHEN 'invalid_address' THEN 4 WHEN 'complaint' THEN 5 WHEN 'own_unsubscribe' THEN 6 ELSE 7 END)
                FROM suppression x WHERE x.subscriber_id = s.id OR x.canonical = s.canonical),
                CASE WHEN s.remote_flag_run <> 0 THEN 8 ELSE 9 END) = $3
            AND NOT EXISTS (SELECT 1 FROM subscriber o JOIN bridge ob ON ob.id = o.bridge_id
                WHERE o.canonical = s.canonical AND o.id <> s.id AND o.address_state = 0
                AND EXISTS (SELECT 1 FROM membership om WHERE om.group_id = $1 AND om.subscriber_id = o.id)
                AND (CASE WHEN o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id OR x.canonical = o.canonical)
                    THEN 1 ELSE 0 END, ob.position, o.remote_id) < (CASE WHEN $3 < 9 THEN 1 ELSE 0 END, b.position, s.remote_id))
            ORDER BY m.subscriber_id ", $dir, " LIMIT $4"
        ))
    };
}

/// Members whose address another member of the group carries.
macro_rules! same_address {
    ($cmp:literal, $dir:literal) => {
        both!(concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM membership m JOIN subscriber s ON s.id = m.subscriber_id JOIN bridge b ON b.id = s.bridge_id
            WHERE m.group_id = $1 AND m.subscriber_id ", $cmp, " $2 AND s.address_state = 0
            AND EXISTS (SELECT 1 FROM subscriber o JOIN bridge ob ON ob.id = o.bridge_id
                WHERE o.canonical = s.canonical AND o.id <> s.id AND o.address_state = 0
                AND EXISTS (SELECT 1 FROM membership om WHERE om.group_id = $1 AND om.subscriber_id = o.id)
                AND (CASE WHEN o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id OR x.canonical = o.canonical)
                    THEN 1 ELSE 0 END, ob.position, o.remote_id)
                  < (CASE WHEN s.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = s.id OR x.canonical = s.canonical)
                    THEN 1 ELSE 0 END, b.position, s.remote_id))
            ORDER BY m.subscriber_id ", $dir, " LIMIT $3"
        ))
    };
}

statements! {
    BY_ID = by_id!(">", "");
    BY_ID_BACK = by_id!("<", "DESC");
    FIND = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM subscriber s WHERE s.id IN (SELECT a.id FROM subscriber a WHERE a.canonical = $2
            UNION SELECT r.id FROM bridge b JOIN subscriber r ON r.bridge_id = b.id AND r.remote_id = $3)
        AND EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = s.id) ORDER BY s.canonical, s.id LIMIT $4");
    BY_STATE = by_state!(">", "");
    BY_STATE_BACK = by_state!("<", "DESC");
    ON_LINE = on_line!(">", "");
    ON_LINE_BACK = on_line!("<", "DESC");
    SAME_ADDRESS = same_address!(">", "");
    SAME_ADDRESS_BACK = same_address!("<", "DESC");
    CAUSES_OF_RECORDS = sql!("SELECT subscriber_id, cause FROM suppression WHERE subscriber_id <> 0 AND subscriber_id IN ", ids 1, "");
    CAUSES_OF_ADDRESSES = sql!("SELECT canonical, cause FROM suppression WHERE canonical <> '' AND canonical IN ", texts 1, "");
}

/// A person of a list. `canonical` is where the next page by address begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub created_at: i64,
    /// 0 for a record that only uploads know.
    pub bridge_id: i64,
    /// Empty for a record that only uploads know: its key is no Remote ID.
    pub remote_id: String,
    pub address: String,
    pub canonical: String,
    pub address_state: i16,
    /// The run that opened the remote system's own "no"; 0 when none is open.
    pub remote_flag_run: i64,
}

impl<'r, R> sqlx::FromRow<'r, R> for Member
where
    R: sqlx::Row,
    &'r str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    i16: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let bridge_id: i64 = row.try_get("bridge_id")?;
        Ok(Self {
            id: row.try_get("id")?,
            created_at: row.try_get("created_at")?,
            remote_id: if bridge_id == SOURCE { String::new() } else { row.try_get("remote_id")? },
            bridge_id,
            address: row.try_get("address")?,
            canonical: row.try_get("canonical")?,
            address_state: row.try_get("address_state")?,
            remote_flag_run: row.try_get("remote_flag_run")?,
        })
    }
}

/// Members from a subscriber id.
pub async fn by_id(mut read: Read<'_>, group_id: i64, way: Way, from: i64, limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(way.pick(BY_ID, BY_ID_BACK), args![group_id, from, limit]).await
}

/// Members with this address or Remote ID.
pub async fn find(mut read: Read<'_>, group_id: i64, q: &str, limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(FIND, args![group_id, rialto_core::address::canonical(q), q.trim(), limit]).await
}

/// Members who stand on one line of the waterfall, from a subscriber id. Reads members until the page is full.
pub async fn on_line(mut read: Read<'_>, group_id: i64, line: Line, way: Way, from: i64, limit: i64) -> Result<Vec<Member>, StoreError> {
    let by_state = way.pick(BY_STATE, BY_STATE_BACK);
    let first_cause = match line {
        Line::NoAddress => return read.all(by_state, args![group_id, from, 1_i64, limit]).await,
        Line::Malformed => return read.all(by_state, args![group_id, from, 2_i64, limit]).await,
        Line::SameAddress => return read.all(way.pick(SAME_ADDRESS, SAME_ADDRESS_BACK), args![group_id, from, limit]).await,
        Line::Invalid => 4_i64,
        Line::Complaint => 5,
        Line::UnsubscribedHere => 6,
        Line::AdminOrUpload => 7,
        Line::RemoteFlag => 8,
        Line::Mailable => 9,
    };
    read.all(way.pick(ON_LINE, ON_LINE_BACK), args![group_id, from, first_cause, limit]).await
}

/// Open causes of some people, the remote system's flag included, each person's in the order of the waterfall.
pub async fn causes(db: &Db, people: &[Member]) -> Result<HashMap<i64, Vec<Cause>>, StoreError> {
    let ids = serde_json::Value::from(people.iter().map(|m| m.id).collect::<Vec<_>>()).to_string();
    let addresses: Vec<&str> = people.iter().map(|m| m.canonical.as_str()).filter(|c| !c.is_empty()).collect();
    let addresses = serde_json::Value::from(addresses).to_string();
    let of_records: Vec<(i64, String)> = db.read().all(CAUSES_OF_RECORDS, args![ids]).await?;
    let of_addresses: Vec<(String, String)> = db.read().all(CAUSES_OF_ADDRESSES, args![addresses]).await?;
    let mut found: HashMap<i64, Vec<Cause>> = HashMap::new();
    for m in people {
        let record = of_records.iter().filter(|(id, _)| *id == m.id).map(|(_, c)| c);
        let address = of_addresses.iter().filter(|(a, _)| *a == m.canonical).map(|(_, c)| c);
        let mut causes: Vec<Cause> = record.chain(address).filter_map(|c| Cause::from_name(c)).collect();
        if m.remote_flag_run != 0 {
            causes.push(Cause::RemoteFlag);
        }
        causes.sort_by_key(|c| (c.line(), c.name()));
        causes.dedup();
        if !causes.is_empty() {
            found.insert(m.id, causes);
        }
    }
    Ok(found)
}
