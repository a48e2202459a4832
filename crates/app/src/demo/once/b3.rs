//! B3: plan, approve, discard.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::{Value, json};

use super::b2::remove_many;
use super::report::Checks;
use super::world::World;
use super::{CONFERENCE, truth};
use crate::demo::api::{count, text};

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let held = held_run(world).await?;
    plan(world, &mut checks, &held).await?;
    approve(world, &mut checks, &held).await?;
    discard(world, &mut checks).await?;
    Ok(checks)
}

/// The run that the step before left waiting.
async fn held_run(world: &World) -> anyhow::Result<Value> {
    let group = world.group(CONFERENCE).await?;
    let held = world.api.all(&format!("/sync-runs?state=held&target_group={}", text(&group, "id")?)).await?;
    held.into_iter().next().context("no run waits for a decision")
}

/// People named by one kind of change of a run.
async fn named(world: &World, run: &Value, filter: &str, change: &str) -> anyhow::Result<BTreeSet<String>> {
    let changes = world.api.all(&format!("/sync-runs/{}/changes?change={filter}", text(run, "id")?)).await?;
    Ok(changes.iter().filter(|c| c["change"] == change).filter_map(|c| c["remote_id"].as_str().map(str::to_owned)).collect())
}

async fn state(world: &World) -> anyhow::Result<(Vec<Value>, Value, Value)> {
    let mut counts = world.counts(CONFERENCE).await?;
    Ok((world.members(CONFERENCE).await?, counts["waterfall"].take(), counts["members"].take()))
}

async fn plan(world: &World, checks: &mut Checks, held: &Value) -> anyhow::Result<()> {
    let before = state(world).await?;
    let subscribers = world.api.get("/subscribers?limit=1").await?["total"].as_i64();
    let run = world.plan(CONFERENCE).await?;
    checks.equal("the plan succeeds", text(&run, "state")?, "succeeded");
    let after = state(world).await?;
    checks.that("members are the same before and after the plan", before.0 == after.0);
    checks.that("counts are the same before and after the plan", before.1 == after.1 && before.2 == after.2);
    checks.equal("nobody new came in by the plan", world.api.get("/subscribers?limit=1").await?["total"].as_i64(), subscribers);
    let here: BTreeSet<String> = world.member_ids(CONFERENCE).await?;
    let leaving: BTreeSet<String> = here.difference(&truth::member_ids(world.sandbox(), CONFERENCE)).cloned().collect();
    checks.same("the plan names exactly those who left", &named(world, &run, "note", "plan_leave").await?, &leaving);
    checks.same("the held run names exactly those who left", &named(world, held, "withheld", "withheld").await?, &leaving);
    checks.equal("the plan counts them", count(&run, "leaving"), leaving.len() as i64);
    Ok(())
}

async fn approve(world: &World, checks: &mut Checks, held: &Value) -> anyhow::Result<()> {
    let before = world.member_ids(CONFERENCE).await?;
    let truth = truth::member_ids(world.sandbox(), CONFERENCE);
    let run = world.api.run(&format!("/sync-runs/{}/approve", text(held, "id")?), json!({})).await?;
    checks.equal("the approval succeeds", text(&run, "state")?, "succeeded");
    let gone = before.difference(&truth).count();
    checks.equal("it removed as many as left", count(&run, "removed"), gone as i64);
    checks.same("members are now those of the remote list", &world.member_ids(CONFERENCE).await?, &truth);
    checks.figure("removed_by_approval", gone);
    Ok(())
}

async fn discard(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let before = world.member_ids(CONFERENCE).await?;
    let removed = remove_many(world, CONFERENCE)?;
    let run = world.sync(CONFERENCE).await?;
    checks.equal("a second large removal is held", text(&run, "state")?, "held");
    let run = world.api.post(&format!("/sync-runs/{}/discard", text(&run, "id")?), json!({})).await?;
    checks.equal("it can be discarded", text(&run, "state")?, "discarded");
    let after = world.member_ids(CONFERENCE).await?;
    checks.same("discarding keeps everybody", &after, &before);
    checks.that("also those who left at the remote", removed.is_subset(&after));
    Ok(())
}
