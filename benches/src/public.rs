//! One-click unsubscribes at a steady rate, whatever the answers do (an open loop): how long each waits for its durable commit, and
//! whether any that was acknowledged is missing afterwards. Beside it: how many commits of one row the same database takes one after another.

use std::time::Duration;

use anyhow::Result;
use rialto_core::preference::Link;
use rialto_store::seed::{self, Size};
use rialto_store::{Db, views};
use tokio::time::{Instant, sleep_until};

use crate::load::{actor, add_bridge, clock, vault};
use crate::pages::{Site, serve};
use crate::raw;

const SIZE: Size = Size { people: 30_000, groups: 20, runs: 100 };
/// For how long POSTs come, everybody once.
const SECONDS: u32 = 20;

/// Head of the table whose lines [`measure`] gives.
pub const HEAD: &str = "| database | POST/s | answered 200 | refused (503) | other | lost | p50 ms | p99 ms | p99.9 ms | longest ms | raw commits/s |\n\
    |---|---|---|---|---|---|---|---|---|---|---|";

/// One line of the table, for so many POSTs a second.
pub async fn measure(name: &str, url: &str, rate: u32) -> Result<String> {
    let db = Db::open(url).await?;
    let (bridge, _) = add_bridge(&db, "http://127.0.0.1:9").await?;
    seed::fill(&db, bridge, SIZE, &actor(), |_| ()).await?;
    let raw = raw::commits(&db).await?;
    let Site { origin, server, .. } = serve(&db, vault(), clock()).await?;
    let before = entries(&db).await?;
    let (began, answers) = post_all(&origin, rate).await?;
    let rate = f64::from(rate * SECONDS) / began.elapsed().as_secs_f64();
    let (good, refused) = (count(&answers, 200), count(&answers, 503));
    let other = answers.len() - good - refused;
    // Refused ones may have been written all the same; acknowledged ones must have been.
    let written = entries(&db).await? - before;
    let lost = (good as i64 - written).max(0);
    let mut took: Vec<f64> = answers.iter().filter(|(status, _)| *status == 200).map(|(_, ms)| *ms).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1))).copied().unwrap_or_default();
    server.abort();
    db.close().await;
    let (p50, p99, p999, longest) = (at(0.5), at(0.99), at(0.999), at(1.0));
    Ok(format!(
        "| {name} | {rate:.0} | {good} | {refused} | {other} | {lost} | {p50:.1} | {p99:.1} | {p999:.1} | {longest:.1} | {raw:.0} |"
    ))
}

/// Status and milliseconds from the moment at which each was due: a sender that waits for the one before it hides what people feel.
async fn post_all(origin: &str, rate: u32) -> Result<(Instant, Vec<(u16, f64)>)> {
    let client = reqwest::Client::builder().pool_max_idle_per_host(512).build()?;
    let began = Instant::now();
    let vault = vault();
    let mut asked = Vec::new();
    for number in 0..rate * SECONDS {
        let due = began + Duration::from_secs(1) * number / rate;
        let token = vault.preference_token(Link { subscriber_id: i64::from(number) + 1, mailing_id: 1 });
        let request = client.post(format!("{origin}/u/{token}")).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body("List-Unsubscribe=One-Click");
        sleep_until(due).await;
        asked.push(tokio::spawn(async move {
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            (status, due.elapsed().as_secs_f64() * 1_000.0)
        }));
    }
    let mut answers = Vec::with_capacity(asked.len());
    for one in asked {
        answers.push(one.await?);
    }
    Ok((began, answers))
}

fn count(answers: &[(u16, f64)], wanted: u16) -> usize {
    answers.iter().filter(|(status, _)| *status == wanted).count()
}

async fn entries(db: &Db) -> Result<i64> {
    Ok(views::consent::acts_by_link(db.read()).await?)
}
