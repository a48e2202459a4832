//! An upload of people: each row joins a record, or makes one that only uploads know; what differs is written, in short transactions.

use std::collections::{HashMap, HashSet};

use rialto_core::Counts;
use rialto_core::fields::Value;
use rialto_core::hash::key;
use rialto_core::person::FieldSpec;
use rialto_store::StoreError;
use rialto_store::groups::{self, Group};
use rialto_store::membership;
use rialto_store::notes::{Note, Notes};
use rialto_store::people::InHand;
use rialto_store::runs::Ending;
use rialto_store::uploads::{self, Owned, Placed, Slice};
use roaring::RoaringTreemap;
use serde_json::json;
use tokio::time::Instant;

use super::place::{self, Key, Row, Target};
use super::{Job, duplicate, end, reject};
use crate::people::Slicer;
use crate::remote::Trouble;

/// Tries of a slice that met a deadlock, or people whom another upload brought meanwhile.
const MAX_TRIES: usize = 5;

/// What a run knows so far.
pub(super) struct Tally {
    pub counts: Counts,
    pub members: RoaringTreemap,
    pub seen: RoaringTreemap,
    /// Keys of those whom nobody knows yet: only a plan keeps them, since it gives out no ids.
    unknown: HashSet<u64>,
    /// Rows that joined a record of a bridge, rows whose address several records bear, and values that a bridge owns.
    pub joined: i64,
    pub several: i64,
    pub owned: i64,
    pub notes: Notes,
    in_hand: InHand,
    pub slicer: Slicer,
}

/// A row with the record it belongs to.
struct Placing {
    row: Row,
    target: Target,
    dirty: bool,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Ending, Trouble> {
    let began = Instant::now();
    let db = &job.parts.db;
    let group = group(job).await?;
    let members = match &group {
        Some(g) => membership::members(db, g.id).await?,
        None => RoaringTreemap::new(),
    };
    let names: Vec<&str> = job.mapping.fields().into_iter().map(|(_, name)| name).collect();
    let specs = uploads::ensure_fields(db, &names, !job.run.plan_only).await?;
    let owned = uploads::owned_fields(db.read()).await?;
    let mut tally = Tally {
        counts: Counts { members_before: members.len() as i64, ..Counts::default() },
        members,
        seen: RoaringTreemap::new(),
        unknown: HashSet::new(),
        joined: 0,
        several: 0,
        owned: 0,
        notes: Notes::default(),
        in_hand: InHand::default(),
        slicer: Slicer::default(),
    };
    let mut lines = job.lines();
    while let Some(batch) = lines.next().await? {
        if job.lease.is_gone() {
            return Err(Trouble::Interrupted);
        }
        let read = batch.len() as i64;
        tally.counts.read += read;
        let mut rows = Vec::with_capacity(batch.len());
        for line in batch {
            match line.cells.and_then(|cells| place::read(line.number, cells, &job.mapping)) {
                Ok(row) => rows.push(row),
                Err(why) => reject(&mut tally.counts, &mut tally.notes, line.number, &why),
            }
        }
        take(job, &mut tally, (&specs, &owned), rows).await?;
        job.lease.advance(read);
    }
    tally.notes.flush(db, job.run.id).await?;
    let read_ms = began.elapsed().as_millis() as u64;
    match group {
        Some(group) if !job.run.plan_only => end::apply(job, &group, tally, read_ms).await,
        group => end::planned(job, group.as_ref(), tally).await,
    }
}

/// The target group; a plan may be made before there is one.
async fn group(job: &Job<'_>) -> Result<Option<Group>, Trouble> {
    let gone = || Trouble::refused("The target group was deleted.", "Upload the file again, to another target group.");
    match job.upload.group_id {
        Some(id) => Ok(Some(groups::get(job.parts.db.read(), id).await?.ok_or_else(gone)?)),
        None if job.run.plan_only => Ok(None),
        None => Err(gone()),
    }
}

async fn take(job: &Job<'_>, tally: &mut Tally, fields: (&[FieldSpec], &Owned), rows: Vec<Row>) -> Result<(), Trouble> {
    let (specs, owned) = fields;
    let mut placed = Vec::with_capacity(rows.len());
    let known = Known::of(job, &rows).await?;
    let mut keys = HashSet::with_capacity(rows.len());
    for mut row in rows {
        let target = match known.target(&row) {
            Ok(target) => target,
            Err(why) => {
                reject(&mut tally.counts, &mut tally.notes, row.number, &why);
                continue;
            }
        };
        let again = match target.id {
            Some(id) => tally.seen.contains(id as u64) || !keys.insert((true, id as u64)),
            // One of an earlier batch is known by now, but in a plan.
            None => {
                !keys.insert((false, key(&row.address.canonical)))
                    || (job.run.plan_only && !tally.unknown.insert(key(&row.address.canonical)))
            }
        };
        if again {
            duplicate(&mut tally.counts, &mut tally.notes, row.number, &row.address.written);
            continue;
        }
        tally.owned += place::leave_owned(&mut row.values, specs, place::of_bridge(owned, target.bridge)) as i64;
        tell(tally, &row, target);
        placed.push(Placing { row, target, dirty: target.id.is_none() });
    }
    mark_dirty(job, specs, &mut placed).await?;
    if job.run.plan_only {
        plan(tally, specs, &placed);
        return Ok(());
    }
    write(job, tally, (specs, owned), placed).await
}

/// What is worth telling of a row that goes through.
fn tell(tally: &mut Tally, row: &Row, target: Target) {
    tally.joined += i64::from(target.bridge != rialto_core::upload::SOURCE);
    if target.several {
        tally.several += 1;
        let detail = format!("Line {}: several people have this address, so none of them was joined.", row.number);
        tally.notes.add(Note { kind: "several", remote_id: row.address.written.clone(), subscriber_id: target.id, detail });
    }
    for (name, misfit) in &row.misfits {
        let detail = format!("Line {}: {name}: {misfit}", row.number);
        tally.notes.add(Note { kind: "misfit", remote_id: row.address.written.clone(), subscriber_id: target.id, detail });
    }
}

/// What a batch of rows was looked up to.
struct Known {
    places: HashMap<i64, Placed>,
    bearers: HashMap<String, rialto_core::upload::Bearers>,
}

impl Known {
    async fn of(job: &Job<'_>, rows: &[Row]) -> Result<Self, Trouble> {
        let db = &job.parts.db;
        let ids: Vec<i64> = rows.iter().filter_map(|r| if let Key::Id(id) = r.key { Some(id.id) } else { None }).collect();
        let addresses: Vec<&str> = rows.iter().filter(|r| matches!(r.key, Key::Address)).map(|r| r.address.canonical.as_str()).collect();
        let places = if ids.is_empty() { HashMap::new() } else { uploads::places(db.read(), &ids).await? };
        let bearers = if addresses.is_empty() { HashMap::new() } else { uploads::lookup(db, &addresses).await? };
        Ok(Self { places, bearers })
    }

    fn target(&self, row: &Row) -> Result<Target, String> {
        match row.key {
            Key::Id(id) => place::by_id(id, &self.places),
            Key::Address => Ok(place::by_address(self.bearers.get(&row.address.canonical).copied().unwrap_or_default())),
        }
    }
}

/// Compares the uploaded values of known records with what is stored.
async fn mark_dirty(job: &Job<'_>, specs: &[FieldSpec], placed: &mut [Placing]) -> Result<(), Trouble> {
    let says = |p: &Placing| p.row.values.iter().any(|v| *v != Value::Absent);
    let ids: Vec<i64> = placed.iter().filter(|p| says(p)).filter_map(|p| p.target.id).collect();
    let stored = uploads::stored(&job.parts.db, specs, &ids).await?;
    for p in placed.iter_mut() {
        if let Some(id) = p.target.id {
            p.dirty = place::differs(&p.row.values, specs, stored.get(&id));
        }
    }
    Ok(())
}

fn plan(tally: &mut Tally, specs: &[FieldSpec], placed: &[Placing]) {
    for p in placed {
        let profile = || rialto_store::people::profile_json(specs, &p.row.values);
        let detail = match p.target.id {
            // A record keeps its own address.
            Some(_) => json!({"profile": profile()}),
            None => json!({"address": p.row.address.written, "profile": profile()}),
        };
        let detail = detail.to_string();
        let note = |kind| Note { kind, remote_id: String::new(), subscriber_id: p.target.id, detail: detail.clone() };
        let Some(id) = p.target.id else {
            tally.counts.added += 1;
            tally.counts.created += 1;
            tally.notes.add(note("plan_join"));
            continue;
        };
        tally.seen.insert(id as u64);
        if !tally.members.contains(id as u64) {
            tally.counts.added += 1;
            tally.notes.add(note("plan_join"));
        } else if p.dirty {
            tally.counts.updated += 1;
            tally.notes.add(note("plan_update"));
        } else {
            tally.counts.unchanged += 1;
        }
    }
}

async fn write(job: &Job<'_>, tally: &mut Tally, fields: (&[FieldSpec], &Owned), placed: Vec<Placing>) -> Result<(), Trouble> {
    let (specs, owned) = fields;
    let (mut dirty, clean): (Vec<Placing>, Vec<Placing>) = placed.into_iter().partition(|p| p.dirty);
    for p in &clean {
        if let Some(id) = p.target.id {
            seen(tally, id, false);
        }
    }
    // One order everywhere keeps two uploads from waiting for each other in a circle.
    dirty.sort_unstable_by(|a, b| a.row.address.canonical.cmp(&b.row.address.canonical));
    let mut rest: Vec<(uploads::Row, bool)> = dirty
        .into_iter()
        .map(|p| (uploads::Row { id: p.target.id, address: p.row.address, values: p.row.values }, p.target.id.is_none()))
        .collect();
    while !rest.is_empty() {
        if job.lease.is_gone() {
            return Err(Trouble::Interrupted);
        }
        let later = rest.split_off(tally.slicer.rows.min(rest.len()));
        let (rows, fresh): (Vec<uploads::Row>, Vec<bool>) = std::mem::replace(&mut rest, later).into_iter().unzip();
        let (ids, rows) = write_slice(job, tally, (specs, owned), rows).await?;
        for ((id, row), fresh) in ids.into_iter().zip(&rows).zip(fresh) {
            // Brought by another upload meanwhile, somebody is not ours to count as new.
            tally.counts.created += i64::from(fresh && row.id.is_none());
            seen(tally, id, true);
        }
    }
    Ok(())
}

fn seen(tally: &mut Tally, id: i64, changed: bool) {
    if !tally.seen.insert(id as u64) {
        tally.counts.duplicate += 1;
    } else if !tally.members.contains(id as u64) {
        tally.counts.added += 1;
    } else if changed {
        tally.counts.updated += 1;
    } else {
        tally.counts.unchanged += 1;
    }
}

async fn write_slice(
    job: &Job<'_>,
    tally: &mut Tally,
    (specs, owned): (&[FieldSpec], &Owned),
    mut rows: Vec<uploads::Row>,
) -> Result<(Vec<i64>, Vec<uploads::Row>), Trouble> {
    let slice = Slice { run_id: job.run.id, worker: &job.lease.worker, fields: specs, now: job.parts.clock.now() };
    for attempt in 1.. {
        let began = Instant::now();
        match uploads::write(&job.parts.db, slice, &rows, &mut tally.in_hand).await {
            Ok(ids) => {
                tally.slicer.learn(rows.len(), began.elapsed().as_millis() as u64);
                return Ok((ids, rows));
            }
            Err(e) if attempt < MAX_TRIES && (e.is_race() || matches!(e, StoreError::Conflict(_))) => {
                tracing::info!(run = job.run.id, error = %e, "a slice of an upload is written again");
                look_again(job, (specs, owned), &mut rows).await?;
            }
            Err(StoreError::TakenOver) => return Err(Trouble::Interrupted),
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Interrupted)
}

/// Another upload, or a sync, may have brought some of the new people meanwhile.
async fn look_again(job: &Job<'_>, (specs, owned): (&[FieldSpec], &Owned), rows: &mut [uploads::Row]) -> Result<(), Trouble> {
    let fresh: Vec<&str> = rows.iter().filter(|r| r.id.is_none()).map(|r| r.address.canonical.as_str()).collect();
    let bearers = uploads::lookup(&job.parts.db, &fresh).await?;
    for row in rows.iter_mut().filter(|r| r.id.is_none()) {
        let target = place::by_address(bearers.get(&row.address.canonical).copied().unwrap_or_default());
        row.id = target.id;
        place::leave_owned(&mut row.values, specs, place::of_bridge(owned, target.bridge));
    }
    Ok(())
}
