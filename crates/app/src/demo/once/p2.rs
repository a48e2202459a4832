//! P2: the people of one list, and their flags.

use std::collections::BTreeSet;

use anyhow::Context;
use rialto_sandbox::Person;
use serde_json::Value;

use super::report::Checks;
use super::world::{World, causes};
use super::{NEWSLETTER, truth};
use crate::demo::api::{count, text};

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    first_sync(world, &mut checks).await?;
    no_becomes_yes(world, &mut checks).await?;
    own_word_stays(world, &mut checks).await?;
    Ok(checks)
}

async fn first_sync(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let run = world.sync(NEWSLETTER).await?;
    checks.equal("the sync succeeds", text(&run, "state")?, "succeeded");
    let truth = truth::members(world.sandbox(), NEWSLETTER);
    let members = world.members(NEWSLETTER).await?;
    let pair = |m: &Value| Ok((text(m, "remote_id")?.to_owned(), text(m, "email")?.to_owned()));
    let found: BTreeSet<(String, String)> = members.iter().map(pair).collect::<anyhow::Result<_>>()?;
    checks.same("all members are here by Remote ID and address", &found, &truth);
    checks.equal("as many rows were read as the list has people", count(&run, "read"), truth.len() as i64);

    let said_no: BTreeSet<String> =
        world.sandbox().list_members(NEWSLETTER).iter().filter(|p| !truth::says_yes(p)).map(Person::remote_id).collect();
    let flagged: BTreeSet<String> =
        members.iter().filter(|m| m["remote_flag"] == "no").filter_map(|m| m["remote_id"].as_str().map(str::to_owned)).collect();
    checks.same("whoever said no there has a no here", &flagged, &said_no);
    checks.equal("each no is a suppression", count(&run, "suppressed"), said_no.len() as i64);
    checks.figure("members", members.len());
    checks.figure("said_no", said_no.len());
    Ok(())
}

async fn no_becomes_yes(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let person = truth::alone(world.sandbox(), NEWSLETTER, |p| !truth::says_yes(p)).into_iter().next().context("nobody said no")?;
    let id = person.remote_id();
    let before = world.verdict(&id).await?;
    let label = before["causes"][0]["label"].as_str().unwrap_or_default();
    checks.equal("a no is shown as such", label, "Unsubscribed from remote system");
    checks.equal("a no is not mailed", before["mailable"].as_bool(), Some(false));
    set_flag(world, &person, true);
    let run = world.sync(NEWSLETTER).await?;
    checks.equal("one no is lifted by the remote's yes", count(&run, "lifted"), 1);
    checks.equal("the person is mailable again", world.verdict(&id).await?["mailable"].as_bool(), Some(true));
    Ok(())
}

async fn own_word_stays(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let person = truth::alone(world.sandbox(), NEWSLETTER, truth::says_yes).into_iter().next_back().context("nobody said yes")?;
    let id = person.remote_id();
    world.unsubscribe(&id).await?;
    set_flag(world, &person, false);
    world.sync(NEWSLETTER).await?;
    let both = world.verdict(&id).await?;
    checks.that(
        "the remote's no stands beside the person's own",
        causes(&both).contains(&"remote_flag") && causes(&both).contains(&"own_unsubscribe"),
    );
    set_flag(world, &person, true);
    world.sync(NEWSLETTER).await?;
    let after = world.verdict(&id).await?;
    checks.equal("the remote's yes lifts only the remote's no", causes(&after), vec!["own_unsubscribe"]);
    checks.equal("the person's own no still holds", after["mailable"].as_bool(), Some(false));
    Ok(())
}

fn set_flag(world: &World, person: &Person, yes: bool) {
    world.sandbox().set_allow_email(&person.master_customer_id, i64::from(person.sub_customer_id), yes);
}
