//! M3, M4: the four triggers of MemberSuite, and what Info shows.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use rialto_core::{Kind, PublicId};
use rialto_engine::send::{Freshness, Wish, prepare};
use serde_json::Value;

use super::others::{MemberSuite, code};
use super::p3_browser::{Browser, runs_of_bridge};
use super::report::Checks;
use crate::demo::api::{count, text};

/// A mailing of the demo.
const MAILING: i64 = 2;

impl MemberSuite<'_> {
    async fn runs(&self, kind: &str, trigger: &str, number: usize) -> anyhow::Result<Vec<Value>> {
        runs_of_bridge(self.other.world, &self.other.id, kind, trigger, number).await
    }

    /// The page of the largest search's target group, and who says yes to be mailed there.
    async fn group(&self) -> anyhow::Result<(String, BTreeSet<String>)> {
        let search = self.largest()?;
        let groups = self.other.groups().await?;
        let group = groups.iter().find(|g| code(g) == search).context("the search is no target group")?;
        let yes = self.remote.sandbox.search_people(&search).into_iter().filter(|p| !p.do_not_email).map(|p| p.id).collect();
        Ok((format!("/target-groups/{}", text(group, "id")?), yes))
    }

    async fn members(&self, group: &str) -> anyhow::Result<BTreeSet<String>> {
        let members = self.other.world.api.all(&format!("{group}/subscribers")).await?;
        members.iter().map(|m| Ok(text(m, "remote_id")?.to_owned())).collect()
    }

    /// M3.
    pub async fn triggers(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let world = self.other.world;
        let browser = Browser::sign_in(world).await?;
        let counted = async || {
            let groups = self.other.groups().await?;
            anyhow::Ok(groups.iter().map(|g| format!("{} {} {}", code(g), g["members"], g["synced_at"])).collect::<Vec<_>>())
        };
        let before = counted().await?;
        browser.press("/target-groups", "/target-groups/refresh", &[("bridge", &self.other.id)]).await?;
        let run = self.runs("lists", "refresh_groups", 1).await?.remove(0);
        checks.equal("Refresh on the Target Groups page reads the searches", text(&run, "state")?, "succeeded");
        browser.press("/admin/bridges", &format!("/admin/bridges/{}/refresh", self.other.id), &[]).await?;
        let run = self.runs("lists", "refresh_bridge", 1).await?.remove(0);
        checks.equal("and so does Refresh in Bridge Configuration", text(&run, "state")?, "succeeded");
        checks.equal("neither changes a count", counted().await?, before);

        let (group, yes) = self.group().await?;
        browser.press(&group, &format!("{group}/info"), &[]).await?;
        let run = self.runs("people", "info", 1).await?.remove(0);
        checks.equal("Info starts a sync", text(&run, "state")?, "succeeded");
        checks.equal("and tells who opened it", text(&run, "by")?, &format!("user:{}", world.login.email));
        checks.same("its people are those of the search now", &self.members(&group).await?, &yes);

        let id = group.strip_prefix("/target-groups/").and_then(|id| PublicId::parse(id, Kind::TargetGroup)).context("an id")?.id;
        let freshness = Freshness { wait: Duration::from_secs(60), ..Freshness::default() };
        let by = format!("user:{}", world.login.email);
        let wish = Wish { groups: vec![id], mailing_id: MAILING, by, request_id: "demo".into(), freshness };
        let prepared = prepare(world.engine.parts(), &wish).await?;
        checks.that("a mailing has the group read again", prepared.ready());
        checks.equal("as the trigger send", self.runs("people", "send", 1).await?.len(), 1);
        Ok(checks)
    }

    /// M4.
    pub async fn info(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let browser = Browser::sign_in(self.other.world).await?;
        let (group, yes) = self.group().await?;
        let people = self.remote.sandbox.search_people(&self.largest()?).len();
        let info = format!("{group}/info");
        let overview = browser.page(&info).await?;
        checks.that("Overview shows the last count", overview.contains(&rialto_core::figure(yes.len() as i64)));
        let before = self.runs("people", "info", 0).await?.len();
        browser.press(&info, &format!("{group}/resync"), &[]).await?;
        let run = self.runs("people", "info", before + 1).await?.remove(0);
        checks.equal("Resync Now starts another sync", text(&run, "state")?, "succeeded");
        let counts = browser.page(&format!("{info}/counts")).await?;
        let left_out = people - yes.len();
        checks.equal("Do Not Email is left out", count(&run, "left_out"), left_out as i64);
        checks
            .that("and stands under Counts as such", counts.contains(&rialto_core::figure(left_out as i64)) && counts.contains("eft out"));
        let subscribers = browser.page(&format!("{info}/subscribers")).await?;
        checks.that("Subscribers has the Remote ID as a column", subscribers.contains("Remote ID"));
        let shown = yes.iter().filter(|id| subscribers.contains(id.as_str())).count();
        checks.that("with the record ids of MemberSuite", shown > 0);
        let mailings = browser.page(&format!("{info}/mailings")).await?;
        checks.that("Active Mailings is a tab of its own", mailings.contains("Active Mailings"));
        Ok(checks)
    }
}
