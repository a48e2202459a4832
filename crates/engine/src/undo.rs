//! Takes a run back (`rules.md` section 3, `docs/adr/0138`): planned and named like any run, never over what came later, and nobody becomes
//! mailable by it. Values go first, in slices; membership goes in the one transaction that also pauses the group's syncs.

use rialto_core::fields::FieldType;
use rialto_core::person::FieldSpec;
use rialto_core::run::{Phase, RunState};
use rialto_core::upload::SOURCE;
use rialto_core::{Counts, Instant, figure};
use rialto_store::groups::{self, Group};
use rialto_store::membership::{self, Change, Op, Outcome, Refused};
use rialto_store::notes::{MAX_PER_KIND, Note, Notes};
use rialto_store::runs::{self, Ending, Run};
use rialto_store::undo::{self, Members, Page, Person, Undo};
use rialto_store::{Actor, StoreError, fields, interests, people};
use roaring::RoaringTreemap;
use serde_json::json;

use crate::Parts;
use crate::lease::Lease;
use crate::remote::Trouble;

/// People of the log looked at in one go.
const SLICE: i64 = 1_000;
/// Times a slice is looked at again when a sync of another list wrote there at the same moment.
const MAX_TRIES: usize = 5;

struct Job<'a> {
    parts: &'a Parts,
    run: &'a Run,
    lease: &'a Lease,
    undo: Undo<'a>,
    group: &'a Group,
}

#[derive(Default)]
struct Tally {
    /// People whose values go back, and those of whom something stays.
    back: RoaringTreemap,
    stays: RoaringTreemap,
    silenced: i64,
    notes: Notes,
}

pub(crate) async fn run(parts: &Parts, run: &Run, lease: &Lease) -> Result<Ending, Trouble> {
    let (of, group) = undone(parts, run).await?;
    let specs = all_fields(parts, &of).await?;
    let undo = Undo { run_id: run.id, worker: &lease.worker, of: &of, fields: &specs, now: parts.clock.now() };
    let job = Job { parts, run, lease, undo, group: &group };
    let members = membership::members(&parts.db, group.id).await?;
    let mut moves = undo::members(&parts.db, &of, &members).await?;
    keep_own_words(&job, &mut moves).await?;
    let mut tally = Tally::default();
    name_members(&job, &mut tally, &moves).await?;
    values(&job, &mut tally).await?;
    silence(&job, &mut tally).await?;
    tally.notes.flush(&parts.db, run.id).await?;
    let ending = ending(&job, &tally, &moves, members.len() as i64).await?;
    if run.plan_only {
        return Ok(ending);
    }
    apply(&job, &moves, ending).await
}

/// The run that is undone, and its group.
async fn undone(parts: &Parts, run: &Run) -> Result<(Run, Group), Trouble> {
    let nothing = || Trouble::refused("The run to undo is not there any more.", "Look at the runs of the target group.");
    let of = runs::get(parts.db.read(), run.parent_run.ok_or_else(nothing)?).await?.ok_or_else(nothing)?;
    if let Some((why, advice)) = undo::refusal(&parts.db, &of).await? {
        return Err(Trouble::refused(why, advice));
    }
    let group = groups::get(parts.db.read(), of.group_id.ok_or_else(nothing)?).await?.ok_or_else(nothing)?;
    Ok((of, group))
}

/// All fields that the run's source ever had, those too that it offers no more.
async fn all_fields(parts: &Parts, of: &Run) -> Result<Vec<FieldSpec>, StoreError> {
    let known = fields::list(parts.db.read(), of.bridge_id.unwrap_or(SOURCE)).await?;
    let spec = |f: fields::Field| {
        let kind = FieldType::from_name(&f.kind)?;
        Some(FieldSpec { number: u32::try_from(f.number).ok()?, name: f.title().to_owned(), kind, length: None })
    };
    Ok(known.into_iter().filter_map(spec).collect())
}

/// What people themselves said about an interest stands over what the remote showed, and over its undo (`docs/adr/0120`).
async fn keep_own_words(job: &Job<'_>, moves: &mut Members) -> Result<(), StoreError> {
    let db = &job.parts.db;
    let Some(interest) = interests::of_group(db.read(), job.group.id).await? else { return Ok(()) };
    let own = interests::own_words(db, interest.id, Instant(job.undo.of.created_at)).await?;
    moves.kept |= (&moves.joins & &own.no) | (&moves.leaves & &own.yes);
    moves.joins -= own.no;
    moves.leaves -= own.yes;
    Ok(())
}

async fn name_members(job: &Job<'_>, tally: &mut Tally, moves: &Members) -> Result<(), Trouble> {
    let kept = "a later run, or they themselves, changed the membership since. It stays as it is.";
    tally.stays |= &moves.kept;
    for (kind, people) in [("plan_join", &moves.joins), ("plan_leave", &moves.leaves), ("kept", &moves.kept)] {
        if kind != "kept" && !job.run.plan_only {
            continue;
        }
        let ids: Vec<i64> = people.iter().take(MAX_PER_KIND).map(|id| id as i64).collect();
        for (id, remote_id, address) in people::names(&job.parts.db, &ids).await? {
            let detail = if kind == "kept" { format!("{address}: {kept}") } else { json!({"address": address}).to_string() };
            tally.notes.add(Note { kind, remote_id, subscriber_id: Some(id), detail });
        }
    }
    Ok(())
}

/// Looks at everybody whose values the run changed; a run that is no plan writes them back.
async fn values(job: &Job<'_>, tally: &mut Tally) -> Result<(), Trouble> {
    let db = &job.parts.db;
    let later = undo::later_values(db, &job.undo).await?;
    let mut after = 0;
    loop {
        if job.lease.is_gone() {
            return Err(Trouble::Interrupted);
        }
        let page = slice(job, &later, after).await?;
        let Some(last) = page.last else { return Ok(()) };
        after = last;
        for person in &page.people {
            note(job, tally, person);
        }
        job.lease.advance(page.people.len() as i64);
        tally.notes.flush(db, job.run.id).await?;
    }
}

async fn slice(job: &Job<'_>, later: &[i64], after: i64) -> Result<Page, Trouble> {
    for attempt in 1.. {
        let page = undo::page(&job.parts.db, &job.undo, later, after, SLICE).await?;
        if job.run.plan_only {
            return Ok(page);
        }
        match undo::restore(&job.parts.db, &job.undo, &page.people).await {
            Ok(()) => return Ok(page),
            Err(StoreError::TakenOver) => return Err(Trouble::Interrupted),
            Err(e) if attempt < MAX_TRIES && (e.is_race() || matches!(e, StoreError::Conflict(_))) => {
                tracing::info!(run = job.run.id, error = %e, "a slice of an undo is looked at again");
            }
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Interrupted)
}

fn note(job: &Job<'_>, tally: &mut Tally, person: &Person) {
    let add = |notes: &mut Notes, kind, detail| {
        notes.add(Note { kind, remote_id: person.remote_id.clone(), subscriber_id: Some(person.id), detail });
    };
    if person.goes_back() {
        tally.back.insert(person.id as u64);
        if job.run.plan_only {
            let address = person.address_back.as_ref().map_or(&person.address, |a| &a.written);
            add(&mut tally.notes, "plan_update", json!({"address": address, "profile": person.values}).to_string());
        }
    }
    if person.has_conflict() {
        tally.stays.insert(person.id as u64);
    }
    if person.would_mail {
        let why = "with the earlier address they could be mailed again, and an undo makes nobody mailable. The address stays.";
        add(&mut tally.notes, "kept", format!("{}: {why}", person.address));
    }
    if !person.newer.is_empty() {
        let why = format!("{}: changed again since, so it stays as it is: {}.", person.address, person.newer.join(", "));
        add(&mut tally.notes, "kept", why);
    }
}

/// Whom the run made mailable again is silent again, as before it.
async fn silence(job: &Job<'_>, tally: &mut Tally) -> Result<(), Trouble> {
    let db = &job.parts.db;
    let mut after = 0;
    loop {
        let found = undo::lifted(db, job.undo.of, after, SLICE).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = *last;
        tally.silenced += found.len() as i64;
        if job.run.plan_only {
            for (id, remote_id, address) in people::names(db, &found).await? {
                let detail = json!({"address": address}).to_string();
                tally.notes.add(Note { kind: "plan_suppress", remote_id, subscriber_id: Some(id), detail });
            }
            continue;
        }
        match undo::silence(db, &job.undo, &found).await {
            Err(StoreError::TakenOver) => return Err(Trouble::Interrupted),
            // Whoever decided meanwhile is looked at anew.
            Err(StoreError::Conflict(_)) => {
                tally.silenced -= found.len() as i64;
                after = found[0] - 1;
            }
            other => other?,
        }
    }
}

async fn ending(job: &Job<'_>, tally: &Tally, moves: &Members, before: i64) -> Result<Ending, Trouble> {
    let (added, removed, back) = (moves.joins.len() as i64, moves.leaves.len() as i64, &tally.back - &moves.joins);
    let unchanged = (&tally.stays - &tally.back - &moves.joins).len() as i64;
    let updated = back.len() as i64;
    let counts = Counts {
        read: added + updated + unchanged,
        added,
        updated,
        unchanged,
        members_before: before,
        members_after: before + added - removed,
        leaving: removed,
        removed,
        suppressed: tally.silenced,
        ..Counts::default()
    };
    let fault = "Report this with the run's id: it is a fault of Rialto. Nobody was moved.";
    counts.check().map_err(|e| Trouble::refused(e.to_string(), fault))?;
    let mailings = undo::used_since(job.parts.db.read(), job.undo.of).await?;
    let stats = json!({"undone_run": job.undo.of.id, "put_back": added, "removed": removed, "values_back": tally.back.len(),
        "silent_again": tally.silenced, "kept": tally.stays.len(), "mailings_since": mailings});
    let advice = if job.run.plan_only || !pauses(job.group) {
        String::new()
    } else {
        "Syncs of this target group only plan until somebody presses Resume there.".into()
    };
    let reason = sentence(job, tally, moves, mailings);
    Ok(Ending { state: RunState::Succeeded, counts, reason, advice, error_kind: String::new(), data_as_of: None, stats })
}

fn sentence(job: &Job<'_>, tally: &Tally, moves: &Members, mailings: i64) -> String {
    let (joins, leaves, back, stays) = (moves.joins.len(), moves.leaves.len(), tally.back.len(), tally.stays.len());
    if joins + leaves + back + tally.silenced.unsigned_abs() == 0 {
        return if stays == 0 {
            "There is nothing left to undo.".into()
        } else {
            "All that it did was changed again since; it stays as it is.".into()
        };
    }
    let did = |plan: &'static str, done: &'static str| if job.run.plan_only { plan } else { done };
    let acts = [
        (joins, did("would be put back", "put back")),
        (leaves, did("would be removed", "removed")),
        (back, did("would get earlier values back", "with earlier values again")),
        (tally.silenced.unsigned_abs(), did("would be silent again", "silent again, as before")),
    ];
    let told: Vec<String> = acts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", figure(*n))).collect();
    let mut text = format!("{}People: {}.", if job.run.plan_only { "" } else { "Taken back. " }, told.join(", "));
    if stays > 0 {
        text += &format!(" Of {} people something stays, because it was changed since or would make them mailable.", figure(stays));
    }
    if mailings > 0 {
        text += &format!(" {} mailings have used this target group since; what was sent cannot be undone.", figure(mailings));
    }
    text
}

/// Groups that a bridge reads are synced by themselves.
fn pauses(group: &Group) -> bool {
    group.bridge_id.is_some()
}

async fn apply(job: &Job<'_>, moves: &Members, mut ending: Ending) -> Result<Ending, Trouble> {
    let (db, none) = (&job.parts.db, RoaringTreemap::new());
    job.lease.enter(Phase::Planning);
    membership::plan(db, job.run.id, Op::Joins, &moves.joins).await?;
    membership::plan(db, job.run.id, Op::Leaves, &moves.leaves).await?;
    job.lease.enter(Phase::Applying);
    let change = Change {
        run_id: job.run.id,
        worker: &job.lease.worker,
        group_id: job.group.id,
        base_run: job.group.applied_run,
        joins: &moves.joins,
        leaves: &moves.leaves,
        lifts: &none,
        lifts_withheld: &none,
        lift_before: 0,
        source: "undo",
        now: job.parts.clock.now(),
    };
    let outcome = Outcome { ending: &ending, complete: false, seen_again: None, pause: pauses(job.group) };
    match membership::apply(db, change, outcome).await? {
        Ok(_) => {}
        Err(Refused::NotMine) => return Err(Trouble::Interrupted),
        Err(Refused::Moved | Refused::Mismatch) => {
            membership::drop_plan(db, job.run.id).await?;
            return Err(Trouble::refused("The target group changed meanwhile; its members are as they were.", "Undo again."));
        }
    }
    let mut tx = db.write().await?;
    let who = Actor { name: job.run.actor.clone(), request_id: String::new(), at: job.parts.clock.now() };
    let closed = undo::close(&mut tx, job.undo.of, &who).await?;
    tx.commit().await?;
    if closed {
        ending.stats["closed_decision"] = true.into();
    }
    Ok(ending)
}
