//! Asking for a run from the command line, carrying it out here, and watching it to its end.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rialto_core::run::RunState;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::compound;
use rialto_store::runs::{self, NewRun, Run, Subject};
use rialto_store::views::api::{self as views, RunFilter};
use serde_json::json;

use crate::parts::Parts;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How a run ends whose worker died.
const INTERRUPTED: &str = "interrupted";

/// Runs among which a successor is looked for.
const NEWEST: i64 = 20;

/// Asks for a run and waits until it has ended. It is carried out in this process, unless another one takes it first.
pub async fn carry_out(parts: &Parts, new: NewRun, quiet: bool) -> anyhow::Result<Run> {
    let mut tx = parts.db.write().await?;
    let asked = match new.subject {
        // It also notes which state of its parts the run will see.
        Subject::Derived { group_id } => compound::ask(&mut tx, group_id, new.trigger, new.plan_only, &parts.actor()).await?,
        _ => runs::request(&mut tx, new, &parts.actor()).await?,
    };
    tx.commit().await?;
    finish(parts, asked.run_id, quiet).await
}

/// Waits until a run that was asked for has ended, and carries it out here, unless another process takes it first.
pub async fn finish(parts: &Parts, run_id: i64, quiet: bool) -> anyhow::Result<Run> {
    parts.wake.ring();
    let engine = parts.engine();
    let stop = crate::serve::on_signal()?;
    let working = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    let watched = watch(parts, run_id, quiet, &stop).await;
    stop.cancel();
    working.await.context("the worker ended badly")?;
    watched
}

/// The run that goes on with one whose worker died; the command waits for that one.
async fn successor(parts: &Parts, run: &Run) -> anyhow::Result<Option<i64>> {
    if run.error_kind != INTERRUPTED {
        return Ok(None);
    }
    let by = RunFilter { bridge_id: run.bridge_id.unwrap_or(0), group_id: run.group_id.unwrap_or(0), ..RunFilter::default() };
    let newest = views::runs(parts.db.read(), &by, i64::MAX, NEWEST).await?;
    Ok(newest.into_iter().find(|r| r.parent_run == Some(run.id) && r.kind == run.kind).map(|r| r.id))
}

async fn watch(parts: &Parts, mut id: i64, quiet: bool, stop: &tokio_util::sync::CancellationToken) -> anyhow::Result<Run> {
    let bar = bar(quiet);
    loop {
        let run = runs::get(parts.db.read(), id).await?.context("the run is gone")?;
        show(&bar, &run);
        if let Some(next) = successor(parts, &run).await? {
            id = next;
            continue;
        }
        if run.state().ended() {
            bar.finish_and_clear();
            return Ok(run);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {
                bar.abandon();
                anyhow::bail!("stopped; run {} goes on when Rialto runs again", public(&run));
            }
        }
    }
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    ProgressBar::new_spinner()
}

fn show(bar: &ProgressBar, run: &Run) {
    if let Some(announced) = run.announced.and_then(|n| u64::try_from(n).ok())
        && bar.length() != Some(announced)
    {
        bar.set_length(announced);
        if let Ok(style) = ProgressStyle::with_template("{msg:9} {bar:40} {human_pos}/{human_len} people, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
    }
    bar.set_message(run.phase.clone().unwrap_or_else(|| run.state.clone()));
    bar.set_position(u64::try_from(run.progress).unwrap_or(0));
}

/// The run's public id.
pub fn public(run: &Run) -> String {
    PublicId::new(Kind::SyncRun, Instant(run.created_at), run.id).to_string()
}

/// What scripts get.
pub fn as_json(run: &Run) -> serde_json::Value {
    json!({
        "id": public(run), "kind": run.kind, "trigger": run.run_trigger, "by": run.actor, "state": run.state,
        "plan_only": run.plan_only, "counts": run.counts(), "reason": run.reason, "advice": run.advice, "error_kind": run.error_kind,
    })
}

/// 0 when all was done, 3 when a person must decide, 4 when the read was not complete, 1 when it failed.
pub fn exit_code(run: &Run) -> u8 {
    match run.state() {
        RunState::Succeeded | RunState::Approved | RunState::Discarded | RunState::Superseded => 0,
        RunState::Held => 3,
        RunState::Incomplete => 4,
        RunState::Queued | RunState::Running | RunState::Failed => 1,
    }
}
