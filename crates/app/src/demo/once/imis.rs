//! I1, I2, I3: iMIS beside Personify360, compared with what its own sandbox holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use rialto_sandbox::imis::{self, Table};
use serde_json::json;

use super::others::{Other, PEOPLE, code};
use super::p5::states;
use super::report::Checks;
use super::told;
use super::world::World;
use crate::demo::api::{count, text};

const TABLE: &str = "INFORMZ_PERSONA";
/// Longest wait until people are sorted, or what changed is queued.
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulated iMIS, and the bridge to it.
pub struct Imis<'w> {
    remote: imis::Running,
    other: Other<'w>,
    /// Two queries with few people, the smaller one first, and the personas made of them.
    queries: [String; 2],
}

impl<'w> Imis<'w> {
    pub async fn begin(world: &'w World) -> anyhow::Result<Self> {
        let remote = imis::start(imis::Options { people: PEOPLE, ..Default::default() }).await?;
        let options = remote.sandbox.options();
        let entered = json!({
            "kind": "imis", "name": "iMIS",
            "settings": {"base_url": remote.site_root(), "generation": "ems", "requests_per_second": "1000", "page_rows": "50"},
            "secrets": {"username": options.user, "password": options.password},
        });
        let other = Other::connect(world, entered).await?;
        let mut of: Vec<(usize, String)> = other.groups().await?.iter().map(code).map(|c| (remote.sandbox.members(&c).len(), c)).collect();
        of.sort();
        let mut few = of.into_iter().filter(|(people, _)| *people > 0).map(|(_, code)| code);
        let queries = [few.next().context("no query has people")?, few.next().context("one query has people only")?];
        Ok(Self { remote, other, queries })
    }

    /// I3.
    pub async fn queries_and_consent(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (world, sandbox, other) = (self.other.world, &self.remote.sandbox, &self.other);
        let groups = other.groups().await?;
        let paths: BTreeSet<String> = sandbox.queries().into_iter().map(|q| q.path).collect();
        checks.that("IQA queries of the folder are target groups", !groups.is_empty());
        checks.that("and nothing else is", groups.iter().all(|g| g["code"].as_str().is_some_and(|c| paths.contains(c))));
        let largest = groups.iter().filter_map(|g| g["code"].as_str()).max_by_key(|c| sandbox.members(c).len()).context("no query")?;
        let people = sandbox.members(largest);
        let (run, members) = other.sync(largest).await?;
        checks.equal("the sync succeeds", text(&run, "state")?, "succeeded");
        checks.same("everybody whom the query selects is here", &members, &people.iter().map(|c| c.id.clone()).collect());
        let no = people.iter().filter(|c| c.do_not_email()).count() as i64;
        checks.equal("each no is a suppression", count(&run, "suppressed"), no);

        let id = other.alone(&members).await?;
        let refuses = || sandbox.contact(&id).map(|c| c.do_not_email());
        let types = || sandbox.activities(&id).into_iter().map(|a| a.activity_type).collect::<Vec<_>>();
        let settings = format!("/bridges/{}/writeback-settings", other.id);
        let night = world.api.get(&settings).await?["times"]["next_daily_at"].clone();
        world.unsubscribe(&id).await?;
        let waiting = told::writebacks(world, &id).await?;
        checks.equal("an unsubscribe is Scheduled", states(&waiting), vec!["scheduled"]);
        checks.equal("for one in the morning, Eastern", &waiting[0]["next_try_at"], &night);
        checks.equal("and nothing is told before", (refuses(), types().len()), (Some(false), 0));
        other.cycle().await?;
        checks.equal("unless somebody presses Run now: then it is Sent", states(&told::writebacks(world, &id).await?), vec!["sent"]);
        checks.equal("and stands in the communication preferences", refuses(), Some(true));
        checks.equal("with its activity", types(), vec!["iUnsub".to_owned()]);
        told::resubscribe(world, &id).await?;
        other.cycle().await?;
        checks.equal("a resubscribe takes it back", (refuses(), types().len()), (Some(false), 2));

        // Opting out goes at once.
        world.api.patch(&format!("/bridges/{}", other.id), json!({"settings": {"unsubscribe_as": "opt_out"}})).await?;
        let until = tokio::time::Instant::now() + PATIENCE;
        while world.api.get(&settings).await?["times"]["kinds"]["unsubscribe"] != "at_once" && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The worker looks at the settings before it looks at the queue.
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.unsubscribe(&id).await?;
        // Preferences first, its activity after them.
        while (refuses(), types().len()) != (Some(true), 3) && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        checks.equal("an opt-out is told at once", refuses(), Some(true));
        checks.equal("as its own activity", types().pop(), Some("iOptout".to_owned()));
        told::resubscribe(world, &id).await?;
        other.cycle().await?;
        Ok(checks)
    }

    /// I1.
    pub async fn personas(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let api = &self.other.world.api;
        let mut ids = Vec::new();
        for (query, name) in self.queries.iter().zip(["Regular", "Newcomer"]) {
            self.other.sync(query).await?;
            let groups = self.other.groups().await?;
            let group = groups.iter().find(|g| g["code"] == **query).context("no group")?;
            let made = json!({"name": name, "avatar": "star", "description": format!("{name}s."), "target_group": group["id"]});
            ids.push(text(&api.post("/personas", made).await?, "id")?.to_owned());
        }
        self.sorted().await?;
        let first = self.truth(&[("Regular", &self.queries[0]), ("Newcomer", &self.queries[1])]);
        self.switch(true).await?;
        self.send().await?;
        checks.equal("everybody has the first persona that matches, in iMIS too", self.shown(), first.clone());
        let queued = self.told("").await?;
        checks.equal("a writeback for each", queued, first.len() as i64);
        self.send().await?;
        checks.equal("and none where nothing changed", self.told("").await?, queued);
        ids.reverse();
        api.put("/personas/order", json!({"personas": ids})).await?;
        self.sorted().await?;
        let second = self.truth(&[("Newcomer", &self.queries[1]), ("Regular", &self.queries[0])]);
        let changed = second.iter().filter(|(id, name)| first.get(*id) != Some(name)).count();
        self.send().await?;
        checks.equal("in another order, rows are replaced", self.shown(), second);
        checks.equal("for those whose persona changed, and nobody else", self.told("").await? - queued, changed as i64);
        Ok(checks)
    }

    /// I2.
    pub async fn table(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (&self.other.world.api, &self.remote.sandbox);
        sandbox.drop_table(TABLE).context("the table was there")?;
        let personas = api.get("/personas").await?;
        let first = personas["items"].as_array().and_then(|p| p.first()).context("no persona")?;
        api.patch(&format!("/personas/{}", text(first, "id")?), json!({"description": "Came lately."})).await?;
        self.send().await?;
        let held = self.told("&state=held").await?;
        checks.that("without the table, writebacks are Held", held > 0);
        let list = api.get(&format!("/writebacks?bridge={}&kind=persona&state=held&limit=1", self.other.id)).await?;
        let reason = list["items"][0]["reason"].as_str().unwrap_or_default().to_owned();
        checks.that("and say which table is missing", reason.contains("INFORMZ_PERSONA is missing"));
        let settings = api.get(&format!("/bridges/{}/writeback-settings", self.other.id)).await?;
        let named = settings["set_up_faults"].as_array().is_some_and(|f| f.iter().any(|f| f["kinds"] == json!(["persona"])));
        checks.that("as the bridge's settings do", named);
        sandbox.create_table(Table::personas()).context("the table can be made")?;
        self.released().await?;
        checks.equal("after the repair nothing is Held", self.told("&state=held").await?, 0);
        let newcomers = self.truth(&[("Newcomer", &self.queries[1])]);
        checks.equal("and what was held stands there", self.shown(), newcomers);
        self.send_to(true).await?;
        let truth = self.truth(&[("Newcomer", &self.queries[1]), ("Regular", &self.queries[0])]);
        checks.equal("everybody's again: what was lost with the old table too", self.shown(), truth);
        checks.equal("with one row each", sandbox.rows(TABLE, None, 10_000).len(), self.shown().len());
        Ok(checks)
    }

    /// A cycle that frees what is held. What is held does not wait to be sent, so whoever waits for the queue alone may look before the table was looked at.
    async fn released(&self) -> anyhow::Result<()> {
        self.other.cycle().await?;
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.told("&state=held").await? > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        told::cycle(self.other.world).await
    }

    async fn sorted(&self) -> anyhow::Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        while tokio::time::Instant::now() < until {
            let all = self.other.world.api.get("/personas").await?;
            if all["items"].as_array().is_some_and(|p| p.iter().all(|p| p["state"] == "ready")) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("people were not sorted into personas within {} s", PATIENCE.as_secs())
    }

    async fn switch(&self, personas: bool) -> anyhow::Result<()> {
        let path = format!("/bridges/{}/writeback-settings", self.other.id);
        self.other.world.api.put(&path, json!({"kinds": {}, "personas": personas})).await.map(drop)
    }

    /// The daily look, now, and a cycle after it.
    async fn send(&self) -> anyhow::Result<()> {
        self.send_to(false).await
    }

    async fn send_to(&self, everybody: bool) -> anyhow::Result<()> {
        let (world, asked) = (self.other.world, self.other.world.now());
        world.api.post(&format!("/bridges/{}/send-personas", self.other.id), json!({"everybody": everybody})).await?;
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let settings = world.api.get(&format!("/bridges/{}/writeback-settings", self.other.id)).await?;
            let looked = settings["personas_looked_at"].as_str().and_then(rialto_core::Instant::parse);
            if looked.is_some_and(|at| at >= asked) {
                break;
            }
            if tokio::time::Instant::now() > until {
                bail!("changed personas were not looked for within {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.other.cycle().await
    }

    async fn told(&self, more: &str) -> anyhow::Result<i64> {
        let list = self.other.world.api.get(&format!("/writebacks?bridge={}&kind=persona&limit=1{more}", self.other.id)).await?;
        list["total"].as_i64().context("no total")
    }

    /// What stands in the table, by contact.
    fn shown(&self) -> BTreeMap<String, String> {
        let rows = self.remote.sandbox.rows(TABLE, None, 10_000);
        rows.into_iter().map(|r| (r.id, r.values.get("SCORE_NAME").cloned().unwrap_or_default())).collect()
    }

    /// What has to stand there: the first of the personas whose query selects the contact, by the sandbox's own people.
    fn truth(&self, personas: &[(&str, &String)]) -> BTreeMap<String, String> {
        let mut truth = BTreeMap::new();
        for (name, query) in personas.iter().rev() {
            truth.extend(self.remote.sandbox.members(query).into_iter().map(|c| (c.id, (*name).to_owned())));
        }
        truth
    }
}
