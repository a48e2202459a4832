//! Who is in a segment: one statement, over typed columns.

use rialto_core::segment::Segment;
use roaring::RoaringTreemap;

use super::compile::{can_be_mailed, compile};
use super::context::Context;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::Arg;

/// How many people are in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Records.
    pub people: i64,
    /// Addresses that a mailing to them would go to now: usable, held back by nothing, each once.
    pub mailable: i64,
}

/// Counts the people of a segment. `Conflict` with what is wrong when it cannot be asked.
pub async fn count(db: &Db, segment: &Segment, context: &Context) -> Result<Counted, StoreError> {
    let compiled = compiled(segment, context)?;
    let mailable = can_be_mailed(context)?;
    // The order in which PostgreSQL tells texts apart is not asked for; its plainest one is the fastest.
    let by = if db.is_sqlite() { "" } else { " COLLATE \"C\"" };
    let text =
        format!("SELECT COUNT(*), COUNT(DISTINCT CASE WHEN {mailable} THEN s.canonical{by} END) FROM subscriber s WHERE {}", compiled.text);
    let rows: Vec<(i64, i64)> = db.read().all_built(text, compiled.args).await?;
    let (people, mailable) = rows.first().copied().unwrap_or_default();
    Ok(Counted { people, mailable })
}

/// Internal ids of everybody in a segment. Fails as `count`.
pub async fn ids(db: &Db, segment: &Segment, context: &Context) -> Result<RoaringTreemap, StoreError> {
    let compiled = compiled(segment, context)?;
    let all = if db.is_sqlite() { "json_group_array(s.id)" } else { "CAST(COALESCE(json_agg(s.id), '[]'::json) AS TEXT)" };
    let rows: Vec<(String,)> =
        db.read().all_built(format!("SELECT {all} FROM subscriber s WHERE {}", compiled.text), compiled.args).await?;
    let list = rows.first().map_or("[]", |(list,)| list);
    let mut ids: Vec<u64> = serde_json::from_str(list).map_err(|_| StoreError::Corrupt("ids of subscribers".into()))?;
    ids.sort_unstable();
    Ok(RoaringTreemap::from_sorted_iter(ids).unwrap_or_default())
}

/// Whether one person is in it, by the statement: for tests, and for pages that must agree with it.
pub async fn contains(db: &Db, segment: &Segment, context: &Context, subscriber_id: i64) -> Result<bool, StoreError> {
    let mut compiled = compiled(segment, context)?;
    compiled.args.push(Arg::Int(subscriber_id));
    let text = format!("SELECT COUNT(*) FROM subscriber s WHERE s.id = ${} AND {}", compiled.args.len(), compiled.text);
    let rows: Vec<(i64,)> = db.read().all_built(text, compiled.args).await?;
    Ok(rows.first().is_some_and(|(n,)| *n > 0))
}

fn compiled(segment: &Segment, context: &Context) -> Result<super::compile::Compiled, StoreError> {
    let faults = context.check(segment);
    if !faults.is_empty() {
        let messages: Vec<String> = faults.into_iter().map(|f| f.message).collect();
        return Err(StoreError::Conflict(messages.join(" ")));
    }
    compile(segment, context)
}
