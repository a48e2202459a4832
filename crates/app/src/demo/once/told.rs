//! What the steps about writebacks share: acting, letting the queue go out, and looking at the sandbox.

use std::time::Duration;

use anyhow::{Context, bail};
use rialto_core::Instant;
use rialto_sandbox::{Activity, Person};
use serde_json::{Value, json};

use super::world::World;
use super::{WEST, truth};
use crate::demo::api::text;

/// Longest wait for the queue.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody with an address of their own who says yes at the remote and has no decision here; each call gives another.
pub async fn somebody(world: &World, number: usize) -> anyhow::Result<Person> {
    let mut free = Vec::new();
    let left = world.left();
    for person in truth::alone(world.sandbox(), WEST, truth::says_yes) {
        if !left.contains(&person.remote_id()) {
            free.push(person);
        }
    }
    free.into_iter().nth(number).with_context(|| format!("the list {WEST} has too few people for this step"))
}

/// The writebacks of a person, oldest first.
pub async fn writebacks(world: &World, remote_id: &str) -> anyhow::Result<Vec<Value>> {
    let subscriber = world.subscriber(remote_id).await?;
    let mut all = world.api.all(&format!("/writebacks?subscriber={}", text(&subscriber, "id")?)).await?;
    all.reverse();
    Ok(all)
}

/// Begins a cycle and waits until nothing is on its way any more.
pub async fn cycle(world: &World) -> anyhow::Result<()> {
    world.api.post(&format!("/bridges/{}/run-writebacks", world.bridge), json!({})).await?;
    settled(world).await
}

async fn settled(world: &World) -> anyhow::Result<()> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // In the order in which they go on, so that none slips by between two looks.
        let mut waiting = due_again(world).await?;
        for state in ["new", "processing"] {
            let found = world.api.get(&format!("/writebacks?state={state}&limit=1")).await?;
            waiting += found["total"].as_i64().unwrap_or(0);
        }
        let away = world.api.get(&format!("/bridges/{}/writeback-settings", world.bridge)).await?;
        if waiting == 0 || !away["blocked_since"].is_null() {
            return Ok(());
        }
        if tokio::time::Instant::now() > until {
            bail!("{waiting} writebacks did not go out within {} s", PATIENCE.as_secs());
        }
    }
}

/// Those in Error whose next try has come: the cycle takes them too, however late it looks.
async fn due_again(world: &World) -> anyhow::Result<i64> {
    let failed = world.api.get("/writebacks?state=error&limit=200").await?;
    let now = world.now();
    let due = |w: &&Value| w["next_try_at"].as_str().and_then(Instant::parse).is_some_and(|at| at <= now);
    Ok(failed["items"].as_array().map_or(0, |items| items.iter().filter(due).count() as i64))
}

/// The person's own preference page.
pub async fn link(world: &World, remote_id: &str) -> anyhow::Result<String> {
    let subscriber = world.subscriber(remote_id).await?;
    let detail = world.api.get(&format!("/subscribers/{}", text(&subscriber, "id")?)).await?;
    Ok(text(&detail, "preference_url")?.to_owned())
}

/// A later word of a person, taken by an administrator.
pub async fn resubscribe(world: &World, remote_id: &str) -> anyhow::Result<()> {
    let subscriber = world.subscriber(remote_id).await?;
    let act = json!({"reason": "The demo's person came back.", "evidence": "The demo's own script."});
    world.api.post(&format!("/subscribers/{}/resubscribe", text(&subscriber, "id")?), act).await?;
    world.came_back(remote_id);
    Ok(())
}

/// What the sandbox shows under a person's System Activities, as written by Rialto.
pub fn activities(world: &World, person: &Person) -> Vec<Activity> {
    let all = world.sandbox().activities(&person.master_customer_id, person.sub_customer_id.into());
    all.into_iter().filter(|a| a.text.contains("[rialto:")).collect()
}

/// Whether the remote may solicit the person by email.
pub fn allowed(world: &World, person: &Person) -> Option<bool> {
    world.sandbox().person(&person.master_customer_id, person.sub_customer_id.into()).map(|p| p.allow_email)
}
