//! P3, login: lists and fields that are ten minutes old are read when somebody signs in.

use std::collections::BTreeSet;

use anyhow::Context;

use super::p3_browser::{Browser, counted, runs_of};
use super::report::Checks;
use super::world::World;
use super::{BOARD, truth};
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let before = counted(world).await?;
    let old = text(&world.group(BOARD).await?, "name")?.to_owned();
    world.sandbox().rename_list(BOARD, "Board of directors");
    Browser::sign_in(world).await?;
    world.move_clock(600);
    Browser::sign_in(world).await?;
    let runs = runs_of(world, "lists", "login", 1).await?;
    checks.equal("only the sign-in after ten minutes read the lists", runs.len(), 1);
    let run = runs.first().context("no run")?;
    checks.equal("the run succeeds", text(run, "state")?, "succeeded");
    checks.equal("it tells who signed in", text(run, "by")?, &format!("user:{}", world.login.email));
    checks.equal("nobody else asked for it", run["triggers"].as_array().map_or(0, Vec::len), 1);
    let name = world.sandbox().list(BOARD).context("the sandbox has no such list")?.name;
    checks.equal("the group has the list's new name", text(&world.group(BOARD).await?, "name")?, &name);
    checks.that("which is not the old one", name != old);
    let fields = world.api.all(&format!("/bridges/{}/fields", world.bridge)).await?;
    let names: BTreeSet<String> = fields.iter().map(|f| Ok(text(f, "name")?.to_owned())).collect::<anyhow::Result<_>>()?;
    checks.same("the fields are those of the personalization view", &names, &truth::fields(world.sandbox()));
    checks.that("members and counts stayed as they were", counted(world).await? == before);
    Ok(checks)
}
