//! Reading a list: pages are mapped on one task while the batch before is compared and written on another.

use std::collections::HashSet;

use futures::StreamExt;
use rialto_connectors::ConnectorError;
use rialto_core::Counts;
use rialto_core::person::{FieldSpec, Mapped, RemotePerson, map};
use rialto_store::notes::{Note, Notes};
use roaring::RoaringTreemap;
use tokio::sync::mpsc;

use super::{Job, Source, batch};
use crate::remote::Trouble;

/// Rows looked up at once: a page of the remote, so that reading, comparing and writing overlap.
const BATCH: usize = 5_000;

/// What a run knows so far. Sets hold internal ids.
pub(crate) struct Tally {
    pub counts: Counts,
    pub members: RoaringTreemap,
    /// Everybody the read saw who belongs in the group.
    pub seen: RoaringTreemap,
    /// Seen by an earlier read of the same run, of a list that was regenerated meanwhile.
    pub seen_before: RoaringTreemap,
    earlier: Option<Earlier>,
    /// Seen, but left out by the connector's mode.
    pub left_out: RoaringTreemap,
    pub lifts: RoaringTreemap,
    /// Written by this run, in whichever of its reads.
    pub changed: RoaringTreemap,
    pub created: RoaringTreemap,
    pub suppressed: i64,
    /// Keys of people nobody knows yet: only a plan keeps them, since it gives out no ids.
    pub unknown: HashSet<u64>,
    /// Keys of those who were left out and whom nobody knows: a repetition of theirs must not hide somebody who never came.
    pub outsiders: HashSet<u64>,
    pub notes: Notes,
    pub waiting: batch::Waiting,
    /// Ids of known people among those that wait to be written.
    pub awaited: RoaringTreemap,
    pub stable: bool,
    /// Time from the first question to the last row, in milliseconds.
    pub read_ms: u64,
    pub slicer: batch::Slicer,
    pub in_hand: rialto_store::people::InHand,
}

impl Tally {
    pub fn new(members: RoaringTreemap) -> Self {
        Self {
            counts: Counts { members_before: members.len() as i64, ..Counts::default() },
            members,
            seen: RoaringTreemap::new(),
            seen_before: RoaringTreemap::new(),
            earlier: None,
            left_out: RoaringTreemap::new(),
            lifts: RoaringTreemap::new(),
            changed: RoaringTreemap::new(),
            created: RoaringTreemap::new(),
            suppressed: 0,
            unknown: HashSet::new(),
            outsiders: HashSet::new(),
            notes: Notes::default(),
            waiting: batch::Waiting::default(),
            awaited: RoaringTreemap::new(),
            stable: false,
            read_ms: 0,
            slicer: batch::Slicer::default(),
            in_hand: rialto_store::people::InHand::default(),
        }
    }

    pub fn waits(&self, id: i64) -> bool {
        self.awaited.contains(id as u64)
    }

    pub fn waits_unknown(&self, remote_id: &str) -> bool {
        self.waiting.holds_unknown(remote_id)
    }

    /// Before another read of the same list: what was written stays written, what was counted is counted anew.
    pub fn restart(&mut self) {
        let fresh = Counts { members_before: self.counts.members_before, ..Counts::default() };
        let counts = std::mem::replace(&mut self.counts, fresh);
        let seen = std::mem::take(&mut self.seen);
        let (left_out, lifts) = (std::mem::take(&mut self.left_out), std::mem::take(&mut self.lifts));
        if counts.read > 0 {
            self.seen_before |= &seen;
            self.earlier = Some(Earlier { counts, seen, left_out, lifts });
        }
        self.unknown.clear();
        self.outsiders.clear();
    }

    /// After a read that broke off: goes back to the read before it when that brought more. False when nothing was brought.
    pub fn keep_better(&mut self) -> bool {
        if let Some(earlier) = self.earlier.take_if(|e| e.counts.read > self.counts.read) {
            self.seen_before |= &self.seen;
            (self.counts, self.seen, self.left_out, self.lifts) = (earlier.counts, earlier.seen, earlier.left_out, earlier.lifts);
        }
        self.counts.read > 0
    }
}

/// What a read of the list brought that was regenerated meanwhile.
struct Earlier {
    counts: Counts,
    seen: RoaringTreemap,
    left_out: RoaringTreemap,
    lifts: RoaringTreemap,
}

/// Rows of a batch after mapping; `Err` holds why a row is rejected.
struct MappedBatch {
    rows: Vec<Mapped>,
    rejected: Vec<(String, &'static str)>,
}

/// Rows beyond those announced, and beyond as many again, that a read takes before it breaks off.
const SPARE: u64 = 10_000;

/// Reads the list once. Whatever was brought before an error stays brought. A remote that sends far more rows than the list was said
/// to hold would fill the disk: that read breaks off.
pub(crate) async fn read_once(job: &Job<'_>, tally: &mut Tally, announced: Option<u64>) -> Result<(), Trouble> {
    let most = announced.map(|n| n.saturating_add(n.max(SPARE)));
    let (send, mut receive) = mpsc::channel::<MappedBatch>(2);
    let connector = job.remote.connector.clone();
    let (source, specs) = (job.source.clone(), job.specs.clone());
    let reader = tokio::spawn(async move {
        let names: Vec<String> = specs.iter().map(|s| s.name.clone()).collect();
        let mut pages = match &source {
            Source::List(code) => connector.people(code, &names),
            Source::Interest(_, key) => connector.interest_people(key, &names),
        };
        let mut rows: Vec<RemotePerson> = Vec::new();
        let mut end = Ok(());
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => rows.extend(page.rows),
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
            while rows.len() >= BATCH {
                let later = rows.split_off(BATCH);
                if send.send(map_batch(std::mem::replace(&mut rows, later), &specs)).await.is_err() {
                    return Ok(());
                }
            }
        }
        if !rows.is_empty() {
            let _ = send.send(map_batch(rows, &specs)).await;
        }
        end
    });
    let _abort = AbortOnDrop(reader.abort_handle());
    let mut flood = None;
    loop {
        let batch = tokio::select! {
            batch = receive.recv() => batch,
            () = job.lease.gone() => return Err(Trouble::Interrupted),
        };
        let Some(batch) = batch else { break };
        take_batch(job, tally, batch).await?;
        if most.is_some_and(|most| tally.counts.read.unsigned_abs() > most) {
            let detail = format!("far more people than the {} that the list is said to hold", announced.unwrap_or_default());
            flood = Some(ConnectorError::Protocol { detail });
            break;
        }
    }
    // Also when the read broke off: what was brought stands.
    batch::write_waiting(job, tally, true).await?;
    if let Some(error) = flood {
        return Err(error.into());
    }
    match reader.await {
        Ok(end) => Ok(end?),
        Err(_) => Err(Trouble::refused(
            "The reader of the remote system stopped unexpectedly.",
            "Try again; if it lasts, report it with the run's id.",
        )),
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn map_batch(rows: Vec<RemotePerson>, specs: &[FieldSpec]) -> MappedBatch {
    let mut batch = MappedBatch { rows: Vec::with_capacity(rows.len()), rejected: Vec::new() };
    for row in rows {
        let key: String = row.remote_id.as_deref().unwrap_or("").chars().take(80).collect();
        match map(row, specs) {
            Ok(mapped) => batch.rows.push(mapped),
            Err(why) => batch.rejected.push((
                key,
                match why {
                    rialto_core::person::Unreadable::NoKey => "The row has no key.",
                    rialto_core::person::Unreadable::BadKey => "The row's key is too long or not readable.",
                },
            )),
        }
    }
    batch
}

async fn take_batch(job: &Job<'_>, tally: &mut Tally, batch: MappedBatch) -> Result<(), Trouble> {
    let rows = batch.rows.len() + batch.rejected.len();
    tally.counts.read += rows as i64;
    tally.counts.rejected += batch.rejected.len() as i64;
    for (remote_id, why) in batch.rejected {
        tally.notes.add(Note { kind: "rejected", remote_id, subscriber_id: None, detail: why.to_owned() });
    }
    note_misfits(job, tally, &batch.rows);
    batch::take(job, tally, batch.rows).await?;
    job.lease.advance(rows as i64);
    Ok(())
}

fn note_misfits(job: &Job<'_>, tally: &mut Tally, rows: &[Mapped]) {
    for row in rows.iter().filter(|r| !r.misfits.is_empty()) {
        if !tally.notes.wants("misfit") {
            return;
        }
        let list: Vec<String> = row
            .misfits
            .iter()
            .map(|(number, misfit)| {
                let name = job.specs.iter().find(|s| s.number == *number).map_or("?", |s| s.name.as_str());
                format!("{name}: {misfit}")
            })
            .collect();
        tally.notes.add(Note { kind: "misfit", remote_id: row.remote_id.clone(), subscriber_id: None, detail: list.join("; ") });
    }
}
