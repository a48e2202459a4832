//! B12: the books.

use std::collections::{BTreeMap, BTreeSet};

use rialto_sandbox::Person;
use serde_json::Value;

use super::report::Checks;
use super::world::World;
use super::{BOARD, NEWSLETTER, WEST, truth};
use crate::demo::api::{count, text};

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    // Flags may have changed through other lists since these were read.
    for code in [NEWSLETTER, WEST, BOARD] {
        let run = world.sync(code).await?;
        checks.equal(&format!("{code} comes over"), text(&run, "state")?, "succeeded");
    }
    let runs = world.api.all("/sync-runs").await?;
    for run in runs.iter().filter(|r| r["kind"] == "people" || r["kind"] == "approval") {
        books(&mut checks, run)?;
    }
    let left = world.left();
    for code in [NEWSLETTER, WEST, BOARD] {
        waterfall(world, &mut checks, code, &left).await?;
    }
    checks.figure("runs", runs.len());
    Ok(checks)
}

fn books(checks: &mut Checks, run: &Value) -> anyhow::Result<()> {
    let n = |name| count(run, name);
    let rows = n("added") + n("updated") + n("unchanged") + n("left_out") + n("duplicate") + n("rejected");
    let balanced = n("read") == rows
        && n("members_before") + n("added") - n("removed") == n("members_after")
        && n("leaving") == n("removed") + n("withheld");
    let plan = if run["plan_only"] == true { ", plan only" } else { "" };
    let what = format!("the books of run {} ({}, {}{plan}) balance", text(run, "id")?, text(run, "kind")?, text(run, "state")?);
    checks.that(&what, balanced && n("read") >= 0);
    Ok(())
}

async fn waterfall(world: &World, checks: &mut Checks, code: &str, left: &BTreeSet<String>) -> anyhow::Result<()> {
    let on_list: BTreeSet<String> = world.sandbox().list_members(code).iter().map(Person::remote_id).collect();
    let left = left.intersection(&on_list).cloned().collect();
    let truth = truth::waterfall(world.sandbox(), code, &left);
    let counts = world.counts(code).await?;
    let shown = |name: &str| counts["waterfall"][name].as_i64().unwrap_or(-1);
    let found: BTreeMap<&str, i64> = truth.keys().map(|name| (*name, shown(name))).collect();
    checks.equal(&format!("{code}: every line is what the remote's people make it"), found, truth.clone());
    let lines = [
        "no_address",
        "malformed",
        "same_address",
        "invalid",
        "complaint",
        "unsubscribed_here",
        "admin_or_upload",
        "remote_flag",
        "mailable",
    ];
    checks.equal(&format!("{code}: the lines add up to the members"), lines.iter().map(|l| shown(l)).sum::<i64>(), shown("members"));
    let kept = shown("read") - shown("rejected") - shown("duplicate") - shown("left_out") + shown("kept");
    checks.equal(&format!("{code}: what was read adds up to the members"), kept, shown("members"));
    checks.figure(code, counts["waterfall"].clone());
    Ok(())
}
