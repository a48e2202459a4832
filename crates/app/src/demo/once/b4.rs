//! B4: a sync is undone; what it did is back, and nothing by itself does it again until Resume.

use std::collections::BTreeSet;

use anyhow::Context;
use rialto_sandbox::{Person, Who};
use serde_json::{Value, json};

use super::report::Checks;
use super::world::World;
use super::{BOARD, truth};
use crate::demo::api::{count, text};

fn id_of(person: &Person) -> (String, i64) {
    (person.master_customer_id.clone(), i64::from(person.sub_customer_id))
}

async fn shown(world: &World, remote_id: &str) -> anyhow::Result<Value> {
    world.api.get(&format!("/subscribers/{}", text(&world.subscriber(remote_id).await?, "id")?)).await
}

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    world.sync(BOARD).await?;
    let people = truth::alone(world.sandbox(), BOARD, truth::says_yes);
    let [leaves, moves, ..] = people.as_slice() else { anyhow::bail!("the list {BOARD} is too short") };
    let (members, before) = (world.member_ids(BOARD).await?, shown(world, &moves.remote_id()).await?);
    world.sandbox().remove_from_list(BOARD, &Who::Ids(vec![id_of(leaves)])).context("nobody left")?;
    let (id, sub) = id_of(moves);
    world.sandbox().set_email(&id, sub, Some("wrong@typing-error.example")).context("nobody moved")?;
    let run = world.sync(BOARD).await?;
    checks.equal("the sync removes one", count(&run, "removed"), 1);
    let path = format!("/sync-runs/{}/undo", text(&run, "id")?);

    let plan = world.api.run(&path, json!({"plan_only": true})).await?;
    checks.equal("the plan would put one back", count(&plan, "added"), 1);
    checks.equal("and give one earlier values back", count(&plan, "updated"), 1);
    checks.that("a plan changes nothing", world.member_ids(BOARD).await? != members);
    let named = world.api.all(&format!("/sync-runs/{}/changes?change=note", text(&plan, "id")?)).await?;
    let who: BTreeSet<String> = named.iter().filter_map(|n| n["remote_id"].as_str().map(str::to_owned)).collect();
    checks.same("it names both", &who, &BTreeSet::from([leaves.remote_id(), moves.remote_id()]));

    let undo = world.api.run(&path, json!({})).await?;
    checks.equal("the undo succeeds", text(&undo, "state")?, "succeeded");
    checks.same("everybody is back", &world.member_ids(BOARD).await?, &members);
    checks.equal("with their values", &shown(world, &moves.remote_id()).await?, &before);

    let group = world.group(BOARD).await?;
    checks.equal("syncs of the group only plan now", group["plan_only"].clone(), json!(true));
    let paused = world.sync(BOARD).await?;
    checks.that("a sync plans", paused["plan_only"] == true && count(&paused, "removed") == 1);
    checks.same("and changes nothing", &world.member_ids(BOARD).await?, &members);
    world.api.post(&format!("/target-groups/{}/resume", text(&group, "id")?), json!({})).await?;
    world.sync(BOARD).await?;
    checks.same("after Resume the remote's list stands again", &world.member_ids(BOARD).await?, &truth::member_ids(world.sandbox(), BOARD));
    checks.equal("and its values", shown(world, &moves.remote_id()).await?["email"].clone(), json!("wrong@typing-error.example"));
    Ok(checks)
}
