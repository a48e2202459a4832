//! The parts under measurement: the sandbox and one sync by the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rialto_connectors::Connector;
use rialto_connectors::http::Outbound;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Clock, Instant, Random};
use rialto_engine::{Engine, Parts, Settings};
use rialto_store::bridges::{self, Entered};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::{Actor, Db, Vault, Wake, groups};
use tokio::io::AsyncReadExt;

use crate::child::peak_mib;
use crate::table::Measured;

/// Everybody of the sandbox is on it.
pub const LIST: &str = "ALL_MEMBERS";

pub async fn serve_sandbox(people: u64) -> Result<()> {
    let running = rialto_sandbox::start(rialto_sandbox::Options { people, ..Default::default() }).await?;
    // Counted once beforehand: that is not part of what is measured.
    running.sandbox.list(LIST).context("the list exists")?;
    println!("{}", running.base_url);
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

#[allow(clippy::disallowed_methods)] // the bench is a program of its own: it makes its own clock
pub fn clock() -> Clock {
    Clock::new(|| Instant::from_timestamp(jiff::Timestamp::now()))
}

fn settings(base: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("base_url".into(), format!("{base}/PersonifyDataServices/PersonifyData.svc")),
        ("page_rows".into(), "5000".into()),
        ("requests_per_second".into(), "100".into()),
    ])
}

fn secrets() -> BTreeMap<String, String> {
    BTreeMap::from([("username".into(), "rialto".into()), ("password".into(), "sandbox".into())])
}

pub fn outbound() -> Result<Outbound> {
    Outbound::new(&["127.0.0.0/8".to_owned()], clock()).map_err(|e| anyhow!(e))
}

pub fn connector(base: &str) -> Result<Arc<dyn Connector>> {
    let kind = rialto_connectors::kind("personify360").context("the kind exists")?;
    let secrets = secrets().into_iter().map(|(k, v)| (k, v.into())).collect();
    (kind.open)(&settings(base), &secrets, &outbound()?).map_err(|e| anyhow!("{e:?}"))
}

/// What an engine under measurement is made of.
pub fn parts(db: &Db) -> Result<Parts> {
    Ok(Parts {
        db: db.clone(),
        vault: vault(),
        clock: clock(),
        wake: Wake::default(),
        outbound: outbound()?,
        settings: Settings::default(),
    })
}

pub fn vault() -> Vault {
    Vault::new([7; 32], Random::new(|out| out.fill(9)))
}

pub fn actor() -> Actor {
    Actor { name: "bench".into(), request_id: String::new(), at: clock().now() }
}

/// The bridge and its groups; made when they are not there yet.
pub async fn add_bridge(db: &Db, base: &str) -> Result<(i64, bool)> {
    if let Some(bridge) = bridges::list(db.read()).await?.first() {
        return Ok((bridge.id, false));
    }
    let entered = Entered { name: "Members".into(), settings: settings(base), secrets: secrets(), enabled: true };
    let mut tx = db.write().await?;
    let id = bridges::create(&mut tx, &vault(), "personify360", &entered, &actor()).await?;
    tx.commit().await?;
    Ok((id, true))
}

pub async fn sync(base: &str, url: &str) -> Result<Measured> {
    let db = Db::open(url).await?;
    let (bridge_id, new) = add_bridge(&db, base).await?;
    let parts = parts(&db)?;
    let engine = Engine::new(parts, "bench");
    if new {
        carry_out(&engine, NewRun::of(RunKind::Lists, Subject::Lists { bridge_id }, Trigger::Cli)).await?;
    }
    let group =
        groups::of_bridge(db.read(), bridge_id).await?.into_iter().find(|g| g.code.as_deref() == Some(LIST)).context("the group exists")?;
    let pages = crate::pages::watch(&db, vault(), clock()).await?;
    let began = tokio::time::Instant::now();
    let run = carry_out(&engine, NewRun::of(RunKind::People, Subject::Group { group_id: group.id, bridge_id }, Trigger::Cli)).await?;
    let seconds = began.elapsed().as_secs_f64();
    let page_p95_ms = pages.p95_ms().await?;
    let stats: serde_json::Value = serde_json::from_str(&run.stats)?;
    eprintln!("         {}", run.stats);
    let measured = Measured {
        rows: run.counts().read.unsigned_abs(),
        seconds,
        peak_mib: peak_mib(),
        longest_write_ms: stats["longest_write_ms"].as_u64().unwrap_or(0),
        page_p95_ms,
        people_written: stats["people_written"].as_u64().unwrap_or(0),
    };
    db.close().await;
    Ok(measured)
}

pub async fn carry_out(engine: &Engine, new: NewRun) -> Result<runs::Run> {
    let db = &engine.parts().db;
    let mut tx = db.write().await?;
    let id = runs::request(&mut tx, new, &actor()).await?.run_id;
    tx.commit().await?;
    engine.run_until_idle().await?;
    let run = runs::get(db.read(), id).await?.context("the run is there")?;
    if run.state() != RunState::Succeeded {
        return Err(anyhow!("the run ended as {}: {}", run.state, run.reason));
    }
    Ok(run)
}

pub async fn make_database(server: &str, name: &str) -> Result<()> {
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        let done =
            tokio::process::Command::new("psql").args(["-q", "-d", &format!("{server}/postgres"), "-c", &statement]).status().await?;
        if !done.success() {
            return Err(anyhow!("the database {name} could not be made"));
        }
    }
    Ok(())
}
