//! One group: ask for its run, wait, and ask again when another run was in the way or its worker died.

use std::time::Duration;

use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_store::bridges::{self, Bridge};
use rialto_store::groups::{self, Group};
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::{Actor, StoreError};
use tokio::time::Instant;

use super::verdict::{self, Stopped, Why};
use super::{Answer, Wish};
use crate::Parts;

/// How often a run under way is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Runs asked for one after another, when each was overtaken or lost its worker.
const MAX_RUNS: usize = 4;

pub(super) async fn prepare(parts: &Parts, wish: &Wish, group_id: i64, until: Instant) -> Result<Answer, StoreError> {
    let Some(group) = groups::get(parts.db.read(), group_id).await? else {
        let why = Stopped::new(Why::Deleted, "The target group was deleted.", "Choose another target group.");
        return Ok(Answer { group_id, name: String::new(), outcome: Err(why) });
    };
    let name = group.name.clone();
    let outcome = match source(parts, &group).await? {
        Err(stopped) => Err(stopped),
        Ok(None) => {
            note_use(parts, wish, group_id).await?;
            Ok(verdict::unread(group))
        }
        Ok(Some(bridge)) => match run_to_end(parts, wish, &group, &bridge, until).await? {
            Err(stopped) => Err(stopped),
            Ok(run) => {
                let now = groups::get(parts.db.read(), group_id).await?;
                verdict::of(now, &run, wish.freshness.late_data, parts.clock.now())
            }
        },
    };
    Ok(Answer { group_id, name, outcome })
}

/// The bridge to read from; none when there is nothing to read before a mailing.
async fn source(parts: &Parts, group: &Group) -> Result<Result<Option<Bridge>, Stopped>, StoreError> {
    let Some(bridge_id) = group.bridge_id else { return Ok(Ok(None)) };
    let stop = |why, reason: &str, advice: &str| Ok(Err(Stopped::new(why, reason, advice)));
    let Some(bridge) = bridges::get(parts.db.read(), bridge_id).await? else {
        return stop(Why::BridgeOff, "The bridge of this target group was deleted.", "Choose another target group.");
    };
    if !bridge.enabled {
        let reason = format!("The bridge {} is switched off.", bridge.name);
        return stop(Why::BridgeOff, &reason, "Switch it on in Bridge Configuration, then send again.");
    }
    if group.state == "gone" {
        let advice = "Choose another target group; if the list is back, refresh the target group list, then send again.";
        return stop(Why::Gone, "The remote system has this list no more.", advice);
    }
    if group.plan_only {
        return stop(
            Why::PlanOnly,
            "Syncs of this target group only plan since a run was undone, so its people may be out of date.",
            "Press Resume on the target group, then send again.",
        );
    }
    if !rialto_connectors::has_trigger(&bridge.kind, Trigger::Send) {
        return Ok(Ok(None));
    }
    Ok(Ok(Some(bridge)))
}

async fn note_use(parts: &Parts, wish: &Wish, group_id: i64) -> Result<(), StoreError> {
    let mut tx = parts.db.write().await?;
    groups::used(&mut tx, group_id, wish.mailing_id, parts.clock.now()).await?;
    tx.commit().await
}

async fn run_to_end(
    parts: &Parts,
    wish: &Wish,
    group: &Group,
    bridge: &Bridge,
    until: Instant,
) -> Result<Result<Run, Stopped>, StoreError> {
    let mut last = None;
    for _ in 0..MAX_RUNS {
        let Some(run_id) = ask_until(parts, wish, group, bridge, until).await? else {
            return Ok(Err(Stopped::new(
                Why::TimeOut,
                "Another run of this target group was in the way for too long.",
                "Look at its runs, then send again.",
            )));
        };
        let Some(run) = wait(parts, run_id, until).await? else {
            let stopped = Stopped::new(Why::TimeOut, "The sync of this target group took too long.", "Send again when it has ended.");
            return Ok(Err(stopped.of_run(run_id)));
        };
        if !goes_on(&run) {
            return Ok(Ok(run));
        }
        last = Some(run);
    }
    let stopped = Stopped::new(Why::Failed, "The sync of this target group was overtaken again and again.", "Send again later.");
    Ok(Err(last.map_or(stopped.clone(), |run| stopped.of_run(run.id))))
}

/// The run said nothing about the list: its worker died, another took its place, or a person decided meanwhile.
fn goes_on(run: &Run) -> bool {
    match run.state() {
        RunState::Superseded | RunState::Approved => true,
        RunState::Failed => run.error_kind == "interrupted",
        _ => false,
    }
}

/// Asks until a run is there: an approval or a plan of the same group must end first.
async fn ask_until(parts: &Parts, wish: &Wish, group: &Group, bridge: &Bridge, until: Instant) -> Result<Option<i64>, StoreError> {
    loop {
        match ask(parts, wish, group, bridge).await {
            Ok(run_id) => return Ok(Some(run_id)),
            Err(StoreError::Conflict(_)) => {}
            Err(error) if error.is_race() => {}
            Err(error) => return Err(error),
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The run and the use, in one transaction.
async fn ask(parts: &Parts, wish: &Wish, group: &Group, bridge: &Bridge) -> Result<i64, StoreError> {
    let who = Actor { name: wish.by.clone(), request_id: wish.request_id.clone(), at: parts.clock.now() };
    let subject = Subject::Group { group_id: group.id, bridge_id: bridge.id };
    let mut tx = parts.db.write().await?;
    let asked = runs::request(&mut tx, NewRun::of(RunKind::People, subject, Trigger::Send), &who).await?;
    groups::used(&mut tx, group.id, wish.mailing_id, who.at).await?;
    tx.commit().await?;
    parts.wake.ring();
    Ok(asked.run_id)
}

/// The run when it has ended; `None` when time is up.
async fn wait(parts: &Parts, run_id: i64, until: Instant) -> Result<Option<Run>, StoreError> {
    loop {
        let run = runs::get(parts.db.read(), run_id).await?.ok_or(StoreError::NotFound)?;
        if run.state().ended() {
            return Ok(Some(run));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
