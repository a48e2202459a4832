//! Events fetched from a real NATS JetStream server (`RIALTO_TEST_NATS`), each test on SQLite and on PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use rialto_core::data_sync::Mode;
use rialto_store::streams::feed::{self, FeedEntered};
use rialto_store::streams::{self, Entered};
use rialto_testkit::{actor, vault};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{PAIRS, World, upsert, worlds};

const PATIENCE: Duration = Duration::from_secs(40);

/// A stream of the broker's own for one world, and the connection that reads it.
struct Broker {
    context: Context,
    stream: String,
    connection: i64,
}

fn address() -> String {
    std::env::var("RIALTO_TEST_NATS").expect("RIALTO_TEST_NATS: the address of a NATS server with JetStream; scripts/test.sh starts one")
}

impl Broker {
    async fn new(world: &World) -> Self {
        let client = async_nats::connect(address()).await.expect("the NATS server answers");
        let unique = format!("{}_{}", world.name, client.new_inbox().replace('.', "_"));
        let this = Self { context: jetstream::new(client), connection: connection(world, &unique, &address()).await, stream: unique };
        this.make().await;
        this
    }

    async fn make(&self) {
        let config = jetstream::stream::Config {
            name: self.stream.clone(),
            subjects: vec![format!("{}.>", self.stream)],
            storage: jetstream::stream::StorageType::Memory,
            ..Default::default()
        };
        self.context.create_stream(config).await.unwrap();
    }

    async fn publish(&self, events: impl IntoIterator<Item = Value>) {
        for event in events {
            self.put("north", event.to_string().into_bytes()).await;
        }
    }

    async fn put(&self, subject: &str, body: Vec<u8>) {
        self.context.publish(format!("{}.{subject}", self.stream), body.into()).await.unwrap().await.unwrap();
    }

    /// Messages that were handed out and not acknowledged, or not handed out.
    async fn open(&self) -> u64 {
        let stream = self.context.get_stream(&self.stream).await.unwrap();
        let mut open = 0;
        let mut names = std::pin::pin!(stream.consumer_names());
        while let Some(Ok(name)) = futures::StreamExt::next(&mut names).await {
            let info = stream.consumer_info(&name).await.unwrap();
            open += info.num_pending + info.num_ack_pending as u64;
        }
        open
    }

    async fn gone(&self) {
        self.context.delete_stream(&self.stream).await.unwrap();
    }
}

fn entered(stream: &str, address: &str) -> FeedEntered {
    let settings = [("address", address), ("stream", stream)].map(|(k, v)| (k.to_owned(), v.to_owned()));
    FeedEntered { settings: settings.into(), secrets: BTreeMap::new() }
}

async fn connection(world: &World, stream: &str, address: &str) -> i64 {
    let mut tx = world.db.write().await.unwrap();
    let named = Entered { name: "Broker".into(), enabled: true, sources: vec!["/loyalty/north".into()] };
    let id = streams::create(&mut tx, "nats", &named, &actor()).await.unwrap();
    feed::create(&mut tx, &vault(), id, &entered(stream, address)).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Reads brokers until `done`.
async fn fetching(world: &World, done: impl AsyncFn() -> bool) {
    let stop = CancellationToken::new();
    let task = tokio::spawn({
        let (engine, stop) = (world.engine.clone(), stop.clone());
        async move { engine.fetch_events(stop).await }
    });
    let reached = tokio::time::timeout(PATIENCE, async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    stop.cancel();
    task.await.unwrap();
    if reached.is_err() {
        panic!("{}: not reached in time: {:?}", world.name, streams::list(world.db.read()).await.unwrap());
    }
}

async fn stream(world: &World, id: i64) -> streams::Stream {
    streams::get(world.db.read(), id).await.unwrap().unwrap()
}

#[tokio::test]
async fn events_are_kept_before_they_are_acknowledged_and_bad_ones_hold_nothing_up() {
    for world in worlds().await {
        let broker = Broker::new(&world).await;
        let mut south = upsert("LOY-9", 1, 9);
        south["source"] = json!("/loyalty/south");
        broker.publish([upsert("LOY-1", 1, 1), south]).await;
        broker.put("odd", b"{\"specversion\":".to_vec()).await;
        broker.put("odd", vec![0xff, 0xfe]).await;
        broker.put("odd", vec![b'x'; 200_000]).await;
        broker.publish([upsert("LOY-2", 1, 2)]).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 2 && broker.open().await == 0).await;
        let shown = stream(&world, broker.connection).await;
        assert_eq!((shown.trouble.as_str(), shown.passed_over, shown.passed_source.as_str()), ("", 1, "/loyalty/south"), "{}", world.name);
        let (refused, open) = streams::of_stream(world.db.read(), broker.connection, i64::MAX, 10).await.unwrap();
        assert_eq!(open, 3, "{}: {refused:?}", world.name);
        assert!(refused.iter().any(|r| r.reason.contains("UTF-8")));
        let row = feed::get(world.db.read(), broker.connection).await.unwrap().unwrap();
        assert_eq!((row.taken, row.worker.as_str()), (6, ""), "{}: given back at the end", world.name);
        let warnings = row.warnings().join(" ");
        assert!(warnings.contains("kept in memory") && warnings.contains("sync_interval: always"), "{warnings}");
        // Nothing comes twice once it is acknowledged.
        broker.publish([upsert("LOY-3", 1, 3)]).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 3).await;
        broker.gone().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_between_commit_and_acknowledgement_loses_nothing() {
    for world in worlds().await {
        let broker = Broker::new(&world).await;
        let north = streams::sources(world.db.read(), broker.connection).await.unwrap().remove(0);
        let up = world.data_sync_of(north.id, "Up", world.extension, Mode::Upsert, &PAIRS).await;
        world.switch(up, true).await.unwrap();
        for round in 0..12u64 {
            broker.publish((0..40).map(|n| upsert(&format!("LOY-{n}"), round + 1, (round * 40 + n) as i64))).await;
            let task = tokio::spawn({
                let engine = world.engine.clone();
                async move { engine.fetch_events(CancellationToken::new()).await }
            });
            tokio::time::sleep(Duration::from_millis(3 + 11 * round)).await;
            // No goodbye: the lease stays, and so does what was handed out.
            task.abort();
            let _ = task.await;
        }
        fetching(&world, async || broker.open().await == 0).await;
        world.apply().await;
        let rows: BTreeSet<_> = world.rows(world.extension).await.into_iter().map(|r| (r[0].clone(), r[2].clone())).collect();
        let newest: BTreeSet<_> = (0..40).map(|n| (format!("LOY-{n}"), (11 * 40 + n).to_string())).collect();
        assert_eq!(rows, newest, "{}", world.name);
        broker.gone().await;
    }
}

#[tokio::test]
async fn what_the_broker_threw_away_is_told_as_a_gap() {
    for world in worlds().await {
        let broker = Broker::new(&world).await;
        broker.publish([upsert("LOY-1", 1, 1), upsert("LOY-2", 1, 2)]).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 2 && broker.open().await == 0).await;
        broker.publish((3..8).map(|n| upsert(&format!("LOY-{n}"), 1, n))).await;
        broker.context.get_stream(&broker.stream).await.unwrap().purge().await.unwrap();
        broker.publish([upsert("LOY-8", 1, 8)]).await;
        world.later(60);
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 3).await;
        let alarms = streams::alarms(world.db.read(), broker.connection).await.unwrap();
        assert_eq!(alarms.len(), 1, "{}: {alarms:?}", world.name);
        assert!(alarms[0].kind == "gap" && alarms[0].detail.contains("up to 5 messages (its numbers 3 to 7)"), "{}", alarms[0].detail);
        // The stream is made anew, and its numbers with it.
        broker.gone().await;
        broker.make().await;
        broker.publish([upsert("LOY-1", 2, 10)]).await;
        world.later(60);
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 4).await;
        let alarms = streams::alarms(world.db.read(), broker.connection).await.unwrap();
        assert!(alarms.len() == 2 && alarms.iter().any(|a| a.detail.contains("begins anew")), "{}: {alarms:?}", world.name);
        broker.gone().await;
    }
}

#[tokio::test]
async fn a_broker_that_is_away_is_told_and_read_when_it_is_back() {
    for world in worlds().await {
        let broker = Broker::new(&world).await;
        broker.publish([upsert("LOY-1", 1, 1)]).await;
        let save = async |address: &str, name: &str| {
            let mut tx = world.db.write().await.unwrap();
            feed::update(&mut tx, &vault(), broker.connection, &entered(name, address)).await.unwrap();
            tx.commit().await.unwrap();
        };
        let says = async |words: &str| stream(&world, broker.connection).await.trouble.contains(words);
        // A port that nobody listens to, an address that may not be reached, and a stream that is not there.
        save("nats://127.0.0.1:9", &broker.stream).await;
        fetching(&world, async || says("could not be reached").await).await;
        save("nats://10.1.2.3:4222", &broker.stream).await;
        fetching(&world, async || says("does not connect to").await).await;
        save(&address(), "NOWHERE").await;
        fetching(&world, async || says("has no stream NOWHERE").await).await;
        save(&address(), &broker.stream).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 1 && says("").await).await;
        assert_eq!(stream(&world, broker.connection).await.trouble, "", "{}", world.name);
        broker.gone().await;
    }
}

#[tokio::test]
async fn of_two_processes_one_reads() {
    for world in worlds().await {
        let broker = Broker::new(&world).await;
        let second = rialto_engine::Engine::new(world.engine.parts().clone(), "second");
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { second.fetch_events(stop).await }
        });
        let held = async |by: &str| feed::get(world.db.read(), broker.connection).await.unwrap().unwrap().worker.contains(by);
        tokio::time::timeout(PATIENCE, async {
            while !held("second").await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .unwrap();
        broker.publish((0..50).map(|n| upsert(&format!("LOY-{n}"), 1, n))).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 50 && broker.open().await == 0).await;
        assert!(held("second").await, "{}: the first asked in vain", world.name);
        stop.cancel();
        task.await.unwrap();
        // Once it is given back, the other one goes on.
        broker.publish([upsert("LOY-1", 2, 51)]).await;
        fetching(&world, async || stream(&world, broker.connection).await.next_position == 51).await;
        broker.gone().await;
    }
}
