//! P6, B6, B7: the queue: cycles, Error, two retries by itself, then by hand; the standing check; claims that outlive their worker.

use std::time::Duration;

use anyhow::{Context, bail};
use rialto_core::Instant;
use rialto_sandbox::{Fault, FaultRule};
use serde_json::json;

use super::p5::states;
use super::report::Checks;
use super::told::{activities, allowed, cycle, resubscribe, somebody, writebacks};
use super::world::World;
use crate::demo::api::text;

const HOUR: i64 = 3_600;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let person = somebody(world, 4).await?;
    let refused = Fault::Validation { status: 400, message: "The demo says no.".into() };
    world.sandbox().inject(FaultRule::always(refused).on("Save CusActivity"));
    world.unsubscribe(&person.remote_id()).await?;
    let new = writebacks(world, &person.remote_id()).await?;
    checks.equal("a decision waits as New until the cycle", states(&new), vec!["new"]);
    for tries in 1..=3 {
        cycle(world).await?;
        let now = writebacks(world, &person.remote_id()).await?;
        checks.equal("a refusal is Error", states(&now), vec!["error"]);
        checks.equal("and counts as a try", now[0]["tries"].as_i64(), Some(tries));
        world.move_clock(HOUR);
    }
    cycle(world).await?;
    let spent = writebacks(world, &person.remote_id()).await?;
    checks.equal("after three tries it waits for a person", spent[0]["tries"].as_i64(), Some(3));
    checks.that("and says so", spent[0]["next_try_at"].is_null() && !text(&spent[0], "reason")?.is_empty());
    world.sandbox().clear_faults();
    world.api.post(&format!("/writebacks/{}/retry", text(&spent[0], "id")?), json!({})).await?;
    cycle(world).await?;
    let sent = writebacks(world, &person.remote_id()).await?;
    checks.equal("a manual retry sends it", states(&sent), vec!["sent"]);
    checks.that("with the time of the acknowledgement", sent[0]["ended_at"].is_string());
    checks.equal("the remote shows it once", activities(world, &person).len(), 1);
    resubscribe(world, &person.remote_id()).await?;
    cycle(world).await?;
    Ok(checks)
}

/// B6: what was delivered against what the remote shows.
pub async fn drift(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let person = somebody(world, 5).await?;
    world.unsubscribe(&person.remote_id()).await?;
    cycle(world).await?;
    checks.equal("delivered", allowed(world, &person), Some(false));
    world.sandbox().set_allow_email(&person.master_customer_id, person.sub_customer_id.into(), true);
    let found = check(world).await?;
    checks.equal("a yes over our delivered no is drift", found["differing"].as_i64(), Some(1));
    checks.equal("and named", text(&found["findings"][0], "kind")?, "flag");
    let repaired = world.api.post(&format!("/bridges/{}/reconcile/repair", world.bridge), json!({})).await?;
    checks.equal("the repair queues it once more", repaired["queued"].as_i64(), Some(1));
    cycle(world).await?;
    checks.equal("the remote says no again", allowed(world, &person), Some(false));
    checks.equal("nothing differs any more", check(world).await?["differing"].as_i64(), Some(0));
    resubscribe(world, &person.remote_id()).await?;
    cycle(world).await?;
    Ok(checks)
}

/// A check that began after now. One may be under way because the clock was moved past the night; who asks meanwhile gets that one, which may
/// have looked at the person already.
async fn check(world: &World) -> anyhow::Result<serde_json::Value> {
    let path = format!("/bridges/{}/reconcile", world.bridge);
    // Without any check yet the answer is 404.
    let before = world.api.get(&path).await.map_or(0, |check| check["number"].as_i64().unwrap_or(0));
    for _ in 0..600 {
        let number = world.api.post(&path, json!({})).await?["run"]["number"].as_i64();
        let check = world.api.get(&path).await?;
        if number > Some(before) {
            return ended(world, &path, number).await;
        }
        ended(world, &path, check["number"].as_i64()).await?;
    }
    bail!("no check of its own could be asked for")
}

async fn ended(world: &World, path: &str, number: Option<i64>) -> anyhow::Result<serde_json::Value> {
    for _ in 0..600 {
        let check = world.api.get(path).await?;
        if check["number"].as_i64() == number && check["ended_at"].is_string() {
            return Ok(check);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the check did not end")
}

/// B7: a worker that died leaves nothing stuck, and order holds.
pub async fn heals(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let person = somebody(world, 6).await?;
    world.unsubscribe(&person.remote_id()).await?;
    resubscribe(world, &person.remote_id()).await?;
    let now = world.now();
    let bridge = rialto_core::PublicId::parse(&world.bridge, rialto_core::Kind::Bridge).context("no bridge")?.id;
    // Another process claims, and is never heard of again.
    let lost = rialto_store::writebacks::claim(world.db(), bridge, "dead", now, now, Instant(now.0 + 60_000_000), 10).await?;
    checks.equal("only the first of the two is claimed", lost.len(), 1);
    checks.equal("it shows as Processing", states(&writebacks(world, &person.remote_id()).await?), vec!["processing", "new"]);
    world.move_clock(HOUR);
    for _ in 0..100 {
        cycle(world).await?;
        if states(&writebacks(world, &person.remote_id()).await?) == ["sent", "sent"] {
            break;
        }
    }
    let told = writebacks(world, &person.remote_id()).await?;
    checks.equal("its claim ends with the lease, and both go out in order", states(&told), vec!["sent", "sent"]);
    let detail = world.api.get(&format!("/writebacks/{}", text(&told[0], "id")?)).await?;
    let outcomes: Vec<&str> = detail["attempts"].as_array().into_iter().flatten().filter_map(|a| a["outcome"].as_str()).collect();
    checks.equal("the lost try is written down", outcomes.last().copied(), Some("lost"));
    checks.equal("the last word stands at the remote", allowed(world, &person), Some(true));
    Ok(checks)
}
