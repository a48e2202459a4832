//! M1, M2, M5: MemberSuite beside Personify360, compared with what its own sandbox holds; and what the steps of other systems share.

use std::collections::BTreeSet;

use anyhow::Context;
use rialto_sandbox::membersuite;
use serde_json::{Value, json};

use super::p5::states;
use super::report::Checks;
use super::told;
use super::world::World;
use crate::demo::api::{count, text};

/// People of each of the two systems.
pub(super) const PEOPLE: u64 = 600;

/// A bridge to one more system.
pub(super) struct Other<'w> {
    pub world: &'w World,
    pub id: String,
}

impl<'w> Other<'w> {
    pub(super) async fn connect(world: &'w World, entered: Value) -> anyhow::Result<Self> {
        let bridge = world.api.post("/bridges", entered).await?;
        let this = Self { world, id: text(&bridge, "id")?.to_owned() };
        this.refresh().await?;
        Ok(this)
    }

    async fn refresh(&self) -> anyhow::Result<Value> {
        self.world.api.run(&format!("/bridges/{}/refresh", self.id), json!({})).await
    }

    pub(super) async fn groups(&self) -> anyhow::Result<Vec<Value>> {
        self.world.api.all(&format!("/target-groups?bridge={}", self.id)).await
    }

    /// Syncs the list with this code; answers the run and the Remote IDs of the members.
    pub(super) async fn sync(&self, code: &str) -> anyhow::Result<(Value, BTreeSet<String>)> {
        let groups = self.groups().await?;
        let group = groups.iter().find(|g| g["code"] == code).with_context(|| format!("there is no target group for {code}"))?;
        let path = format!("/target-groups/{}", text(group, "id")?);
        let run = self.world.api.run(&format!("{path}/sync"), json!({})).await?;
        let members = self.world.api.all(&format!("{path}/subscribers")).await?;
        let ids = members.iter().map(|m| Ok(text(m, "remote_id")?.to_owned())).collect::<anyhow::Result<_>>()?;
        Ok((run, ids))
    }

    /// What waits goes out, here and at Personify360, where the same address may have been told.
    pub(super) async fn cycle(&self) -> anyhow::Result<()> {
        self.world.api.post(&format!("/bridges/{}/run-writebacks", self.id), json!({})).await?;
        told::cycle(self.world).await
    }

    /// Somebody of these who may be mailed, and whose address nobody else bears.
    pub(super) async fn alone(&self, ids: &BTreeSet<String>) -> anyhow::Result<String> {
        for id in ids {
            let subscriber = self.world.subscriber(id).await?;
            let why = self.world.api.get(&format!("/subscribers/{}/consent", text(&subscriber, "id")?)).await?;
            if why["verdict"]["mailable"] == true && why["same_address"].as_array().is_some_and(Vec::is_empty) {
                return Ok(id.clone());
            }
        }
        anyhow::bail!("nobody may be mailed by an address of their own")
    }
}

/// A simulated MemberSuite, and the bridge to it.
pub struct MemberSuite<'w> {
    pub(super) remote: membersuite::Running,
    pub(super) other: Other<'w>,
}

impl<'w> MemberSuite<'w> {
    pub async fn begin(world: &'w World) -> anyhow::Result<Self> {
        let remote = membersuite::start(membersuite::Options { people: PEOPLE, ..Default::default() }).await?;
        let options = remote.sandbox.options();
        let entered = json!({
            "kind": "membersuite", "name": "MemberSuite",
            "settings": {"base_url": remote.service_root(), "association_id": options.association_id,
                "access_key_id": options.access_key_id, "requests_per_second": "100", "page_rows": "50"},
            "secrets": {"secret_access_key": options.secret_access_key},
        });
        let other = Other::connect(world, entered).await?;
        Ok(Self { remote, other })
    }

    /// Active public searches that find individuals.
    fn searches(&self) -> Vec<membersuite::Found> {
        let open = |s: &membersuite::Found| s.public && s.active && s.applicable_type == "Individual";
        self.remote.sandbox.searches().into_iter().filter(open).collect()
    }

    pub(super) fn largest(&self) -> anyhow::Result<String> {
        Ok(self.searches().into_iter().max_by_key(|s| s.count).context("no search")?.id)
    }

    /// M1.
    pub async fn searches_are_groups(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let truth: BTreeSet<String> = self.searches().into_iter().map(|s| s.id).collect();
        checks.same("active public searches are target groups", &self.other.groups().await?.iter().map(code).collect(), &truth);
        self.other.sync(&self.largest()?).await?;
        let before = self.other.groups().await?;
        let run = self.other.refresh().await?;
        checks.equal("a refresh succeeds", text(&run, "state")?, "succeeded");
        let counts =
            |groups: &[Value]| groups.iter().map(|g| (code(g), g["members"].as_i64(), g["synced_at"].to_string())).collect::<Vec<_>>();
        checks.equal("and changes no counts", counts(&self.other.groups().await?), counts(&before));
        Ok(checks)
    }

    /// M2.
    pub async fn do_not_email_is_left_out(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let search = self.largest()?;
        let people = self.remote.sandbox.search_people(&search);
        let yes: BTreeSet<String> = people.iter().filter(|p| !p.do_not_email).map(|p| p.id.clone()).collect();
        let (run, members) = self.other.sync(&search).await?;
        checks.equal("the sync succeeds", text(&run, "state")?, "succeeded");
        checks.same("Do Not Email is left out, by Remote ID", &members, &yes);
        checks.equal("and counted as left out", count(&run, "left_out"), (people.len() - yes.len()) as i64);
        Ok(checks)
    }

    /// M5, pushed and fetched.
    pub async fn told(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (world, sandbox) = (self.other.world, &self.remote.sandbox);
        let (_, members) = self.other.sync(&self.largest()?).await?;
        let id = self.other.alone(&members).await?;
        world.unsubscribe(&id).await?;
        self.other.cycle().await?;
        let ticked = || sandbox.person(&id).map(|p| p.do_not_email);
        checks.equal("an unsubscribe is Sent", states(&told::writebacks(world, &id).await?), vec!["sent"]);
        checks.equal("and ticks Do Not Email", ticked(), Some(true));
        checks.equal("with an activity, once", sandbox.activities(&id).len(), 1);
        told::resubscribe(world, &id).await?;
        self.other.cycle().await?;
        checks.equal("a resubscribe unticks it", ticked(), Some(false));
        self.fetched(&id, &mut checks).await?;
        Ok(checks)
    }

    /// M5 by the queue that MemberSuite polls; afterwards writebacks are pushed again.
    async fn fetched(&self, id: &str, checks: &mut Checks) -> anyhow::Result<()> {
        let (world, sandbox) = (self.other.world, &self.remote.sandbox);
        let bridge = format!("/bridges/{}", self.other.id);
        let settings = format!("{bridge}/writeback-settings");
        let before = world.api.get(&settings).await?;
        world.api.put(&settings, json!({"kinds": before["kinds"], "delivery": "polled"})).await?;
        let made = world.api.post(&format!("{bridge}/fetch-token"), json!({})).await?;
        let job = membersuite::PollerSettings {
            address: format!("{}/remote/{}/writebacks", world.base, self.other.id),
            token: text(&made, "token")?.to_owned(),
            every_seconds: None,
            fault: None,
        };
        sandbox.set_poller(Some(job)).map_err(anyhow::Error::msg)?;
        world.unsubscribe(id).await?;
        world.api.post(&format!("{bridge}/run-writebacks"), json!({})).await?;
        let last = async || anyhow::Ok(told::writebacks(world, id).await?.last().map(|w| w["state"].clone()));
        let ticked = || sandbox.person(id).map(|p| p.do_not_email);
        checks.equal("one that is to be fetched waits for MemberSuite", last().await?, Some(json!("new")));
        checks.equal("and nothing is pushed", ticked(), Some(false));
        let poll = sandbox.poll(None).await.context("the job is set up")?;
        checks.equal("MemberSuite fetches it and acknowledges it", (poll.fetched, poll.taken), (1, 1));
        checks.equal("then it is Sent", last().await?, Some(json!("sent")));
        checks.equal("and Do Not Email is ticked", ticked(), Some(true));
        sandbox.set_poller(None).map_err(anyhow::Error::msg)?;
        world.api.put(&settings, json!({"kinds": before["kinds"], "delivery": "push"})).await?;
        told::resubscribe(world, id).await?;
        self.other.cycle().await?;
        checks.equal("pushed again afterwards", ticked(), Some(false));
        Ok(())
    }
}

pub(super) fn code(group: &Value) -> String {
    group["code"].as_str().unwrap_or_default().to_owned()
}
