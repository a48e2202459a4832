//! The writeback queue: rows are put in with their cause, claimed with a lease and a fence, recorded once.
//!
//! - `claim`: what may go out now, in the order of each person.
//! - `record`: what the remote answered.
//! - `hand`: what people do: retry, mend, cancel.
//! - `polled`: what the remote fetches itself: batches, and its words about them.
//! - `destination`: a bridge's cycle, outage, set-up faults, settings and budget.
//! - `timing`: when kinds go out, and the dates that makes.

mod claim;
mod destination;
mod hand;
mod polled;
mod record;
mod timing;

use rialto_core::Instant;
use rialto_core::writeback::{Message, WritebackState};

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, Rows, insert_few};
use crate::sql::{sql, statements};

pub use claim::{Claimant, Claimed, Next, claim, claim_next};
pub use destination::{
    Destination, SetUp, Settings, Signs, ask_set_up, begin_cycle, block, destination, destinations, ensure, held, is_missing, is_on,
    keep_faults, put_settings, run_now, signs, take_probe, unblock,
};
pub use hand::{cancel, mend, retry, retry_all};
pub use polled::{Fetched, Heard, WORKER as FETCHED_BY, Word, fetch, hear};
pub use record::{Answer, Outcome, record};
pub use timing::set_timing;
pub(crate) use timing::{Dates, dates};
#[cfg(test)]
pub(crate) use {
    claim::ALL as CLAIM_ALL, destination::ALL as DESTINATION_ALL, hand::ALL as HAND_ALL, polled::ALL as POLLED_ALL,
    record::ALL as RECORD_ALL, timing::ALL as TIMING_ALL,
};

/// One day in microseconds: how ended writebacks and budgets are counted (UTC).
pub const DAY: i64 = 86_400_000_000;
/// One minute in microseconds: how rates are counted (UTC).
const MINUTE: i64 = 60_000_000;

statements! {
    GET = sql!("SELECT * FROM writeback WHERE id = $1");
    TRIES = sql!("SELECT number, started_at, ended_at, outcome, answer, asked_by, worker FROM writeback_try
        WHERE writeback_id = $1 ORDER BY number DESC LIMIT 100");
    /// The open ones are as many as there is to do; the ended ones are counted as they end.
    OPEN_COUNTS = sql!("SELECT w.bridge_id, w.state, COUNT(*) FROM bridge b JOIN writeback w ON w.bridge_id = b.id
        AND w.state IN ('scheduled', 'new', 'held', 'processing', 'error') WHERE ($1 = 0 OR b.id = $1) GROUP BY w.bridge_id, w.state");
    ENDED_COUNTS = sql!("SELECT bridge_id, state, CAST(SUM(number) AS BIGINT) FROM writeback_ended WHERE ($1 = 0 OR bridge_id = $1)
        GROUP BY bridge_id, state");
}

/// A writeback to be queued.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// When it is queued; the message has the time of what it tells.
    pub at: Instant,
    pub bridge_id: i64,
    pub subscriber_id: i64,
    /// The ledger entry or act that causes it.
    pub cause: i64,
    pub message: Message,
}

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Writeback {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub kind: String,
    /// 0 for mailing activity.
    pub subscriber_id: i64,
    pub mailing_id: i64,
    pub cause: i64,
    pub urgency: i64,
    /// JSON of `rialto_core::writeback::Message`.
    pub message: String,
    pub state: String,
    pub next_at: Option<i64>,
    pub tries: i64,
    pub asked_by: String,
    pub maybe_there: bool,
    pub fence: i64,
    pub worker: String,
    pub claimed_at: Option<i64>,
    pub ended_at: Option<i64>,
    /// Why it stands where it stands: the last error, the set-up fault, the reason of a cancellation.
    pub reason: String,
}

impl Writeback {
    pub fn read_message(&self) -> Result<Message, StoreError> {
        serde_json::from_str(&self.message).map_err(|e| StoreError::Corrupt(format!("writeback {}: {e}", self.id)))
    }

    pub fn state(&self) -> Option<WritebackState> {
        WritebackState::from_name(&self.state)
    }
}

/// One try and what became of it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Try {
    pub number: i64,
    pub started_at: i64,
    pub ended_at: i64,
    /// `sent`, `found_there`, `error`, `held`, or `lost` when the worker died before it could say.
    pub outcome: String,
    /// What the remote answered, bounded.
    pub answer: String,
    pub asked_by: String,
    pub worker: String,
}

/// Puts writebacks into the queue inside the transaction of their cause. A second one for the same cause and person fails it.
pub async fn enqueue(tx: &mut Tx, fresh: &[Fresh]) -> Result<(), StoreError> {
    if fresh.is_empty() {
        return Ok(());
    }
    let first = ids::take(tx, "writeback", fresh.len() as i64).await?;
    let messages = messages(fresh)?;
    let cells = cells(first, fresh, &messages, &dates(tx).await?);
    insert_few(tx, Rows { table: "writeback", columns: &COLUMNS, cells, or_nothing: false, fresh: &[] }).await
}

/// Columns of rows made by `cells`.
pub(crate) const COLUMNS: [&str; 10] =
    ["id", "created_at", "bridge_id", "kind", "subscriber_id", "cause", "urgency", "message", "state", "next_at"];

/// Which of them is the cause.
pub(crate) const CAUSE: usize = 5;

/// The messages as they are stored.
pub(crate) fn messages(fresh: &[Fresh]) -> Result<Vec<String>, StoreError> {
    let texts = fresh.iter().map(|f| serde_json::to_string(&f.message)).collect::<Result<_, _>>();
    texts.map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// New rows of the queue, numbered from `first`.
pub(crate) fn cells<'a>(first: i64, fresh: &[Fresh], messages: &'a [String], dates: &Dates) -> Vec<Bound<'a>> {
    let row = |(id, (f, message)): (i64, (&Fresh, &'a String))| {
        let kind = f.message.kind();
        let (state, due) = dates.of(f.bridge_id, kind, f.at);
        [
            Bound::Int(id),
            Bound::Int(f.at.0),
            Bound::Int(f.bridge_id),
            Bound::Text(kind.name()),
            Bound::Int(f.subscriber_id),
            Bound::Int(f.cause),
            Bound::Int(kind.rank()),
            Bound::Text(message),
            Bound::Text(state.name()),
            Bound::Int(due.0),
        ]
    };
    (first..).zip(fresh.iter().zip(messages)).flat_map(row).collect()
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Writeback>, StoreError> {
    read.opt(GET, args![id]).await
}

/// The tries of one, the newest first; at most 100.
pub async fn tries(mut read: Read<'_>, id: i64) -> Result<Vec<Try>, StoreError> {
    read.all(TRIES, args![id]).await
}

/// How many stand in each state, by bridge (0 for all bridges): `(bridge, state, number)`. The sum is all that were ever queued.
pub async fn counts(mut read: Read<'_>, bridge_id: i64) -> Result<Vec<(i64, String, i64)>, StoreError> {
    let mut counts: Vec<(i64, String, i64)> = read.all(OPEN_COUNTS, args![bridge_id]).await?;
    counts.extend(read.all::<(i64, String, i64)>(ENDED_COUNTS, args![bridge_id]).await?);
    Ok(counts)
}
