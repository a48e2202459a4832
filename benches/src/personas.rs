//! `scripts/bench.sh --personas`: 20 personas over 1,000,000 subscribers on one database: sorted first, sorted again after all changed places,
//! and everybody looked at for a changed one.

use std::fmt::Write;

use anyhow::{Result, ensure};
use rialto_core::writeback::WritebackKind;
use rialto_engine::Engine;
use rialto_store::bridges::{self, Entered as Connection};
use rialto_store::groups::{self, Described};
use rialto_store::personas::{self, Entered};
use rialto_store::{Actor, Db, args, writebacks};
use tokio::time::Instant;

use crate::child::peak_mib;
use crate::load::{actor, parts, vault};

const PEOPLE: i64 = 1_000_000;
const PERSONAS: i64 = 20;
/// Each group holds every third person, shifted: people match six or seven personas.
const SHARE: i64 = 3;

pub const HEAD: &str = "| database | sorted first s | all places changed s | one group changed s | everybody looked at s | peak memory |\n|---|---|---|---|---|---|";

/// The figures of one database, a line of the table.
pub async fn measure(name: &str, url: &str) -> Result<String> {
    let db = Db::open(url).await?;
    let (bridge, sources) = house(&db).await?;
    let parts = parts(&db)?;
    let engine = Engine::new(parts, "bench");
    let mut ids = Vec::new();
    let mut tx = db.write().await?;
    for (n, group) in sources.iter().enumerate() {
        let (name, description) = (format!("Persona {n}"), String::new());
        let entered = Entered { name: &name, avatar: "star", description: &description, source_group: *group };
        ids.push(personas::create(&mut tx, &entered, &actor()).await?);
    }
    tx.commit().await?;
    let first = timed(&engine).await?;
    let sorted: i64 = personas::list(db.read()).await?.iter().map(|s| s.members).sum();
    ensure!(sorted == PEOPLE, "{sorted} of {PEOPLE} have a persona");
    ids.reverse();
    let mut tx = db.write().await?;
    personas::order(&mut tx, &ids, &actor()).await?;
    tx.commit().await?;
    let again = timed(&engine).await?;
    let mut tx = db.write().await?;
    tx.run("DELETE FROM membership WHERE group_id = $1 AND subscriber_id <= 30", args![sources[10]]).await?;
    tx.run("UPDATE target_group SET applied_run = applied_run + 1 WHERE id = $1", args![sources[10]]).await?;
    tx.commit().await?;
    let one = timed(&engine).await?;
    let looked = look(&db, bridge, &engine).await?;
    let mut line = String::new();
    write!(line, "| {name} | {first:.1} | {again:.1} | {one:.1} | {looked:.1} | {} MiB |", peak_mib())?;
    db.close().await;
    Ok(line)
}

async fn timed(engine: &Engine) -> Result<f64> {
    let began = Instant::now();
    engine.run_until_idle().await?;
    Ok(began.elapsed().as_secs_f64())
}

/// A bridge with 20 target groups whose people are there already.
async fn house(db: &Db) -> Result<(i64, Vec<i64>)> {
    let mut tx = db.write().await?;
    let entered = Connection { name: "iMIS".into(), enabled: true, ..Connection::default() };
    let bridge = bridges::create(&mut tx, &vault(), "imis", &entered, &actor()).await?;
    let described: Vec<Described> = (0..PERSONAS)
        .map(|n| Described {
            code: format!("Q{n}"),
            name: format!("Query {n}"),
            description: String::new(),
            active: true,
            regeneration: String::new(),
            members: None,
            refreshed_at: None,
            modified_at: None,
        })
        .collect();
    groups::mirror(&mut tx, bridge, "Queries", &described, true, actor().at).await?;
    tx.commit().await?;
    let sources: Vec<i64> = groups::of_bridge(db.read(), bridge).await?.iter().map(|g| g.id).collect();
    let mut tx = db.write().await?;
    tx.run(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        INSERT INTO subscriber (id, created_at, created_run, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen,
            remote_flag_run, hash) SELECT i, 1, 1, CAST($2 AS BIGINT), CAST(i AS TEXT), 'p' || CAST(i AS TEXT) || '@mail.example',
            'p' || CAST(i AS TEXT) || '@mail.example', 0, 1, 0, 1 FROM n",
        args![PEOPLE, bridge],
    )
    .await?;
    for (n, group) in sources.iter().enumerate() {
        tx.run(
            "INSERT INTO membership (group_id, subscriber_id) SELECT CAST($1 AS BIGINT), id FROM subscriber WHERE (id + $2) % $3 = 0 ORDER BY id",
            args![*group, n as i64, SHARE],
        )
        .await?;
        tx.run(
            "UPDATE target_group SET members = (SELECT COUNT(*) FROM membership WHERE group_id = $1), applied_run = 1, synced_run = 1, synced_at = 1
            WHERE id = $1",
            args![*group],
        )
        .await?;
    }
    tx.commit().await?;
    rialto_store::people::recount(db, true).await?;
    Ok((bridge, sources))
}

/// The daily look, when everybody's persona is new to the remote: a writebacks each.
async fn look(db: &Db, bridge: i64, engine: &Engine) -> Result<f64> {
    let who = Actor { at: engine.parts().clock.now(), ..actor() };
    let mut tx = db.write().await?;
    let settings = writebacks::Settings { personas: true, ..writebacks::Settings::default() };
    writebacks::put_settings(&mut tx, bridge, &settings, &who).await?;
    personas::send_now(&mut tx, bridge, false, &who).await?;
    tx.commit().await?;
    let began = Instant::now();
    engine.look_at_personas().await?;
    let took = began.elapsed().as_secs_f64();
    let queued: i64 = writebacks::counts(db.read(), bridge).await?.iter().map(|(.., n)| n).sum();
    ensure!(queued == PEOPLE, "{queued} writebacks of {}", WritebackKind::Persona.name());
    Ok(took)
}
