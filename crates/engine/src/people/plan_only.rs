//! A plan: everything is read and compared, names are noted, nothing of people, membership or consent is written.

use std::collections::HashMap;

use rialto_core::consent::Flag;
use rialto_core::figure;
use rialto_core::gate::{self, Difference, Proof};
use rialto_core::person::Mapped;
use rialto_core::run::RunState;
use rialto_store::notes::Note;
use rialto_store::people::{self, Known};
use rialto_store::runs::Ending;
use serde_json::json;

use super::classify::classify;
use super::read::Tally;
use super::{Job, batch};
use crate::remote::Trouble;

pub(crate) fn take(job: &Job<'_>, tally: &mut Tally, rows: &[Mapped], known: &HashMap<String, Known>) {
    for row in rows {
        let known = known.get(&row.remote_id).copied();
        let verdict = classify(row, known, job.remote.leaves_out());
        let again = match known {
            Some(k) => !tally.seen.insert(k.id as u64),
            None => !tally.unknown.insert(rialto_core::hash::key(&row.remote_id)),
        };
        if again {
            batch::duplicate(tally, row);
            continue;
        }
        if verdict.suppress {
            tally.suppressed += 1;
            note(job, tally, "plan_suppress", row, known);
        }
        if verdict.left_out || job.stays_out(&tally.members, known.map(|k| k.id)) {
            tally.counts.left_out += 1;
            if let Some(k) = known {
                tally.left_out.insert(k.id as u64);
            }
            continue;
        }
        let member = known.is_some_and(|k| tally.members.contains(k.id as u64));
        match (member, verdict.dirty) {
            (false, _) => {
                tally.counts.added += 1;
                note(job, tally, "plan_join", row, known);
            }
            (true, true) => {
                tally.counts.updated += 1;
                note(job, tally, "plan_update", row, known);
            }
            (true, false) => tally.counts.unchanged += 1,
        }
        if known.is_none() {
            tally.counts.created += 1;
        }
        if let (true, Some(k)) = (verdict.lift, known) {
            tally.lifts.insert(k.id as u64);
            note(job, tally, "plan_lift", row, known);
        }
    }
}

/// Names somebody, with what the row brings: a page sets it beside what stands here.
fn note(job: &Job<'_>, tally: &mut Tally, kind: &'static str, row: &Mapped, known: Option<Known>) {
    if !tally.notes.wants(kind) {
        return;
    }
    let flag = if row.flag == Flag::Yes { "yes" } else { "no" };
    let full = json!({"address": row.address.written, "flag": flag, "profile": people::profile_json(&job.specs, &row.values)}).to_string();
    // Cut, it would be no JSON any more.
    let fits = full.chars().count() <= rialto_store::notes::MAX_PLANNED;
    let detail = if fits { full } else { json!({"address": row.address.written, "flag": flag}).to_string() };
    tally.notes.add(Note { kind, remote_id: row.remote_id.clone(), subscriber_id: known.map(|k| k.id), detail });
}

pub(crate) async fn conclude(job: &Job<'_>, mut tally: Tally, proof: &Proof) -> Result<Ending, Trouble> {
    // Those who are left out are removed at once; only whoever is absent waits for proof and gate. Both stand in `seen`.
    let left_out = &tally.left_out & &tally.members;
    let absent = &tally.members - &tally.seen - &job.own.yes;
    let leaves = &absent | &left_out;
    let mut counts = tally.counts;
    counts.leaving = leaves.len() as i64;
    counts.suppressed = tally.suppressed;
    let d = Difference { members_before: tally.members.len(), leaving: absent.len(), lifts: tally.lifts.len() };
    let (outcome, reason) = match gate::judge(job.parts.settings.limits, proof, d) {
        gate::Verdict::Apply => {
            counts.removed = counts.leaving;
            counts.lifted = tally.lifts.len() as i64;
            (
                "apply",
                format!(
                    "A sync now would add {}, change {} and remove {} people.",
                    figure(counts.added),
                    figure(counts.updated),
                    figure(counts.removed)
                ),
            )
        }
        gate::Verdict::Wait(why) => ("incomplete", format!("A sync now would be incomplete. {why}")),
        gate::Verdict::Hold(why) => ("held", format!("A sync now would be held. {why}")),
    };
    if outcome != "apply" {
        counts.removed = left_out.len() as i64;
        counts.withheld = absent.len() as i64;
        counts.lifts_withheld = tally.lifts.len() as i64;
    }
    counts.members_after = counts.members_before + counts.added - counts.removed;
    let ids: Vec<i64> = leaves.iter().take(rialto_store::notes::MAX_PER_KIND).map(|id| id as i64).collect();
    for (id, remote_id, address) in people::names(&job.parts.db, &ids).await? {
        let detail = json!({"address": address}).to_string();
        tally.notes.add(Note { kind: "plan_leave", remote_id, subscriber_id: Some(id), detail });
    }
    tally.notes.flush(&job.parts.db, job.run.id).await?;
    counts.check().map_err(|e| Trouble::refused(e.to_string(), "Report this with the run's id: it is a fault of Rialto."))?;
    let stats = json!({"would": outcome});
    Ok(Ending { state: RunState::Succeeded, counts, reason, advice: String::new(), error_kind: String::new(), data_as_of: None, stats })
}
