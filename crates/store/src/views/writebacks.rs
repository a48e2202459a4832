//! Writebacks as pages and API show them: with the person and the bridge.

use rialto_core::Instant;
use rialto_core::writeback::Delivery;

use super::Way;
use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};
use crate::writebacks::{FETCHED_BY, Writeback};

macro_rules! rows {
    ($tail:literal) => {
        sql!(join "SELECT w.*, b.name AS bridge_name, b.created_at AS bridge_created_at, COALESCE(s.remote_id, '') AS remote_id,
            COALESCE(s.address, '') AS address, s.created_at AS subscriber_created_at, COALESCE(d.next_cycle_at, 0) AS next_cycle_at,
            COALESCE(d.delivery, 'push') AS delivery, b.kind AS bridge_kind
            FROM writeback w JOIN bridge b ON b.id = w.bridge_id LEFT JOIN subscriber s ON s.id = w.subscriber_id
            LEFT JOIN writeback_destination d ON d.bridge_id = w.bridge_id ", $tail)
    };
}

/// How many of the newest `$2` stand in each state. The values are those of the rows' statements.
macro_rules! by_state {
    ($of:literal) => {
        sql!(text concat!(
            "SELECT state, COUNT(*) FROM (SELECT w.state FROM writeback w WHERE w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5
            AND w.created_at < $6 ", $of, " ORDER BY w.id DESC LIMIT $2) AS newest GROUP BY state"
        ))
    };
}

// One text an index to walk: a filter must not read the whole queue to find a few. $1 the place, $2 how many, $3 to $6 a span of ids and times.
statements! {
    ALL_OF_THEM = rows!("WHERE w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 ORDER BY w.id DESC LIMIT $2");
    OF_PERSON = rows!("WHERE w.subscriber_id = $7 AND w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 AND ($8 = 0 OR w.bridge_id = $8)
        AND ($9 = '' OR w.state = $9) AND ($10 = '' OR w.kind = $10) ORDER BY w.id DESC LIMIT $2");
    OF_BRIDGE_STATE = rows!("WHERE w.bridge_id = $7 AND w.state = $8 AND w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6
        AND ($9 = '' OR w.kind = $9) ORDER BY w.id DESC LIMIT $2");
    OF_KIND = rows!("WHERE w.kind = $7 AND w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 AND ($8 = 0 OR w.bridge_id = $8) ORDER BY w.id DESC LIMIT $2");
    OF_BRIDGE = rows!("WHERE w.bridge_id = $7 AND w.id < $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 ORDER BY w.id DESC LIMIT $2");
    ALL_BACK = rows!("WHERE w.id > $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 ORDER BY w.id LIMIT $2");
    OF_PERSON_BACK = rows!("WHERE w.subscriber_id = $7 AND w.id > $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 AND ($8 = 0 OR w.bridge_id = $8)
        AND ($9 = '' OR w.state = $9) AND ($10 = '' OR w.kind = $10) ORDER BY w.id LIMIT $2");
    OF_BRIDGE_STATE_BACK = rows!("WHERE w.bridge_id = $7 AND w.state = $8 AND w.id > $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6
        AND ($9 = '' OR w.kind = $9) ORDER BY w.id LIMIT $2");
    OF_KIND_BACK = rows!("WHERE w.kind = $7 AND w.id > $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 AND ($8 = 0 OR w.bridge_id = $8) ORDER BY w.id LIMIT $2");
    OF_BRIDGE_BACK = rows!("WHERE w.bridge_id = $7 AND w.id > $1 AND w.id >= $3 AND w.id <= $4 AND w.created_at >= $5 AND w.created_at < $6 ORDER BY w.id LIMIT $2");
    STATES = by_state!("");
    STATES_OF_PERSON = by_state!("AND w.subscriber_id = $7 AND ($8 = 0 OR w.bridge_id = $8) AND ($9 = '' OR w.kind = $9)");
    STATES_OF_KIND = by_state!("AND w.kind = $7 AND ($8 = 0 OR w.bridge_id = $8)");
    STATES_OF_BRIDGE = by_state!("AND w.bridge_id = $7");
    ERRORS = sql!("SELECT kind, reason, COUNT(*) AS number, CAST(SUM(CASE WHEN next_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS by_themselves
        FROM writeback WHERE bridge_id = $1 AND state = 'error' AND ($2 = '' OR kind = $2) GROUP BY kind, reason
        ORDER BY number DESC, kind, reason LIMIT $3");
    ERROR_KINDS = sql!("SELECT kind, '' AS reason, COUNT(*) AS number, CAST(SUM(CASE WHEN next_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS by_themselves
        FROM writeback WHERE bridge_id = $1 AND state = 'error' GROUP BY kind ORDER BY kind");
    COUNT = sql!("SELECT COUNT(*) FROM (SELECT 1 FROM writeback WHERE ($1 = 0 OR bridge_id = $1) AND ($2 = 0 OR subscriber_id = $2)
        AND ($3 = '' OR state = $3) AND ($4 = '' OR kind = $4) AND (CAST($5 AS BIGINT) IS NULL OR created_at >= $5)
        AND (CAST($6 AS BIGINT) IS NULL OR created_at < $6) LIMIT $7) AS counted");
    ONE = rows!("WHERE w.id = $1");
    FROM_TIME = sql!("SELECT id FROM writeback WHERE created_at < $1 ORDER BY created_at DESC, id DESC LIMIT 1");
    UNTIL_TIME = sql!("SELECT id FROM writeback WHERE created_at >= $1 ORDER BY created_at, id LIMIT 1");
    /// The oldest that waits to go out: how far behind the queue is.
    OLDEST = sql!("SELECT MIN(w.created_at) FROM bridge b JOIN writeback w ON w.bridge_id = b.id
        AND w.state IN ('new', 'processing', 'error', 'held') WHERE $1 = 0 OR b.id = $1");
    BRIDGES = sql!("SELECT id FROM bridge");
}

/// Counting further takes longer than a page may.
pub const MOST_COUNTED: i64 = 10_000;

/// Which writebacks: 0 and empty for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub bridge_id: i64,
    pub subscriber_id: i64,
    pub state: String,
    pub kind: String,
    /// Microseconds since 1970; `since` belongs to the span, `until` does not.
    pub since: Option<i64>,
    pub until: Option<i64>,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct WritebackRow {
    #[sqlx(flatten)]
    pub writeback: Writeback,
    pub bridge_name: String,
    pub bridge_created_at: i64,
    /// Empty for mailing activity.
    pub remote_id: String,
    pub address: String,
    pub subscriber_created_at: Option<i64>,
    /// When the bridge's next cycle begins by itself; in the past where cycles begin by hand.
    pub next_cycle_at: i64,
    /// `push` or `polled`: how the bridge's writebacks go out now.
    pub delivery: String,
    pub bridge_kind: String,
}

impl WritebackRow {
    /// It is due when the remote system comes to fetch it.
    pub fn waits_for_fetch(&self) -> bool {
        self.delivery == Delivery::Polled.name() && matches!(self.writeback.state.as_str(), "new" | "scheduled" | "held")
    }

    /// The remote system has fetched it and not said yet what became of it.
    pub fn is_fetched(&self) -> bool {
        self.writeback.state == "processing" && self.writeback.worker.starts_with(FETCHED_BY)
    }

    /// When it goes out next by itself: with the first cycle after it is due, or at once. `None` when nobody knows, or nothing happens
    /// by itself; of one that is being sent too, and where the remote system fetches.
    pub fn next_try(&self, now: Instant) -> Option<i64> {
        if self.delivery == Delivery::Polled.name() {
            return None;
        }
        match self.writeback.next_at.filter(|_| self.writeback.state != "processing")? {
            0 => Some(now.0),
            at => Some(at.max(self.next_cycle_at)).filter(|at| *at >= now.0),
        }
    }
}

/// Ids follow the times at which rows are queued, but for what the clocks of several nodes differ by.
const SLACK: i64 = 2 * crate::writebacks::DAY;

/// A filter's span of ids and times: the first and last id, with some slack, since when and until when.
async fn span(read: &mut Read<'_>, filter: &Filter) -> Result<(i64, i64, i64, i64), StoreError> {
    let first = match filter.since {
        Some(at) => read.opt::<(i64,)>(FROM_TIME, args![at.saturating_sub(SLACK)]).await?.map_or(0, |(id,)| id),
        None => 0,
    };
    let last = match filter.until {
        Some(at) => read.opt::<(i64,)>(UNTIL_TIME, args![at.saturating_add(SLACK)]).await?.map_or(i64::MAX, |(id,)| id),
        None => i64::MAX,
    };
    Ok((first, last, filter.since.unwrap_or(i64::MIN), filter.until.unwrap_or(i64::MAX)))
}

/// Writebacks older than the place (`i64::MAX` for the newest), newest first; back, those newer than it, oldest first. A span of times is
/// narrowed to ids first, with some slack.
pub async fn turn(mut read: Read<'_>, filter: &Filter, way: Way, from: i64, limit: i64) -> Result<Vec<WritebackRow>, StoreError> {
    let (first, last, since, until) = span(&mut read, filter).await?;
    let Filter { bridge_id, subscriber_id, state, kind, .. } = filter;
    let (bridge, person) = (*bridge_id, *subscriber_id);
    let (sql, args) = match (person, bridge, state.is_empty(), kind.is_empty()) {
        (1.., ..) => (way.pick(OF_PERSON, OF_PERSON_BACK), args![from, limit, first, last, since, until, person, bridge, state, kind]),
        (_, 1.., false, _) => {
            (way.pick(OF_BRIDGE_STATE, OF_BRIDGE_STATE_BACK), args![from, limit, first, last, since, until, bridge, state, kind])
        }
        (_, _, false, _) => return of_every_bridge(&mut read, filter, way, from, limit).await,
        (_, _, _, false) => (way.pick(OF_KIND, OF_KIND_BACK), args![from, limit, first, last, since, until, kind, bridge]),
        (_, 1.., ..) => (way.pick(OF_BRIDGE, OF_BRIDGE_BACK), args![from, limit, first, last, since, until, bridge]),
        _ => (way.pick(ALL_OF_THEM, ALL_BACK), args![from, limit, first, last, since, until]),
    };
    read.all(sql, args).await
}

/// Of one state, whatever the bridge: a page of each bridge, of which the nearest are kept.
async fn of_every_bridge(read: &mut Read<'_>, filter: &Filter, way: Way, from: i64, limit: i64) -> Result<Vec<WritebackRow>, StoreError> {
    let (first, last, since, until) = span(read, filter).await?;
    let mut rows: Vec<WritebackRow> = Vec::new();
    for (bridge,) in read.all::<(i64,)>(BRIDGES, args![]).await? {
        let args = args![from, limit, first, last, since, until, bridge, &filter.state, &filter.kind];
        rows.extend(read.all::<WritebackRow>(way.pick(OF_BRIDGE_STATE, OF_BRIDGE_STATE_BACK), args).await?);
    }
    rows.sort_by_key(|r| if way == Way::Onward { -r.writeback.id } else { r.writeback.id });
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(rows)
}

/// How many of a filter's newest `MOST_COUNTED` stand in each state, whatever state the filter names.
pub async fn states(mut read: Read<'_>, filter: &Filter) -> Result<Vec<(String, i64)>, StoreError> {
    let (first, last, since, until) = span(&mut read, filter).await?;
    let Filter { bridge_id, subscriber_id, kind, .. } = filter;
    let mut args = args![i64::MAX, MOST_COUNTED, first, last, since, until];
    let (sql, more) = match (*subscriber_id, kind.is_empty(), *bridge_id) {
        (1.., ..) => (STATES_OF_PERSON, args![*subscriber_id, *bridge_id, kind]),
        (_, false, _) => (STATES_OF_KIND, args![kind, *bridge_id]),
        (_, _, 1..) => (STATES_OF_BRIDGE, args![*bridge_id]),
        _ => (STATES, args![]),
    };
    args.extend(more);
    read.all(sql, args).await
}

/// Writebacks in Error that failed alike.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Alike {
    pub kind: String,
    /// What went wrong at the last try.
    pub reason: String,
    pub number: i64,
    /// So many of them are tried again without anybody's doing.
    pub by_themselves: i64,
}

/// What stands in Error for a bridge, of one kind or (empty) of any, by what went wrong; the most frequent first.
pub async fn errors(mut read: Read<'_>, bridge_id: i64, kind: &str, limit: i64) -> Result<Vec<Alike>, StoreError> {
    read.all(ERRORS, args![bridge_id, kind, limit]).await
}

/// The same by kind alone, without reasons.
pub async fn error_kinds(mut read: Read<'_>, bridge_id: i64) -> Result<Vec<Alike>, StoreError> {
    read.all(ERROR_KINDS, args![bridge_id]).await
}

/// How many a filter has. By bridge and state from the figures of the queue; with another filter counted, no further than `MOST_COUNTED`.
pub async fn count(mut read: Read<'_>, filter: &Filter) -> Result<i64, StoreError> {
    if filter.subscriber_id == 0 && filter.kind.is_empty() && filter.since.is_none() && filter.until.is_none() {
        let counts = crate::writebacks::counts(read, filter.bridge_id).await?;
        return Ok(counts.iter().filter(|(_, state, _)| filter.state.is_empty() || filter.state == *state).map(|(.., n)| n).sum());
    }
    let args = args![filter.bridge_id, filter.subscriber_id, &filter.state, &filter.kind, filter.since, filter.until, MOST_COUNTED];
    read.one::<(i64,)>(COUNT, args).await.map(|(n,)| n)
}

pub async fn one(mut read: Read<'_>, id: i64) -> Result<Option<WritebackRow>, StoreError> {
    read.opt(ONE, args![id]).await
}

/// When the oldest that still has to go out was caused; of one bridge, or (0) of all.
pub async fn oldest_waiting(mut read: Read<'_>, bridge_id: i64) -> Result<Option<i64>, StoreError> {
    let (at,): (Option<i64>,) = read.one(OLDEST, args![bridge_id]).await?;
    Ok(at)
}
