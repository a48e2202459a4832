//! An upload of unsubscribers (OP-13): one address a line. Known addresses are silenced, unknown ones come as silent; what remotes are told
//! follows from the acts (`rules.md` sections 2 and 4).

use std::collections::HashSet;

use rialto_core::hash::key;
use rialto_core::upload::{Joins, silences};
use rialto_core::{Address, Counts, figure};
use rialto_store::consent::Grounds;
use rialto_store::notes::{Note, Notes};
use rialto_store::people::InHand;
use rialto_store::runs::Ending;
use rialto_store::uploads::{self, Silent, Slice};
use rialto_store::{Actor, StoreError};
use serde_json::json;

use super::place::{self, Row};
use super::{Job, balanced, duplicate, ending, reject};
use crate::remote::Trouble;

/// Addresses a transaction: each brings rows of ledger, audit and writebacks.
const SLICE: usize = 500;

const MAX_TRIES: usize = 5;

struct Tally {
    counts: Counts,
    notes: Notes,
    /// Keys of addresses that came.
    came: HashSet<u64>,
    in_hand: InHand,
    /// Addresses that several people of one bridge share: listed among the households.
    shared: i64,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Ending, Trouble> {
    let mut tally =
        Tally { counts: Counts::default(), notes: Notes::default(), came: HashSet::new(), in_hand: InHand::default(), shared: 0 };
    let mut lines = job.lines();
    while let Some(batch) = lines.next().await? {
        let read = batch.len() as i64;
        tally.counts.read += read;
        let mut rows = Vec::with_capacity(batch.len());
        for line in batch {
            match line.cells.and_then(|cells| place::read(line.number, cells, &job.mapping)) {
                Ok(row) if row.address.canonical.is_empty() => {
                    reject(&mut tally.counts, &mut tally.notes, row.number, "It has no e-mail address.")
                }
                Ok(row) if !tally.came.insert(key(&row.address.canonical)) => {
                    duplicate(&mut tally.counts, &mut tally.notes, row.number, &row.address.written);
                }
                Ok(row) => rows.push(row),
                Err(why) => reject(&mut tally.counts, &mut tally.notes, line.number, &why),
            }
        }
        for some in rows.chunks(SLICE) {
            if job.lease.is_gone() {
                return Err(Trouble::Interrupted);
            }
            take(job, &mut tally, some).await?;
        }
        job.lease.advance(read);
    }
    tally.notes.flush(&job.parts.db, job.run.id).await?;
    balanced(&tally.counts)?;
    let c = tally.counts;
    let (new, all) = (figure(c.created), figure(c.suppressed));
    let reason = if job.run.plan_only {
        format!("This would unsubscribe {all} addresses, {new} of them new here.")
    } else {
        format!("{all} addresses were unsubscribed, {new} of them new here.")
    };
    Ok(ending(c, reason, json!({"would": "apply", "shared": tally.shared})))
}

async fn take(job: &Job<'_>, tally: &mut Tally, rows: &[Row]) -> Result<(), Trouble> {
    let db = &job.parts.db;
    let addresses: Vec<&str> = rows.iter().map(|r| r.address.canonical.as_str()).collect();
    let silent = uploads::silent_already(db.read(), &addresses).await?;
    tally.counts.unchanged += silent.len() as i64;
    let open: Vec<Address> = rows.iter().filter(|r| !silent.contains(&r.address.canonical)).map(|r| r.address.clone()).collect();
    if open.is_empty() {
        return Ok(());
    }
    for attempt in 1.. {
        let people = placed(job, &open).await?;
        if job.run.plan_only {
            plan(tally, &people.0);
            tally.shared += people.1;
            return Ok(());
        }
        match write(job, tally, &people.0).await {
            Ok(()) => {
                tally.shared += people.1;
                return Ok(());
            }
            Err(e) if attempt < MAX_TRIES && e.is_race() => {
                tracing::info!(run = job.run.id, error = %e, "a slice of an upload is written again")
            }
            Err(StoreError::TakenOver) => return Err(Trouble::Interrupted),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// The record that stands for each address, and how many addresses several people of one bridge share.
async fn placed(job: &Job<'_>, addresses: &[Address]) -> Result<(Vec<Silent>, i64), Trouble> {
    let canonicals: Vec<&str> = addresses.iter().map(|a| a.canonical.as_str()).collect();
    let bearers = uploads::lookup(&job.parts.db, &canonicals).await?;
    let of = |a: &Address| bearers.get(&a.canonical).copied().unwrap_or_default();
    let shared = addresses.iter().filter(|a| of(a).of_one_bridge > 1).count() as i64;
    let people = addresses.iter().map(|a| {
        let id = match silences(of(a)) {
            Joins::Record(id) | Joins::Own(id) => Some(id),
            Joins::New => None,
        };
        Silent { id, address: a.clone() }
    });
    Ok((people.collect(), shared))
}

fn plan(tally: &mut Tally, people: &[Silent]) {
    for p in people {
        tally.counts.updated += 1;
        tally.counts.suppressed += 1;
        tally.counts.created += i64::from(p.id.is_none());
        let detail = json!({"address": p.address.written}).to_string();
        tally.notes.add(Note { kind: "plan_suppress", remote_id: String::new(), subscriber_id: p.id, detail });
    }
}

async fn write(job: &Job<'_>, tally: &mut Tally, people: &[Silent]) -> Result<(), StoreError> {
    let now = job.parts.clock.now();
    let who = Actor { name: job.run.actor.clone(), request_id: String::new(), at: now };
    let reason = format!("Upload of unsubscribers: {}", job.upload.file_name);
    let grounds = Grounds { source: "upload", reason: &reason, evidence: &job.upload.evidence };
    let slice = Slice { run_id: job.run.id, worker: &job.lease.worker, fields: &[], now };
    let done = uploads::silence(&job.parts.db, &job.parts.vault, slice, people, grounds, &who, &mut tally.in_hand).await?;
    for (p, (id, new)) in people.iter().zip(done) {
        tally.counts.created += i64::from(p.id.is_none());
        tally.counts.suppressed += i64::from(new);
        let figure = if new { &mut tally.counts.updated } else { &mut tally.counts.unchanged };
        *figure += 1;
        if new {
            let detail = "Unsubscribed by this upload.".to_owned();
            tally.notes.add(Note { kind: "silenced", remote_id: p.address.written.clone(), subscriber_id: Some(id), detail });
        }
    }
    Ok(())
}
