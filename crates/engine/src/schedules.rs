//! What happens by the clock. Each step is one short transaction that only one node can take: an occurrence begins with its row, which is
//! unique, and goes on from the step that was seen (docs/adr/0040, 0041).

use std::time::Duration;

use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::schedule::overnight;
use rialto_core::{Instant, figure};
use rialto_store::runs::{self, Run};
use rialto_store::schedules::{self, ACTOR, Occurrence, Schedule};
use rialto_store::{Actor, StoreError, bridges};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Parts};

/// Longest time between two looks while an occurrence is under way.
const WHILE_OPEN: Duration = Duration::from_millis(500);

pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    let parts = engine.parts();
    let usual = Duration::from_millis(parts.settings.schedule_millis.max(10));
    while !stop.is_cancelled() {
        let pause = match look(parts).await {
            Ok(looked) if looked.open => usual.min(WHILE_OPEN),
            Ok(_) => usual,
            Err(error) => {
                tracing::error!(%error, "the schedules could not be looked at");
                usual
            }
        };
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => {} }
    }
}

/// What one look at the schedules came to.
pub(crate) struct Looked {
    pub steps: usize,
    /// Something has begun and is not at its end.
    pub open: bool,
}

/// Begins what is due and goes on with what has begun.
pub(crate) async fn look(parts: &Parts) -> Result<Looked, StoreError> {
    let mut steps = 0;
    for schedule in schedules::list(parts.db.read()).await? {
        steps += taken(begin_if_due(parts, &schedule).await, "begin", schedule.id)?;
    }
    let open = schedules::open(parts.db.read()).await?;
    for occurrence in &open {
        steps += taken(go_on(parts, occurrence.clone()).await, "go on", occurrence.schedule_id)?;
    }
    Ok(Looked { steps, open: !open.is_empty() })
}

/// Another node got there first, or the database asks to try again: the next look will.
fn taken(outcome: Result<usize, StoreError>, what: &str, schedule: i64) -> Result<usize, StoreError> {
    match outcome {
        Err(error) if error.is_race() => {
            tracing::debug!(%error, schedule, what, "a schedule's step is left to the next look");
            Ok(0)
        }
        other => other,
    }
}

async fn begin_if_due(parts: &Parts, schedule: &Schedule) -> Result<usize, StoreError> {
    if !schedule.enabled {
        return Ok(0);
    }
    let Some(bridge) = bridges::get(parts.db.read(), schedule.bridge_id).await? else { return Ok(0) };
    if !rialto_connectors::has_trigger(&bridge.kind, Trigger::Overnight) {
        return Ok(0);
    }
    let Some(rule) = schedule.rule(&parts.settings.usual) else {
        tracing::error!(schedule = schedule.id, zone = schedule.zone(&parts.settings.usual), "this machine does not know the time zone");
        return Ok(0);
    };
    let now = parts.clock.now();
    let Some(since) = schedule.since else {
        let mut tx = parts.db.write().await?;
        schedules::arm(&mut tx, schedule.id, now).await?;
        tx.commit().await?;
        return Ok(1);
    };
    let Some(due) = rule.due(Instant(since), now) else { return Ok(0) };
    if schedules::begun(parts.db.read(), schedule.id, due).await? {
        return Ok(0);
    }
    let mut tx = parts.db.write().await?;
    let won = if bridge.enabled {
        schedules::begin(&mut tx, schedule, due, &who(now)).await?.is_some()
    } else {
        schedules::skip(&mut tx, schedule, due, "The bridge was switched off.", &who(now)).await?
    };
    if !won {
        return Ok(0);
    }
    tx.commit().await?;
    tracing::info!(schedule = schedule.id, occurrence = %due, bridge = bridge.id, "an occurrence begins");
    parts.wake.ring();
    Ok(1)
}

fn who(now: Instant) -> Actor {
    Actor { name: ACTOR.into(), request_id: String::new(), at: now }
}

async fn go_on(parts: &Parts, occurrence: Occurrence) -> Result<usize, StoreError> {
    match occurrence.state.as_str() {
        "lists" => after_lists(parts, occurrence).await,
        _ => people(parts, occurrence).await,
    }
}

/// The lists were read, or not: choose the groups by what is known of them now.
async fn after_lists(parts: &Parts, occurrence: Occurrence) -> Result<usize, StoreError> {
    let Some(run) = runs::get(parts.db.read(), occurrence.lists_run.unwrap_or(0)).await? else { return Ok(0) };
    if !run.state().ended() {
        return Ok(0);
    }
    let now = parts.clock.now();
    let mut tx = parts.db.write().await?;
    if !schedules::step(&mut tx, &occurrence).await? {
        return Ok(0);
    }
    if run.state() == RunState::Failed {
        if let Some(next) = schedules::successor(&mut tx, run.id, RunKind::Lists).await? {
            schedules::set_lists_run(&mut tx, occurrence.id, next).await?;
        } else {
            schedules::finish(&mut tx, occurrence.id, "failed", &failed_text(&run), now).await?;
        }
        tx.commit().await?;
        return Ok(1);
    }
    let at = Instant(occurrence.occurs_at);
    let candidates = schedules::candidates(&mut tx, run.bridge_id.unwrap_or(0)).await?;
    let chosen: Vec<_> = candidates
        .into_iter()
        .filter_map(|c| {
            let why = overnight(c.remote_modified_at.map(Instant), c.edited_at.map(Instant), c.used_at.map(Instant), at)?;
            Some((c.id, why))
        })
        .collect();
    schedules::choose(&mut tx, occurrence.id, &chosen).await?;
    tx.commit().await?;
    tracing::info!(occurrence = occurrence.id, groups = chosen.len(), "the night's groups are chosen");
    Ok(1)
}

fn failed_text(run: &Run) -> String {
    format!("The lists could not be read, so no target group was. {} {}", run.reason, run.advice).trim().to_owned()
}

/// Asks for the next few groups' runs; when all are asked for and have ended, sums up.
async fn people(parts: &Parts, occurrence: Occurrence) -> Result<usize, StoreError> {
    let now = parts.clock.now();
    let Some(schedule) = schedules::get(parts.db.read(), occurrence.schedule_id).await? else {
        return close(parts, &occurrence, "failed", "The bridge was deleted.", now).await;
    };
    let mut tx = parts.db.write().await?;
    if !schedules::step(&mut tx, &occurrence).await? {
        return Ok(0);
    }
    // Runs that the night makes are its own, also when a person began it by hand.
    let by = Actor { name: occurrence.actor.clone(), ..who(now) };
    let asked = schedules::ask(&mut tx, &occurrence, schedule.bridge_id, &by).await?;
    if asked > 0 {
        tx.commit().await?;
        parts.wake.ring();
        return Ok(1);
    }
    let outcomes = schedules::outcomes(&mut tx, occurrence.id).await?;
    if outcomes.iter().any(|(state, _)| state.is_some_and(|s| !s.ended())) {
        // Nothing to write: the step is given back.
        return Ok(0);
    }
    schedules::finish(&mut tx, occurrence.id, "done", &summary(&outcomes), now).await?;
    tx.commit().await?;
    Ok(1)
}

async fn close(parts: &Parts, occurrence: &Occurrence, state: &str, reason: &str, now: Instant) -> Result<usize, StoreError> {
    let mut tx = parts.db.write().await?;
    if !schedules::step(&mut tx, occurrence).await? {
        return Ok(0);
    }
    schedules::finish(&mut tx, occurrence.id, state, reason, now).await?;
    tx.commit().await?;
    Ok(1)
}

fn summary(outcomes: &[(Option<RunState>, i64)]) -> String {
    let all: i64 = outcomes.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return "The lists were read. No target group was changed within 7 days or used in a mailing within 90.".into();
    }
    let parts: Vec<String> =
        outcomes.iter().map(|(state, n)| format!("{} {}", figure(*n), state.map_or("not read", |s| s.name()))).collect();
    format!("{} target group{}: {}.", figure(all), if all == 1 { "" } else { "s" }, parts.join(", "))
}
