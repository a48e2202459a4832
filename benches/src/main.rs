//! `make bench`: people of one list synced over HTTP from the sandbox, beside the raw limits of the same run. Each part runs in a
//! process of its own, so that its peak memory is its own. Prints one table; docs/PERFORMANCE.md explains it.

mod browse;
mod child;
mod drain;
mod load;
mod pages;
mod personas;
mod protocols;
mod public;
mod queue;
mod raw;
mod segments;
mod stream;
mod table;
mod tokens;
mod uploads;

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use table::{Measured, Table};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Only the pages.
    #[arg(long)]
    pages: bool,
    /// Only the queue of writebacks.
    #[arg(long)]
    writebacks: bool,
    /// Only draining the queue into a sink.
    #[arg(long)]
    drain: bool,
    /// Only unsubscribes by link.
    #[arg(long)]
    public: bool,
    /// Only people read over each protocol, 100,000.
    #[arg(long)]
    protocols: bool,
    /// Only sorting people into personas.
    #[arg(long)]
    personas: bool,
    /// Only the profile stream.
    #[arg(long)]
    stream: bool,
    /// Seconds for which events are sent to the inbox.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Profile events that wait.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..=10_000_000))]
    events: u64,
    /// Only segments, over profiles of the largest size.
    #[arg(long)]
    segments: bool,
    /// Only uploads, of the largest size.
    #[arg(long)]
    uploads: bool,
    /// Unsubscribes a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_500))]
    rate: u32,
    /// Sizes to measure.
    #[arg(long, value_delimiter = ',', default_value = "100000,1000000")]
    people: Vec<u64>,
    /// A PostgreSQL server on which databases may be made.
    #[arg(long, env = "RIALTO_TEST_POSTGRES")]
    postgres: Option<String>,
}

#[derive(Subcommand)]
enum Part {
    /// The simulated remote, until its input closes.
    Sandbox { people: u64 },
    /// The connector reads and decodes every row and drops it.
    Fetch { base: String },
    /// The same rows into the same indexed tables, as fast as the database takes them.
    Insert { base: String, db: String },
    /// Every page, in a database of sample data.
    Browse { db: String },
    /// The queue of writebacks.
    Queue { name: String, db: String },
    /// What writebacks are drained into, until its input closes.
    Sink,
    /// Draining the queue.
    Drain { name: String, db: String, sink: String },
    /// People sorted into personas.
    Personas { name: String, db: String },
    /// Segments counted.
    Segments { name: String, db: String, people: i64 },
    /// Unsubscribes by link.
    Public { name: String, db: String, rate: u32 },
    /// Profile events sent to the inbox, for so many seconds.
    Inbox { name: String, db: String, seconds: u64 },
    /// Profile events that wait.
    Apply { name: String, db: String, events: u64 },
    /// Profile events at a broker.
    Broker { name: String, db: String, events: u64 },
    /// The rows of an upload, as fast as the database takes them.
    UploadInsert { db: String, rows: u64 },
    /// One upload of a file.
    Upload { db: String, file: String },
    /// A simulated remote of a protocol, until its input closes.
    ProtocolRemote { protocol: String, people: u64 },
    /// A bare client and the connector, in turn.
    ProtocolRead { remote: String },
    /// One sync of a protocol's people.
    ProtocolSync { remote: String, db: String },
    /// One sync by the engine.
    Sync { base: String, db: String },
}

#[tokio::main]
async fn main() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = Args::parse();
    match args.part {
        Some(Part::Sandbox { people }) => load::serve_sandbox(people).await,
        Some(Part::Fetch { base }) => child::report(raw::fetch(&base).await?),
        Some(Part::Insert { base, db }) => child::report(raw::insert(&base, &db).await?),
        Some(Part::Browse { db }) => {
            print!("{}", browse::all(&db).await?);
            Ok(())
        }
        Some(Part::Queue { name, db }) => {
            println!("{}", queue::measure(&name, &db).await?);
            Ok(())
        }
        Some(Part::Sink) => drain::serve().await,
        Some(Part::Drain { name, db, sink }) => {
            println!("{}", drain::measure(&name, &db, &sink).await?);
            Ok(())
        }
        Some(Part::Personas { name, db }) => {
            println!("{}", personas::measure(&name, &db).await?);
            Ok(())
        }
        Some(Part::Segments { name, db, people }) => {
            println!("{}", segments::measure(&name, &db, people).await?);
            Ok(())
        }
        Some(Part::Public { name, db, rate }) => {
            println!("{}", public::measure(&name, &db, rate).await?);
            Ok(())
        }
        Some(Part::Inbox { name, db, seconds }) => {
            println!("{}", stream::inbox::measure(&name, &db, seconds).await?);
            Ok(())
        }
        Some(Part::Apply { name, db, events }) => {
            println!("{}", stream::apply::measure(&name, &db, events).await?);
            Ok(())
        }
        Some(Part::Broker { name, db, events }) => {
            println!("{}", stream::broker::measure(&name, &db, events).await?);
            Ok(())
        }
        Some(Part::UploadInsert { db, rows }) => uploads::insert(&db, rows).await,
        Some(Part::Upload { db, file }) => uploads::upload(&db, &file).await,
        Some(Part::ProtocolRemote { protocol, people }) => protocols::serve(&protocol, people).await,
        Some(Part::ProtocolRead { remote }) => protocols::read(&remote).await,
        Some(Part::ProtocolSync { remote, db }) => protocols::sync(&remote, &db).await,
        Some(Part::Sync { base, db }) => child::report(load::sync(&base, &db).await?),
        None => measure_all(&args).await,
    }
}

async fn measure_all(args: &Args) -> Result<()> {
    let server = args.postgres.as_deref().context("RIALTO_TEST_POSTGRES is not set: use `make bench`")?;
    if args.pages {
        return browse_all(server).await;
    }
    if args.writebacks {
        return on_both(server, "queue", queue::HEAD, &[]).await;
    }
    if args.drain {
        return drain::all(server).await;
    }
    if args.protocols {
        return protocols::all_of_them(server, 100_000).await;
    }
    if args.public {
        return on_both(server, "public", public::HEAD, &[&args.rate.to_string()]).await;
    }
    if args.stream {
        return streams(server, args).await;
    }
    let most = args.people.iter().copied().max().unwrap_or(1_000_000);
    if args.segments {
        return on_both(server, "segments", segments::HEAD, &[&most.to_string()]).await;
    }
    if args.personas {
        return on_both(server, "personas", personas::HEAD, &[]).await;
    }
    if args.uploads {
        return uploads::all(server, most).await;
    }
    let mut table = Table::default();
    for people in &args.people {
        let folder = tempfile::tempdir()?;
        for name in ["sqlite", "postgres"] {
            let (mut sandbox, base) = start_sandbox(*people).await?;
            let fetch = part(&["fetch", &base]).await?;
            let insert = part(&["insert", &base, &database(name, server, folder.path(), "raw", *people).await?]).await?;
            let db = database(name, server, folder.path(), "sync", *people).await?;
            let first = part(&["sync", &base, &db]).await?;
            let unchanged = part(&["sync", &base, &db]).await?;
            churn(&base).await?;
            let changed = part(&["sync", &base, &db]).await?;
            table.add(name, *people, fetch, insert, first, unchanged, changed);
            sandbox.kill().await?;
        }
    }
    println!("{table}");
    browse_all(server).await?;
    on_both(server, "queue", queue::HEAD, &[]).await?;
    drain::all(server).await?;
    on_both(server, "personas", personas::HEAD, &[]).await?;
    streams(server, args).await?;
    on_both(server, "segments", segments::HEAD, &[&most.to_string()]).await?;
    uploads::all(server, most).await?;
    protocols::all_of_them(server, 100_000).await?;
    on_both(server, "public", public::HEAD, &[&args.rate.to_string()]).await
}

/// The profile stream.
async fn streams(server: &str, args: &Args) -> Result<()> {
    on_both(server, "inbox", stream::inbox::HEAD, &[&args.seconds.to_string()]).await?;
    on_both(server, "apply", stream::apply::HEAD, &[&args.events.to_string()]).await?;
    on_both(server, "broker", stream::broker::HEAD, &[&(args.events / 5).to_string()]).await
}

/// One part on both databases, each in a process and a database of its own; it prints its line of the table.
async fn on_both(server: &str, part: &str, head: &str, more: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    println!("{head}");
    for name in ["sqlite", "postgres"] {
        let db = database(name, server, folder.path(), part, 0).await?;
        let done = Command::new(std::env::current_exe()?).args([part, name, &db]).args(more).status().await?;
        if !done.success() {
            bail!("the part {part} on {name} failed");
        }
    }
    Ok(())
}

/// Pages with a million people, 500 target groups and 50,000 sync runs, on both databases.
async fn browse_all(server: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for name in ["sqlite", "postgres"] {
        println!("{name}:\n");
        let db = database(name, server, folder.path(), "pages", 0).await?;
        let done = Command::new(std::env::current_exe()?).args(["browse", &db]).status().await?;
        if !done.success() {
            bail!("the pages on {name} failed");
        }
        println!();
    }
    Ok(())
}

async fn start_sandbox(people: u64) -> Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["sandbox", &people.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let out = child.stdout.take().context("the sandbox has an output")?;
    let base = BufReader::new(out).lines().next_line().await?.context("the sandbox names its address")?;
    Ok((child, base))
}

/// Runs one part in a process of its own and reads what it measured.
async fn part(args: &[&str]) -> Result<Measured> {
    let out = Command::new(std::env::current_exe()?).args(args).output().await?;
    // The part's own words, such as the run's measurements.
    eprint!("{}", String::from_utf8_lossy(&out.stderr));
    if !out.status.success() {
        bail!("the part {} failed", args[0]);
    }
    let measured: Measured = serde_json::from_slice(&out.stdout)?;
    eprintln!(
        "{:>8} {}: {:.1} s, {:.0} rows/s, {} MiB",
        args[0],
        args.get(2).unwrap_or(&""),
        measured.seconds,
        measured.rows_per_second(),
        measured.peak_mib
    );
    Ok(measured)
}

/// 1 % changed, 0.5 % new, 0.5 % gone.
async fn churn(base: &str) -> Result<()> {
    let body = serde_json::json!({"changed_permille": 10, "new_permille": 5, "gone_permille": 5, "round": 1});
    let url = format!("{base}/admin/lists/{}/churn", load::LIST);
    reqwest::Client::new().post(url).json(&body).send().await?.error_for_status()?;
    Ok(())
}

async fn database(name: &str, server: &str, folder: &std::path::Path, purpose: &str, people: u64) -> Result<String> {
    if name == "sqlite" {
        return Ok(format!("sqlite://{}", folder.join(format!("{purpose}.db")).display()));
    }
    let database = format!("rialto_bench_{purpose}_{people}");
    load::make_database(server, &database).await?;
    Ok(format!("{server}/{database}"))
}
