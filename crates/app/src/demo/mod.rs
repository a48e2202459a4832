//! `rialto demo`: a whole installation with simulated remote systems, in one folder.

mod api;
mod bridge;
pub(crate) mod data;
mod loyalty;
pub mod once;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use rialto_core::permissions::Role;
use rialto_core::run::{RunKind, Trigger};
use rialto_sandbox::Served;
use rialto_store::bridges;
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::users;
use tokio::net::TcpListener;

use crate::cli::Demo;
use crate::commands::{bridge as commands_bridge, print_json, sandbox, user};
use crate::config::{Config, secret};
use crate::parts::Parts;
use crate::{http, observe, serve};
use data::{Folder, Login};

/// Where Rialto listens if nobody said so and nobody else does.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Longest wait for the first refresh of the lists.
const FIRST_REFRESH: std::time::Duration = std::time::Duration::from_secs(60);

pub async fn run(args: &Demo) -> anyhow::Result<ExitCode> {
    let listener = match args.listen {
        Some(listen) => serve::bind(listen).await?,
        None => match TcpListener::bind(USUAL).await {
            Ok(listener) => listener,
            Err(_) => serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?,
        },
    };
    let folder = Folder::open(&args.data)?;
    let base = format!("http://{}", within(listener.local_addr()?));
    let config = config(&folder.database(), folder.key(&crate::clock::random())?, listener.local_addr()?);
    observe::log(&config);
    let metrics = observe::metrics()?;
    let stop = serve::on_signal()?;
    let remote = rialto_sandbox::start_all(sandbox::options(args.people, 1)).await.context("the sandbox does not start")?;
    sandbox::freshen(&remote.all.personify360);

    let parts = Parts::with(config).await?;
    let login = first_user(&parts, &folder).await?;
    let mut bridges = Vec::new();
    for system in &args.systems {
        bridges.push(connect(&parts, &bridge::of(*system, &remote)).await?);
    }
    let work = tokio::spawn({
        let (engine, stop) = (parts.engine(), stop.clone());
        async move { engine.serve(stop).await }
    });
    let web = tokio::spawn(http::web(listener, rialto_web::router(parts.app(metrics, stop.clone())), stop.clone()));
    // A demo without the loyalty system is still worth a look.
    if let Err(error) = loyalty::ready(&parts, &base, &remote.all.loyalty).await {
        tracing::warn!("the simulated loyalty system is not connected: {error:#}");
    }
    refresh(&parts, &bridges).await?;
    announce(args, &parts, &login, &remote);

    let both = async {
        let (web, work) = tokio::join!(web, work);
        work.context("the worker ended badly")?;
        web.context("the web server ended badly")?
    };
    serve::drained(both, &stop).await?;
    parts.db.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The address by which this machine reaches what listens there.
fn within(listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port())) } else { listen }
}

/// The configuration of a demo: everything in one folder, this machine's own addresses allowed.
fn config(database_url: &str, key: secret::Key, listen: SocketAddr) -> Config {
    let zone = jiff::tz::TimeZone::system();
    Config {
        account_name: "Demo".into(),
        timezone: zone.iana_name().unwrap_or("UTC").to_owned(),
        database_url: database_url.to_owned(),
        key: Some(key),
        listen,
        allow_networks: vec!["127.0.0.0/8".into(), "::1/128".into()],
        log_level: "warn".into(),
        ..Config::default()
    }
}

/// The demo's administrator; made by the first start.
async fn first_user(parts: &Parts, folder: &Folder) -> anyhow::Result<Login> {
    let login = folder.login(&parts.random)?;
    if users::by_email(parts.db.read(), &login.email).await?.is_none() {
        user::make(parts, &login.email, Role::Admin, &login.password).await?;
    }
    Ok(login)
}

/// A bridge to a sandbox, whose port is another one at every start; answers its internal id.
async fn connect(parts: &Parts, wanted: &bridge::Wanted) -> anyhow::Result<i64> {
    let entered = wanted.entered();
    let known = bridges::list(parts.db.read()).await?.into_iter().find(|b| b.name == wanted.name);
    let Some(known) = known else {
        return commands_bridge::create(parts, wanted.kind, &entered).await;
    };
    let mut tx = parts.db.write().await?;
    bridges::update(&mut tx, &parts.vault, known.id, &entered, &parts.actor()).await?;
    tx.commit().await?;
    Ok(known.id)
}

/// Brings lists and fields up to date, so that the first page shows something.
async fn refresh(parts: &Parts, bridges: &[i64]) -> anyhow::Result<()> {
    let mut asked = Vec::new();
    let mut tx = parts.db.write().await?;
    for bridge_id in bridges {
        let lists = NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: *bridge_id }, Trigger::Cli);
        asked.push(runs::request(&mut tx, lists, &parts.actor()).await?.run_id);
    }
    tx.commit().await?;
    parts.wake.ring();
    let ended = async {
        for run_id in asked {
            while let Some(run) = runs::get(parts.db.read(), run_id).await? {
                if run.state().ended() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
        Ok::<_, anyhow::Error>(())
    };
    // A demo without lists is still worth a look: the run's page says what is wrong.
    tokio::time::timeout(FIRST_REFRESH, ended).await.unwrap_or(Ok(()))
}

fn announce(args: &Demo, parts: &Parts, login: &Login, remote: &Served) {
    let (sandbox_url, people) = (&remote.base_url, remote.all.personify360.people_count());
    let url = parts.config.public_url();
    if args.json {
        print_json(&serde_json::json!({
            "url": url, "email": login.email, "password": login.password, "sandbox": sandbox_url, "people": people,
        }));
        return;
    }
    println!("Rialto is ready:  {url}");
    println!("  e-mail          {}", login.email);
    println!("  password        {}", login.password);
    println!("Sandbox:          {sandbox_url}  ({people} invented people)");
    println!("Loyalty system:   {}/", remote.loyalty());
    println!("Data folder:      {}", args.data.display());
    println!("Ctrl-C stops everything.");
}
