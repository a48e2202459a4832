//! Claiming: what is due, the head of each person's row only, with a lease and a fence that grows with every claim.

use rialto_core::Instant;
use rialto_core::writeback::retries_by_itself;
use serde_json::json;

use super::Destination;
use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Consent waits for earlier consent of the same person at the same remote; everything else waits for all that came before it. The
    /// activity of a mailing is about many people and is not delivered as one message. The plus keeps SQLite with the person's own rows.
    DUE = sql!(
        sqlite "SELECT w.id FROM writeback w WHERE w.bridge_id = $1 AND w.urgency = $2 AND w.next_at <= $3 AND NOT EXISTS
            (SELECT 1 FROM writeback e WHERE e.subscriber_id = w.subscriber_id AND +e.bridge_id = w.bridge_id AND e.id < w.id
            AND e.ended_at IS NULL AND e.urgency <= w.urgency) AND w.subscriber_id <> 0 AND w.state <> 'processing' ORDER BY w.next_at, w.id LIMIT $4",
        postgres "SELECT w.id FROM writeback w WHERE w.bridge_id = $1 AND w.urgency = $2 AND w.next_at <= $3 AND NOT EXISTS
            (SELECT 1 FROM writeback e WHERE e.subscriber_id = w.subscriber_id AND e.bridge_id = w.bridge_id AND e.id < w.id
            AND e.ended_at IS NULL AND e.urgency <= w.urgency) AND w.subscriber_id <> 0 AND w.state <> 'processing' ORDER BY w.next_at, w.id LIMIT $4
            FOR UPDATE OF w SKIP LOCKED"
    );
    /// Claims that ran out, whatever the cycle: nothing stays Processing.
    EXPIRED = sql!(
        sqlite "SELECT id, tries, asked_by FROM writeback WHERE bridge_id = $1 AND state = 'processing' AND next_at <= $2 ORDER BY id LIMIT $3",
        postgres "SELECT id, tries, asked_by FROM writeback WHERE bridge_id = $1 AND state = 'processing' AND next_at <= $2 ORDER BY id LIMIT $3
            FOR UPDATE SKIP LOCKED"
    );
    /// The last try that comes by itself was lost.
    GIVE_UP = sql!("UPDATE writeback SET state = 'error', next_at = NULL, asked_by = '', maybe_there = TRUE,
        reason = CASE WHEN worker LIKE 'poll-%' THEN 'It was fetched and never acknowledged; it may be done there. Nothing more happens by itself.'
            ELSE 'The worker did not come back; the message may have arrived. Nothing more happens by itself.' END WHERE id ", among 1, "");
    /// The destination, held until the claim is made: what one worker takes, the next one sees as spent.
    AT = sql!(
        sqlite "SELECT d.*, b.enabled FROM writeback_destination d JOIN bridge b ON b.id = d.bridge_id WHERE d.bridge_id = $1",
        postgres "SELECT d.*, b.enabled FROM writeback_destination d JOIN bridge b ON b.id = d.bridge_id WHERE d.bridge_id = $1
            FOR UPDATE OF d"
    );
    /// A claim that ran out is written down as a lost try.
    LOST = sql!("INSERT INTO writeback_try (writeback_id, number, started_at, ended_at, outcome, answer, asked_by, worker)
        SELECT id, fence, claimed_at, CAST($2 AS BIGINT), 'lost', CASE WHEN worker LIKE 'poll-%'
            THEN 'It was fetched and not acknowledged before its lease ended; it may be done there.'
            ELSE 'The worker did not come back; the message may have arrived.' END, asked_by, worker FROM writeback WHERE state = 'processing' AND id ", among 1, "");
    TAKE = sql!("UPDATE writeback SET maybe_there = maybe_there OR state = 'processing', asked_by = CASE WHEN state = 'processing' THEN ''
        ELSE asked_by END, state = 'processing', fence = fence + 1, tries = tries + 1, claimed_at = $2, next_at = $3, worker = $4, reason = ''
        WHERE id ", among 1, " RETURNING id, created_at, bridge_id, kind, message, tries, fence, asked_by, maybe_there, claimed_at, subscriber_id,
        (SELECT s.remote_id FROM subscriber s WHERE s.id = writeback.subscriber_id) AS remote_id,
        (SELECT s.remote_flag_run FROM subscriber s WHERE s.id = writeback.subscriber_id) AS remote_flag_run");
}

/// A claimed writeback, with what is known of its person at this moment.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Claimed {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub kind: String,
    pub message: String,
    /// Counted with this one.
    pub tries: i64,
    pub fence: i64,
    pub asked_by: String,
    pub maybe_there: bool,
    pub claimed_at: Option<i64>,
    pub subscriber_id: i64,
    pub remote_id: String,
    /// Not 0 while a cause of the remote's own is open: then no "yes" is written.
    pub remote_flag_run: i64,
}

impl Claimed {
    pub fn read_message(&self) -> Result<rialto_core::writeback::Message, StoreError> {
        serde_json::from_str(&self.message).map_err(|e| StoreError::Corrupt(format!("writeback {}: {e}", self.id)))
    }
}

/// How many may be claimed now: of consent, and of everything together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub consent: i64,
    pub all: i64,
}

/// What there is for a worker.
#[derive(Debug)]
pub enum Next {
    /// Nobody else has these. `cutoff` is that of the cycle they go out in.
    Claimed { rows: Vec<Claimed>, cutoff: Instant },
    /// Nothing is due.
    Nothing { cutoff: Instant },
    /// The rate of this minute or the budget of this day is spent.
    Spent,
    /// The remote is away.
    Blocked,
    /// The bridge is switched off or deleted, or its remote fetches what there is.
    Off,
}

/// Who claims, at what time, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Claimant<'a> {
    pub worker: &'a str,
    pub now: Instant,
    pub lease_until: Instant,
}

/// The destination, held until the transaction ends.
pub(super) async fn destination(tx: &mut Tx, bridge_id: i64) -> Result<Option<Destination>, StoreError> {
    tx.opt(AT, args![bridge_id]).await
}

/// Claims what goes out in the cycle under way, consent first, within rate and budget; nothing while the destination is blocked.
pub async fn claim_next(db: &Db, bridge_id: i64, by: Claimant<'_>, most: i64) -> Result<Next, StoreError> {
    let mut tx = db.write_few().await?;
    let Some(at) = destination(&mut tx, bridge_id).await? else { return Ok(Next::Off) };
    if !at.enabled || at.is_polled() {
        return Ok(Next::Off);
    }
    if at.blocked_at.is_some() {
        return Ok(Next::Blocked);
    }
    let cutoff = Instant(at.cutoff);
    let room = at.room(by.now, most);
    let rows = claim_within(&mut tx, bridge_id, by, cutoff, room).await?;
    tx.commit().await?;
    Ok(match (rows.is_empty(), room.all < most) {
        (false, _) => Next::Claimed { rows, cutoff },
        (true, true) => Next::Spent,
        (true, false) => Next::Nothing { cutoff },
    })
}

/// Claims up to `most` writebacks of a bridge that were due by `cutoff`, consent first, until `lease_until`, whatever the destination's
/// state. Never two of one person that must go one after the other. A claim whose lease ran out is taken again, its try written down
/// as lost; after the last try that comes by itself it stands in Error and waits for a person.
pub async fn claim(
    db: &Db,
    bridge_id: i64,
    worker: &str,
    cutoff: Instant,
    now: Instant,
    lease_until: Instant,
    most: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let mut tx = db.write_few().await?;
    let by = Claimant { worker, now, lease_until };
    let claimed = claim_within(&mut tx, bridge_id, by, cutoff, Room { consent: most, all: most }).await?;
    tx.commit().await?;
    Ok(claimed)
}

pub(super) async fn claim_within(
    tx: &mut Tx,
    bridge_id: i64,
    by: Claimant<'_>,
    cutoff: Instant,
    room: Room,
) -> Result<Vec<Claimed>, StoreError> {
    let mut ids = expired(tx, bridge_id, by.now, room.consent).await?;
    for urgency in 0..=2_i64 {
        let most = if urgency == 0 { room.consent } else { room.all };
        let left = most - ids.len() as i64;
        if left > 0 {
            let due: Vec<(i64,)> = tx.all(DUE, args![bridge_id, urgency, cutoff, left]).await?;
            ids.extend(due.into_iter().map(|(id,)| id));
        }
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut claimed: Vec<Claimed> = tx.all(TAKE, args![json!(ids).to_string(), by.now, by.lease_until, by.worker]).await?;
    claimed.sort_unstable_by_key(|c| c.id);
    super::destination::spend(tx, bridge_id, ids.len() as i64, by.now).await?;
    Ok(claimed)
}

/// Claims that ran out and are to be tried again, their try written down as lost. Those whose tries are used up end in Error.
async fn expired(tx: &mut Tx, bridge_id: i64, now: Instant, most: i64) -> Result<Vec<i64>, StoreError> {
    let found: Vec<(i64, i64, String)> = tx.all(EXPIRED, args![bridge_id, now, most.max(0)]).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let all = json!(found.iter().map(|(id, ..)| id).collect::<Vec<_>>()).to_string();
    tx.run(LOST, args![all, now]).await?;
    let (again, over): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, tries, by)| retries_by_itself(*tries, !by.is_empty()));
    if !over.is_empty() {
        tx.run(GIVE_UP, args![json!(over.iter().map(|(id, ..)| id).collect::<Vec<_>>()).to_string()]).await?;
    }
    Ok(again.into_iter().map(|(id, ..)| id).collect())
}
