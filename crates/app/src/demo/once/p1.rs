//! P1: lists and fields.

use std::collections::BTreeSet;

use super::report::Checks;
use super::truth;
use super::world::World;
use crate::demo::api::text;

pub async fn walk(world: &World) -> anyhow::Result<Checks> {
    let mut checks = Checks::default();
    let test = world.api.run(&format!("/bridges/{}/test", world.bridge), serde_json::json!({})).await?;
    checks.equal("the bridge's test succeeds", text(&test, "state")?, "succeeded");
    let refresh = world.api.run(&format!("/bridges/{}/refresh", world.bridge), serde_json::json!({})).await?;
    checks.equal("the refresh succeeds", text(&refresh, "state")?, "succeeded");

    let groups = world.api.all(&format!("/target-groups?bridge={}", world.bridge)).await?;
    let named = |of: &dyn Fn(&serde_json::Value) -> bool| -> anyhow::Result<BTreeSet<(String, String)>> {
        groups.iter().filter(|g| of(g)).map(|g| Ok((text(g, "code")?.to_owned(), text(g, "name")?.to_owned()))).collect()
    };
    let lists = world.sandbox().lists();
    let active: BTreeSet<_> = lists.iter().filter(|l| l.active).map(|l| (l.code.clone(), l.name.clone())).collect();
    checks.same("every active list is a target group with its name", &named(&|g| g["remote_active"] == true)?, &active);
    checks.that("refreshing the lists brought no people", groups.iter().all(|g| g["members"] == 0));
    for list in lists.iter().filter(|l| l.active) {
        let group = groups.iter().find(|g| g["code"] == list.code.as_str());
        let shown = group.and_then(|g| g["remote_members"].as_u64());
        checks.equal(&format!("{} shows how many people the remote has", list.code), shown, Some(list.member_count));
    }

    let fields = world.api.all(&format!("/bridges/{}/fields", world.bridge)).await?;
    let names: BTreeSet<String> = fields.iter().map(|f| Ok(text(f, "name")?.to_owned())).collect::<anyhow::Result<_>>()?;
    checks.same("the fields are the columns of the personalization view", &names, &truth::fields(world.sandbox()));
    checks.figure("target_groups", groups.len());
    checks.figure("fields", names.len());
    Ok(checks)
}
