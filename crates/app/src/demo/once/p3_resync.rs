//! P3, resync: the button Resync Target Group.

use anyhow::Context;
use rialto_sandbox::Who;
use serde_json::Value;

use super::p3_browser::{Browser, runs_of};
use super::report::Checks;
use super::world::World;
use super::{BOARD, truth};
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    world.sandbox().remove_from_list(BOARD, &Who::First(1));
    let others = |groups: Vec<Value>| -> Vec<Value> { groups.into_iter().filter(|g| g["code"] != BOARD).collect() };
    let path = format!("/target-groups?bridge={}", world.bridge);
    let before = others(world.api.all(&path).await?);
    let browser = Browser::sign_in(world).await?;
    let page = format!("/target-groups/{}", text(&world.group(BOARD).await?, "id")?);
    browser.press(&page, &format!("{page}/resync"), &[]).await?;
    let run = runs_of(world, "people", "resync", 1).await?.into_iter().next().context("no run")?;
    checks.equal("the sync succeeds", text(&run, "state")?, "succeeded");
    checks.equal("it tells who pressed the button", text(&run, "by")?, &format!("user:{}", world.login.email));
    checks.same("the people are those of the remote list now", &world.member_ids(BOARD).await?, &truth::member_ids(world.sandbox(), BOARD));
    checks.that("no other group was touched", others(world.api.all(&path).await?) == before);
    Ok(checks)
}
