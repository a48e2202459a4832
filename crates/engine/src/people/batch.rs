//! One batch of mapped rows: looked up in one go, compared, and what differs written in short transactions.

use std::collections::{HashMap, HashSet};

use rialto_core::person::Mapped;
use rialto_store::StoreError;
use rialto_store::notes::Note;
use rialto_store::people::{self, Dirty, Known, Slice};
use tokio::time::Instant;

use super::classify::{Verdict, classify};
use super::read::Tally;
use super::{Job, plan_only};
use crate::remote::Trouble;

/// Tries of a slice that met a deadlock, or people whom another sync brought meanwhile.
const MAX_TRIES: usize = 5;

/// Keeps write transactions near a tenth of a second by adapting the rows a slice.
pub(crate) struct Slicer {
    pub rows: usize,
    /// Longest write transaction so far, in milliseconds.
    pub longest_ms: u64,
    pub transactions: u64,
    pub rows_written: u64,
}

impl Default for Slicer {
    fn default() -> Self {
        Self { rows: 1_000, longest_ms: 0, transactions: 0, rows_written: 0 }
    }
}

impl Slicer {
    const AIM_MS: u64 = 100;
    const MOST_ROWS: usize = 5_000;

    pub fn learn(&mut self, rows: usize, took_ms: u64) {
        self.longest_ms = self.longest_ms.max(took_ms);
        self.transactions += 1;
        self.rows_written += rows as u64;
        if took_ms > Self::AIM_MS * 3 / 2 {
            self.rows = (self.rows * 2 / 3).max(200);
        } else if took_ms < Self::AIM_MS && rows >= self.rows {
            self.rows = (self.rows * 5 / 4).min(Self::MOST_ROWS);
        }
    }
}

/// A row that waits to be written together with others.
pub(crate) struct Pending {
    row: Mapped,
    known: Option<Known>,
    /// `known` is a record that only uploads knew.
    adopt: bool,
    verdict: Verdict,
}

/// Rows that wait for the next slice, so that a list of few changes is not written in many small transactions.
#[derive(Default)]
pub(crate) struct Waiting {
    rows: Vec<Pending>,
    /// Keys of those whom nobody knows yet: a repetition of theirs is found here, of all others by id.
    unknown: HashSet<u64>,
}

impl Waiting {
    pub fn holds_unknown(&self, remote_id: &str) -> bool {
        !self.unknown.is_empty() && self.unknown.contains(&rialto_core::hash::key(remote_id))
    }
}

pub(crate) async fn take(job: &Job<'_>, tally: &mut Tally, rows: Vec<Mapped>) -> Result<(), Trouble> {
    let rows = without_repeats(tally, rows);
    let keys: Vec<&str> = rows.iter().map(|r| r.remote_id.as_str()).collect();
    let known = people::lookup(&job.parts.db, job.remote.bridge.id, &keys).await?;
    if job.run.plan_only {
        plan_only::take(job, tally, &rows, &known);
        return Ok(());
    }
    let mut uploaded = uploaded(job, tally, &rows, &known).await?;
    for row in rows {
        let own = known.get(&row.remote_id).copied();
        let adopted = if own.is_none() { uploaded.remove(&row.address.canonical) } else { None };
        let (known, adopt) = (own.or(adopted), adopted.is_some());
        let mut verdict = classify(&row, known, job.remote.leaves_out());
        if known.is_none() && job.by_choice {
            // Nobody is brought over who could not be let in.
            verdict = Verdict { dirty: false, suppress: false, lift: false, left_out: true };
        }
        let again = match own {
            // Somebody whom another sync brought meanwhile may still wait here as unknown.
            Some(k) => {
                let id = k.id as u64;
                tally.seen.contains(id) || tally.left_out.contains(id) || tally.waits(k.id) || tally.waits_unknown(&row.remote_id)
            }
            None => unknown_again(tally, &row.remote_id, verdict),
        };
        if again {
            duplicate(tally, &row);
        } else if verdict.dirty {
            if let Some(k) = known {
                tally.awaited.insert(k.id as u64);
            }
            tally.waiting.rows.push(Pending { row, known, adopt, verdict });
        } else {
            place(job, tally, known, verdict);
        }
    }
    write_waiting(job, tally, false).await
}

/// Records that only uploads know and whose address somebody new of this batch bears, by address.
async fn uploaded(
    job: &Job<'_>,
    tally: &Tally,
    rows: &[Mapped],
    known: &HashMap<String, Known>,
) -> Result<HashMap<String, Known>, Trouble> {
    if !job.uploads {
        return Ok(HashMap::new());
    }
    let fresh = rows.iter().filter(|r| !r.address.canonical.is_empty() && !known.contains_key(&r.remote_id));
    let addresses: Vec<&str> = fresh.map(|r| r.address.canonical.as_str()).collect();
    if addresses.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found = people::adoptable(&job.parts.db, &addresses).await?;
    found.retain(|_, k| !tally.waits(k.id));
    Ok(found)
}

/// Whether somebody nobody knows came before in this read.
fn unknown_again(tally: &mut Tally, remote_id: &str, verdict: Verdict) -> bool {
    let key = rialto_core::hash::key(remote_id);
    if tally.outsiders.contains(&key) || tally.waiting.unknown.contains(&key) {
        return true;
    }
    if verdict.left_out {
        tally.outsiders.insert(key)
    } else {
        tally.waiting.unknown.insert(key)
    };
    false
}

/// Writes what waits: whole slices, and at the end of a read the rest too.
pub(crate) async fn write_waiting(job: &Job<'_>, tally: &mut Tally, all: bool) -> Result<(), Trouble> {
    if tally.waiting.rows.is_empty() || (!all && tally.waiting.rows.len() < tally.slicer.rows) {
        return Ok(());
    }
    let Waiting { mut rows, .. } = std::mem::take(&mut tally.waiting);
    tally.awaited.clear();
    // One order everywhere keeps two syncs from waiting for each other in a circle.
    rows.sort_unstable_by(|a, b| a.row.remote_id.cmp(&b.row.remote_id));
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        if job.lease.is_gone() {
            return Err(Trouble::Interrupted);
        }
        let (now, later) = rest.split_at(tally.slicer.rows.min(rest.len()));
        write(job, tally, now).await?;
        rest = later;
    }
    Ok(())
}

/// Takes out rows whose key came before in the same batch; those of earlier batches are found by their id.
fn without_repeats(tally: &mut Tally, rows: Vec<Mapped>) -> Vec<Mapped> {
    let mut keys = HashSet::with_capacity(rows.len());
    let (first, repeats): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| keys.insert(rialto_core::hash::key(&r.remote_id)));
    for row in &repeats {
        duplicate(tally, row);
    }
    first
}

pub(crate) fn duplicate(tally: &mut Tally, row: &Mapped) {
    tally.counts.duplicate += 1;
    tally.notes.add(Note {
        kind: "duplicate",
        remote_id: row.remote_id.clone(),
        subscriber_id: None,
        detail: "The key came before in this read; the first row counts.".into(),
    });
}

/// Puts somebody whose row needed no write where they belong.
fn place(job: &Job<'_>, tally: &mut Tally, known: Option<Known>, verdict: Verdict) {
    match known {
        Some(known) => seen(job, tally, known.id, verdict),
        // Left out and unknown: nothing is kept.
        None => tally.counts.left_out += 1,
    }
}

fn seen(job: &Job<'_>, tally: &mut Tally, id: i64, verdict: Verdict) {
    let left_out = verdict.left_out || job.stays_out(&tally.members, Some(id));
    let id = id as u64;
    if left_out {
        tally.left_out.insert(id);
        tally.counts.left_out += 1;
        return;
    }
    tally.seen.insert(id);
    if verdict.lift {
        tally.lifts.insert(id);
    }
    if !tally.members.contains(id) {
        tally.counts.added += 1;
    } else if tally.changed.contains(id) {
        tally.counts.updated += 1;
    } else {
        tally.counts.unchanged += 1;
    }
}

async fn write(job: &Job<'_>, tally: &mut Tally, rows: &[Pending]) -> Result<(), Trouble> {
    let mut slice_rows: Vec<Dirty<'_>> =
        rows.iter().map(|p| Dirty { row: &p.row, known: p.known, suppress: p.verdict.suppress, adopt: p.adopt }).collect();
    let slice = Slice {
        bridge_id: job.remote.bridge.id,
        run_id: job.run.id,
        worker: Some(&job.lease.worker),
        source: &job.remote.bridge.name,
        fields: &job.specs,
        now: job.parts.clock.now(),
    };
    for attempt in 1.. {
        let began = Instant::now();
        match people::write_slice(&job.parts.db, slice, &slice_rows, &mut tally.in_hand).await {
            Ok(written) => {
                tally.slicer.learn(rows.len(), began.elapsed().as_millis() as u64);
                tally.suppressed += written.suppressed as i64;
                for ((id, dirty), pending) in written.ids.iter().zip(&slice_rows).zip(rows) {
                    if dirty.known.is_none() {
                        tally.created.insert(*id as u64);
                    }
                    tally.changed.insert(*id as u64);
                    seen(job, tally, *id, pending.verdict);
                }
                return Ok(());
            }
            Err(e) if attempt < MAX_TRIES && (e.is_retryable() || e.is_unique_violation() || matches!(e, StoreError::Conflict(_))) => {
                tracing::info!(run = job.run.id, error = %e, "a slice is written again");
                look_again(job, &mut slice_rows).await?;
            }
            Err(StoreError::TakenOver) => return Err(Trouble::Interrupted),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Another sync may have brought some of the new people meanwhile, or an upload somebody with their address.
async fn look_again(job: &Job<'_>, rows: &mut [Dirty<'_>]) -> Result<(), Trouble> {
    let keys: Vec<&str> = rows.iter().map(|d| d.row.remote_id.as_str()).collect();
    let known: HashMap<String, Known> = people::lookup(&job.parts.db, job.remote.bridge.id, &keys).await?;
    let new = rows.iter().filter(|d| !known.contains_key(&d.row.remote_id) && !d.row.address.canonical.is_empty());
    let addresses: Vec<&str> = new.map(|d| d.row.address.canonical.as_str()).collect();
    let mut uploaded = if addresses.is_empty() { HashMap::new() } else { people::adoptable(&job.parts.db, &addresses).await? };
    for dirty in rows.iter_mut() {
        let own = known.get(&dirty.row.remote_id).copied();
        // The first who bears the address takes the record over.
        let adopted = if own.is_none() { uploaded.remove(&dirty.row.address.canonical) } else { None };
        (dirty.known, dirty.adopt) = (own.or(adopted), adopted.is_some());
        dirty.suppress = classify(dirty.row, dirty.known, job.remote.leaves_out()).suppress;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted twice, somebody who is left out would make up for somebody who never came, and a member would be removed.
    #[test]
    fn somebody_nobody_knows_counts_once_whatever_their_rows_say() {
        let verdict = |left_out: bool| Verdict { dirty: !left_out, suppress: false, lift: false, left_out };
        for (first, second) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut tally = Tally::new(Default::default());
            assert!(!unknown_again(&mut tally, "a", verdict(first)));
            assert!(!unknown_again(&mut tally, "b", verdict(first)));
            assert!(unknown_again(&mut tally, "a", verdict(second)), "{first} {second}");
            if first {
                tally.restart();
                assert!(!unknown_again(&mut tally, "a", verdict(second)), "another read counts anew");
            }
        }
    }
}
