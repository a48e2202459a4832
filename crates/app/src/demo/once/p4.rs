//! P4: a list's content is as of its last regeneration, and Rialto says how old it is.

use anyhow::Context;
use rialto_core::Instant;
use rialto_sandbox::{Frequency, JobRun, Process, Selection, Who};

use super::p3_send::send;
use super::report::Checks;
use super::truth;
use super::world::World;
use crate::demo::api::{count, text};

const CODE: &str = "DEMO_WEEKLY";
const DAY: i64 = 86_400;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let remote = world.sandbox();
    remote.define_list(CODE, "Made every week", Selection::Lapsed, Frequency::Weekly);
    let skipped = generate(world, Frequency::Weekly);
    checks.that("MKT600 skips a list that MKT510 never made, and says so", told(&skipped).contains("MKT510") && !made(&skipped));
    refresh(world).await?;
    checks.that("a list that was never made has no age", world.group(CODE).await?["remote_refreshed_at"].is_null());

    checks.that("MKT510 makes it", remote.run_process(Process::Mkt510 { list_code: CODE.into() }).regenerated == 1);
    read(world, &mut checks, "made for the first time").await?;

    // People who come and go after that are not on the list before it is made again.
    let on_list = truth::member_ids(remote, CODE);
    remote.qualify(CODE, &Who::First(2), false);
    let outside = remote.list_members("ALL_MEMBERS").into_iter().filter(|p| !on_list.contains(&p.remote_id())).take(3);
    let ids = outside.map(|p| (p.master_customer_id, i64::from(p.sub_customer_id))).collect();
    remote.qualify(CODE, &Who::Ids(ids), true);
    checks.that("MKT600 leaves it alone when the set-up code is not its frequency", !made(&generate(world, Frequency::Monthly)));
    let run = read(world, &mut checks, "not made again").await?;
    checks.equal("nobody joined or left", (count(&run, "added"), count(&run, "removed")), (0, 0));

    checks.that("MKT600 makes it again by its frequency", made(&generate(world, Frequency::Weekly)));
    let run = read(world, &mut checks, "made again").await?;
    checks.equal("three joined and two left", (count(&run, "added"), count(&run, "removed")), (3, 2));

    let warnings = async || -> anyhow::Result<Vec<String>> {
        let prepared = send(world, &[CODE]).await?;
        let ready = prepared.answers.into_iter().next().context("no answer")?.outcome;
        Ok(ready.map_err(|stopped| anyhow::anyhow!(stopped.reason))?.warnings)
    };
    checks.equal("a mailing hears nothing while the list is as young as promised", warnings().await?.len(), 0);
    world.move_clock(8 * DAY);
    let late = warnings().await;
    world.move_clock(-8 * DAY);
    checks.that("a mailing is warned when the list is older than its frequency promises", late?.iter().any(|w| w.contains("WEEKLY")));
    Ok(checks)
}

fn generate(world: &World, code: Frequency) -> JobRun {
    world.sandbox().run_process(Process::Mkt600 { setup_code: code, list_code: None })
}

/// Whether a run made the demo's list.
fn made(run: &JobRun) -> bool {
    run.log.iter().any(|l| l.list.as_deref() == Some(CODE) && l.members.is_some())
}

fn told(run: &JobRun) -> String {
    run.log.iter().filter(|l| l.list.as_deref() == Some(CODE)).map(|l| l.text.as_str()).collect::<Vec<_>>().join(" ")
}

async fn refresh(world: &World) -> anyhow::Result<()> {
    world.api.run(&format!("/bridges/{}/refresh", world.bridge), serde_json::json!({})).await.map(drop)
}

/// Syncs the list and compares people and age with what the sandbox holds; answers the run.
async fn read(world: &World, checks: &mut Checks, when: &str) -> anyhow::Result<serde_json::Value> {
    refresh(world).await?;
    let run = world.sync(CODE).await?;
    checks.equal(&format!("{when}: the sync succeeds"), text(&run, "state")?, "succeeded");
    checks.same(
        &format!("{when}: the people are those of then"),
        &world.member_ids(CODE).await?,
        &truth::member_ids(world.sandbox(), CODE),
    );
    let status = world.sandbox().list_status(CODE).context("the list is gone")?;
    let age = status.last_regenerated.map(|t| Instant::from_timestamp(t).0 / 1_000_000);
    let shown = world.counts(CODE).await?;
    let told: Option<jiff::Timestamp> = shown["data_as_of"].as_str().and_then(|t| t.parse().ok());
    checks.equal(&format!("{when}: the counts say how old the list's own data is"), told.map(|t| t.as_second()), age);
    Ok(run)
}
