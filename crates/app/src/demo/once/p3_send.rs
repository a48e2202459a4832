//! P3, send: what a mailing asks for before it goes out.

use std::time::Duration;

use anyhow::Context;
use rialto_core::{Kind, PublicId};
use rialto_engine::send::{Freshness, Prepared, Why, Wish, prepare};
use rialto_sandbox::{Person, Who};
use serde_json::Value;

use super::b2::remove_many;
use super::report::Checks;
use super::world::World;
use super::{BOARD, STUDENTS, truth};
use crate::demo::api::text;

/// A mailing of the demo.
const MAILING: i64 = 1;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    fresh(world, &mut checks).await?;
    held(world, &mut checks).await?;
    gone(world, &mut checks).await?;
    Ok(checks)
}

pub(super) async fn send(world: &World, codes: &[&str]) -> anyhow::Result<Prepared> {
    let mut groups = Vec::new();
    for code in codes {
        let group = world.group(code).await?;
        groups.push(PublicId::parse(text(&group, "id")?, Kind::TargetGroup).context("a group's id cannot be read")?.id);
    }
    let freshness = Freshness { wait: Duration::from_secs(60), ..Freshness::default() };
    let by = format!("user:{}", world.login.email);
    Ok(prepare(world.engine.parts(), &Wish { groups, mailing_id: MAILING, by, request_id: "demo".into(), freshness }).await?)
}

async fn last_run(world: &World, code: &str) -> anyhow::Result<Value> {
    Ok(world.counts(code).await?["last_run"].take())
}

async fn fresh(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    world.sync(BOARD).await?;
    let on_list = truth::member_ids(world.sandbox(), BOARD);
    let joining = world.sandbox().list_members("ALL_MEMBERS").into_iter().filter(|p| !on_list.contains(&p.remote_id())).take(2);
    let ids = joining.map(|p| (p.master_customer_id, i64::from(p.sub_customer_id))).collect();
    world.sandbox().add_to_list(BOARD, &Who::Ids(ids));
    world.sandbox().remove_from_list(BOARD, &Who::First(1));
    let prepared = send(world, &[BOARD, STUDENTS]).await?;
    checks.that("both groups are ready", prepared.ready());
    for (answer, code) in prepared.answers.iter().zip([BOARD, STUDENTS]) {
        let truth = truth::member_ids(world.sandbox(), code);
        checks.same(&format!("{code}: the people are those of the remote list now"), &world.member_ids(code).await?, &truth);
        let ready = answer.outcome.as_ref().ok();
        checks.equal(&format!("{code}: the mailing is told how many"), ready.map(|r| r.members), Some(truth.len() as i64));
        let mailable = truth::waterfall(world.sandbox(), code, &world.left()).get("mailable").copied();
        checks.equal(&format!("{code}: and how many it may mail"), ready.and_then(|r| r.mailable), mailable);
        let run = last_run(world, code).await?;
        let by = (text(&run, "trigger")?, text(&run, "by")?);
        checks.equal(&format!("{code}: the run tells its trigger and who"), by, ("send", &format!("user:{}", world.login.email)));
        let group = world.group(code).await?;
        let uses = world.api.all(&format!("/target-groups/{}/mailings", text(&group, "id")?)).await?;
        checks.equal(&format!("{code}: the use is noted"), uses.len(), 1);
    }
    Ok(())
}

fn stopped(prepared: &Prepared) -> Option<(Why, String)> {
    prepared.answers.first().and_then(|a| a.outcome.as_ref().err()).map(|s| (s.why, s.reason.clone()))
}

async fn held(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let before = world.member_ids(STUDENTS).await?;
    let removed = remove_many(world, STUDENTS)?;
    let prepared = send(world, &[STUDENTS]).await?;
    checks.equal("a large removal stops the mailing", stopped(&prepared).map(|s| s.0), Some(Why::Held));
    checks.that("with a sentence that says why", stopped(&prepared).is_some_and(|s| s.1.contains(&removed.len().to_string())));
    checks.same("and nobody was removed", &world.member_ids(STUDENTS).await?, &before);
    let back = removed.iter().filter_map(|id| rialto_sandbox::Sandbox::split_remote_id(id)).collect();
    world.sandbox().add_to_list(STUDENTS, &Who::Ids(back));
    checks.that("once they are back, it may go", send(world, &[STUDENTS]).await?.ready());
    Ok(())
}

async fn gone(world: &World, checks: &mut Checks) -> anyhow::Result<()> {
    let code = "DEMO_BRIEF";
    world.sandbox().create_list(code, "A list that will not last");
    let first: Vec<Person> = world.sandbox().list_members("ALL_MEMBERS").into_iter().take(3).collect();
    let ids = first.iter().map(|p| (p.master_customer_id.clone(), i64::from(p.sub_customer_id))).collect();
    world.sandbox().add_to_list(code, &Who::Ids(ids));
    world.api.run(&format!("/bridges/{}/refresh", world.bridge), serde_json::json!({})).await?;
    checks.that("a new list may be mailed", send(world, &[code]).await?.ready());
    world.sandbox().delete_list(code);
    checks.equal("a list that vanished stops the mailing", stopped(&send(world, &[code]).await?).map(|s| s.0), Some(Why::Gone));
    checks.equal("and its people stay", world.member_ids(code).await?.len(), first.len());
    Ok(())
}
