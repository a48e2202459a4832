//! P3, refresh of the list of target groups: the button in Bridge Configuration.

use anyhow::Context;

use super::WEST;
use super::p3_browser::{Browser, counted, runs_of};
use super::report::Checks;
use super::world::World;
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let before = counted(world).await?;
    let name = "The west, renamed";
    world.sandbox().rename_list(WEST, name);
    world.sandbox().delete_list("DEMO_NEW");
    let browser = Browser::sign_in(world).await?;
    browser.press("/admin/bridges", &format!("/admin/bridges/{}/refresh", world.bridge), &[]).await?;
    let run = runs_of(world, "lists", "refresh_bridge", 1).await?.into_iter().next().context("no run")?;
    checks.equal("the refresh succeeds", text(&run, "state")?, "succeeded");
    checks.equal("it tells who pressed the button", text(&run, "by")?, &format!("user:{}", world.login.email));
    checks.equal("the renamed list has its new name here", text(&world.group(WEST).await?, "name")?, name);
    checks.equal("the list that vanished is marked gone", text(&world.group("DEMO_NEW").await?, "state")?, "gone");
    checks.that("members and counts stayed as they were", counted(world).await? == before);
    Ok(checks)
}
