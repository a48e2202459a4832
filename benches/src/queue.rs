//! `scripts/bench.sh --writebacks`: the queue of writebacks on one database: put in with their cause, claimed and recorded, beside the raw
//! rate of single durable commits of the same run.

use std::fmt::Write;

use anyhow::{Result, ensure};
use rialto_core::Instant as At;
use rialto_core::consent::{Cause, Flag, Lifter};
use rialto_store::consent::{self, Act, Grounds, Step};
use rialto_store::people::{Bound, insert_rows};
use rialto_store::writebacks::{self, Answer, Outcome};
use rialto_store::{Actor, Db, args};
use tokio::time::Instant;

use crate::child::peak_mib;
use crate::load::{actor, add_bridge, vault};

pub const PEOPLE: i64 = 100_000;
/// Acts a transaction in bulk, and writebacks a claim.
pub const BATCH: usize = 500;
const SINGLE: i64 = 2_000;
pub const GROUNDS: Grounds<'static> = Grounds { source: "bench", reason: "Too much mail", evidence: "" };

/// The figures of one database, a line of the table.
pub async fn measure(name: &str, url: &str) -> Result<String> {
    let db = Db::open(url).await?;
    let (bridge, _) = add_bridge(&db, "http://127.0.0.1:9").await?;
    people(&db, bridge).await?;
    let who = actor();
    let raw = raw_commits(&db).await?;
    let single = one_by_one(&db, &who).await?;
    let bulk = in_bulk(&db, &who).await?;
    let instant = claim_and_record(&db, bridge).await?;
    let mut line = String::new();
    write!(line, "| {name} | {raw:.0} | {single:.0} ({:.2}) | {bulk:.0} | {instant:.0} | {} MiB |", single / raw, peak_mib())?;
    db.close().await;
    Ok(line)
}

pub const HEAD: &str = "| database | raw commits/s | acts one by one/s (ratio) | acts in bulk/s | claim and record/s | peak memory |\n|---|---|---|---|---|---|";

pub async fn people(db: &Db, bridge: i64) -> Result<()> {
    let columns = rialto_store::people::COLUMNS.map(str::to_owned);
    let names: Vec<(String, String)> = (1..=PEOPLE).map(|n| (format!("{n:012}-0"), format!("person{n}@mail.example"))).collect();
    let mut tx = db.write().await?;
    for (chunk, some) in names.chunks(10_000).enumerate() {
        let mut cells = Vec::with_capacity(some.len() * columns.len());
        for (n, (key, address)) in some.iter().enumerate() {
            let id = (chunk * 10_000 + n + 1) as i64;
            let (key, address) = (Bound::Text(key), Bound::Text(address));
            let (one, zero) = (Bound::Int(1), Bound::Int(0));
            cells.extend([Bound::Int(id), zero, one, Bound::Int(bridge), key, address, address, zero, one, zero, zero]);
        }
        insert_rows(&mut tx, "subscriber", &columns, &cells).await?;
    }
    tx.commit().await?;
    // As a sync that brought people does.
    Ok(rialto_store::people::recount(db, true).await?)
}

/// One row a durable commit: what the database takes one by one.
async fn raw_commits(db: &Db) -> Result<f64> {
    let began = Instant::now();
    for n in 0..SINGLE {
        let mut tx = db.write().await?;
        tx.run("INSERT INTO setting (name, value) VALUES ($1, 'x')", args![format!("raw {n}")]).await?;
        tx.commit().await?;
    }
    Ok(SINGLE as f64 / began.elapsed().as_secs_f64())
}

async fn one_by_one(db: &Db, who: &Actor) -> Result<f64> {
    let vault = vault();
    let began = Instant::now();
    for id in 1..=SINGLE {
        let mut tx = db.write_few().await?;
        let act = Act { subscriber_id: id, step: Step::Open(Cause::OwnUnsubscribe), grounds: GROUNDS, who };
        consent::act(&mut tx, &vault, &[act]).await?;
        tx.commit().await?;
    }
    Ok(SINGLE as f64 / began.elapsed().as_secs_f64())
}

async fn in_bulk(db: &Db, who: &Actor) -> Result<f64> {
    let vault = vault();
    let began = Instant::now();
    let ids: Vec<i64> = (SINGLE + 1..=PEOPLE).collect();
    for some in ids.chunks(BATCH) {
        let acts: Vec<Act<'_>> =
            some.iter().map(|id| Act { subscriber_id: *id, step: Step::Open(Cause::OwnUnsubscribe), grounds: GROUNDS, who }).collect();
        let mut tx = db.write_few().await?;
        let done = consent::act(&mut tx, &vault, &acts).await?;
        tx.commit().await?;
        ensure!(done.iter().all(|d| d.writebacks == 1), "an act without its writeback");
    }
    let rate = ids.len() as f64 / began.elapsed().as_secs_f64();
    // The other way works as well.
    let mut tx = db.write_few().await?;
    let act = Act { subscriber_id: 1, step: Step::Lift(Lifter::Person), grounds: GROUNDS, who };
    ensure!(consent::act(&mut tx, &vault, &[act]).await?[0].writebacks == 1, "a lift without its writeback");
    Ok(rate)
}

/// An instant sink: everything is acknowledged at once.
async fn claim_and_record(db: &Db, bridge: i64) -> Result<f64> {
    let began = Instant::now();
    let (mut now, mut number) = (1_800_000_000_000_000, 0);
    loop {
        now += 1_000;
        let claimed = writebacks::claim(db, bridge, "bench", At(now), At(now), At(now + 60_000_000), BATCH as i64).await?;
        if claimed.is_empty() {
            break;
        }
        number += claimed.len();
        let answers: Vec<Answer> = claimed
            .into_iter()
            .map(|c| Answer {
                id: c.id,
                fence: c.fence,
                bridge_id: c.bridge_id,
                subscriber_id: c.subscriber_id,
                outcome: Outcome::Sent { found_there: false, flag: Some(Flag::No) },
                said: String::new(),
                started_at: At(now),
                at: At(now),
                asked_by: String::new(),
            })
            .collect();
        ensure!(writebacks::record(db, "bench", &answers).await?.len() == answers.len(), "a claim was lost");
    }
    ensure!(number as i64 >= PEOPLE, "only {number} were claimed");
    Ok(number as f64 / began.elapsed().as_secs_f64())
}
