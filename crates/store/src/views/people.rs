//! People: found by address or Remote ID, and everything about one of them.

use std::collections::HashMap;

use rialto_core::fields::FieldType;

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::fields::{Field, listed_ids, profile_object, table};
use crate::sql::{sql, statements};

use super::members::Member;

statements! {
    /// One lower bound: given two, PostgreSQL begins at the first of the index.
    BY_ADDRESS = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber
        WHERE canonical < $1 AND (canonical, id) > ($2, $3) ORDER BY canonical, id LIMIT $4");
    /// The bound below keeps the walk within the beginning that was asked for.
    BY_ADDRESS_BACK = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber
        WHERE canonical >= $1 AND (canonical, id) < ($2, $3) ORDER BY canonical DESC, id DESC LIMIT $4");
    BY_REMOTE_ID = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber
        WHERE bridge_id IN (SELECT id FROM bridge) AND remote_id = $1 ORDER BY bridge_id LIMIT $2");
    ONE = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber WHERE id = $1");
    MORE = sql!("SELECT created_run, remote_flag_seen, remote_flag_delivered FROM subscriber WHERE id = $1");
    SAME_ADDRESS = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber
        WHERE canonical = $1 AND id <> $2 ORDER BY id LIMIT 20");
    /// One key probe a group; the membership table has no index by person (`docs/adr/0003`).
    GROUPS = sql!("SELECT g.id, g.created_at, g.name, g.state, g.synced_at FROM target_group g WHERE g.deleted_at IS NULL
        AND EXISTS (SELECT 1 FROM membership m WHERE m.group_id = g.id AND m.subscriber_id = $1) ORDER BY g.name_folded, g.id");
    /// One key probe a group and person.
    GROUPS_OF = sql!("SELECT m.subscriber_id, g.name FROM target_group g JOIN membership m ON m.group_id = g.id
        WHERE g.deleted_at IS NULL AND m.subscriber_id IN ", ids 1, " ORDER BY g.name_folded, g.id");
    CAUSES = sql!("SELECT cause, created_at, subscriber_id FROM suppression WHERE (subscriber_id <> 0 AND subscriber_id = $1)
        OR (canonical <> '' AND canonical = $2) ORDER BY created_at, id");
}

/// People whose address begins with a text, after (canonical address, id).
pub async fn by_address(mut read: Read<'_>, start: &str, after: (&str, i64), limit: i64) -> Result<Vec<Member>, StoreError> {
    let start = rialto_core::address::canonical(start);
    // The highest character ends the range: whatever begins with `start` sorts below it.
    let end = format!("{start}\u{10FFFF}");
    // Ids begin at 1, so nobody with this very address is left out.
    let from = if after.0 < start.as_str() { (start.as_str(), 0) } else { after };
    read.all(BY_ADDRESS, args![end, from.0, from.1, limit]).await
}

/// As `by_address`, before (canonical address, id), nearest first.
pub async fn by_address_back(mut read: Read<'_>, start: &str, before: (&str, i64), limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(BY_ADDRESS_BACK, args![rialto_core::address::canonical(start), before.0, before.1, limit]).await
}

/// People with this Remote ID, one a bridge.
pub async fn by_remote_id(mut read: Read<'_>, remote_id: &str, limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(BY_REMOTE_ID, args![remote_id.trim(), limit]).await
}

pub async fn one(mut read: Read<'_>, id: i64) -> Result<Option<Member>, StoreError> {
    read.opt(ONE, args![id]).await
}

/// Other records with the same canonical address.
pub async fn same_address(mut read: Read<'_>, person: &Member) -> Result<Vec<Member>, StoreError> {
    if person.canonical.is_empty() {
        return Ok(Vec::new());
    }
    read.all(SAME_ADDRESS, args![&person.canonical, person.id]).await
}

/// What only the person's own page shows.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct More {
    pub created_run: i64,
    /// 1 yes, 2 no: as last read, and as last written and acknowledged (0 never).
    pub remote_flag_seen: i16,
    pub remote_flag_delivered: i16,
}

pub async fn more(mut read: Read<'_>, id: i64) -> Result<More, StoreError> {
    read.one(MORE, args![id]).await
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct InGroup {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub state: String,
    pub synced_at: Option<i64>,
}

pub async fn groups(mut read: Read<'_>, id: i64) -> Result<Vec<InGroup>, StoreError> {
    read.all(GROUPS, args![id]).await
}

/// Names of the groups that each of some people is in.
pub async fn groups_of(mut read: Read<'_>, ids: &[i64]) -> Result<HashMap<i64, Vec<String>>, StoreError> {
    let rows: Vec<(i64, String)> = read.all(GROUPS_OF, args![serde_json::Value::from(ids).to_string()]).await?;
    let mut of: HashMap<i64, Vec<String>> = HashMap::new();
    for (id, name) in rows {
        of.entry(id).or_default().push(name);
    }
    Ok(of)
}

/// An open cause and since when; the remote's flag stands on the record itself.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OpenCause {
    pub cause: String,
    pub created_at: i64,
    /// 0 when bound to the address.
    pub subscriber_id: i64,
}

pub async fn causes(mut read: Read<'_>, person: &Member) -> Result<Vec<OpenCause>, StoreError> {
    read.all(CAUSES, args![person.id, &person.canonical]).await
}

/// Values of a bridge's fields by field number, for some people. Null and never set are both absent here.
pub type Profile = HashMap<i64, serde_json::Value>;

/// Reads profile rows of one bridge in one statement.
pub async fn profiles(db: &Db, bridge_id: i64, fields: &[Field], ids: &[i64]) -> Result<HashMap<i64, Profile>, StoreError> {
    if fields.is_empty() || ids.is_empty() {
        return Ok(HashMap::new());
    }
    let typed = fields.iter().map(|f| (f.number, FieldType::from_name(&f.kind)));
    let (profile, object) = (table(bridge_id), profile_object(db.is_sqlite(), typed));
    let ids_of = listed_ids(db.is_sqlite(), 1);
    let text = format!("SELECT p.subscriber_id, CAST({object} AS TEXT) FROM {profile} p WHERE p.subscriber_id IN {ids_of}");
    let rows: Vec<(i64, String)> = db.read().all_built(text, args![serde_json::Value::from(ids).to_string()]).await?;
    rows.into_iter().map(|(id, text)| Ok((id, read_profile(&text)?))).collect()
}

/// A JSON object with keys `f<number>` as a profile.
pub fn read_profile(text: &str) -> Result<Profile, StoreError> {
    let map: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a profile row is no JSON object".into()))?;
    Ok(profile_of(map))
}

/// As `read_profile`, of a value that was read already.
pub fn profile_of(map: serde_json::Map<String, serde_json::Value>) -> Profile {
    map.into_iter().filter(|(_, v)| !v.is_null()).filter_map(|(k, v)| Some((k.strip_prefix('f')?.parse().ok()?, v))).collect()
}
