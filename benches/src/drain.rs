//! Draining the queue into a sink over HTTP, beside a client that does nothing else, with as many requests at once. The sink is a process of
//! its own; it answers with the mark that it was sent, and nothing counts as delivered before that.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use axum::routing::post;
use futures::StreamExt;
use futures::stream::BoxStream;
use rialto_connectors::catalogue::{BridgeKind, Opened, Secrets, Settings};
use rialto_connectors::http::{Client, Expect, Outbound, Write};
use rialto_connectors::{
    Acknowledged, Connector, ConnectorError, Delivery, DeliveryError, Page, ProbeReport, RemoteField, RemoteInterest, RemoteList,
    SetUpFault, Shown,
};
use rialto_core::consent::{Cause, Lifter};
use rialto_core::writeback::WritebackKind;
use rialto_engine::Engine;
use rialto_store::bridges::{self, Entered};
use rialto_store::consent::{self, Act, Step};
use rialto_store::{Db, writebacks};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::child::peak_mib;
use crate::load::{actor, clock, parts, vault};
use crate::queue::{BATCH, GROUNDS, PEOPLE, people};

/// Requests at once.
const AT_ONCE: usize = 16;
/// Of a remote that takes one at a time and its time for it.
const LATENCY: Duration = Duration::from_millis(100);
const SLOW: i64 = 1_600;

pub const HEAD: &str =
    "| database | bare client/s | drained/s (ratio) | 100 ms a request: of what 16 at once allow | peak memory |\n|---|---|---|---|---|";

/// The sink, until its input closes. Prints its address.
pub async fn serve() -> Result<()> {
    let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    println!("http://{}", listener.local_addr()?);
    let slow = async |body: String| {
        tokio::time::sleep(LATENCY).await;
        json(body)
    };
    let router = axum::Router::new().route("/fast", post(async |body: String| json(body))).route("/slow", post(slow));
    let (mut input, mut rest) = (tokio::io::stdin(), Vec::new());
    tokio::select! {
        served = axum::serve(listener, router) => Ok(served?),
        _ = tokio::io::AsyncReadExt::read_to_end(&mut input, &mut rest) => Ok(()),
    }
}

fn json(body: String) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "application/json")], body)
}

/// The figures of one database, a line of the table.
pub async fn measure(name: &str, url: &str, sink: &str) -> Result<String> {
    rialto_connectors::try_out(KIND);
    let db = Db::open(url).await?;
    let bridge = bridge(&db, sink, "fast").await?;
    people(&db, bridge).await?;
    act(&db, 1..=PEOPLE, Step::Open(Cause::OwnUnsubscribe)).await?;
    let bare = bare(&format!("{sink}/fast")).await?;
    let drained = drain(&db, bridge, PEOPLE).await?;
    to(&db, bridge, sink, "slow").await?;
    act(&db, 1..=SLOW, Step::Lift(Lifter::Person)).await?;
    let slow = drain(&db, bridge, SLOW).await?;
    let allowed = AT_ONCE as f64 / LATENCY.as_secs_f64();
    let line = format!("| {name} | {bare:.0} | {drained:.0} ({:.2}) | {:.2} | {} MiB |", drained / bare, slow / allowed, peak_mib());
    db.close().await;
    Ok(line)
}

fn entered(sink: &str, speed: &str) -> Entered {
    let settings = BTreeMap::from([("base_url".to_owned(), format!("{sink}/{speed}"))]);
    Entered { name: "Sink".into(), settings, secrets: BTreeMap::new(), enabled: true }
}

async fn bridge(db: &Db, sink: &str, speed: &str) -> Result<i64> {
    let mut tx = db.write().await?;
    let id = bridges::create(&mut tx, &vault(), "sink", &entered(sink, speed), &actor()).await?;
    writebacks::ensure(&mut tx).await?;
    let settings = writebacks::Settings { concurrency: u32::try_from(AT_ONCE)?, ..Default::default() };
    writebacks::put_settings(&mut tx, id, &settings, &actor()).await?;
    tx.commit().await?;
    Ok(id)
}

async fn to(db: &Db, bridge: i64, sink: &str, speed: &str) -> Result<()> {
    let mut tx = db.write().await?;
    bridges::update(&mut tx, &vault(), bridge, &entered(sink, speed), &actor()).await?;
    Ok(tx.commit().await?)
}

async fn act(db: &Db, ids: std::ops::RangeInclusive<i64>, step: Step) -> Result<()> {
    let (vault, who) = (vault(), actor());
    let ids: Vec<i64> = ids.collect();
    for some in ids.chunks(BATCH) {
        let acts: Vec<Act<'_>> = some.iter().map(|id| Act { subscriber_id: *id, step, grounds: GROUNDS, who: &who }).collect();
        let mut tx = db.write().await?;
        consent::act(&mut tx, &vault, &acts).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// As many requests as there are people, from a client that only waits for their answers.
async fn bare(url: &str) -> Result<f64> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let mut answers = futures::stream::iter(0..PEOPLE)
        .map(|number| {
            let (client, url) = (&client, url);
            async move {
                let answer = client.post(url).body(format!("{{\"mark\":\"{number}\",\"id\":\"{number:012}-0\"}}")).send().await?;
                Ok::<_, reqwest::Error>(answer.error_for_status()?.bytes().await?.len())
            }
        })
        .buffer_unordered(AT_ONCE);
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(PEOPLE as f64 / began.elapsed().as_secs_f64())
}

/// One cycle of the engine until nothing is left.
async fn drain(db: &Db, bridge: i64, number: i64) -> Result<f64> {
    let now = clock().now();
    let mut tx = db.write().await?;
    writebacks::run_now(&mut tx, bridge, now.plus_seconds(600), &rialto_store::Actor { at: now, ..actor() }).await?;
    tx.commit().await?;
    let before = sent(db, bridge).await?;
    let parts = parts(db)?;
    let began = Instant::now();
    Engine::new(parts, "bench").write_back(&CancellationToken::new()).await?;
    let rate = number as f64 / began.elapsed().as_secs_f64();
    let done = sent(db, bridge).await? - before;
    ensure!(done == number, "{done} of {number} were delivered");
    Ok(rate)
}

async fn sent(db: &Db, bridge: i64) -> Result<i64> {
    Ok(writebacks::counts(db.read(), bridge).await?.into_iter().filter(|(_, state, _)| state == "sent").map(|(.., n)| n).sum())
}

const KIND: BridgeKind = BridgeKind {
    kind: "sink",
    name: "Sink",
    list_name: "List",
    settings: &[],
    secrets: &[],
    triggers: &[],
    no_mode: rialto_connectors::catalogue::NoMode::ImportAsSuppressed,
    writebacks: WritebackKind::ALL,
    timing: rialto_connectors::catalogue::with_the_cycle,
    lists_interests: false,
    can_fetch: false,
    silence_is_interest: None,
    setup_script: None,
    check: |_, _| Vec::new(),
    open,
};

fn open(settings: &Settings, _: &Secrets, outbound: &Outbound) -> Opened {
    let fault = |detail: String| vec![rialto_connectors::FieldError { field: "base_url".into(), detail }];
    let url: url::Url = settings.get("base_url").map(String::as_str).unwrap_or_default().parse().map_err(|_| fault("no address".into()))?;
    let client = outbound.bare(&url, "sink", Vec::new(), NonZeroU32::MAX).map_err(fault)?;
    Ok(Arc::new(Sink { client, url }))
}

struct Sink {
    client: Client,
    url: url::Url,
}

fn nothing<T>() -> Result<T, ConnectorError> {
    Err(ConnectorError::Protocol { detail: "a sink has nothing to read".into() })
}

#[async_trait::async_trait]
impl Connector for Sink {
    async fn probe(&self) -> Result<ProbeReport, ConnectorError> {
        nothing()
    }

    async fn lists(&self) -> Result<Vec<RemoteList>, ConnectorError> {
        nothing()
    }

    async fn list(&self, _: &str) -> Result<Option<RemoteList>, ConnectorError> {
        nothing()
    }

    async fn fields(&self) -> Result<Vec<RemoteField>, ConnectorError> {
        nothing()
    }

    fn people<'a>(&'a self, _: &'a str, _: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        futures::stream::once(async { nothing() }).boxed()
    }

    async fn set_up_faults(&self) -> Result<Vec<SetUpFault>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn deliver(&self, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError> {
        let body = format!("{{\"mark\":\"{}\",\"id\":\"{}\"}}", delivery.marker, delivery.remote_id);
        let write = Write { url: self.url.clone(), body: (body.clone().into(), "application/json"), expect: Expect::Json };
        let answer = self.client.write(&write).await?;
        if answer == body.as_bytes() { Ok(Acknowledged::Written) } else { Err(nothing::<()>().unwrap_err().into()) }
    }

    async fn shown(&self, _: &str) -> Result<Shown, ConnectorError> {
        nothing()
    }

    async fn interests(&self) -> Result<Vec<RemoteInterest>, ConnectorError> {
        nothing()
    }

    async fn interests_of(&self, _: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
        nothing()
    }
}

/// On both databases, one sink for both.
pub async fn all(server: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let mut sink = tokio::process::Command::new(&program)
        .arg("sink")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = sink.stdout.take().context("the sink has an output")?;
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(out));
    let address = lines.next_line().await?.context("the sink names its address")?;
    println!("{HEAD}");
    for name in ["sqlite", "postgres"] {
        let db = crate::database(name, server, folder.path(), "drain", 0).await?;
        let done = tokio::process::Command::new(&program).args(["drain", name, &db, &address]).status().await?;
        if !done.success() {
            return Err(anyhow!("draining on {name} failed"));
        }
    }
    Ok(())
}
