//! Segments (`docs/adr/0152`): a rule over profiles, whose people are the members of a derived target group of kind `segment` with the same
//! id. The target groups, personas and interests that it asks about are the group's parts; of everything else it asks about, a row of
//! `segment_source` says which state was last looked at.

mod compile;
mod context;
mod count;
mod due;
mod person;
mod predicate;
#[cfg(test)]
mod tests;

use rialto_core::run::Trigger;
use rialto_core::segment::{Segment, Table, Test};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::compound;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::{self, fold};
use crate::sql::{sql, statements};
use crate::{folders, ids};

pub use context::Context;
pub use count::{Counted, contains, count, ids};
pub use due::{Due, Looked, due, looked, state_of, take};
pub use person::person;
#[cfg(test)]
pub(crate) use {context::ALL as CONTEXT_ALL, due::ALL as DUE_ALL, person::ALL as PERSON_ALL};

statements! {
    GET = sql!("SELECT s.* FROM segment s JOIN target_group g ON g.id = s.group_id WHERE s.group_id = $1 AND g.deleted_at IS NULL");
    EVERY = sql!("SELECT s.* FROM segment s JOIN target_group g ON g.id = s.group_id WHERE g.deleted_at IS NULL ORDER BY g.name_folded, g.id");
    OF_AUDIENCE = sql!("SELECT g.id, g.created_at, g.name, s.rule FROM segment_source o JOIN segment s ON s.group_id = o.group_id
        JOIN target_group g ON g.id = s.group_id WHERE o.kind = 'audience' AND o.source_id = $1 AND g.deleted_at IS NULL ORDER BY g.name_folded, g.id");
    USED_BY = sql!("SELECT g.id, g.created_at, g.name, g.kind FROM compound_part p JOIN target_group g ON g.id = p.group_id
        WHERE p.part_group = $1 AND g.deleted_at IS NULL ORDER BY g.name_folded, g.id");
    SOME_PEOPLE = sql!("SELECT s.id, s.created_at, s.address, s.remote_id FROM membership m JOIN subscriber s ON s.id = m.subscriber_id
        WHERE m.group_id = $1 ORDER BY m.subscriber_id LIMIT $2");
    WITH_ADDRESS = sql!("SELECT id, created_at, address, remote_id FROM subscriber WHERE canonical = $1 AND canonical <> '' ORDER BY id LIMIT $2");
    INSERT_GROUP = sql!("INSERT INTO target_group (id, created_at, kind, name, name_folded, description, folder, state, edited_at)
        VALUES ($1, $2, 'segment', $3, $4, $5, $6, 'active', $2)");
    INSERT_COMPOUND = sql!("INSERT INTO compound (group_id, form) VALUES ($1, 'segment')");
    INSERT = sql!("INSERT INTO segment (group_id, rule) VALUES ($1, $2)");
    REDEFINE = sql!("UPDATE segment SET rule = $2, revision = revision + 1, turns_at = NULL WHERE group_id = $1");
    EDITED = sql!("UPDATE target_group SET edited_at = $2 WHERE id = $1");
    INSERT_SOURCE = sql!("INSERT INTO segment_source (group_id, kind, source_id) VALUES ($1, $2, $3)");
    DROP_SOURCES = sql!("DELETE FROM segment_source WHERE group_id = $1");
    DROP = sql!("DELETE FROM segment WHERE group_id = $1");
}

#[derive(sqlx::FromRow)]
struct SegmentRow {
    group_id: i64,
    rule: String,
    revision: i64,
    looked_at: i64,
    took_ms: i64,
    turns_at: Option<i64>,
}

/// A segment as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Also the id of the segment.
    pub group_id: i64,
    pub segment: Segment,
    /// Rises with every edit.
    pub revision: i64,
    /// When it was last asked who is in it; 0 for never.
    pub looked_at: i64,
    /// How long that took, in milliseconds.
    pub took_ms: i64,
    /// When a rule about relative days means other days.
    pub turns_at: Option<i64>,
}

/// The name under which a segment's people are found, checked by the caller.
pub use crate::compound::New;

fn kept(row: SegmentRow) -> Result<Kept, StoreError> {
    let segment = serde_json::from_str(&row.rule).map_err(|_| StoreError::Corrupt(format!("the rule of segment {}", row.group_id)))?;
    let SegmentRow { group_id, revision, looked_at, took_ms, turns_at, .. } = row;
    Ok(Kept { group_id, segment, revision, looked_at, took_ms, turns_at })
}

/// The segment behind a target group; `None` for groups of other kinds, and deleted ones.
pub async fn get(mut read: Read<'_>, group_id: i64) -> Result<Option<Kept>, StoreError> {
    read.opt::<SegmentRow>(GET, args![group_id]).await?.map(kept).transpose()
}

/// All segments, by name.
pub async fn list(mut read: Read<'_>) -> Result<Vec<Kept>, StoreError> {
    read.all::<SegmentRow>(EVERY, args![]).await?.into_iter().map(kept).collect()
}

/// Makes a segment with its target group, and asks for the run that finds its people; answers its id. `Conflict` with what is wrong when it
/// cannot be asked, or when groups would stand too deep on one another.
pub async fn create(tx: &mut Tx, new: &New<'_>, segment: &Segment, context: &Context, who: &Actor) -> Result<i64, StoreError> {
    check(segment, context)?;
    compound::one_at_a_time(tx).await?;
    let id = ids::next(tx, "target_group").await?;
    let folder = folders::ensure(tx, new.folder, who).await?;
    tx.run(INSERT_GROUP, args![id, who.at, new.name, fold(new.name), new.description, folder]).await?;
    tx.run(INSERT_COMPOUND, args![id]).await?;
    tx.run(INSERT, args![id, written(segment)?]).await?;
    write_sources(tx, id, segment, context).await?;
    audit::write(tx, who, "segment.create", "target_group", Some(id), json!({"name": new.name, "rule": segment})).await?;
    compound::ask(tx, id, Trigger::Api, false, who).await?;
    Ok(id)
}

/// Gives a segment another rule, and asks for the run that finds its people. Fails as `create`; `NotFound` for other groups.
pub async fn redefine(tx: &mut Tx, id: i64, to: &Segment, context: &Context, who: &Actor) -> Result<(), StoreError> {
    check(to, context)?;
    compound::one_at_a_time(tx).await?;
    groups::get_in(tx, id).await?;
    if tx.run(REDEFINE, args![id, written(to)?]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    write_sources(tx, id, to, context).await?;
    tx.run(EDITED, args![id, who.at]).await?;
    audit::write(tx, who, "segment.update", "target_group", Some(id), json!({"rule": to})).await?;
    compound::ask(tx, id, Trigger::Api, false, who).await.map(drop)
}

fn check(segment: &Segment, context: &Context) -> Result<(), StoreError> {
    let messages: Vec<String> = context.check(segment).into_iter().map(|f| f.message).collect();
    if messages.is_empty() { Ok(()) } else { Err(StoreError::Conflict(messages.join(" "))) }
}

fn written(segment: &Segment) -> Result<String, StoreError> {
    serde_json::to_string(segment).map_err(|_| StoreError::Corrupt("a segment that cannot be written".into()))
}

async fn write_sources(tx: &mut Tx, id: i64, segment: &Segment, context: &Context) -> Result<(), StoreError> {
    tx.run(DROP_SOURCES, args![id]).await?;
    for (kind, source) in sources(segment) {
        tx.run(INSERT_SOURCE, args![id, kind, source]).await?;
    }
    let mut parts: Vec<i64> = segment.sets().into_iter().map(|set| context.group_of(set)).collect::<Result<_, _>>()?;
    parts.sort_unstable();
    parts.dedup();
    compound::ask_about(tx, id, &parts).await
}

/// Data that a segment asks about, beside target groups. Whoever comes or goes may belong to any segment.
fn sources(segment: &Segment) -> Vec<(&'static str, i64)> {
    let mut all = vec![("people", 0)];
    if segment.tests().into_iter().any(|t| matches!(t, Test::Mailable(_) | Test::Cause { .. })) {
        all.push(("consent", 0));
    }
    let mut audiences: Vec<i64> =
        segment.fields().into_iter().filter_map(|(of, _)| if let Table::Audience(id) = of { Some(id) } else { None }).collect();
    audiences.sort_unstable();
    audiences.dedup();
    all.extend(audiences.into_iter().map(|id| ("audience", id)));
    all
}

/// A segment that asks about a list: id, creation time, name, and the numbers of the fields it asks about.
pub type User = (i64, i64, String, Vec<i64>);

/// Segments that ask about a list or extension.
pub(crate) async fn users_of_audience(tx: &mut Tx, audience_id: i64) -> Result<Vec<User>, StoreError> {
    tx.all(OF_AUDIENCE, args![audience_id]).await.and_then(|rows| asked_fields(audience_id, rows))
}

/// The same outside a transaction.
pub(crate) async fn users_of_audience_read(mut read: Read<'_>, audience_id: i64) -> Result<Vec<User>, StoreError> {
    read.all(OF_AUDIENCE, args![audience_id]).await.and_then(|rows| asked_fields(audience_id, rows))
}

fn asked_fields(audience_id: i64, rows: Vec<(i64, i64, String, String)>) -> Result<Vec<User>, StoreError> {
    let of = |rule: &str, id: i64| -> Result<Vec<i64>, StoreError> {
        let segment: Segment = serde_json::from_str(rule).map_err(|_| StoreError::Corrupt(format!("the rule of segment {id}")))?;
        Ok(segment.fields().into_iter().filter(|(of, _)| *of == Table::Audience(audience_id)).map(|(_, number)| number).collect())
    };
    rows.into_iter().map(|(id, created_at, name, rule)| Ok((id, created_at, name, of(&rule, id)?))).collect()
}

/// A target group that is made of another one: its id, creation time, name and kind.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Use {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub kind: String,
}

/// Target groups that are made of a segment's.
pub async fn used_by(mut read: Read<'_>, group_id: i64) -> Result<Vec<Use>, StoreError> {
    read.all(USED_BY, args![group_id]).await
}

/// A record, as a page names it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Record {
    pub id: i64,
    pub created_at: i64,
    pub address: String,
    pub remote_id: String,
}

/// The first members of a segment's group.
pub async fn some_people(mut read: Read<'_>, group_id: i64, limit: i64) -> Result<Vec<Record>, StoreError> {
    read.all(SOME_PEOPLE, args![group_id, limit]).await
}

/// The first records with an address, in the segment or not.
pub async fn with_address(mut read: Read<'_>, address: &str, limit: i64) -> Result<Vec<Record>, StoreError> {
    read.all(WITH_ADDRESS, args![rialto_core::address::canonical(address), limit]).await
}

/// Forgets the rule of a deleted group.
pub(crate) async fn forget(tx: &mut Tx, group_id: i64) -> Result<(), StoreError> {
    tx.run(DROP_SOURCES, args![group_id]).await?;
    tx.run(DROP, args![group_id]).await.map(drop)
}
