//! B2: the trust gate.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use rialto_sandbox::{Fault, FaultRule, Person, Who};

use super::report::Checks;
use super::world::{World, causes};
use super::{CONFERENCE, WEST, truth};
use crate::demo::api::{count, text};

/// The procedure whose answers the faults disturb.
const MEMBERS: &str = "usr_Rialto_ListMembers";

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    large_removal(world, &mut checks).await?;
    let run = world.sync(WEST).await?;
    checks.equal("a second list comes over", text(&run, "state")?, "succeeded");
    unproven(world, &mut checks, "an empty answer", FaultRule::always(Fault::EmptyList).on(MEMBERS)).await?;
    unproven(world, &mut checks, "a truncated page", FaultRule::always(Fault::TruncatedPayload).on(MEMBERS).after(1)).await?;
    let run = world.sync(WEST).await?;
    checks.equal("the next whole read succeeds", text(&run, "state")?, "succeeded");
    Ok(checks)
}

/// Takes so many people off a list that both limits are exceeded; answers whom.
pub fn remove_many(world: &World, code: &str) -> anyhow::Result<BTreeSet<String>> {
    let before = truth::member_ids(world.sandbox(), code);
    let many = (before.len() as u64 / 5).max(11);
    world.sandbox().remove_from_list(code, &Who::First(many)).context("the sandbox has no such list")?;
    let after = truth::member_ids(world.sandbox(), code);
    let removed: BTreeSet<String> = before.difference(&after).cloned().collect();
    ensure!(removed.len() as u64 == many, "the list {code} is too small for this step");
    Ok(removed)
}

async fn large_removal(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let run = world.sync(CONFERENCE).await?;
    checks.equal("the list comes over", text(&run, "state")?, "succeeded");
    let before = world.member_ids(CONFERENCE).await?;
    let joining: Vec<Person> =
        world.sandbox().list_members("ALL_MEMBERS").into_iter().rev().filter(|p| !before.contains(&p.remote_id())).take(3).collect();
    let ids = joining.iter().map(|p| (p.master_customer_id.clone(), i64::from(p.sub_customer_id))).collect();
    let removed = remove_many(world, CONFERENCE)?;
    world.sandbox().add_to_list(CONFERENCE, &Who::Ids(ids));
    let opted_out = truth::alone(world.sandbox(), CONFERENCE, |p| {
        truth::says_yes(p) && before.contains(&p.remote_id()) && !world.left().contains(&p.remote_id())
    });
    let opted_out = opted_out.into_iter().next_back().context("nobody is left to opt out")?;
    world.sandbox().set_allow_email(&opted_out.master_customer_id, i64::from(opted_out.sub_customer_id), false);

    let run = world.sync(CONFERENCE).await?;
    checks.equal("a large removal is held", text(&run, "state")?, "held");
    checks.equal("nobody was removed", count(&run, "removed"), 0);
    checks.equal("the run withheld exactly those who left", count(&run, "withheld"), removed.len() as i64);
    let now = world.member_ids(CONFERENCE).await?;
    let truth: BTreeSet<String> = truth::member_ids(world.sandbox(), CONFERENCE).union(&removed).cloned().collect();
    checks.same("who left is still a member, and who joined is one already", &now, &truth);
    checks.that("those who joined were applied at once", joining.iter().all(|p| now.contains(&p.remote_id())));
    let verdict = world.verdict(&opted_out.remote_id()).await?;
    checks.equal("an opt-out was applied at once", causes(&verdict), vec!["remote_flag"]);
    checks.figure("left", removed.len());
    Ok(())
}

async fn unproven(world: &World, checks: &mut Checks, what: &str, rule: FaultRule) -> anyhow::Result<()> {
    let before = world.member_ids(WEST).await?;
    world.sandbox().inject(rule);
    let run = world.sync(WEST).await;
    let fired = world.sandbox().faults().iter().map(|f| f.fired).sum::<u64>();
    world.sandbox().clear_faults();
    let run = run?;
    checks.that(&format!("{what}: the sandbox showed the fault"), fired > 0);
    checks.equal(&format!("{what}: the run is incomplete"), text(&run, "state")?, "incomplete");
    checks.equal(&format!("{what}: the run removed nobody"), count(&run, "removed"), 0);
    checks.same(&format!("{what}: everybody is still a member"), &world.member_ids(WEST).await?, &before);
    checks.same(&format!("{what}: and the remote has them all"), &before, &truth::member_ids(world.sandbox(), WEST));
    Ok(())
}
