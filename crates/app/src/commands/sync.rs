//! `rialto sync`: the people of one target group, now.

use std::process::ExitCode;

use anyhow::bail;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::groups::Group;
use rialto_store::runs::{NewRun, Run, Subject};
use rialto_store::views::api as views;
use serde_json::json;

use super::{print_json, runs};
use crate::cli::Sync;
use crate::parts::Parts;

/// Names of a plan that are printed.
const NAMES: i64 = 1_000;

pub async fn run(args: &Sync) -> anyhow::Result<ExitCode> {
    let parts = Parts::open(&args.configured).await?;
    let group = find(&parts, &args.target_group).await?;
    let subject = match group.bridge_id {
        Some(bridge_id) => Subject::Group { group_id: group.id, bridge_id },
        None if group.kind == "compound" => Subject::Derived { group_id: group.id },
        None => bail!("{} mirrors no remote list, and is not made of other target groups", group.name),
    };
    let new = NewRun { plan_only: args.plan, ..NewRun::of(RunKind::People, subject, Trigger::Cli) };
    let run = runs::carry_out(&parts, new, args.json).await?;
    let names = if args.plan { names(&parts, &run).await? } else { Vec::new() };
    if args.json {
        let mut shown = runs::as_json(&run);
        if args.plan {
            shown["plan"] = names.iter().map(|(what, id, address)| json!({"change": what, "remote_id": id, "email": address})).collect();
        }
        print_json(&shown);
    } else {
        print(&group, &run, &names);
    }
    parts.db.close().await;
    Ok(ExitCode::from(runs::exit_code(&run)))
}

/// The one group with this id, code or name.
async fn find(parts: &Parts, wanted: &str) -> anyhow::Result<Group> {
    let all = views::groups(parts.db.read(), &views::GroupFilter::default(), ("", 0), i64::from(i32::MAX)).await?;
    let id = |g: &Group| PublicId::new(Kind::TargetGroup, Instant(g.created_at), g.id).to_string();
    let folded = wanted.to_lowercase();
    let by: [&dyn Fn(&Group) -> bool; 3] =
        [&|g| id(g) == wanted, &|g| g.code.as_deref() == Some(wanted), &|g| g.name.to_lowercase() == folded];
    for fits in by {
        let mut found = all.iter().filter(|g| fits(g));
        match (found.next(), found.next()) {
            (Some(group), None) => return Ok(group.clone()),
            (Some(a), Some(b)) => bail!("several target groups fit {wanted}; give an id, such as {} or {}", id(a), id(b)),
            _ => {}
        }
    }
    bail!("there is no target group {wanted}; refresh its bridge with: rialto bridge refresh")
}

/// Whom a plan names: what would happen, Remote ID, address.
async fn names(parts: &Parts, run: &Run) -> anyhow::Result<Vec<(String, String, String)>> {
    let (notes, _) = views::notes(parts.db.read(), run.id, 0, NAMES).await?;
    let planned = notes.into_iter().filter_map(|(_, kind, remote_id, detail)| {
        let what = kind.strip_prefix("plan_")?.to_owned();
        let detail: serde_json::Value = serde_json::from_str(&detail).unwrap_or_default();
        Some((what, remote_id, detail["address"].as_str().unwrap_or_default().to_owned()))
    });
    Ok(planned.collect())
}

fn print(group: &Group, run: &Run, names: &[(String, String, String)]) {
    let c = run.counts();
    println!("{}: {}. {} {}", group.name, run.state, run.reason, run.advice);
    println!(
        "  read {} = added {} + updated {} + unchanged {} + left out {} + duplicate {} + rejected {}",
        c.read, c.added, c.updated, c.unchanged, c.left_out, c.duplicate, c.rejected
    );
    println!("  members {} + added {} - removed {} = {}", c.members_before, c.added, c.removed, c.members_after);
    println!("  leaving {} = removed {} + withheld {}; suppressed {}, lifted {}", c.leaving, c.removed, c.withheld, c.suppressed, c.lifted);
    for (what, id, address) in names {
        println!("  {what:9} {id}  {address}");
    }
}
