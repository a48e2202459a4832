//! P3, refresh of the list of target groups: the button on the page Target Groups.

use anyhow::Context;

use super::p3_browser::{Browser, counted, runs_of};
use super::report::Checks;
use super::world::World;
use super::{BOARD, truth};
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let before = counted(world).await?;
    let code = "DEMO_NEW";
    world.sandbox().create_list(code, "Made a moment ago");
    world.sandbox().remove_from_list(BOARD, &rialto_sandbox::Who::First(1));
    let browser = Browser::sign_in(world).await?;
    browser.press("/target-groups", "/target-groups/refresh", &[("bridge", &world.bridge)]).await?;
    let run = runs_of(world, "lists", "refresh_groups", 1).await?.into_iter().next().context("no run")?;
    checks.equal("the refresh succeeds", text(&run, "state")?, "succeeded");
    checks.equal("it tells who pressed the button", text(&run, "by")?, &format!("user:{}", world.login.email));
    checks.equal("the new list is a target group", text(&world.group(code).await?, "name")?, "Made a moment ago");
    checks.that("members and counts stayed as they were", counted(world).await? == before);
    let here = world.member_ids(BOARD).await?;
    checks.that("also where the remote list changed", here != truth::member_ids(world.sandbox(), BOARD));
    Ok(checks)
}
