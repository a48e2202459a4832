//! P5, B1, B5: what people decide reaches the constituent's record, once and in order, and is proved.

use anyhow::Context;
use rialto_sandbox::{Fault, FaultRule};
use serde_json::Value;

use super::report::Checks;
use super::told::{activities, allowed, cycle, link, resubscribe, somebody, writebacks};
use super::world::World;
use super::{WEST, told};
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    world.sync(WEST).await?;
    let (gone, back) = (somebody(world, 0).await?, somebody(world, 1).await?);
    let url = link(world, &gone.remote_id()).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    for _ in 0..3 {
        client.get(&url).send().await?.error_for_status()?;
    }
    checks.equal(
        "looking at the preference page changes nothing",
        world.verdict(&gone.remote_id()).await?["mailable"].as_bool(),
        Some(true),
    );
    let one_click = [("List-Unsubscribe", "One-Click")];
    client.post(&url).form(&one_click).send().await?.error_for_status()?;
    checks.equal("one click unsubscribes", world.verdict(&gone.remote_id()).await?["mailable"].as_bool(), Some(false));
    world.unsubscribe(&back.remote_id()).await?;
    resubscribe(world, &back.remote_id()).await?;
    cycle(world).await?;

    let told = writebacks(world, &gone.remote_id()).await?;
    checks.equal("the unsubscribe is Sent", states(&told), vec!["sent"]);
    checks.equal("Do Not Solicit by Email is set at the remote", allowed(world, &gone), Some(false));
    let shown = activities(world, &gone);
    checks.equal("it stands under System Activities, once", codes(&shown), vec!["RIALTO_UNSUB"]);
    let detail = world.api.get(&format!("/writebacks/{}", text(told.first().context("no writeback")?, "id")?)).await?;
    checks.that("with its mark", shown.iter().all(|a| detail["marker"].as_str().is_some_and(|m| a.text.contains(m))));
    checks.equal("both acts of the other went, in order", states(&writebacks(world, &back.remote_id()).await?), vec!["sent", "sent"]);
    checks.equal("Allow Email is yes again", allowed(world, &back), Some(true));
    let shown = activities(world, &back);
    let mut both = codes(&shown);
    both.sort_unstable();
    checks.equal("and both stand under System Activities", both, vec!["RIALTO_RESUB", "RIALTO_UNSUB"]);

    world.sync(WEST).await?;
    let verdict = world.verdict(&gone.remote_id()).await?;
    checks.equal("our own no that comes back is no cause of the remote", super::world::causes(&verdict), vec!["own_unsubscribe"]);
    // As it was, for the steps that follow.
    resubscribe(world, &gone.remote_id()).await?;
    cycle(world).await?;
    Ok(checks)
}

/// B1: the ledger proves why.
pub async fn proof(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let person = somebody(world, 2).await?;
    world.unsubscribe(&person.remote_id()).await?;
    let subscriber = world.subscriber(&person.remote_id()).await?;
    let why = world.api.get(&format!("/subscribers/{}/consent", text(&subscriber, "id")?)).await?;
    checks.equal("not mailed", why["verdict"]["mailable"].as_bool(), Some(false));
    checks.that("in sentences", why["sentences"].as_array().is_some_and(|s| !s.is_empty()));
    let entry = &why["ledger"]["items"][0];
    checks.equal("by whose act", (text(entry, "act")?, text(entry, "cause")?), ("open", "own_unsubscribe"));
    checks.that("with reason and evidence", !text(entry, "reason")?.is_empty() && !text(entry, "evidence")?.is_empty());
    resubscribe(world, &person.remote_id()).await?;
    let after = world.api.get(&format!("/subscribers/{}/consent", text(&subscriber, "id")?)).await?;
    checks.equal("both acts stay in the ledger", after["ledger"]["total"].as_i64().map(|n| n >= 2), Some(true));
    checks.equal("mailed again", after["verdict"]["mailable"].as_bool(), Some(true));
    cycle(world).await?;
    Ok(checks)
}

/// B5: only the remote's acknowledgement counts, and what arrived without one is found by its mark.
pub async fn acknowledged(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let person = somebody(world, 3).await?;
    world.sandbox().inject(FaultRule::always(Fault::CutBody { after_bytes: 10 }).on("Save CusActivity").times(1));
    world.unsubscribe(&person.remote_id()).await?;
    cycle(world).await?;
    world.sandbox().clear_faults();
    checks.equal("an answer that breaks off is no acknowledgement", states(&writebacks(world, &person.remote_id()).await?), vec!["error"]);
    checks.equal("though the remote carried it out", activities(world, &person).len(), 1);
    world.move_clock(3_600);
    cycle(world).await?;
    let told = writebacks(world, &person.remote_id()).await?;
    checks.equal("the next cycle settles it", states(&told), vec!["sent"]);
    let detail = world.api.get(&format!("/writebacks/{}", text(told.first().context("no writeback")?, "id")?)).await?;
    checks.equal("found there by its mark", text(&detail["attempts"][0], "outcome")?, "found_there");
    checks.equal("and not written twice", activities(world, &person).len(), 1);
    resubscribe(world, &person.remote_id()).await?;
    told::cycle(world).await?;
    Ok(checks)
}

pub fn states(writebacks: &[Value]) -> Vec<&str> {
    writebacks.iter().filter_map(|w| w["state"].as_str()).collect()
}

fn codes(activities: &[rialto_sandbox::Activity]) -> Vec<&str> {
    activities.iter().map(|a| a.code.as_str()).collect()
}
