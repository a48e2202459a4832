//! Schedules as pages and API show them: what comes next, what came before, and what each occurrence started.

use std::collections::HashMap;

use rialto_core::Instant;
use rialto_core::schedule::{SHOWN_AHEAD, Usual};

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::schedules::{Occurrence, Schedule};
use crate::sql::{sql, statements};

statements! {
    LIST = sql!("SELECT s.id, s.created_at, s.kind, s.bridge_id, s.enabled, s.local_time, s.timezone, s.since, b.name AS bridge_name,
        b.kind AS bridge_kind, b.created_at AS bridge_created_at, b.enabled AS bridge_enabled
        FROM schedule s JOIN bridge b ON b.id = s.bridge_id WHERE b.deleted_at IS NULL AND ($1 = 0 OR s.id = $1)
        ORDER BY b.position, s.id");
    LAST = sql!("SELECT * FROM schedule_occurrence WHERE schedule_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    COUNT = sql!("SELECT COUNT(*) FROM schedule_occurrence WHERE schedule_id = $1");
    ITEMS = sql!("SELECT i.occurrence_id, i.number, i.why, i.note, i.group_id, g.created_at AS group_created_at, g.name AS group_name, i.run_id,
        r.created_at AS run_created_at, COALESCE(r.state, '') AS run_state FROM schedule_item i JOIN target_group g ON g.id = i.group_id
        LEFT JOIN sync_run r ON r.id = i.run_id WHERE i.occurrence_id = $1 AND i.number > $2 ORDER BY i.number LIMIT $3");
    ITEMS_OF = sql!("SELECT i.occurrence_id, i.number, i.why, i.note, i.group_id, g.created_at AS group_created_at, g.name AS group_name, i.run_id,
        r.created_at AS run_created_at, COALESCE(r.state, '') AS run_state FROM schedule_item i JOIN target_group g ON g.id = i.group_id
        LEFT JOIN sync_run r ON r.id = i.run_id WHERE i.occurrence_id IN ", ids 1, " AND i.number <= $2 ORDER BY i.occurrence_id, i.number");
    COUNTS_OF = sql!("SELECT occurrence_id, COUNT(*) FROM schedule_item WHERE occurrence_id IN ", ids 1, " GROUP BY occurrence_id");
    COUNT_ITEMS = sql!("SELECT COUNT(*) FROM schedule_item WHERE occurrence_id = $1");
}

/// A schedule with the bridge it belongs to.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ScheduleRow {
    #[sqlx(flatten)]
    pub schedule: Schedule,
    pub bridge_name: String,
    pub bridge_kind: String,
    pub bridge_created_at: i64,
    pub bridge_enabled: bool,
}

impl ScheduleRow {
    /// Whether it will happen: switched on, and its bridge too.
    pub fn active(&self) -> bool {
        self.schedule.enabled && self.bridge_enabled
    }

    /// The next ten occurrences. Also of a paused schedule: when they would be; none when this machine does not know the zone.
    pub fn next(&self, usual: &Usual, now: Instant) -> Vec<Instant> {
        self.schedule.rule(usual).map(|rule| rule.next(now, SHOWN_AHEAD)).unwrap_or_default()
    }
}

/// Schedules of all bridges that were not deleted, in the order of the bridges. The caller leaves out those whose kind has no such
/// trigger (`rialto_connectors::catalogue`).
pub async fn list(mut read: Read<'_>) -> Result<Vec<ScheduleRow>, StoreError> {
    read.all(LIST, args![0i64]).await
}

pub async fn one(mut read: Read<'_>, id: i64) -> Result<Option<ScheduleRow>, StoreError> {
    if id == 0 {
        return Ok(None);
    }
    read.opt(LIST, args![id]).await
}

/// Occurrences that began or were skipped, newest first, with an id below `before` (`i64::MAX` for the first page).
pub async fn occurrences(mut read: Read<'_>, schedule_id: i64, before: i64, limit: i64) -> Result<Vec<Occurrence>, StoreError> {
    read.all(LAST, args![schedule_id, before, limit]).await
}

pub async fn count_occurrences(mut read: Read<'_>, schedule_id: i64) -> Result<i64, StoreError> {
    read.one::<(i64,)>(COUNT, args![schedule_id]).await.map(|(n,)| n)
}

/// A group of an occurrence, and the run that reads it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ItemRow {
    pub occurrence_id: i64,
    pub number: i64,
    /// `modified`, `edited` or `used`.
    pub why: String,
    /// Why there is no run; empty when there is one, or it was not asked for yet.
    pub note: String,
    pub group_id: i64,
    pub group_created_at: i64,
    pub group_name: String,
    pub run_id: Option<i64>,
    pub run_created_at: Option<i64>,
    /// Empty without a run.
    pub run_state: String,
}

/// Groups of an occurrence after a number.
pub async fn items(mut read: Read<'_>, occurrence_id: i64, after: i64, limit: i64) -> Result<Vec<ItemRow>, StoreError> {
    read.all(ITEMS, args![occurrence_id, after, limit]).await
}

/// The first `most` groups of several occurrences, and how many groups each has.
pub async fn items_of(mut read: Read<'_>, occurrences: &[i64], most: i64) -> Result<(Vec<ItemRow>, HashMap<i64, i64>), StoreError> {
    let ids = serde_json::json!(occurrences).to_string();
    let items = read.all(ITEMS_OF, args![&ids, most]).await?;
    let counts: Vec<(i64, i64)> = read.all(COUNTS_OF, args![ids]).await?;
    Ok((items, counts.into_iter().collect()))
}

pub async fn count_items(mut read: Read<'_>, occurrence_id: i64) -> Result<i64, StoreError> {
    read.one::<(i64,)>(COUNT_ITEMS, args![occurrence_id]).await.map(|(n,)| n)
}
