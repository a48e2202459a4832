//! People read over each protocol by its connector, beside a bare client that sends the very same requests and throws the answers away,
//! as bytes or once its library has gone through them; then the whole sync of them. The simulated remote is a process of its own.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use rialto_connectors::Connector;
use rialto_core::run::{RunKind, Trigger};
use rialto_engine::Engine;
use rialto_sandbox::{imis, membersuite};
use rialto_store::bridges::{self, Entered};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::{Db, groups};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::Instant;

use crate::load::{actor, carry_out, outbound, parts, vault};

/// As the parts are called with.
const PROTOCOLS: [&str; 4] = ["personify360", "membersuite", "imis", "imis-2017"];
/// Each measured so often, in turn; the middle one counts.
const ROUNDS: usize = 5;

pub const HEAD: &str = "| protocol | requests | bytes fetched, people/s | pages fetched, people/s | connector, people/s (of bytes, of pages) | \
     synced into SQLite, people/s | into PostgreSQL |\n|---|---|---|---|---|---|---|";

/// A protocol's remote: where it answers, and what a bridge to it needs.
#[derive(Serialize, Deserialize)]
struct Remote {
    kind: String,
    settings: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    /// Everybody is on it.
    list: String,
}

#[derive(Serialize, Deserialize)]
struct Reads {
    people: u64,
    requests: usize,
    /// Seconds of each round: what comes is thrown away.
    bytes: Vec<f64>,
    /// What comes is gone through as JSON or XML and thrown away.
    pages: Vec<f64>,
    connector: Vec<f64>,
}

/// A simulated remote, until its input closes. Prints what a bridge to it needs.
pub async fn serve(protocol: &str, people: u64) -> Result<()> {
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
    let sign_in = text(&[("username", "rialto"), ("password", "sandbox")]);
    let (mut remote, _running): (Remote, Box<dyn std::any::Any>) = match protocol {
        "personify360" => {
            let running = rialto_sandbox::start(rialto_sandbox::Options { people, ..Default::default() }).await?;
            running.sandbox.list("ALL_MEMBERS").context("the list exists")?;
            let settings = text(&[("base_url", &running.service_root()), ("page_rows", "5000")]);
            (Remote { kind: protocol.into(), settings, secrets: sign_in, list: "ALL_MEMBERS".into() }, Box::new(running))
        }
        "membersuite" => {
            let running = membersuite::start(membersuite::Options { people, ..Default::default() }).await?;
            let options = running.sandbox.options();
            let settings = text(&[
                ("base_url", &running.service_root()),
                ("association_id", &options.association_id),
                ("access_key_id", &options.access_key_id),
            ]);
            let secrets = text(&[("secret_access_key", &options.secret_access_key)]);
            let list = running.sandbox.search("All individuals").context("the search exists")?.id;
            (Remote { kind: protocol.into(), settings, secrets, list }, Box::new(running))
        }
        _ => {
            let old = protocol == "imis-2017";
            let generation = if old { imis::Generation::Y2017 } else { imis::Generation::Ems };
            let running = imis::start(imis::Options { people, generation, ..Default::default() }).await?;
            let settings = text(&[("base_url", &running.site_root()), ("generation", if old { "2017" } else { "ems" })]);
            let list = "$/HigherLogic/MailingLists/All Contacts".to_owned();
            running.sandbox.query(&list).context("the query exists")?;
            (Remote { kind: "imis".into(), settings, secrets: sign_in, list }, Box::new(running))
        }
    };
    remote.settings.insert("requests_per_second".into(), "5000".into());
    println!("{}", serde_json::to_string(&remote)?);
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}

/// Both readers in turn, on one remote.
pub async fn read(remote: &str) -> Result<()> {
    let remote: Remote = serde_json::from_str(remote)?;
    let base = remote.settings.get("base_url").context("an address")?;
    let root = url::Url::parse(base)?;
    let origin = root.origin().ascii_serialization();
    let (requests, people) = record(&remote, &origin).await?;
    let mut reads = Reads { people, requests: requests.len(), bytes: Vec::new(), pages: Vec::new(), connector: Vec::new() };
    let connector = open(&remote)?;
    for _ in 0..ROUNDS {
        reads.bytes.push(replay(&origin, &requests, |_| Ok(0)).await?);
        reads.pages.push(replay(&origin, &requests, crate::tokens::read).await?);
        let began = Instant::now();
        ensure!(all(&*connector, &remote.list).await? == people, "other people than before");
        reads.connector.push(began.elapsed().as_secs_f64());
    }
    println!("{}", serde_json::to_string(&reads)?);
    Ok(())
}

fn open(remote: &Remote) -> Result<Arc<dyn Connector>> {
    let kind = rialto_connectors::kind(&remote.kind).context("the kind exists")?;
    let secrets = remote.secrets.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
    (kind.open)(&remote.settings, &secrets, &outbound()?).map_err(|faults| anyhow!("{faults:?}"))
}

/// Reads the list with all fields, and drops every row.
async fn all(connector: &dyn Connector, list: &str) -> Result<u64> {
    let fields: Vec<String> = connector.fields().await?.into_iter().map(|f| f.name).collect();
    let mut people = 0;
    let mut pages = connector.people(list, &fields);
    while let Some(page) = pages.next().await {
        people += page?.rows.len() as u64;
    }
    Ok(people)
}

type Sent = (axum::http::request::Parts, Bytes);

#[derive(Clone)]
struct Recorder {
    origin: String,
    client: reqwest::Client,
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// What the connector asks while it reads the list once, and how many people it read.
async fn record(remote: &Remote, origin: &str) -> Result<(Vec<Sent>, u64)> {
    let recorder = Recorder { origin: origin.to_owned(), client: bare()?, sent: Arc::default() };
    let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let through = format!("http://{}", listener.local_addr()?);
    let router = axum::Router::new().fallback(pass).with_state(recorder.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = remote.settings.iter().map(|(k, v)| (k.clone(), v.replace(origin, &through))).collect();
    let by_proxy = Remote { kind: remote.kind.clone(), settings, secrets: remote.secrets.clone(), list: remote.list.clone() };
    let connector = open(&by_proxy)?;
    let people = all(&*connector, &remote.list).await?;
    serving.abort();
    let sent = std::mem::take(&mut *recorder.sent.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((sent, people))
}

async fn pass(State(recorder): State<Recorder>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let passed = async {
        let body = axum::body::to_bytes(body, 16 << 20).await?;
        let answer = recorder.client.execute(asked(&recorder.origin, &parts, body.clone())?).await?;
        recorder.sent.lock().unwrap_or_else(PoisonError::into_inner).push((parts, body));
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
            response = response.header(name, value);
        }
        Ok::<_, anyhow::Error>(response.body(Body::from(answer.bytes().await?))?)
    };
    passed.await.unwrap_or_else(|e| {
        let mut response = Response::new(Body::from(e.to_string()));
        *response.status_mut() = axum::http::StatusCode::BAD_GATEWAY;
        response
    })
}

fn bare() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

fn asked(origin: &str, parts: &axum::http::request::Parts, body: Bytes) -> Result<reqwest::Request> {
    let mut request = reqwest::Request::new(parts.method.clone(), format!("{origin}{}", parts.uri).parse()?);
    *request.headers_mut() = parts.headers.clone();
    request.headers_mut().remove("host");
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// The same requests once more, one after another; the answers are looked at like this and thrown away. Seconds.
async fn replay(origin: &str, requests: &[Sent], look: impl Fn(&[u8]) -> Result<usize>) -> Result<f64> {
    let client = bare()?;
    let began = Instant::now();
    for (parts, body) in requests {
        let answer = client.execute(asked(origin, parts, body.clone())?).await?;
        ensure!(answer.status().is_success(), "{} was answered with {}", parts.uri, answer.status());
        look(&answer.bytes().await?)?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// One sync by the engine into a fresh database. Prints people a second.
pub async fn sync(remote: &str, url: &str) -> Result<()> {
    let remote: Remote = serde_json::from_str(remote)?;
    let db = Db::open(url).await?;
    let entered = Entered { name: "Members".into(), settings: remote.settings, secrets: remote.secrets, enabled: true };
    let mut tx = db.write().await?;
    let bridge_id = bridges::create(&mut tx, &vault(), &remote.kind, &entered, &actor()).await?;
    tx.commit().await?;
    let parts = parts(&db)?;
    let engine = Engine::new(parts, "bench");
    carry_out(&engine, NewRun::of(RunKind::Lists, Subject::Lists { bridge_id }, Trigger::Cli)).await?;
    let all = groups::of_bridge(db.read(), bridge_id).await?;
    let group = all.into_iter().find(|g| g.code.as_deref() == Some(&remote.list)).context("the group exists")?;
    let began = Instant::now();
    let run = carry_out(&engine, NewRun::of(RunKind::People, Subject::Group { group_id: group.id, bridge_id }, Trigger::Cli)).await?;
    println!("{}", run.counts().read as f64 / began.elapsed().as_secs_f64());
    db.close().await;
    Ok(())
}

/// All protocols; a line of the table for each.
pub async fn all_of_them(server: &str, people: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    println!("{HEAD}");
    for protocol in PROTOCOLS {
        let (mut child, remote) = start(protocol, people).await?;
        let reads: Reads = serde_json::from_str(&part(&["protocol-read", &remote]).await?)?;
        ensure!(reads.people == people, "{} people in place of {people}", reads.people);
        let bytes = people as f64 / middle(reads.bytes);
        let pages = people as f64 / middle(reads.pages);
        let connector = people as f64 / middle(reads.connector);
        let mut synced = Vec::new();
        for name in ["sqlite", "postgres"] {
            let purpose = format!("protocol_{}", protocol.replace('-', "_"));
            let db = crate::database(name, server, folder.path(), &purpose, people).await?;
            let rate: f64 = part(&["protocol-sync", &remote, &db]).await?.trim().parse()?;
            synced.push(format!("{rate:.0}"));
        }
        let ratios = format!("{:.2}, {:.2}", connector / bytes, connector / pages);
        println!("| {protocol} | {} | {bytes:.0} | {pages:.0} | {connector:.0} ({ratios}) | {} |", reads.requests, synced.join(" | "));
        child.kill().await?;
    }
    Ok(())
}

fn middle(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn start(protocol: &str, people: u64) -> Result<(tokio::process::Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["protocol-remote", protocol, &people.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = child.stdout.take().context("the remote has an output")?;
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(out));
    let remote = lines.next_line().await?.context("the remote names its address")?;
    Ok((child, remote))
}

async fn part(args: &[&str]) -> Result<String> {
    let out = Command::new(std::env::current_exe()?).args(args).stderr(Stdio::inherit()).output().await?;
    if !out.status.success() {
        bail!("the part {} failed", args.first().unwrap_or(&""));
    }
    Ok(String::from_utf8(out.stdout)?)
}
