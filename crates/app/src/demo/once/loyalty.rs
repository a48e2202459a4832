//! L1 to L6: the profile stream, compared with what the simulated loyalty system says a faithful receiver must hold.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use rialto_sandbox::loyalty::{self, CATALOGUE, Member, Poison, UNITS, Value as Held};
use serde_json::{Value, json};

use super::report::Checks;
use super::world::World;
use crate::demo::api::{Api, text};
use crate::demo::loyalty::{KEY, MEMBERS, PROFILE, UNIT, connection, data_sync, members, profile, target};

/// Members of both business units.
const PEOPLE: u64 = 600;
/// Longest wait until something is taken or applied.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A row by its key: the values of the matched fields, as texts.
type Row = (String, Vec<Option<String>>);

/// The loyalty system, and what is made for it here.
pub struct Programme<'w> {
    world: &'w World,
    pub(super) remote: loyalty::Running,
    stream: String,
    list: String,
    pub(super) extension: String,
    /// The data sync that fills the extension, and all of them.
    enrichment: String,
    all: Vec<String>,
}

impl<'w> Programme<'w> {
    pub async fn begin(world: &'w World) -> anyhow::Result<Self> {
        let remote = loyalty::start(loyalty::Options { people: PEOPLE, ..Default::default() }).await?;
        let empty = String::new;
        Ok(Self { world, remote, stream: empty(), list: empty(), extension: empty(), enrichment: empty(), all: Vec::new() })
    }

    pub(super) fn api(&self) -> &Api {
        &self.world.api
    }

    /// L1.
    pub async fn connection(&mut self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (self.api(), &self.remote.sandbox);
        let made = api.post("/streams", connection()).await?;
        let stream = text(&made, "id")?.to_owned();
        let token = api.post(&format!("/streams/{stream}/token"), json!({})).await?;
        let stranger = Api::new(self.world.base.clone(), "rialto_nobody".into())?;
        let (status, _) = stranger.refused(Method::POST, &format!("/streams/{stream}/events"), Some(json!([]))).await?;
        checks.equal("without its token nothing is taken", status, 401);
        sandbox.set_target(Some(target(text(&token, "address")?.to_owned(), text(&token, "token")?.to_owned())))?;
        sandbox.send_all().await?;
        checks.that("everybody is sent", sandbox.delivered(PATIENCE).await);
        let of = |unit: &str| sandbox.members().iter().filter(|m| m.unit == unit).count() as i64;
        let shown = api.get(&format!("/streams/{stream}")).await?;
        checks.equal("the events of its business unit are kept", shown["position"].as_i64(), Some(of(UNIT)));
        checks.equal("those of others are passed over", shown["passed_over"].as_i64(), Some(of(UNITS[1])));
        checks.equal("and it says whose they were", text(&shown, "passed_source")?, UNITS[1]);
        checks.that("when the last one came", shown["last_event_at"].is_string());
        let rejected = api.get(&format!("/streams/{stream}/rejected")).await?;
        checks.equal("none of this is a fault", rejected["open"].as_i64(), Some(0));
        checks.same("the fields that are shared are offered", &offered(api, &stream).await?, &self.shared_names());
        self.stream = stream;
        Ok(checks)
    }

    /// The shared fields of the catalogue, as a field matching names them.
    fn shared_names(&self) -> BTreeSet<String> {
        let shared = self.remote.sandbox.shared();
        CATALOGUE.iter().filter(|f| shared.contains(&f.name)).map(|f| format!("{}.{}", f.section.name(), f.name)).collect()
    }

    /// L2.
    pub async fn lists(&mut self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let api = self.api();
        let list = api.post("/audience-lists", members()).await?;
        let id = text(&list, "id")?.to_owned();
        let path = format!("/audience-lists/{id}/extensions");
        let extension = api.post(&path, profile()).await?;
        checks.equal("the extension stands beside its list", text(&extension, "extends")?, id.as_str());
        let fields = extension["fields"].as_array().context("no fields")?;
        let asked = profile();
        let types = |of: &[Value]| of.iter().filter_map(|f| f["type"].as_str().map(str::to_owned)).collect::<Vec<_>>();
        checks.equal("fields have the types that were asked for", types(fields), types(asked["fields"].as_array().context("no fields")?));
        let points = fields.iter().find(|f| f["name"] == "Points").context("no points")?;
        checks.equal("an API name defaults from the name", text(points, "api_name")?, "points");
        checks.equal("mailings reach it by the scope", text(points, "reference")?, "LOYALTY.points");
        let (status, said) = api.refused(Method::POST, &path, Some(profile())).await?;
        checks.that("a scope stands once beside a list", status == 409 && said.contains("already"));
        let odd = json!({"name": "Odd", "fields": [{"name": "Day", "type": "date"}]});
        let (status, _) = api.refused(Method::POST, "/audience-lists", Some(odd)).await?;
        checks.that("a day is no unique key", status == 409 || status == 422);
        let usage = api.get(&format!("/audience-lists/{}/usage", text(&extension, "id")?)).await?;
        checks.equal("nothing uses it yet", usage["items"].as_array().map(Vec::len), Some(0));
        self.extension = text(&extension, "id")?.to_owned();
        self.list = id;
        Ok(checks)
    }

    /// L3.
    pub async fn made(&mut self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let api = self.api();
        for (why, pairs, said) in [
            ("without profileAltId it is refused", &PROFILE[1..], "Match profileAltId"),
            (
                "a text does not go into a day",
                &[(KEY, "loyalty_id"), ("attributes.email", "email"), ("attributes.tier", "tier_since")][..],
                "the field is of type date",
            ),
        ] {
            let body = data_sync("Refused", &self.stream, &self.extension, "upsert", pairs);
            let (status, answer) = api.refused(Method::POST, "/data-syncs", Some(body)).await?;
            checks.that(why, status == 422 && answer.contains(said));
        }
        let mut all = Vec::new();
        for (name, destination, mode, pairs) in [
            ("Loyalty profiles", &self.extension, "upsert", &PROFILE[..]),
            ("Loyalty members", &self.list, "upsert", &MEMBERS[..]),
            ("Loyalty leavers", &self.extension, "delete", &[(KEY, "loyalty_id")][..]),
        ] {
            let made = api.post("/data-syncs", data_sync(name, &self.stream, destination, mode, pairs)).await?;
            checks.equal("it is made disabled", text(&made, "state")?, "disabled");
            all.push(text(&made, "id")?.to_owned());
        }
        let labels = api.get("/labels").await?;
        checks.that("with a label that was typed", labels["items"].as_array().is_some_and(|l| l.iter().any(|l| l["name"] == "loyalty")));
        let usage = api.get(&format!("/audience-lists/{}/usage", self.extension)).await?;
        checks.equal("the extension names what depends on it", usage["items"].as_array().map(Vec::len), Some(2));
        let preview = api.get(&format!("/data-syncs/{}/preview", all[0])).await?;
        checks.equal("a preview looks at the next hundred events", preview["events"].as_i64(), Some(100));
        let rows = preview["rows"].as_array().context("no rows")?;
        checks.that("and shows what each would change", rows.len() == 100 && rows.iter().all(|r| r["change"] == "new"));
        checks.equal("without writing anything", self.rows().await?.len(), 0);
        self.enrichment = all[0].clone();
        self.all = all;
        Ok(checks)
    }

    /// L4.
    pub async fn applied(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (self.api(), &self.remote.sandbox);
        for id in &self.all {
            api.post(&format!("/data-syncs/{id}/enable"), json!({})).await?;
        }
        self.caught_up().await?;
        checks.same("every member of the business unit has a row", &self.rows().await?, &self.truth(&PROFILE));

        let someone = self.somebody().await?;
        let richer = sandbox.earn(&someone.id, 25_000)?;
        let begun = tokio::time::Instant::now();
        while self.row(&someone.id).await?.and_then(|r| r["points"].as_str().map(str::to_owned)) != Some(richer.points().to_string()) {
            if begun.elapsed() > PATIENCE {
                bail!("the points of {} did not arrive within {} s", someone.id, PATIENCE.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        checks.figure("points_visible_after_ms", i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let row = self.row(&someone.id).await?.context("the row is gone")?;
        checks.equal("points that were earned arrive, and the tier they reach", text(&row, "tier")?, "Platinum");

        let address = someone.email().context("no address")?;
        let known = api.all(&format!("/subscribers?email={address}")).await?.len();
        sandbox.delete_member(&someone.id)?;
        self.caught_up().await?;
        checks.that("a member who leaves loses the extension's row", self.row(&someone.id).await?.is_none());
        let after = api.all(&format!("/subscribers?email={address}")).await?.len();
        checks.that("and stays a subscriber", known > 0 && known == after);

        self.disturb()?;
        checks.that("all of it is taken or refused", sandbox.delivered(PATIENCE).await);
        self.caught_up().await?;
        checks.same("twos, threes, wrong order, bursts and poison leave what must be", &self.rows().await?, &self.truth(&PROFILE));
        let rejected = api.get(&format!("/data-syncs/{}/rejected", self.enrichment)).await?;
        let named = rejected["items"].as_array().into_iter().flatten();
        let named: BTreeSet<&str> = named.filter_map(|r| r["field"].as_str()).collect();
        checks.that("a value that does not fit is told by its field", named.contains("Points"));
        let refused = api.get(&format!("/streams/{}/rejected", self.stream)).await?;
        checks.that("an event that is none is kept with its reason", refused["open"].as_i64() > Some(0));
        Ok(checks)
    }

    /// Everything that can go wrong on the way, some of it to members of the other unit.
    fn disturb(&self) -> anyhow::Result<()> {
        let (sandbox, mut north) = (&self.remote.sandbox, self.north().into_iter().map(|m| m.id));
        let mut next = || north.next().context("too few members");
        sandbox.duplicate(Some(&next()?), 2)?;
        sandbox.duplicate(Some(&next()?), 3)?;
        sandbox.reorder(Some(&next()?))?;
        sandbox.skip(Some(&next()?))?;
        sandbox.burst(200)?;
        for (poison, ..) in Poison::ALL {
            sandbox.poison(Some(&next()?), poison)?;
        }
        Ok(())
    }

    /// L5.
    pub async fn edited(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (self.api(), &self.remote.sandbox);
        let path = format!("/data-syncs/{}", self.enrichment);
        let mut body = data_sync("Loyalty profiles", &self.stream, &self.extension, "upsert", &PROFILE);
        body["description"] = json!("Edited while it was disabled.");
        for (method, body) in [(Method::PUT, Some(body.clone())), (Method::DELETE, None)] {
            checks.equal("while it is enabled it is neither changed nor deleted", api.refused(method, &path, body).await?.0, 409);
        }
        api.post(&format!("{path}/disable"), json!({})).await?;
        let before = self.rows().await?;
        sandbox.burst(100)?;
        checks.that("events come meanwhile", sandbox.delivered(PATIENCE).await);
        api.put(&path, body).await?;
        let shown = api.get(&path).await?;
        checks.that("they wait for it", shown["behind"].as_i64() > Some(0));
        checks.same("and change nothing", &self.rows().await?, &before);
        checks.equal("it is changed while disabled", text(&shown, "description")?, "Edited while it was disabled.");
        api.post(&format!("{path}/enable"), json!({})).await?;
        self.caught_up().await?;
        checks.same("enabled again, it catches up", &self.rows().await?, &self.truth(&PROFILE));
        let history = api.get(&format!("{path}/history?limit=200")).await?;
        let minutes = history["items"].as_array().context("no history")?;
        let sum = |name: &str| minutes.iter().filter_map(|m| m[name].as_i64()).sum::<i64>();
        let parts = ["applied", "older", "duplicates", "other", "rejected"].map(sum);
        checks.equal("the books of its history balance", parts.iter().sum::<i64>(), sum("read"));
        checks.that("with twos and late ones in them", sum("duplicates") >= 3 && sum("older") >= 1 && sum("values_rejected") >= 1);
        let open = api.get(&format!("{path}/rejected")).await?["open"].as_i64();
        let dismissed = api.post(&format!("{path}/dismiss"), json!({})).await?;
        checks.equal("what was rejected is put aside by a person", dismissed["dismissed"].as_i64(), open);
        Ok(checks)
    }

    /// L6.
    pub async fn shared(&self) -> anyhow::Result<Checks> {
        let mut checks = Checks::default();
        let (api, sandbox) = (self.api(), &self.remote.sandbox);
        let someone = self.somebody().await?.id;
        let published = sandbox.published().len();
        sandbox.set(&someone, "homeStore", json!("Harbour Street"))?;
        checks.equal("a value that is not shared publishes nothing", sandbox.published().len(), published);
        let mut fields = sandbox.shared();
        fields.push("homeStore");
        sandbox.share(&fields)?;
        sandbox.send_all().await?;
        checks.that("one more is shared, and everybody sent", sandbox.delivered(PATIENCE).await);
        checks.that("then it is offered", offered(api, &self.stream).await?.contains("attributes.homeStore"));
        let path = format!("/data-syncs/{}", self.enrichment);
        api.post(&format!("{path}/disable"), json!({})).await?;
        let pairs: Vec<_> = PROFILE.into_iter().chain([("attributes.homeStore", "home_store")]).collect();
        api.put(&path, data_sync("Loyalty profiles", &self.stream, &self.extension, "upsert", &pairs)).await?;
        api.post(&format!("{path}/enable"), json!({})).await?;
        sandbox.set(&someone, "homeStore", json!("Mill Lane"))?;
        checks.that("its next change is sent", sandbox.delivered(PATIENCE).await);
        self.caught_up().await?;
        let store = |row: Option<Value>| row.map(|r| r["home_store"].clone());
        checks.equal("matched, it arrives", store(self.row(&someone).await?), Some(json!("Mill Lane")));
        checks.same("and so does what had come before it was matched", &self.rows_of(&pairs).await?, &self.truth(&pairs));
        fields.retain(|f| *f != "points");
        sandbox.share(&fields)?;
        let before = self.row(&someone).await?.map(|r| r["points"].clone());
        sandbox.earn(&someone, 10)?;
        checks.that("points are shared no longer", sandbox.delivered(PATIENCE).await);
        self.caught_up().await?;
        checks.equal("what is not told stays as it was", self.row(&someone).await?.map(|r| r["points"].clone()), before);

        fields.push("points");
        sandbox.share(&fields)?;
        Ok(checks)
    }

    /// Members of the business unit that is read, whom nothing was done to.
    pub(super) fn north(&self) -> Vec<Member> {
        self.remote.sandbox.members().into_iter().filter(|m| m.unit == UNIT).collect()
    }

    /// A member whose address a subscriber has.
    async fn somebody(&self) -> anyhow::Result<Member> {
        for member in self.north().into_iter().rev() {
            let Some(address) = member.email().filter(|a| a.is_ascii() && !a.contains(['+', '&', ' ', '#', '%'])) else { continue };
            if !self.api().all(&format!("/subscribers?email={address}")).await?.is_empty() {
                return Ok(member);
            }
        }
        bail!("no member is a subscriber")
    }

    /// Waits until every data sync that is enabled has read all that came.
    pub(super) async fn caught_up(&self) -> anyhow::Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        for id in &self.all {
            loop {
                let sync = self.api().get(&format!("/data-syncs/{id}")).await?;
                if self.remote.sandbox.stream().waiting == 0 && (sync["behind"] == 0 || sync["state"] != "enabled") {
                    break;
                }
                if tokio::time::Instant::now() > until {
                    bail!("{} is {} events behind: {}", text(&sync, "name")?, sync["behind"], text(&sync, "trouble")?);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    async fn row(&self, key: &str) -> anyhow::Result<Option<Value>> {
        let found = self.api().get(&format!("/audience-lists/{}/rows?q={key}", self.extension)).await?;
        Ok(found["items"].as_array().and_then(|i| i.first()).map(|row| row["values"].clone()))
    }

    async fn rows(&self) -> anyhow::Result<BTreeSet<Row>> {
        self.rows_of(&PROFILE).await
    }

    /// The extension's rows: the values of the matched fields, as texts.
    async fn rows_of(&self, pairs: &[(&str, &str)]) -> anyhow::Result<BTreeSet<Row>> {
        let mut rows = BTreeSet::new();
        for row in self.api().all(&format!("/audience-lists/{}/rows", self.extension)).await? {
            let values = pairs.iter().map(|(_, to)| row["values"][to].as_str().map(str::to_owned)).collect();
            rows.insert((text(&row, "key")?.to_owned(), values));
        }
        Ok(rows)
    }

    /// The same as the loyalty system says it must be.
    fn truth(&self, pairs: &[(&str, &str)]) -> BTreeSet<Row> {
        let mut rows = BTreeSet::new();
        for (id, expected) in self.remote.sandbox.expected(UNIT).into_iter().filter(|(_, e)| !e.deleted) {
            let value = |from: &str| match from.split_once('.') {
                None => Some(id.clone()),
                Some((_, name)) => expected.fields.get(name).and_then(shown),
            };
            let values = pairs.iter().map(|(from, _)| value(from)).collect();
            rows.insert((id, values));
        }
        rows
    }
}

/// A value as the API shows it.
fn shown(value: &Held) -> Option<String> {
    match value {
        Held::Null => None,
        Held::Datetime(_) => Some(value.shown().replace('T', " ").trim_end_matches('Z').to_owned()),
        Held::Boolean(yes) => Some(yes.to_string()),
        _ => Some(value.shown()),
    }
}

/// The fields that a field matching is offered.
async fn offered(api: &Api, stream: &str) -> anyhow::Result<BTreeSet<String>> {
    let fields = api.get(&format!("/streams/{stream}/fields")).await?;
    let names = fields["items"].as_array().into_iter().flatten().filter_map(|f| f["name"].as_str().map(str::to_owned));
    Ok(names.filter(|n| n != KEY).collect())
}
