//! Sync runs as pages show them: with names, and with what was noted.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::runs::Run;
use crate::sql::{sql, statements};

use super::Way;

/// Runs with the names of what they are about.
macro_rules! runs {
    ($tail:literal) => {
        sql!(join "SELECT r.*, COALESCE(g.name, '') AS group_name, g.created_at AS group_created_at, COALESCE(b.name, '') AS bridge_name,
            b.created_at AS bridge_created_at, COALESCE(b.kind, '') AS bridge_kind FROM sync_run r
            LEFT JOIN target_group g ON g.id = r.group_id LEFT JOIN bridge b ON b.id = r.bridge_id ", $tail)
    };
}
pub(crate) use runs as rows;

statements! {
    // One text an index to walk: a filter must not read all runs to find a few.
    PAGE = runs!("WHERE r.id < $1 ORDER BY r.id DESC LIMIT $2");
    OF_STATE = runs!("WHERE r.state = $1 AND r.id < $2 AND ($3 = 0 OR r.bridge_id = $3) AND ($4 = '' OR r.kind = $4)
        ORDER BY r.id DESC LIMIT $5");
    OF_KIND = runs!("WHERE r.kind = $1 AND r.id < $2 AND ($3 = 0 OR r.bridge_id = $3) ORDER BY r.id DESC LIMIT $4");
    OF_BRIDGE = runs!("WHERE r.bridge_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3");
    OF_GROUP = runs!("WHERE r.group_id = $1 AND r.id < $2 AND ($3 = '' OR r.kind = $3) ORDER BY r.id DESC LIMIT $4");
    OF_GROUP_AND_STATE = runs!("WHERE r.group_id = $1 AND r.state = $2 AND r.id < $3 AND ($4 = '' OR r.kind = $4)
        ORDER BY r.id DESC LIMIT $5");
    // The same back towards the newest.
    PAGE_BACK = runs!("WHERE r.id > $1 ORDER BY r.id LIMIT $2");
    OF_STATE_BACK = runs!("WHERE r.state = $1 AND r.id > $2 AND ($3 = 0 OR r.bridge_id = $3) AND ($4 = '' OR r.kind = $4)
        ORDER BY r.id LIMIT $5");
    OF_KIND_BACK = runs!("WHERE r.kind = $1 AND r.id > $2 AND ($3 = 0 OR r.bridge_id = $3) ORDER BY r.id LIMIT $4");
    OF_BRIDGE_BACK = runs!("WHERE r.bridge_id = $1 AND r.id > $2 ORDER BY r.id LIMIT $3");
    OF_GROUP_BACK = runs!("WHERE r.group_id = $1 AND r.id > $2 AND ($3 = '' OR r.kind = $3) ORDER BY r.id LIMIT $4");
    OF_GROUP_AND_STATE_BACK = runs!("WHERE r.group_id = $1 AND r.state = $2 AND r.id > $3 AND ($4 = '' OR r.kind = $4)
        ORDER BY r.id LIMIT $5");
    ONE = runs!("WHERE r.id = $1");
    OPEN_OF_BRIDGE = runs!("WHERE r.state IN ('queued', 'running') AND r.kind IN ('lists', 'test') ORDER BY r.id");
    NOTES = sql!("SELECT n.number, n.kind, n.remote_id, n.subscriber_id, s.created_at AS subscriber_created_at, n.detail
        FROM sync_run_note n LEFT JOIN subscriber s ON s.id = n.subscriber_id
        WHERE n.run_id = $1 AND n.kind IN ", texts 2, " AND n.number > $3 ORDER BY n.number LIMIT $4");
    NOTES_BACK = sql!("SELECT n.number, n.kind, n.remote_id, n.subscriber_id, s.created_at AS subscriber_created_at, n.detail
        FROM sync_run_note n LEFT JOIN subscriber s ON s.id = n.subscriber_id
        WHERE n.run_id = $1 AND n.kind IN ", texts 2, " AND n.number < $3 ORDER BY n.number DESC LIMIT $4");
    NOTE_COUNTS = sql!("SELECT kind, COUNT(*) FROM sync_run_note WHERE run_id = $1 GROUP BY kind");
    CHANGE_COUNTS = sql!("SELECT op, COUNT(*) FROM membership_change WHERE run_id = $1 GROUP BY op");
    FLAG_COUNTS = sql!("SELECT op, COUNT(*) FROM flag_change WHERE run_id = $1 GROUP BY op");
    PEOPLE_COUNT = sql!("SELECT COUNT(*) FROM person_change WHERE run_id = $1");
    DECIDED_BY = sql!("SELECT id, created_at FROM sync_run WHERE parent_run = $1 AND kind = 'approval' ORDER BY id DESC LIMIT 1");
    CREATED_AT = sql!("SELECT created_at FROM sync_run WHERE id = $1");
}

/// A run with the names of what it is about.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct RunRow {
    #[sqlx(flatten)]
    pub run: Run,
    /// Empty when the run is about a whole bridge.
    pub group_name: String,
    pub group_created_at: Option<i64>,
    pub bridge_name: String,
    pub bridge_created_at: Option<i64>,
    pub bridge_kind: String,
}

pub use super::api::RunFilter;

/// Runs older than the place (`i64::MAX` for the newest), newest first, along the narrowest index that the filter offers; back, those
/// newer than it, oldest first.
pub async fn turn(mut read: Read<'_>, filter: &RunFilter, way: Way, from: i64, limit: i64) -> Result<Vec<RunRow>, StoreError> {
    let RunFilter { bridge_id, group_id, state, kind } = filter;
    let (bridge_id, group_id) = (*bridge_id, *group_id);
    let (sql, args) = match (group_id, state.is_empty(), kind.is_empty(), bridge_id) {
        (1.., true, ..) => (way.pick(OF_GROUP, OF_GROUP_BACK), args![group_id, from, kind, limit]),
        (1.., false, ..) => (way.pick(OF_GROUP_AND_STATE, OF_GROUP_AND_STATE_BACK), args![group_id, state, from, kind, limit]),
        (_, false, ..) => (way.pick(OF_STATE, OF_STATE_BACK), args![state, from, bridge_id, kind, limit]),
        (_, _, false, _) => (way.pick(OF_KIND, OF_KIND_BACK), args![kind, from, bridge_id, limit]),
        (_, _, _, 1..) => (way.pick(OF_BRIDGE, OF_BRIDGE_BACK), args![bridge_id, from, limit]),
        _ => (way.pick(PAGE, PAGE_BACK), args![from, limit]),
    };
    read.all(sql, args).await
}

/// As `turn`, onward.
pub async fn page(read: Read<'_>, filter: &RunFilter, before: i64, limit: i64) -> Result<Vec<RunRow>, StoreError> {
    turn(read, filter, Way::Onward, before, limit).await
}

pub async fn one(mut read: Read<'_>, id: i64) -> Result<Option<RunRow>, StoreError> {
    read.opt(ONE, args![id]).await
}

/// Lists runs and tests under way, of all bridges.
pub async fn open_of_bridges(mut read: Read<'_>) -> Result<Vec<RunRow>, StoreError> {
    read.all(OPEN_OF_BRIDGE, args![]).await
}

/// When a run was made, for its public id.
pub async fn created_at(mut read: Read<'_>, id: i64) -> Result<Option<i64>, StoreError> {
    Ok(read.opt::<(i64,)>(CREATED_AT, args![id]).await?.map(|(at,)| at))
}

/// The approval that carried out a held run.
pub async fn approval_of(mut read: Read<'_>, id: i64) -> Result<Option<(i64, i64)>, StoreError> {
    read.opt(DECIDED_BY, args![id]).await
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct NoteRow {
    pub number: i64,
    pub kind: String,
    pub remote_id: String,
    pub subscriber_id: Option<i64>,
    pub subscriber_created_at: Option<i64>,
    pub detail: String,
}

/// Notes of some kinds from a number.
pub async fn notes(mut read: Read<'_>, run_id: i64, kinds: &[&str], way: Way, from: i64, limit: i64) -> Result<Vec<NoteRow>, StoreError> {
    read.all(way.pick(NOTES, NOTES_BACK), args![run_id, serde_json::Value::from(kinds).to_string(), from, limit]).await
}

/// How much there is to show of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub joins: i64,
    pub leaves: i64,
    pub withheld: i64,
    pub seen_again: i64,
    pub suppressed: i64,
    pub lifted: i64,
    pub lifts_withheld: i64,
    pub updated: i64,
    pub rejected: i64,
    pub duplicate: i64,
    pub misfits: i64,
    /// Rows of an upload whose address several people have, and addresses that it silenced.
    pub several: i64,
    pub silenced: i64,
    /// Notes of an undo: what stays as it is.
    pub kept: i64,
    pub plan_joins: i64,
    pub plan_leaves: i64,
    pub plan_updates: i64,
    pub plan_suppresses: i64,
    pub plan_lifts: i64,
}

/// Counts a run's rows. Notes are bounded by kind, so their figures may be lower than the books'.
pub async fn changes(mut read: Read<'_>, run_id: i64) -> Result<Changes, StoreError> {
    let mut c = Changes::default();
    for (op, n) in read.all::<(i16, i64)>(CHANGE_COUNTS, args![run_id]).await? {
        match op {
            1 => c.joins = n,
            2 => c.leaves = n,
            3 => c.withheld = n,
            _ => c.seen_again = n,
        }
    }
    for (op, n) in read.all::<(i16, i64)>(FLAG_COUNTS, args![run_id]).await? {
        match op {
            1 => c.suppressed = n,
            2 => c.lifted = n,
            _ => c.lifts_withheld = n,
        }
    }
    for (kind, n) in read.all::<(String, i64)>(NOTE_COUNTS, args![run_id]).await? {
        match kind.as_str() {
            "rejected" => c.rejected = n,
            "duplicate" => c.duplicate = n,
            "misfit" => c.misfits = n,
            "several" => c.several = n,
            "silenced" => c.silenced = n,
            "kept" => c.kept = n,
            "plan_join" => c.plan_joins = n,
            "plan_leave" => c.plan_leaves = n,
            "plan_update" => c.plan_updates = n,
            "plan_suppress" => c.plan_suppresses = n,
            "plan_lift" => c.plan_lifts = n,
            _ => {}
        }
    }
    let (updated,): (i64,) = read.one(PEOPLE_COUNT, args![run_id]).await?;
    c.updated = updated;
    Ok(c)
}
