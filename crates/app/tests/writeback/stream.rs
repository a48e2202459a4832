//! kill -9 while profile events come, over the HTTP inbox and from a real NATS JetStream server, again and again: what was acknowledged is
//! kept, each event counts once, and the rows are what the loyalty system says (I3, I17, I19).

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use rialto_sandbox::loyalty::{self, Load, Poison, Sandbox, Target};
use rialto_testkit::TestDb;
use serde_json::{Value, json};

use crate::dice::{self, Dice};
use crate::house::{House, Life, Plan};

const UNIT: &str = "/loyalty/north";
/// The stream of the broker, and all subjects that the loyalty system publishes to.
const STREAM: &str = "RIALTO_KILLED";
const PATIENCE: Duration = Duration::from_secs(120);

fn rounds() -> u64 {
    std::env::var("RIALTO_TEST_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn nats() -> String {
    std::env::var("RIALTO_TEST_NATS").expect("RIALTO_TEST_NATS: the address of a NATS server with JetStream; scripts/test.sh starts one")
}

/// Which way events come.
pub enum Way {
    Inbox,
    /// By the broker at this address.
    Broker(String),
}

/// What events go through.
pub struct Programme {
    pub sandbox: Sandbox,
    /// Id of the connection.
    pub stream: String,
    /// Where the loyalty system publishes: with the inbox's token, or to a broker.
    way: Result<String, String>,
    extension: String,
    syncs: Vec<String>,
}

async fn made(house: &House, life: &Life, path: &str, body: Value) -> Value {
    let (status, answer) = house.api(life, Method::POST, path, Some(body)).await.unwrap();
    assert!(status < 300, "{}: {path}: {answer}", house.name);
    answer
}

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_owned()
}

impl Programme {
    pub async fn begin(house: &House, life: &Life, way: &Way) -> Self {
        let mut connection = json!({"name": "Loyalty", "sources": [UNIT]});
        if let Way::Broker(address) = way {
            connection["kind"] = json!("nats");
            connection["settings"] = json!({"address": address, "stream": STREAM});
        }
        let stream = id(&made(house, life, "/streams", connection).await);
        let way = match way {
            Way::Inbox => Ok(made(house, life, &format!("/streams/{stream}/token"), json!({})).await["token"].as_str().unwrap().to_owned()),
            Way::Broker(address) => Err(address.clone()),
        };
        let key = json!({"name": "Loyalty id", "type": "text", "length": 40});
        let list = id(&made(house, life, "/audience-lists", json!({"name": "Members", "fields": [key]})).await);
        let fields = json!([key, {"name": "Tier", "type": "text", "length": 20}, {"name": "Points", "type": "integer"}]);
        let wanted = json!({"name": "Loyalty", "scope": "LOYALTY", "fields": fields});
        let extension = id(&made(house, life, &format!("/audience-lists/{list}/extensions"), wanted).await);
        let mut syncs = Vec::new();
        for mode in ["upsert", "delete"] {
            let mut mapping = vec![json!({"from": "profileAltId", "to": "loyalty_id"})];
            if mode == "upsert" {
                mapping.extend([json!({"from": "attributes.tier", "to": "tier"}), json!({"from": "metrics.points", "to": "points"})]);
            }
            let body = json!({"name": mode, "stream": stream, "destination": extension, "mode": mode, "mapping": mapping});
            let sync = id(&made(house, life, "/data-syncs", body).await);
            made(house, life, &format!("/data-syncs/{sync}/enable"), json!({})).await;
            syncs.push(sync);
        }
        let sandbox = Sandbox::new(loyalty::Options { people: 300, ..Default::default() });
        Self { sandbox, stream, way, extension, syncs }
    }

    /// Has the loyalty system publish to where Rialto is now.
    pub fn aim(&self, life: &Life) {
        let target = match &self.way {
            Ok(token) => {
                let address = life.url(&format!("/api/v1/streams/{}/events", self.stream));
                Target::Http { address, token: token.clone(), batch: 50 }
            }
            Err(address) => Target::Nats { address: address.clone(), token: String::new(), stream: Some(STREAM.into()), batch: 50 },
        };
        self.sandbox.set_target(Some(target)).unwrap();
    }

    /// Things that happen to members, and go wrong on the way.
    fn stir(&self, dice: &mut Dice) {
        let sandbox = &self.sandbox;
        let load = Load { per_second: 800 + dice.below(1_500) as u32, seconds: 1, batch: 1 + dice.below(100) as usize };
        // One that still goes on is enough.
        let _ = sandbox.start_load(load);
        let odd = *dice.pick(&[Poison::WrongType, Poison::NoSubject, Poison::UnknownKey]);
        sandbox.poison(None, odd).unwrap();
        sandbox.duplicate(None, 3).unwrap();
        sandbox.reorder(None).unwrap();
        let gone = format!("LOY-{:06}", 1 + dice.below(300));
        if sandbox.member(&gone).is_some() {
            sandbox.delete_member(&gone).unwrap();
        }
    }

    /// Waits until everything that was published is applied; answers how many events were kept.
    pub async fn settled(&self, house: &House, life: &Life) -> i64 {
        assert!(self.sandbox.delivered(PATIENCE).await, "{}: {:?}", house.name, self.sandbox.stream());
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let (_, stream) = house.api(life, Method::GET, &format!("/streams/{}", self.stream), None).await.unwrap();
            let mut open = stream["feed"]["waiting"].as_i64().unwrap_or(0);
            for sync in &self.syncs {
                let (_, sync) = house.api(life, Method::GET, &format!("/data-syncs/{sync}"), None).await.unwrap();
                open += sync["behind"].as_i64().unwrap_or(1);
            }
            if open == 0 && self.rows(house, life).await == self.truth() {
                return stream["position"].as_i64().unwrap();
            }
            let (rows, truth) = (self.rows(house, life).await, self.truth());
            let differing: Vec<_> = truth.iter().filter(|(key, value)| rows.get(*key) != Some(value)).take(3).collect();
            assert!(
                tokio::time::Instant::now() < until,
                "{}: {open} open, {} rows of {}, differing {differing:?}: {stream}: {}",
                house.name,
                rows.len(),
                truth.len(),
                house.last_lines()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn rows(&self, house: &House, life: &Life) -> BTreeMap<String, (Value, Value)> {
        let mut rows = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/audience-lists/{}/rows?limit=200{cursor}", self.extension);
            let (_, page) = house.api(life, Method::GET, &path, None).await.unwrap();
            for row in page["items"].as_array().unwrap() {
                let values = &row["values"];
                rows.insert(row["key"].as_str().unwrap().to_owned(), (values["tier"].clone(), values["points"].clone()));
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    fn truth(&self) -> BTreeMap<String, (Value, Value)> {
        let value = |held: Option<&loyalty::Value>| held.map_or(Value::Null, |v| json!(v.shown()));
        let expected = self.sandbox.expected(UNIT).into_iter().filter(|(_, e)| !e.deleted);
        expected.map(|(id, e)| (id, (value(e.fields.get("tier")), value(e.fields.get("points"))))).collect()
    }

    /// Every event of the log is in the books of every data sync once.
    pub async fn books_hold(&self, house: &House, life: &Life, kept: i64) {
        for sync in &self.syncs {
            let (_, history) = house.api(life, Method::GET, &format!("/data-syncs/{sync}/history?limit=200"), None).await.unwrap();
            let minutes = history["items"].as_array().unwrap();
            let sum = |name: &str| minutes.iter().filter_map(|m| m[name].as_i64()).sum::<i64>();
            assert_eq!(sum("read"), kept, "{}: {sync}", house.name);
        }
    }
}

async fn killed_again_and_again(test: TestDb, way: Way, seed: u64) {
    println!("{}: RIALTO_TEST_SEED={}", test.name, dice::seed());
    let mut dice = Dice::new(seed);
    let house = House::on(test, &Plan { people: 100, lease: 3, concurrency: 2 }).await;
    let mut life = house.serve().await;
    let programme = Programme::begin(&house, &life, &way).await;
    programme.aim(&life);
    for round in 1..=rounds() {
        programme.stir(&mut dice);
        tokio::time::sleep(Duration::from_millis(20 + dice.below(600))).await;
        life.kill();
        life = house.begin();
        programme.aim(&life);
        if round % 10 == 0 {
            life = house.ready(life).await;
            programme.settled(&house, &life).await;
        }
    }
    life = house.ready(life).await;
    let kept = programme.settled(&house, &life).await;
    programme.books_hold(&house, &life, kept).await;
    assert!(programme.rows(&house, &life).await.len() > 50, "{}: hardly anything came", house.name);
    println!("{}: {} events kept over {} rounds", house.name, kept, rounds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_sent_to_the_inbox_outlive_the_process_that_took_them() {
    for (n, test) in (1..).zip(rialto_testkit::both().await) {
        killed_again_and_again(test, Way::Inbox, dice::seed() ^ n).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_fetched_from_a_broker_outlive_the_process_that_fetched_them() {
    let client = async_nats::connect(nats()).await.expect("the NATS server answers");
    let broker = async_nats::jetstream::new(client);
    for (n, test) in (1..).zip(rialto_testkit::both().await) {
        // Left by a run that was broken off, or by the database before.
        let _ = broker.delete_stream(STREAM).await;
        killed_again_and_again(test, Way::Broker(nats()), dice::seed() ^ n).await;
    }
    broker.delete_stream(STREAM).await.unwrap();
}
