//! Events sent to the HTTP inbox: each request is answered after its durable commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rialto_core::{Instant as At, Kind, PublicId};
use rialto_store::{Db, streams};
use rialto_web::auth::secret_hash;
use tokio::time::Instant;

use super::world::{World, event, unit};
use crate::load::{actor, clock, vault};
use crate::pages::{Site, serve};
use crate::raw;

pub const HEAD: &str = "| database | batch | senders | seconds | events/s | requests/s | p50 ms | p99 ms | raw commits of one row/s |\n|---|---|---|---|---|---|---|---|---|";
const TOKEN: &str = "rialto_bench";

/// Two lines of the table.
pub async fn measure(name: &str, url: &str, seconds: u64) -> Result<String> {
    let db = Db::open(url).await?;
    let raw = raw::commits(&db).await?;
    let world = World::new(db.clone(), "http", "Inbox", 1).await?;
    let mut tx = db.write().await?;
    streams::set_token(&mut tx, world.stream, &secret_hash(TOKEN), &actor()).await?;
    tx.commit().await?;
    let stream = streams::get(db.read(), world.stream).await?.context("the connection is there")?;
    let Site { origin, server, .. } = serve(&db, vault(), clock()).await?;
    let address = format!("{origin}/api/v1/streams/{}/events", PublicId::new(Kind::Stream, At(stream.created_at), stream.id));
    let small = send(&address, 5, 64, seconds).await?;
    let large = send(&address, 500, 8, seconds.min(20)).await?;
    let kept = streams::get(db.read(), world.stream).await?.context("the connection is there")?.next_position;
    ensure!(kept as u64 >= small.events + large.events, "an acknowledged event is missing");
    server.abort();
    db.close().await;
    Ok(format!("{}\n{}", small.line(name, raw), large.line(name, raw)))
}

struct Sent {
    batch: usize,
    senders: usize,
    seconds: f64,
    events: u64,
    /// Milliseconds of each request, sorted.
    took: Vec<f64>,
}

impl Sent {
    fn line(&self, name: &str, raw: f64) -> String {
        let at =
            |share: f64| self.took.get(((self.took.len() as f64 * share) as usize).min(self.took.len() - 1)).copied().unwrap_or_default();
        format!(
            "| {name} | {} | {} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {raw:.0} |",
            self.batch,
            self.senders,
            self.seconds,
            self.events as f64 / self.seconds,
            self.took.len() as f64 / self.seconds,
            at(0.5),
            at(0.99)
        )
    }
}

/// Sends batches, each sender one after another, as fast as they are answered.
async fn send(address: &str, batch: usize, senders: usize, seconds: u64) -> Result<Sent> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(senders).build()?;
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let ends = began + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for _ in 0..senders {
        let (client, next, address) = (client.clone(), next.clone(), address.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < ends {
                let first = next.fetch_add(batch as u64, Ordering::Relaxed);
                let events: Vec<String> = (first..first + batch as u64).map(|n| event(&unit(0), n % 200_000, n / 200_000 + 1)).collect();
                let request = client.post(&address).bearer_auth(TOKEN).header("content-type", "application/cloudevents-batch+json");
                let asked = Instant::now();
                let answer = request.body(format!("[{}]", events.join(","))).send().await?;
                ensure!(answer.status().as_u16() == 202, "the inbox answered {}", answer.status());
                took.push(asked.elapsed().as_secs_f64() * 1_000.0);
            }
            Ok(took)
        }));
    }
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    took.sort_by(f64::total_cmp);
    Ok(Sent { batch, senders, seconds: began.elapsed().as_secs_f64(), events: (took.len() * batch) as u64, took })
}
