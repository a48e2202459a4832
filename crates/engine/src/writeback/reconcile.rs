//! The standing check: each person to whom something was delivered is looked up at the remote, every night and when somebody asks.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use rialto_connectors::{ConnectorError, Shown};
use rialto_core::Instant;
use rialto_store::reconcile::{self, Check, Past, Person, Slice};
use rialto_store::{Actor, StoreError};
use tokio_util::sync::CancellationToken;

use super::away::Away;
use super::judge::judge;
use crate::remote::{self, Remote, Trouble};
use crate::{Engine, Parts};

/// People looked up before what they showed is kept.
const SLICE: i64 = 100;
/// Look-ups at once: the check stands behind everything else.
const SIDE_BY_SIDE: usize = 2;
/// How long a silent worker keeps a check, in seconds. A slice takes less unless the remote is away.
const LEASE: i64 = 300;
/// Longest time for one person.
const LOOK_UP: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(2);
/// How often to look whether the night has come, in microseconds.
const NIGHT_EVERY: i64 = 60_000_000;

/// Carries out checks until `stop`.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    let mut looked_at = Instant(i64::MIN);
    while !stop.is_cancelled() {
        let now = engine.parts().clock.now();
        if now.0.saturating_sub(looked_at.0) >= NIGHT_EVERY {
            looked_at = now;
            if let Err(e) = ask_nightly(engine.parts()).await {
                tracing::error!(error = %e, "the nightly checks could not be asked for");
            }
        }
        if let Err(e) = all(&engine, &stop).await {
            tracing::error!(error = %e, "a standing check broke off; it goes on later");
        }
        tokio::select! { () = tokio::time::sleep(PAUSE) => {}, () = stop.cancelled() => {} }
    }
}

/// Asks for the check of every bridge that has delivered something and was not checked since the latest night.
pub(crate) async fn ask_nightly(parts: &Parts) -> Result<(), StoreError> {
    let now = parts.clock.now();
    let Some(night) = parts.settings.usual.daily().and_then(|daily| daily.latest(now)) else { return Ok(()) };
    for bridge_id in reconcile::nightly(parts.db.read(), night).await? {
        let who = Actor { name: "schedule".into(), request_id: String::new(), at: now };
        let mut tx = parts.db.write().await?;
        reconcile::ask(&mut tx, bridge_id, &who).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Carries out the checks that were asked for, one after another.
pub(crate) async fn all(engine: &Engine, stop: &CancellationToken) -> Result<(), StoreError> {
    let parts = engine.parts();
    let worker = format!("{}-check", engine.inner.name);
    while !stop.is_cancelled() {
        let now = parts.clock.now();
        let Some(check) = reconcile::claim(&parts.db, &worker, now, now.plus_seconds(LEASE)).await? else { return Ok(()) };
        tracing::info!(check = check.id, bridge = check.bridge_id, "standing check begins");
        let failure = match carry_out(parts, &check, stop).await {
            Ok(()) => None,
            Err(Trouble::Interrupted) => {
                let mut tx = parts.db.write().await?;
                reconcile::give_up(&mut tx, &check).await?;
                return tx.commit().await;
            }
            Err(Trouble::Store(e)) => return Err(e),
            Err(trouble) => Some(Away::closed(&trouble).reason),
        };
        let mut tx = parts.db.write().await?;
        reconcile::end(&mut tx, &check, failure.as_deref(), parts.clock.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn carry_out(parts: &Parts, check: &Check, stop: &CancellationToken) -> Result<(), Trouble> {
    let remote = remote::open(parts, Some(check.bridge_id)).await?;
    let mut position = check.position;
    loop {
        let (people, past) = reconcile::people(&parts.db, check.bridge_id, position, SLICE).await?;
        let Some(last) = people.last() else { return Ok(()) };
        position = last.id;
        let slice = tokio::select! {
            slice = look_up(&remote, &people, &past) => slice?,
            () = stop.cancelled() => return Err(Trouble::Interrupted),
        };
        let now = parts.clock.now();
        let mut tx = parts.db.write().await?;
        if !reconcile::advance(&mut tx, check, &slice, now, now.plus_seconds(LEASE)).await? {
            return Err(Trouble::Interrupted);
        }
        tx.commit().await?;
    }
}

async fn look_up(remote: &Remote, people: &[Person], past: &[Past]) -> Result<Slice, Trouble> {
    let mut of: HashMap<i64, Vec<&Past>> = HashMap::new();
    for p in past {
        of.entry(p.subscriber_id).or_default().push(p);
    }
    let mut asked: Vec<BoxFuture<'_, (&Person, Result<Shown, ConnectorError>)>> = Vec::with_capacity(people.len());
    for person in people {
        asked.push(Box::pin(async move { (person, shown(remote, person).await) }));
    }
    let mut answers = futures::stream::iter(asked).buffered(SIDE_BY_SIDE);
    let mut slice = Slice { position: people.last().map_or(0, |p| p.id), ..Slice::default() };
    while let Some((person, shown)) = answers.next().await {
        slice.checked += 1;
        match judge(person, of.get(&person.id).map_or(&[], Vec::as_slice), &shown?) {
            None => slice.gone += 1,
            Some(found) => {
                slice.differing += i64::from(!found.is_empty());
                slice.found.extend(found);
            }
        }
    }
    Ok(slice)
}

async fn shown(remote: &Remote, person: &Person) -> Result<Shown, ConnectorError> {
    tokio::time::timeout(LOOK_UP, remote.connector.shown(&person.remote_id))
        .await
        .unwrap_or_else(|_| Err(ConnectorError::Transient { detail: format!("no answer within {} seconds", LOOK_UP.as_secs()) }))
}
