//! P5, interests: read from the remote, used as a target group, chosen on the preference page, written back to where they came from.

use std::time::Duration;

use anyhow::{Context, bail};
use rialto_sandbox::Person;
use serde_json::json;

use super::p5::states;
use super::report::Checks;
use super::told::{activities, cycle, link, somebody, writebacks};
use super::world::World;
use crate::demo::api::text;

const SOURCE: &str = "area";
const CODE: &str = "EVENTS";
/// Longest wait for the people of an interest.
const PATIENCE: Duration = Duration::from_secs(60);
/// People who are looked at for one who has the interest and one who has not.
const LOOKED_AT: usize = 40;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let all = world.api.all("/interests").await?;
    let interest = all.iter().find(|i| i["code"].as_str() == Some(CODE)).context("the remote's interests were not read")?;
    let path = format!("/interests/{}", text(interest, "id")?);
    let group = used(world, &path).await?;
    checks.equal("those who have it are a target group", members(world, &group).await?, truth(world));

    let (has, not) = two(world).await?;
    for (person, wanted) in [(&not, true), (&has, false)] {
        choose(world, person, text(interest, "name")?, wanted).await?;
    }
    let after = members(world, &group).await?;
    checks.equal("what is ticked holds at once", after.contains(&not.remote_id()), true);
    checks.equal("and what is given up too", after.contains(&has.remote_id()), false);
    cycle(world).await?;
    for person in [&not, &has] {
        checks.equal("the choice is Sent", states(&writebacks(world, &person.remote_id()).await?).pop(), Some("sent"));
        let codes: Vec<String> = activities(world, person).into_iter().map(|a| a.code).collect();
        checks.equal("and stands under System Activities", codes.last().map(String::as_str), Some("RIALTO_INTEREST"));
    }
    checks.equal("the remote has what was chosen", truth(world).contains(&not.remote_id()), true);
    checks.equal("and not what was given up", truth(world).contains(&has.remote_id()), false);
    let run = world.api.run(&format!("/target-groups/{group}/sync"), json!({})).await?;
    checks.equal("a read finds nothing to change", (text(&run, "state")?, crate::demo::api::count(&run, "removed")), ("succeeded", 0));
    checks.equal("and both sides agree", members(world, &group).await?, truth(world));
    // As it was, for the steps that follow.
    world.api.patch(&path, json!({"used": false})).await?;
    Ok(checks)
}

/// Takes the interest into use and waits until its people were read; answers its target group.
async fn used(world: &World, path: &str) -> anyhow::Result<String> {
    world.api.patch(path, json!({"used": true})).await?;
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let interest = world.api.get(path).await?;
        if interest["synced_at"].is_string() {
            return Ok(text(&interest, "target_group")?.to_owned());
        }
        if tokio::time::Instant::now() > until {
            bail!("the people of the interest were not read within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn members(world: &World, group: &str) -> anyhow::Result<Vec<String>> {
    let all = world.api.all(&format!("/target-groups/{group}/subscribers")).await?;
    let mut ids = all.iter().map(|s| text(s, "remote_id").map(str::to_owned)).collect::<anyhow::Result<Vec<_>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

fn truth(world: &World) -> Vec<String> {
    let mut ids = world.sandbox().interested(SOURCE, CODE, "").unwrap_or_default();
    ids.sort_unstable();
    ids
}

/// Somebody who has the interest, and somebody who has not.
async fn two(world: &World) -> anyhow::Result<(Person, Person)> {
    let having = truth(world);
    let (mut has, mut not) = (None, None);
    // The first ones are those of other steps.
    for number in 12..LOOKED_AT {
        let person = somebody(world, number).await?;
        let place = if having.contains(&person.remote_id()) { &mut has } else { &mut not };
        place.get_or_insert(person);
        if let (Some(has), Some(not)) = (&has, &not) {
            return Ok((has.clone(), not.clone()));
        }
    }
    bail!("too few people for this step")
}

/// As a person does in a browser: opens the page, ticks or unticks, and saves.
async fn choose(world: &World, person: &Person, name: &str, wanted: bool) -> anyhow::Result<()> {
    let url = link(world, &person.remote_id()).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let page = client.get(&url).send().await?.error_for_status()?.text().await?;
    let box_of = page.split("<label").find(|part| part.contains(name)).context("the interest is not on the preference page")?;
    let id = box_of.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).context("a box without a value")?;
    let form = [("act", "interests"), (if wanted { "want" } else { "was" }, id)];
    client.post(&url).form(&form).send().await?.error_for_status()?;
    Ok(())
}
