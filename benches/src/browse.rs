//! Every page that can be reached by links, in a database of sample data: how long the server takes, how much is sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use anyhow::{Context, Result};
use rialto_store::Db;
use rialto_store::seed::{self, Size};
use tokio::time::Instant;

use crate::load::{actor, add_bridge, clock, vault};
use crate::pages::{Site, serve};

const SIZE: Size = Size { people: 1_000_000, groups: 500, runs: 50_000 };
/// Different pages of one kind that are visited.
const EACH: usize = 4;
/// Visits of each.
const VISITS: usize = 8;
/// Pages without links that lead to them.
const MORE: [&str; 6] = [
    "/subscribers?q=ann",
    "/subscribers?q=yara.ziegler777",
    "/search?q=vienna",
    "/search?q=ann",
    "/search?q=000000123456-0",
    "/target-groups?q=lima",
];

#[derive(Default)]
struct Kind {
    took: Vec<f64>,
    largest: usize,
    slowest: (f64, String),
}

/// The table of all kinds of pages.
pub async fn all(url: &str) -> Result<String> {
    let db = Db::open(url).await?;
    if rialto_store::people::last_id(db.read()).await? == 0 {
        let (bridge, _) = add_bridge(&db, "http://127.0.0.1:9").await?;
        let began = Instant::now();
        seed::fill(&db, bridge, SIZE, &actor(), |_| ()).await?;
        eprintln!("sample data: {:.1} s", began.elapsed().as_secs_f64());
    }
    let Site { origin, cookie, server } = serve(&db, vault(), clock()).await?;
    // As a browser does: what is sent is compressed.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_gzip().build()?;
    let get = async |path: &str| -> Result<(f64, u16, usize, String)> {
        let ask =
            |encoding: &'static str| client.get(format!("{origin}{path}")).header("cookie", &cookie).header("accept-encoding", encoding);
        let began = Instant::now();
        let answer = ask("gzip").send().await?;
        let status = answer.status().as_u16();
        let sent = answer.bytes().await?.len();
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        let text = ask("identity").send().await?.text().await?;
        Ok((took, status, sent, text))
    };
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut waiting: VecDeque<String> = std::iter::once("/").chain(MORE).map(str::to_owned).collect();
    let mut visited: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(path) = waiting.pop_front() {
        let shape = shape(&path);
        let times = visited.entry(shape.clone()).or_default();
        if *times >= EACH || !seen.insert(path.clone()) {
            continue;
        }
        *times += 1;
        for visit in 0..VISITS {
            let (took, status, sent, text) = get(&path).await.with_context(|| path.clone())?;
            anyhow::ensure!(status < 400, "{path} answered {status}");
            if visit == 0 {
                waiting.extend(links(&text));
            }
            let kind = kinds.entry(shape.clone()).or_default();
            kind.took.push(took);
            kind.largest = kind.largest.max(sent);
            if took > kind.slowest.0 {
                kind.slowest = (took, path.clone());
            }
        }
    }
    server.abort();
    db.close().await;
    table(kinds)
}

/// Links to pages of ours, without exports (which stream whole tables) and assets.
fn links(html: &str) -> Vec<String> {
    let hrefs = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let ours = hrefs.filter(|h| h.starts_with('/') && !h.starts_with("/assets") && !h.contains("csv") && !h.starts_with("/api"));
    ours.map(|h| h.replace("&amp;", "&").replace("&#38;", "&").split('#').next().unwrap_or_default().to_owned()).collect()
}

/// The path with ids and values taken out: pages of one kind.
fn shape(path: &str) -> String {
    let (route, query) = path.split_once('?').unwrap_or((path, ""));
    let route: Vec<&str> =
        route.split('/').map(|part| if part.len() == 36 && part.matches('-').count() == 4 { "{id}" } else { part }).collect();
    let names: BTreeSet<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).filter(|n| !n.is_empty()).collect();
    let query = names.into_iter().collect::<Vec<_>>().join("&");
    if query.is_empty() { route.join("/") } else { format!("{}?{query}", route.join("/")) }
}

fn table(kinds: BTreeMap<String, Kind>) -> Result<String> {
    let mut out = String::from("| page | visits | p50 ms | p95 ms | sent KiB | slowest |\n|---|---|---|---|---|---|\n");
    let mut every: Vec<f64> = kinds.values().flat_map(|k| k.took.iter().copied()).collect();
    for (shape, mut kind) in kinds {
        let (p50, p95) = (percentile(&mut kind.took, 50), percentile(&mut kind.took, 95));
        let kib = kind.largest as f64 / 1_024.0;
        writeln!(out, "| `{shape}` | {} | {p50:.1} | {p95:.1} | {kib:.1} | {:.0} ms |", kind.took.len(), kind.slowest.0)?;
    }
    let (p50, p95) = (percentile(&mut every, 50), percentile(&mut every, 95));
    writeln!(out, "| **all** | {} | {p50:.1} | {p95:.1} | | |", every.len())?;
    Ok(out)
}

fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
