//! The standing check of a bridge: runs, what they found, and the repair of what is missing. What was delivered is compared with what the
//! remote shows; the comparing itself is the engine's.

use std::collections::{BTreeMap, HashSet};

use rialto_core::Instant;
use rialto_core::consent::Flag;
use rialto_core::writeback::{Message, What, WritebackKind};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::consent;
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, flag_from, insert_rows};
use crate::sql::{sql, statements};
use crate::writebacks::{self, Fresh};

/// Most findings repaired by one press.
const MOST_REPAIRS: i64 = 1_000;

statements! {
    ASK = sql!("INSERT INTO reconcile_run (id, created_at, bridge_id, asked_by, state) VALUES ($1, $2, $3, $4, 'queued')
        ON CONFLICT (bridge_id) WHERE ended_at IS NULL DO NOTHING");
    UNDER_WAY = sql!("SELECT id FROM reconcile_run WHERE bridge_id = $1 AND ended_at IS NULL");
    GET = sql!("SELECT * FROM reconcile_run WHERE id = $1");
    LATEST = sql!("SELECT * FROM reconcile_run WHERE bridge_id = $1 ORDER BY id DESC LIMIT $2");
    ANY = sql!("SELECT id FROM reconcile_run WHERE ended_at IS NULL LIMIT 1");
    FREE = sql!(
        sqlite "SELECT id FROM reconcile_run WHERE ended_at IS NULL AND lease_until <= $1 ORDER BY id LIMIT 1",
        postgres "SELECT id FROM reconcile_run WHERE ended_at IS NULL AND lease_until <= $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    );
    TAKE = sql!("UPDATE reconcile_run SET state = 'running', worker = $2, lease_until = $3 WHERE id = $1 RETURNING *");
    ADVANCE = sql!("UPDATE reconcile_run SET position = $3, checked = checked + $4, differing = differing + $5, gone = gone + $6, lease_until = $7
        WHERE id = $1 AND worker = $2 AND ended_at IS NULL");
    END = sql!("UPDATE reconcile_run SET state = $3, reason = $4, ended_at = $5 WHERE id = $1 AND worker = $2 AND ended_at IS NULL");
    GIVE_UP = sql!("UPDATE reconcile_run SET lease_until = 0 WHERE id = $1 AND worker = $2 AND ended_at IS NULL");
    /// Bridges that delivered something before the night's moment and were not checked since.
    NIGHTLY = sql!("SELECT b.id FROM bridge b WHERE b.deleted_at IS NULL AND b.enabled
        AND EXISTS (SELECT 1 FROM writeback w WHERE w.bridge_id = b.id AND w.state = 'sent' AND w.ended_at < $1)
        AND NOT EXISTS (SELECT 1 FROM reconcile_run r WHERE r.bridge_id = b.id AND r.created_at >= $1) ORDER BY b.id");
    /// The plus keeps both databases on the index that has the people in order.
    PEOPLE = sql!("SELECT s.id, s.remote_id, s.remote_flag_delivered, s.remote_flag_run FROM subscriber s WHERE s.id IN
        (SELECT DISTINCT w.subscriber_id FROM writeback w WHERE +w.bridge_id = $1 AND w.state = 'sent' AND w.subscriber_id > $2
            ORDER BY w.subscriber_id LIMIT $3) ORDER BY s.id");
    HISTORY = sql!("SELECT id, created_at, subscriber_id, kind, state, worker, message FROM writeback WHERE bridge_id = $2 AND subscriber_id IN ", ids 1, "
        ORDER BY id");
    /// Whom Rialto itself does not mail by a decision that the remotes are told of.
    OWN_NO = sql!("SELECT s.id FROM subscriber s WHERE s.id IN ", ids 1, " AND (EXISTS (SELECT 1 FROM suppression x
        WHERE x.subscriber_id <> 0 AND x.subscriber_id = s.id AND x.cause IN ('own_unsubscribe', 'complaint', 'admin', 'upload'))
        OR EXISTS (SELECT 1 FROM suppression x WHERE x.canonical <> '' AND x.canonical = s.canonical
        AND x.cause IN ('own_unsubscribe', 'complaint', 'admin', 'upload')))");
    FINDINGS = sql!("SELECT * FROM reconcile_finding WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    PLAN = sql!("SELECT * FROM reconcile_finding WHERE run_id = $1 AND repairable AND repaired_at IS NULL ORDER BY id LIMIT $2");
    MARK = sql!("UPDATE reconcile_finding SET repaired_at = $2, repaired_by = $3, outcome = $4 WHERE repaired_at IS NULL AND id IN ", ids 1, "");
}

/// One check of one bridge.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Check {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub asked_by: String,
    /// `queued`, `running`, `succeeded` or `failed`.
    pub state: String,
    /// Everybody up to this subscriber was asked for.
    pub position: i64,
    pub checked: i64,
    /// Of those, people about whom something differs.
    pub differing: i64,
    /// Of those, people whom the remote does not have any more.
    pub gone: i64,
    pub worker: String,
    pub lease_until: i64,
    pub ended_at: Option<i64>,
    /// Why it failed, and what to do.
    pub reason: String,
}

impl Check {
    /// The drift figure: of the people checked, the part about whom something differs; 0 when nobody was.
    pub fn drift(&self) -> f64 {
        if self.checked == 0 { 0.0 } else { self.differing as f64 / self.checked as f64 }
    }
}

/// Somebody to whom something was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: i64,
    pub remote_id: String,
    /// The flag that was delivered last and not contradicted since.
    pub delivered: Option<Flag>,
    /// A cause of the remote's own is open.
    pub remote_no: bool,
    /// A decision of ours that the remotes are told of as a no stands.
    pub own_no: bool,
}

/// One writeback of a person, in whatever state.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Past {
    pub id: i64,
    pub created_at: i64,
    pub subscriber_id: i64,
    pub kind: String,
    pub state: String,
    /// Who tried last.
    pub worker: String,
    /// JSON of `rialto_core::writeback::Message`.
    pub message: String,
}

impl Past {
    /// The remote fetched it, the last time it was tried.
    pub fn fetched(&self) -> bool {
        self.worker.starts_with(writebacks::FETCHED_BY)
    }

    pub fn read_message(&self) -> Result<Message, StoreError> {
        serde_json::from_str(&self.message).map_err(|e| StoreError::Corrupt(format!("writeback {}: {e}", self.id)))
    }

    /// Writebacks of one subject follow on each other: the latest says what holds.
    pub fn subject(&self) -> Option<Subject> {
        WritebackKind::from_name(&self.kind).map(subject)
    }
}

/// What a writeback is about, as far as a later one overtakes an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Consent,
    Address,
    Interests,
    Activity,
    Persona,
}

fn subject(kind: WritebackKind) -> Subject {
    match kind {
        WritebackKind::Unsubscribe | WritebackKind::Resubscribe => Subject::Consent,
        WritebackKind::InvalidEmail => Subject::Address,
        WritebackKind::Interests => Subject::Interests,
        WritebackKind::MailingActivity => Subject::Activity,
        WritebackKind::Persona => Subject::Persona,
    }
}

/// Something that differs, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub subscriber_id: i64,
    /// `missing`, `flag`, `doubled` or `unexpected`.
    pub kind: &'static str,
    /// 0 for a mark of no writeback of theirs.
    pub writeback_id: i64,
    /// A sentence.
    pub detail: String,
    pub repairable: bool,
}

/// A finding as kept.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Finding {
    pub id: i64,
    pub created_at: i64,
    pub run_id: i64,
    pub bridge_id: i64,
    pub subscriber_id: i64,
    pub kind: String,
    pub writeback_id: i64,
    pub detail: String,
    pub repairable: bool,
    pub repaired_at: Option<i64>,
    pub repaired_by: String,
    /// `queued`, or `overtaken` by a later decision; empty while nobody pressed Repair.
    pub outcome: String,
}

/// What a slice of people showed.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    pub position: i64,
    pub checked: i64,
    pub differing: i64,
    pub gone: i64,
    pub found: Vec<Found>,
}

/// What a repair did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    pub queued: usize,
    pub overtaken: usize,
}

/// Asks for a check of a bridge; answers the one under way if there is one. `true`: it is new.
pub async fn ask(tx: &mut Tx, bridge_id: i64, who: &Actor) -> Result<(i64, bool), StoreError> {
    let id = ids::next(tx, "reconcile_run").await?;
    if tx.run(ASK, args![id, who.at, bridge_id, &who.name]).await? == 0 {
        let (id,): (i64,) = tx.one(UNDER_WAY, args![bridge_id]).await?;
        return Ok((id, false));
    }
    audit::write(tx, who, "reconcile.ask", "bridge", Some(bridge_id), json!({"check": id})).await?;
    Ok((id, true))
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Check>, StoreError> {
    read.opt(GET, args![id]).await
}

/// The latest checks of a bridge, the newest first.
pub async fn latest(mut read: Read<'_>, bridge_id: i64, most: i64) -> Result<Vec<Check>, StoreError> {
    read.all(LATEST, args![bridge_id, most]).await
}

/// Findings of a check after the one with id `after`, in order.
pub async fn findings(mut read: Read<'_>, check: i64, after: i64, most: i64) -> Result<Vec<Finding>, StoreError> {
    read.all(FINDINGS, args![check, after, most]).await
}

/// Bridges whose nightly check is due: `night` is the latest occurrence.
pub async fn nightly(mut read: Read<'_>, night: Instant) -> Result<Vec<i64>, StoreError> {
    Ok(read.all::<(i64,)>(NIGHTLY, args![night]).await?.into_iter().map(|(id,)| id).collect())
}

/// Takes a check that nobody carries out; one whose worker died goes on where it was.
pub async fn claim(db: &Db, worker: &str, now: Instant, lease_until: Instant) -> Result<Option<Check>, StoreError> {
    // Most looks find nothing: no need for a transaction.
    if db.read().opt::<(i64,)>(ANY, args![]).await?.is_none() {
        return Ok(None);
    }
    let mut tx = db.write().await?;
    let Some((id,)) = tx.opt::<(i64,)>(FREE, args![now]).await? else { return Ok(None) };
    let check = tx.one(TAKE, args![id, worker, lease_until]).await?;
    tx.commit().await?;
    Ok(Some(check))
}

/// The next people of a bridge to whom something was delivered, with all their writebacks.
pub async fn people(db: &Db, bridge_id: i64, after: i64, most: i64) -> Result<(Vec<Person>, Vec<Past>), StoreError> {
    let rows: Vec<(i64, String, i16, i64)> = db.read().all(PEOPLE, args![bridge_id, after, most]).await?;
    let list = json!(rows.iter().map(|(id, ..)| id).collect::<Vec<_>>()).to_string();
    let past = db.read().all(HISTORY, args![&list, bridge_id]).await?;
    let no: HashSet<i64> = db.read().all::<(i64,)>(OWN_NO, args![&list]).await?.into_iter().map(|(id,)| id).collect();
    let people = rows.into_iter().map(|(id, remote_id, delivered, run)| Person {
        id,
        remote_id,
        delivered: flag_from(delivered),
        remote_no: run != 0,
        own_no: no.contains(&id),
    });
    Ok((people.collect(), past))
}

/// Keeps what a slice showed; false when the check is somebody else's by now, and nothing is written.
pub async fn advance(tx: &mut Tx, check: &Check, slice: &Slice, now: Instant, lease_until: Instant) -> Result<bool, StoreError> {
    const COLUMNS: [&str; 9] = ["id", "created_at", "run_id", "bridge_id", "subscriber_id", "kind", "writeback_id", "detail", "repairable"];
    let args = args![check.id, &check.worker, slice.position, slice.checked, slice.differing, slice.gone, lease_until];
    if tx.run(ADVANCE, args).await? == 0 {
        return Ok(false);
    }
    if !slice.found.is_empty() {
        let first = ids::take(tx, "reconcile_finding", slice.found.len() as i64).await?;
        let cells: Vec<Bound<'_>> = (first..)
            .zip(&slice.found)
            .flat_map(|(id, f)| {
                [
                    Bound::Int(id),
                    Bound::Int(now.0),
                    Bound::Int(check.id),
                    Bound::Int(check.bridge_id),
                    Bound::Int(f.subscriber_id),
                    Bound::Text(f.kind),
                    Bound::Int(f.writeback_id),
                    Bound::Text(&f.detail),
                    Bound::Bool(f.repairable),
                ]
            })
            .collect();
        insert_rows(tx, "reconcile_finding", &COLUMNS.map(str::to_owned), &cells).await?;
    }
    Ok(true)
}

/// Ends a check: without a reason it succeeded.
pub async fn end(tx: &mut Tx, check: &Check, failure: Option<&str>, now: Instant) -> Result<bool, StoreError> {
    let state = if failure.is_some() { "failed" } else { "succeeded" };
    Ok(tx.run(END, args![check.id, &check.worker, state, failure.unwrap_or(""), now]).await? > 0)
}

/// Somebody else may go on at once.
pub async fn give_up(tx: &mut Tx, check: &Check) -> Result<(), StoreError> {
    tx.run(GIVE_UP, args![check.id, &check.worker]).await.map(drop)
}

/// Carries out the repair plan of a check: what is missing and still holds is queued once more, up to 1,000 findings a call. What a later
/// decision has overtaken is only marked so.
pub async fn repair(tx: &mut Tx, check: &Check, who: &Actor) -> Result<Repaired, StoreError> {
    let plan: Vec<Finding> = tx.all(PLAN, args![check.id, MOST_REPAIRS]).await?;
    if plan.is_empty() {
        return Ok(Repaired::default());
    }
    let people: HashSet<i64> = plan.iter().map(|f| f.subscriber_id).collect();
    // What holds now cannot change until this has been queued.
    consent::lock(tx, &people.iter().copied().collect::<Vec<_>>()).await?;
    let list = json!(people).to_string();
    let no: HashSet<i64> = tx.all::<(i64,)>(OWN_NO, args![&list]).await?.into_iter().map(|(id,)| id).collect();
    let past: Vec<Past> = tx.all(HISTORY, args![&list, check.bridge_id]).await?;
    let mut latest: BTreeMap<(i64, Subject), &Past> = BTreeMap::new();
    for p in past.iter().filter(|p| p.state != "cancelled") {
        if let Some(subject) = p.subject() {
            latest.insert((p.subscriber_id, subject), p);
        }
    }
    let (mut fresh, mut queued, mut overtaken): (Vec<Fresh>, Vec<i64>, Vec<i64>) = Default::default();
    let mut told = HashSet::new();
    for f in &plan {
        let holds = latest.values().find(|p| p.id == f.writeback_id);
        let message = holds.map(|p| p.read_message()).transpose()?.filter(|m| still_holds(&m.what, no.contains(&f.subscriber_id)));
        match message {
            Some(message) => {
                queued.push(f.id);
                // A missing mark and a flag that differs are put right by one writeback.
                if told.insert(f.writeback_id) {
                    fresh.push(Fresh { at: who.at, bridge_id: check.bridge_id, subscriber_id: f.subscriber_id, cause: -f.id, message });
                }
            }
            None => overtaken.push(f.id),
        }
    }
    writebacks::enqueue(tx, &fresh).await?;
    for (ids, outcome) in [(&queued, "queued"), (&overtaken, "overtaken")] {
        tx.run(MARK, args![json!(ids).to_string(), who.at, &who.name, outcome]).await?;
    }
    let repaired = Repaired { queued: fresh.len(), overtaken: overtaken.len() };
    let detail = json!({"check": check.id, "queued": repaired.queued, "overtaken": repaired.overtaken});
    audit::write(tx, who, "reconcile.repair", "bridge", Some(check.bridge_id), detail).await?;
    Ok(repaired)
}

/// A decision that is not in force any more is not told again.
fn still_holds(what: &What, own_no: bool) -> bool {
    match what {
        What::Unsubscribe => own_no,
        What::Resubscribe { .. } => !own_no,
        What::InvalidEmail { .. } | What::Interests { .. } | What::Persona { .. } => true,
    }
}
