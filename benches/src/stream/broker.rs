//! Events fetched from NATS JetStream and applied, beside the messages pulled and acknowledged by themselves.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use futures::StreamExt;
use rialto_engine::Engine;
use rialto_store::Db;
use rialto_store::streams::feed::{self, FeedEntered};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::world::{World, event, unit};
use crate::child::peak_mib;
use crate::load::{parts, vault};

pub const HEAD: &str = "| database | events | bare pull and acknowledge/s | fetched and kept/s (ratio) | fetched, kept and applied/s (ratio) | peak MiB |\n|---|---|---|---|---|---|";
const STREAM: &str = "RIALTO_BENCH";
const PROFILES: u64 = 200_000;

/// A line of the table.
pub async fn measure(name: &str, url: &str, events: u64) -> Result<String> {
    let address = std::env::var("RIALTO_TEST_NATS").context("RIALTO_TEST_NATS is not set: use `make bench`")?;
    let broker = jetstream::new(async_nats::connect(&address).await?);
    let _ = broker.delete_stream(STREAM).await;
    publish(&broker, events).await?;
    let bare = pull_all(&broker, events).await?;
    let db = Db::open(url).await?;
    let world = World::new(db.clone(), "nats", "Broker", 1).await?;
    let mut tx = db.write().await?;
    let settings = [("address", address.as_str()), ("stream", STREAM)].map(|(k, v)| (k.to_owned(), v.to_owned()));
    feed::create(&mut tx, &vault(), world.stream, &FeedEntered { settings: settings.into(), secrets: Default::default() }).await?;
    tx.commit().await?;
    let engine = Engine::new(parts(&db)?, "bench");
    let (kept, applied) = fetched(&engine, &world, events).await?;
    ensure!(world.rows().await? as u64 == PROFILES.min(events), "rows are missing");
    broker.delete_stream(STREAM).await?;
    db.close().await;
    let (kept, applied) = (events as f64 / kept, events as f64 / applied);
    Ok(format!(
        "| {name} | {events} | {bare:.0} | {kept:.0} ({:.2}) | {applied:.0} ({:.2}) | {} |",
        kept / bare,
        applied / bare,
        peak_mib()
    ))
}

async fn publish(broker: &Context, events: u64) -> Result<()> {
    broker.create_stream(stream::Config { name: STREAM.into(), subjects: vec!["bench.>".into()], ..Default::default() }).await?;
    let mut waiting = Vec::new();
    for n in 0..events {
        waiting.push(broker.publish("bench.north", event(&unit(0), n % PROFILES, n / PROFILES + 1).into()).await?);
        if waiting.len() == 1_000 {
            for one in waiting.drain(..) {
                one.await?;
            }
        }
    }
    for one in waiting {
        one.await?;
    }
    Ok(())
}

/// Messages a second, each acknowledged and thrown away.
async fn pull_all(broker: &Context, events: u64) -> Result<f64> {
    let stream = broker.get_stream(STREAM).await?;
    let config =
        pull::Config { durable_name: Some("bare".into()), ack_policy: AckPolicy::Explicit, max_ack_pending: 20_000, ..Default::default() };
    let consumer = stream.create_consumer(config).await?;
    let began = Instant::now();
    let mut messages = consumer.stream().max_messages_per_batch(64).messages().await?;
    for _ in 0..events {
        let message = messages.next().await.context("the broker ended")??;
        message.ack().await.map_err(|e| anyhow::anyhow!("{e}"))?;
    }
    Ok(events as f64 / began.elapsed().as_secs_f64())
}

/// Seconds until all are kept, and until all are applied.
async fn fetched(engine: &Engine, world: &World, events: u64) -> Result<(f64, f64)> {
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.serve(stop).await }
    });
    let began = Instant::now();
    let mut kept = None;
    let ended = loop {
        let stream = rialto_store::streams::get(world.db.read(), world.stream).await?.context("the connection is there")?;
        let sync = rialto_store::data_syncs::get(world.db.read(), world.syncs[0]).await?.context("the data sync is there")?;
        if stream.next_position as u64 >= events && kept.is_none() {
            kept = Some(began.elapsed().as_secs_f64());
        }
        if sync.position as u64 >= events {
            break began.elapsed().as_secs_f64();
        }
        ensure!(began.elapsed() < Duration::from_secs(1_200), "not applied in twenty minutes: {stream:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    stop.cancel();
    serving.await?;
    Ok((kept.unwrap_or(ended), ended))
}
