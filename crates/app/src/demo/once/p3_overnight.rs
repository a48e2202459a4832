//! P3, overnight: the clock is moved to the schedule's next occurrence, and what it read is compared with what the rule says.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use rialto_core::Instant;
use serde_json::{Value, json};

use super::report::Checks;
use super::world::World;
use super::{BOARD, LAPSED, STUDENTS, truth};
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let schedule = the_schedule(world).await?;
    let night = set_soon(world, &mut checks, &schedule).await?;
    world.sandbox().rename_list("NEWSLETTER", "Newsletter, renamed before the night");
    let lapsed = world.group(LAPSED).await?;
    world.api.patch(&format!("/target-groups/{}", text(&lapsed, "id")?), json!({"folder": "Moved before the night"})).await?;
    let before = world.api.all(&format!("/target-groups?bridge={}", world.bridge)).await?;

    world.move_clock(night.seconds_since(world.now()) + 1);
    let begun = done(world, &schedule, 1).await?;
    let newest = begun.first().context("nothing began")?;
    checks.equal("the occurrence of that moment began", text(newest, "at")?, &night.to_string());
    checks.equal("by the schedule", text(newest, "by")?, "schedule");
    checks.equal("and came to its end", text(newest, "state")?, "done");
    groups(world, &mut checks, newest, &before, night).await?;

    // Back before the night, and past it again.
    for seconds in [-300, 300] {
        world.move_clock(seconds);
        world.engine.tick().await?;
    }
    checks.equal("a clock set back begins nothing twice", done(world, &schedule, 1).await?.len(), 1);
    Ok(checks)
}

async fn the_schedule(world: &World) -> anyhow::Result<Value> {
    let all = world.api.all("/schedules").await?;
    all.into_iter().find(|s| s["bridge"] == world.bridge.as_str()).context("the bridge has no schedule")
}

/// Gives the schedule a time of its own that comes in a minute or two; answers the moment.
async fn set_soon(world: &World, checks: &mut Checks, schedule: &Value) -> anyhow::Result<Instant> {
    let zone = jiff::tz::TimeZone::get("Europe/Vienna")?;
    let soon = (world.now().timestamp() + SignedDuration::from_secs(120)).to_zoned(zone);
    let at = format!("{:02}:{:02}", soon.hour(), soon.minute());
    let moment = soon.with().second(0).subsec_nanosecond(0).build()?;
    let path = format!("/schedules/{}", text(schedule, "id")?);
    let changed = world.api.patch(&path, json!({"at": at, "timezone": "Europe/Vienna"})).await?;
    let next = changed["next_occurrences"].as_array().context("no next occurrences")?;
    let moment = Instant::from_timestamp(moment.timestamp());
    checks.equal("ten occurrences are foretold", next.len(), 10);
    checks.equal("the next one is the time that was set", next.first().and_then(Value::as_str), Some(moment.to_string().as_str()));
    Ok(moment)
}

/// Occurrences that began, once there are `count` and all have ended.
async fn done(world: &World, schedule: &Value, count: usize) -> anyhow::Result<Vec<Value>> {
    let path = format!("/schedules/{}/occurrences", text(schedule, "id")?);
    for _ in 0..600 {
        let mut answer = world.api.get(&path).await?;
        let Value::Array(items) = answer["items"].take() else { anyhow::bail!("no occurrences") };
        if items.len() >= count && items.iter().all(|o| !o["finished_at"].is_null()) {
            return Ok(items);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("the occurrence does not come to its end")
}

/// What the rule says, from the sandbox's lists and what this demo did.
fn expected(world: &World, night: Instant) -> BTreeSet<String> {
    let week = night.timestamp() - SignedDuration::from_hours(7 * 24);
    let modified = world.sandbox().lists().into_iter().filter(|l| Timestamp::cmp(&l.modified_on, &week).is_ge()).map(|l| l.code);
    // Used in a mailing by the step before, and moved to another folder by this one.
    modified.chain([BOARD, STUDENTS, LAPSED].map(str::to_owned)).collect()
}

async fn groups(world: &World, checks: &mut Checks, newest: &Value, before: &[Value], night: Instant) -> anyhow::Result<()> {
    let read: Vec<&Value> = newest["groups"].as_array().into_iter().flatten().collect();
    let code_of = |id: &Value| before.iter().find(|g| g["id"] == *id).and_then(|g| g["code"].as_str()).unwrap_or_default().to_owned();
    let codes: BTreeSet<String> = read.iter().map(|g| code_of(&g["target_group"])).collect();
    let expected = expected(world, night);
    ensure!(expected.len() < world.sandbox().lists().len(), "the rule leaves nothing out: this step shows nothing");
    checks.same("it read the groups of the rule and no other", &codes, &expected);
    for (code, why) in [("NEWSLETTER", "modified"), (LAPSED, "edited"), (STUDENTS, "used")] {
        let found = read.iter().find(|g| code_of(&g["target_group"]) == code).map(|g| g["why"].clone()).unwrap_or_default();
        checks.equal(&format!("{code} was read because it was {why}"), found.as_str(), Some(why));
        checks.same(
            &format!("{code}: the people are those of the remote list now"),
            &world.member_ids(code).await?,
            &truth::member_ids(world.sandbox(), code),
        );
    }
    checks.equal(
        "the list's new name came first",
        text(&world.group("NEWSLETTER").await?, "name")?,
        "Newsletter, renamed before the night",
    );
    let lists = world.api.get(&format!("/sync-runs/{}", text(newest, "lists_run")?)).await?;
    for group in &read {
        let run = world.api.get(&format!("/sync-runs/{}", text(group, "run")?)).await?;
        let by = (text(&run, "trigger")?, text(&run, "by")?, text(&run, "state")?);
        checks.equal(&format!("{}: its run", code_of(&group["target_group"])), by, ("overnight", "schedule", "succeeded"));
        checks.that("and began after the lists were read", run["created_at"].as_str() >= lists["finished_at"].as_str());
    }
    for group in before.iter().filter(|g| g["code"].as_str().is_some_and(|c| !expected.contains(c))) {
        let code = text(group, "code")?;
        checks.that(&format!("{code} was left alone"), world.group(code).await?["synced_at"] == group["synced_at"]);
    }
    checks.figure("groups_read", read.len());
    Ok(())
}
