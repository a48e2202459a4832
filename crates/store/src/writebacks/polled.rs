//! Writebacks that the remote system fetches itself: leased in batches, then acknowledged or refused one by one (docs/adr/0125). A batch is
//! a worker of its own: its name stands on the rows it took and on their tries, so that an answer is judged by what is stored anyway.

use std::collections::HashMap;

use rialto_core::writeback::{Message, What, WritebackKind, retries_by_itself};
use rialto_core::{Instant, PublicId};
use serde_json::json;

use super::Destination;
use super::claim::{self, Claimant, Claimed};
use super::record::{self, Answer, Outcome};
use crate::args;
use crate::db::{Db, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

/// Begins the name of the worker that a batch is.
pub const WORKER: &str = "poll-";
/// Minutes between two tries of what was refused, for a bridge without an interval of its own.
const PAUSE_MINUTES: i64 = 10;
/// How old the time of the last fetch may be before it is written again, in microseconds.
const POLLED_EVERY: i64 = 10_000_000;

statements! {
    DUE_NOW = sql!("UPDATE writeback SET state = 'new' WHERE bridge_id = $1 AND state = 'scheduled' AND next_at <= $2");
    /// Whoever fetches has its own way to write: what was held for ours is not held for it.
    RELEASE = sql!("UPDATE writeback SET state = 'new', next_at = created_at, reason = '' WHERE bridge_id = $1 AND state = 'held'");
    POLLED = sql!("UPDATE writeback_destination SET polled_at = $2, cutoff = $3, cycle_by = 'fetch' WHERE bridge_id = $1
        AND (polled_at IS NULL OR polled_at < $4)");
    /// What is told is written down with the claim: the acknowledgement is about that, whatever happens meanwhile.
    AS_TOLD = sql!(
        sqlite "UPDATE writeback SET message = r.m FROM (SELECT value->>'i' AS i, value->>'m' AS m FROM json_each($1)) AS r WHERE writeback.id = r.i",
        postgres "UPDATE writeback SET message = r.m FROM json_to_recordset($1::json) AS r(i bigint, m text) WHERE writeback.id = r.i"
    );
    NAMED = sql!("SELECT id, created_at, subscriber_id, message, state, worker, fence, tries, asked_by, claimed_at, next_at FROM writeback
        WHERE bridge_id = $2 AND id ", among 1, "");
    ANSWERED = sql!("SELECT writeback_id, outcome FROM writeback_try WHERE worker = $2 AND writeback_id ", among 1, "");
}

/// What a remote system gets that asks for its writebacks.
#[derive(Debug)]
pub enum Fetched {
    /// Leased until then; empty when nothing is due. `more`: there may be more at once.
    Batch { rows: Vec<Claimed>, more: bool },
    /// The bridge is switched off or deleted.
    Off,
    /// The bridge's writebacks are pushed.
    Pushed,
}

/// What the remote says about one writeback that it fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub of: PublicId,
    /// Why it cannot be done there; `None`: it is done.
    pub refused: Option<String>,
}

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Recorded,
    /// The same had been said before.
    Repeated,
    /// The other had been said before.
    Otherwise,
    /// The lease ran out: it has been fetched again since, or will be.
    Late,
    /// It was not in this batch.
    NotInBatch,
    /// The bridge has no such writeback.
    Unknown,
}

/// Leases what is due to whoever asks with a valid token, consent first, then the oldest; never two of one person that must go one after
/// the other. What was leased before and never answered comes again, its try written down as lost.
pub async fn fetch(db: &Db, bridge_id: i64, batch: &str, now: Instant, lease_until: Instant, most: i64) -> Result<Fetched, StoreError> {
    let mut tx = db.write_few().await?;
    let Some(at) = claim::destination(&mut tx, bridge_id).await?.filter(|at| at.enabled) else { return Ok(Fetched::Off) };
    if !at.is_polled() {
        return Ok(Fetched::Pushed);
    }
    tx.run(RELEASE, args![bridge_id]).await?;
    // Whoever asks begins the cycle, unless cycles begin by hand only.
    let cutoff = if at.read_settings().automatic { now } else { Instant(at.cutoff) };
    tx.run(DUE_NOW, args![bridge_id, cutoff]).await?;
    let worker = format!("{WORKER}{batch}");
    let by = Claimant { worker: &worker, now, lease_until };
    let mut rows = claim::claim_within(&mut tx, bridge_id, by, cutoff, at.room(now, most)).await?;
    as_told(&mut tx, &mut rows).await?;
    tx.run(POLLED, args![bridge_id, now, cutoff, now.0.saturating_sub(if rows.is_empty() { POLLED_EVERY } else { 0 })]).await?;
    tx.commit().await?;
    let more = rows.len() as i64 >= most;
    Ok(Fetched::Batch { rows, more })
}

/// Looked up again at the claim: no "yes" over the remote's own no.
async fn as_told(tx: &mut Tx, rows: &mut [Claimed]) -> Result<(), StoreError> {
    let mut changed = Vec::new();
    for row in rows.iter_mut().filter(|r| r.kind == WritebackKind::Resubscribe.name()) {
        let mut message = row.read_message()?;
        let yes = row.remote_flag_run == 0;
        if message.what == (What::Resubscribe { say_yes: yes }) {
            continue;
        }
        message.what = What::Resubscribe { say_yes: yes };
        row.message = serde_json::to_string(&message).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        changed.push(json!({"i": row.id, "m": row.message}));
    }
    if !changed.is_empty() {
        tx.run(AS_TOLD, args![json!(changed).to_string()]).await?;
    }
    Ok(())
}

/// Takes the remote's words about a batch, one by one: what is wrong with one keeps no other from counting. The same again changes nothing.
/// Answers in the order of the words; none is named twice.
pub async fn hear(db: &Db, at: &Destination, batch: &str, words: &[Word], name: &str, now: Instant) -> Result<Vec<Heard>, StoreError> {
    let worker = format!("{WORKER}{batch}");
    let mut heard = judge(db, at.bridge_id, &worker, words, now).await?;
    let answers: Vec<Answer> = words
        .iter()
        .zip(&heard)
        .filter_map(|(word, judged)| match judged {
            Judged::Open(row) => Some(answer(row, word, at, name, now)),
            Judged::Heard(_) => None,
        })
        .collect();
    let open: Vec<bool> = heard.iter().map(|judged| matches!(judged, Judged::Open(_))).collect();
    let kept = record::record(db, &worker, &answers).await?;
    if kept.len() < answers.len() {
        // Somebody was faster: another answer of this batch, or the next fetch.
        heard = judge(db, at.bridge_id, &worker, words, now).await?;
    }
    let settle = |((word, judged), open): ((&Word, Judged), bool)| match judged {
        _ if open && kept.contains(&word.of.id) => Heard::Recorded,
        Judged::Heard(heard) => heard,
        Judged::Open(_) => Heard::Late,
    };
    Ok(words.iter().zip(heard).zip(open).map(settle).collect())
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    id: i64,
    created_at: i64,
    subscriber_id: i64,
    message: String,
    state: String,
    worker: String,
    fence: i64,
    tries: i64,
    asked_by: String,
    claimed_at: Option<i64>,
    next_at: Option<i64>,
}

enum Judged {
    /// The batch still has it.
    Open(Row),
    Heard(Heard),
}

async fn judge(db: &Db, bridge_id: i64, worker: &str, words: &[Word], now: Instant) -> Result<Vec<Judged>, StoreError> {
    let ids = json!(words.iter().map(|w| w.of.id).collect::<Vec<_>>()).to_string();
    let rows: Vec<Row> = db.read().all(NAMED, args![&ids, bridge_id]).await?;
    let rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
    let answered: HashMap<i64, String> = db.read().all::<(i64, String)>(ANSWERED, args![&ids, worker]).await?.into_iter().collect();
    Ok(words
        .iter()
        .map(|word| match rows.get(&word.of.id).filter(|row| word.of.fits(Instant(row.created_at))) {
            None => Judged::Heard(Heard::Unknown),
            Some(row) => of_row(row.clone(), worker, word, answered.get(&word.of.id).map(String::as_str), now),
        })
        .collect())
}

fn of_row(row: Row, worker: &str, word: &Word, answered: Option<&str>, now: Instant) -> Judged {
    let has = row.worker == worker && row.state == "processing";
    Judged::Heard(match answered {
        None if has && row.next_at.is_some_and(|until| until > now.0) => return Judged::Open(row),
        None if has => Heard::Late,
        None => Heard::NotInBatch,
        Some("lost") => Heard::Late,
        Some("sent") if word.refused.is_none() => Heard::Repeated,
        Some("error") if word.refused.is_some() => Heard::Repeated,
        Some(_) => Heard::Otherwise,
    })
}

fn answer(row: &Row, word: &Word, at: &Destination, name: &str, now: Instant) -> Answer {
    let pause = at.read_settings().every_minutes.map_or(PAUSE_MINUTES, i64::from).max(1) * 60;
    let (outcome, said) = match &word.refused {
        None => {
            let flag = serde_json::from_str::<Message>(&row.message).ok().and_then(|m| m.flag());
            (Outcome::Sent { found_there: false, flag }, format!("{name} fetched it and acknowledged it."))
        }
        Some(why) => {
            let next_at = retries_by_itself(row.tries, !row.asked_by.is_empty()).then(|| now.plus_seconds(pause));
            (Outcome::Error { next_at, maybe_there: false }, format!("{name} fetched it and refused it: {why}"))
        }
    };
    Answer {
        id: row.id,
        fence: row.fence,
        bridge_id: at.bridge_id,
        subscriber_id: row.subscriber_id,
        outcome,
        said,
        started_at: Instant(row.claimed_at.unwrap_or(now.0)),
        at: now,
        asked_by: row.asked_by.clone(),
    }
}
