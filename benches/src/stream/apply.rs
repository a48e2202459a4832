//! Events applied: a million that wait, beside the rows themselves as fast as the database takes them; a hundred data syncs beside one; and how
//! long an event takes until it can be seen while others come.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rialto_core::audience::{FieldType, Stored};
use rialto_core::event::Version;
use rialto_engine::Engine;
use rialto_store::audiences::{self, Of, Written};
use rialto_store::{Db, args, streams};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::world::{World, event, fill, unit};
use crate::child::peak_mib;
use crate::load::parts;

pub const HEAD: &str = "| database | events | raw upserts/s | applied/s (ratio) | one data sync s | a hundred s (ratio) | visible p50 ms | p99 ms | at events/s | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|";
const PROFILES: u64 = 200_000;
const MANY: u64 = 200_000;
/// Events a second while it is looked how long one takes, and how many are looked at.
const RATE: u64 = 2_000;
const LOOKED_AT: usize = 300;
/// Longest wait until an event can be seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A line of the table.
pub async fn measure(name: &str, url: &str, events: u64) -> Result<String> {
    let db = Db::open(url).await?;
    let raw = raw(&db, events.min(500_000)).await?;
    let world = World::new(db.clone(), "http", "Waiting", 1).await?;
    fill(&world, events, PROFILES).await?;
    let engine = Engine::new(parts(&db)?, "bench");
    let rate = events as f64 / applied(&engine, &world).await?;
    ensure!(world.rows().await? as u64 == PROFILES.min(events), "rows are missing");
    let peak = peak_mib();
    let one = World::new(db.clone(), "http", "One", 1).await?;
    fill(&one, MANY, MANY).await?;
    let alone = applied(&engine, &one).await?;
    let hundred = World::new(db.clone(), "http", "Hundred", 100).await?;
    fill(&hundred, MANY, MANY).await?;
    let together = applied(&engine, &hundred).await?;
    ensure!(hundred.rows().await? as u64 == MANY, "rows of the hundred are missing");
    let (p50, p99, at) = visible(&engine, &one).await?;
    db.close().await;
    Ok(format!(
        "| {name} | {events} | {raw:.0} | {rate:.0} ({:.2}) | {alone:.1} | {together:.1} ({:.2}) | {p50:.0} | {p99:.0} | {at:.0} | {peak} |",
        rate / raw,
        together / alone
    ))
}

/// Seconds until everything is applied.
async fn applied(engine: &Engine, world: &World) -> Result<f64> {
    let began = Instant::now();
    engine.apply_events().await?;
    let took = began.elapsed().as_secs_f64();
    let behind: Vec<(i64,)> = world
        .db
        .read()
        .all(
            "SELECT COUNT(*) FROM data_sync s JOIN stream_source o ON o.id = s.source_id JOIN stream t ON t.id = o.stream_id
            WHERE t.id = $1 AND s.position < t.next_position",
            args![world.stream],
        )
        .await?;
    ensure!(behind[0].0 == 0, "something was left");
    Ok(took)
}

/// The rows alone, in the same tables, 5,000 a durable commit.
async fn raw(db: &Db, rows: u64) -> Result<f64> {
    let world = World::new(db.clone(), "http", "Raw", 1).await?;
    let source = streams::sources(db.read(), world.stream).await?.remove(0);
    let of = Of { audience_id: world.lists[0], source_id: source.id, sync_id: world.syncs[0], numeric: false };
    use FieldType::{Date, DateTime, Float, Integer, Long, Text};
    let kinds = [Text, Text, Date, Text, Text, Integer, Long, Float, DateTime];
    let columns: Vec<(u32, FieldType)> = (2..).zip(kinds).collect();
    let text = |t: &str| Some(Stored::Text(t.to_owned()));
    let began = Instant::now();
    for first in (0..rows).step_by(5_000) {
        let written: Vec<Written> = (first..first + 5_000)
            .map(|n| {
                let (profile, points) = (n % PROFILES, (n % 100_000) as i64);
                Written {
                    key: Stored::Text(format!("LOY-{profile:07}")),
                    version: Version(n / PROFILES + 1),
                    link: None,
                    values: vec![
                        text("Gold"),
                        text(&format!("member{profile}@mail.example")),
                        text("2024-02-29"),
                        text("en"),
                        text("Tea & Coffee"),
                        Some(Stored::Integer(points)),
                        Some(Stored::Integer(points * 3)),
                        Some(Stored::Float(points as f64 + 0.5)),
                        text("2026-03-02 08:00:00"),
                    ],
                }
            })
            .collect();
        let mut tx = db.write().await?;
        audiences::upsert(&mut tx, &of, &columns, &written).await?;
        tx.commit().await?;
    }
    Ok(rows as f64 / began.elapsed().as_secs_f64())
}

/// Milliseconds from the moment at which an event was due until its row can be read, at a steady rate of others: half and 99 of a hundred.
async fn visible(engine: &Engine, world: &World) -> Result<(f64, f64, f64)> {
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.serve(stop).await }
    });
    let began = Instant::now();
    let mut looked = Vec::new();
    let every = RATE / 20;
    let mut sent = 0;
    for tick in 0..LOOKED_AT as u64 {
        let due = began + Duration::from_millis(50) * u32::try_from(tick)?;
        tokio::time::sleep_until(due).await;
        let version = 1_000_000 + tick;
        let events: Vec<String> = (0..every).map(|n| event(&unit(0), (tick * every + n) % MANY, version)).collect();
        sent += every;
        let mut tx = world.db.write().await?;
        streams::append(&mut tx, world.stream, events.len() as i64, &format!("[{}]", events.join(",")), engine.parts().clock.now()).await?;
        tx.commit().await?;
        engine.parts().wake.ring_streams();
        let (db, list, sync) = (world.db.clone(), world.lists[0], world.syncs[0]);
        let last = format!("LOY-{:07}", (tick * every + every - 1) % MANY);
        looked.push(tokio::spawn(async move {
            let text = format!("SELECT CASE WHEN v{sync} >= $2 THEN 1 ELSE 0 END FROM audience_{list} WHERE f1 = $1");
            while due.elapsed() < PATIENCE {
                let seen: Vec<(i32,)> = db.read().all_built(text.clone(), args![&last, Version(version).stored()]).await?;
                if seen == [(1,)] {
                    return Ok(due.elapsed().as_secs_f64() * 1_000.0);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            bail!("the event of {last} cannot be seen")
        }));
    }
    let rate = sent as f64 / began.elapsed().as_secs_f64();
    let mut took = Vec::new();
    for one in looked {
        took.push(one.await??);
    }
    stop.cancel();
    serving.await?;
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() as f64 * share) as usize).min(took.len() - 1)];
    Ok((at(0.5), at(0.99), rate))
}
