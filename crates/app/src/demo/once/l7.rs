//! L7: what the stream brings is used, in segments and in texts.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use reqwest::Method;
use rialto_sandbox::loyalty::{Member, Value as Held};
use serde_json::json;

use super::loyalty::{LOOK_EVERY, PATIENCE, Programme};
use super::report::Checks;
use crate::demo::api::text;
use crate::demo::loyalty::{UNIT, segment};

impl Programme<'_> {
    /// L7.
    pub async fn used(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (self.api(), &self.remote.sandbox);
        let wanted = segment(&self.extension);
        let counted = api.post("/segments/count", json!({"rule": wanted["rule"]})).await?;
        checks.equal(
            "a segment over the extension is counted before it is kept",
            counted["people"].as_u64(),
            Some(self.rich().await?.len() as u64),
        );
        let made = api.post("/segments", wanted).await?;
        let id = text(&made, "id")?;
        let group = api.get(&format!("/target-groups/{id}")).await?;
        checks.equal("it is a target group with the same id", text(&group, "kind")?, "segment");
        checks.same("its people are those of whom the loyalty system says so", &self.follows(id).await?, &self.rich().await?);

        let poor = self.somebody_poor().await?;
        let richer = sandbox.earn(&poor.id, 21_000)?;
        checks.that("somebody earns points", sandbox.delivered(PATIENCE).await);
        self.caught_up().await?;
        let people = self.follows(id).await?;
        checks.same("and is in it seconds later", &people, &self.rich().await?);
        let address = richer.email().context("no address")?;
        let subscriber = api.all(&format!("/subscribers?email={address}")).await?.into_iter().next().context("no subscriber")?;
        let subscriber = text(&subscriber, "id")?;
        checks.that("whose subscriber is among them", people.contains(subscriber));
        let why = api.get(&format!("/segments/{id}/explain?subscriber={subscriber}")).await?;
        checks.equal("why they are in it is told", (why["holds"].as_bool(), why["member"].as_bool()), (Some(true), Some(true)));
        let asked = json!({"subscriber": subscriber, "text": "You are {{ LOYALTY.tier }} with {{ LOYALTY.points }} points."});
        let preview = api.post("/personalization/preview", asked).await?;
        let truth = format!("You are {} with {} points.", richer.tier(), richer.points());
        checks.equal(
            "a text shows their newest level and points",
            preview["text"]["rendered"].as_str().map(str::trim),
            Some(truth.as_str()),
        );
        let (status, _) = api.refused(Method::DELETE, &format!("/audience-lists/{}", self.extension), None).await?;
        checks.equal("what a segment needs is not deleted", status, 409);
        sandbox.set_target(None)?;
        Ok(checks)
    }

    /// Subscribers, by id, whose member is Gold or above with more than 1,000 points, as the loyalty system published it.
    async fn rich(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut rich = BTreeSet::new();
        for expected in self.remote.sandbox.expected(UNIT).into_values().filter(|e| !e.deleted) {
            let field = |name: &str| expected.fields.get(name).map(Held::shown).unwrap_or_default();
            if ["Gold", "Platinum"].contains(&field("tier").as_str()) && field("points").parse::<i64>().unwrap_or(0) > 1_000 {
                rich.extend(self.of_address(&field("email")).await?);
            }
        }
        Ok(rich)
    }

    /// Ids of the subscribers with an address.
    async fn of_address(&self, address: &str) -> anyhow::Result<Vec<String>> {
        if address.is_empty() {
            return Ok(Vec::new());
        }
        let asked = reqwest::Url::parse_with_params("http://rialto.example", [("email", address)])?;
        let found = self.api().all(&format!("/subscribers?{}", asked.query().unwrap_or_default())).await?;
        found.iter().map(|s| Ok(text(s, "id")?.to_owned())).collect()
    }

    /// The people of a segment's target group, once it has followed what was applied.
    async fn follows(&self, id: &str) -> anyhow::Result<BTreeSet<String>> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let truth = self.rich().await?;
        loop {
            let members = self.api().all(&format!("/target-groups/{id}/subscribers")).await?;
            let members: BTreeSet<String> = members.iter().filter_map(|m| m["id"].as_str().map(str::to_owned)).collect();
            if members == truth || tokio::time::Instant::now() > until {
                return Ok(members);
            }
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
    }

    /// A member with a subscriber who is not among the rich.
    async fn somebody_poor(&self) -> anyhow::Result<Member> {
        for member in self.north() {
            let plain = member.email().is_some_and(|a| a.is_ascii() && !a.contains(['+', '&', ' ', '#', '%']));
            if plain && member.tier() == "Bronze" && !self.of_address(member.email().unwrap_or_default()).await?.is_empty() {
                return Ok(member);
            }
        }
        bail!("no member of the lowest tier is a subscriber")
    }
}
