//! The writeback worker: what people decided reaches the remote systems (`rules.md` section 4).
//!
//! - this file: which bridges have something to do, cycle by cycle.
//! - `drive`: one bridge from its first claim until nothing is left: claims, requests side by side, records.
//! - `deliver`: one request, and what its answer means.
//! - `away`: outages and set-up faults: probes, blocking, holding and letting go.
//! - `load`: what a drive has in hand: claimed, answered, not yet recorded.
//! - `reconcile`, `judge`: the standing check of what was delivered against what the remote shows.

mod away;
mod deliver;
mod drive;
mod judge;
mod load;
pub(crate) mod reconcile;

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use rialto_core::Instant;
use rialto_core::timing::When;
use rialto_store::StoreError;
use rialto_store::bridges;
use rialto_store::writebacks::{self, Destination, Signs};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Parts};

/// How the outflow of a process behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `instance.account_name`: told with every message.
    pub account_name: String,
    /// `writeback.interval`: seconds between two cycles of a bridge that has no interval of its own.
    pub interval_seconds: i64,
    /// How long a claim is kept, in milliseconds; longer than `call_millis`.
    pub lease_millis: u64,
    /// Longest time for one message, all its requests together, in milliseconds. Less than a drain lasts.
    pub call_millis: u64,
    /// How late an answer may be recorded so that several are recorded together, in milliseconds.
    pub record_millis: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { account_name: "Rialto".into(), interval_seconds: 600, lease_millis: 60_000, call_millis: 25_000, record_millis: 50 }
    }
}

impl Settings {
    /// Claims kept for so many seconds, and calls that end well before (docs/adr/0100).
    pub fn with_lease(seconds: i64) -> Self {
        let usual = Self::default();
        let lease_millis = u64::try_from(seconds).unwrap_or(1).max(1) * 1_000;
        Self { lease_millis, call_millis: usual.call_millis.min(lease_millis * 5 / 12), ..usual }
    }
}

/// How a drive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All that could go out in the cycle with this cutoff did.
    Drained(Instant),
    /// Rate or budget is spent: look again when the next minute begins.
    Spent,
    /// The remote is away, or the bridge is off.
    Waiting,
    /// Storage failed or the process stops.
    BrokenOff,
}

/// What this process knows of one bridge.
#[derive(Default)]
struct Line {
    driving: bool,
    /// The cutoff up to which nothing is left that could go.
    drained: Option<Instant>,
    not_before: Option<Instant>,
}

/// Shortest pause between two looks, however often the bell rings.
const BREATH: Duration = Duration::from_millis(50);

/// Sends what is due until `stop`, then lets running requests end and records their answers.
pub(crate) async fn keep(engine: Engine, stop: CancellationToken) {
    let mut desk = Desk::default();
    let mut drives = FuturesUnordered::new();
    let poll = Duration::from_millis(engine.parts().settings.poll_millis);
    while !stop.is_cancelled() {
        match desk.look(engine.parts()).await {
            Ok(bridges) => drives.extend(bridges.into_iter().map(|id| start(&engine, id, &stop))),
            Err(e) => tracing::error!(error = %e, "the outflow could not look for writebacks"),
        }
        tokio::select! {
            Some((bridge, ended)) = drives.next() => desk.ended(bridge, ended, engine.parts().clock.now()),
            () = engine.parts().wake.heard_outflow() => desk.forget(),
            () = tokio::time::sleep(poll) => {}
            () = stop.cancelled() => {}
        }
        tokio::select! { () = tokio::time::sleep(BREATH) => {}, () = stop.cancelled() => {} }
    }
    while drives.next().await.is_some() {}
}

/// Sends what is due now and returns when nothing is left that could go.
pub(crate) async fn once(engine: &Engine, stop: &CancellationToken) -> Result<(), StoreError> {
    let bridges = Desk::default().look(engine.parts()).await?;
    let drives: Vec<_> = bridges.into_iter().map(|id| drive::drive(engine.clone(), id, stop.clone())).collect();
    futures::future::join_all(drives).await;
    Ok(())
}

/// A drive in a task of its own: one that panics takes nobody along.
fn start(engine: &Engine, bridge_id: i64, stop: &CancellationToken) -> BoxFuture<'static, (i64, Ended)> {
    let task = tokio::spawn(drive::drive(engine.clone(), bridge_id, stop.clone()));
    Box::pin(async move {
        let ended = task.await.unwrap_or_else(|e| {
            tracing::error!(bridge = bridge_id, error = %e, "sending writebacks broke off");
            Ended::BrokenOff
        });
        (bridge_id, ended)
    })
}

/// Which bridges to drive.
#[derive(Default)]
struct Desk(HashMap<i64, Line>);

impl Desk {
    /// Begins the cycles that are due and answers the bridges that have something to do and are not being driven.
    async fn look(&mut self, parts: &Parts) -> Result<Vec<i64>, StoreError> {
        let db = &parts.db;
        if writebacks::is_missing(db.read()).await? {
            let mut tx = db.write().await?;
            writebacks::ensure(&mut tx).await?;
            tx.commit().await?;
        }
        let now = parts.clock.now();
        keep_times(parts, now).await?;
        for destination in writebacks::destinations(db.read()).await?.iter().filter(|d| !d.is_polled()) {
            begin_cycle(parts, destination, now).await?;
        }
        let signs: HashMap<i64, Signs> = writebacks::signs(db.read(), now).await?.into_iter().map(|s| (s.bridge_id, s)).collect();
        let mut bridges = Vec::new();
        for destination in writebacks::destinations(db.read()).await?.iter().filter(|d| d.enabled && !d.is_polled()) {
            let line = self.0.entry(destination.bridge_id).or_default();
            if let Some(signs) = signs.get(&destination.bridge_id)
                && !line.driving
                && line.wants(destination, signs, now)
            {
                line.driving = true;
                bridges.push(destination.bridge_id);
            }
        }
        Ok(bridges)
    }

    fn ended(&mut self, bridge_id: i64, ended: Ended, now: Instant) {
        let line = self.0.entry(bridge_id).or_default();
        *line = Line::default();
        match ended {
            Ended::Drained(cutoff) => line.drained = Some(cutoff),
            Ended::Spent => line.not_before = Some(Instant((now.0.div_euclid(60_000_000) + 1) * 60_000_000)),
            Ended::Waiting | Ended::BrokenOff => {}
        }
    }

    /// Somebody rang: look at everything afresh.
    fn forget(&mut self) {
        for line in self.0.values_mut() {
            line.drained = None;
            line.not_before = None;
        }
    }
}

impl Line {
    fn wants(&self, d: &Destination, signs: &Signs, now: Instant) -> bool {
        if d.blocked_at.is_some() {
            return d.probe_at <= now.0;
        }
        if self.not_before.is_some_and(|at| at > now) {
            return false;
        }
        let fresh = self.drained.is_none_or(|cutoff| cutoff.0 < d.cutoff);
        signs.at_once || signs.lost || (signs.due && fresh) || asks_set_up(d, signs.held)
    }
}

/// Something is held, and the set-up was not looked at in this cycle; or somebody asks how the table of personas stands.
fn asks_set_up(d: &Destination, held: bool) -> bool {
    (held && d.faults_at.unwrap_or(i64::MIN) < d.cutoff) || (d.faults_at.is_none() && d.read_settings().personas)
}

/// Keeps beside each destination when its kinds go out: what the catalogue and the bridge's settings make of it now.
async fn keep_times(parts: &Parts, now: Instant) -> Result<(), StoreError> {
    let bridges = bridges::list(parts.db.read()).await?;
    for destination in writebacks::destinations(parts.db.read()).await? {
        let Some(bridge) = bridges.iter().find(|b| b.id == destination.bridge_id) else { continue };
        let (Ok(entered), settings) = (bridge.settings(), destination.read_settings()) else { continue };
        let mut timing = rialto_connectors::timing(&bridge.kind, &entered, &settings.timing);
        if !settings.automatic {
            // Nothing goes before a person asks.
            timing.kinds.retain(|_, when| *when != When::AtOnce);
        }
        let (stands, plain) = (destination.read_timing(), timing.kinds.is_empty());
        if stands == timing || (plain && stands.kinds.is_empty()) {
            continue;
        }
        let mut tx = parts.db.write().await?;
        if writebacks::set_timing(&mut tx, &destination, &timing, now).await? {
            tx.commit().await?;
            tracing::info!(bridge = bridge.id, ?timing, "the times of writebacks are set");
        }
    }
    Ok(())
}

async fn begin_cycle(parts: &Parts, d: &Destination, now: Instant) -> Result<(), StoreError> {
    let settings = d.read_settings();
    if !d.enabled || !settings.automatic || d.next_cycle_at > now.0 {
        return Ok(());
    }
    let every = settings.every_minutes.map_or(parts.settings.writebacks.interval_seconds, |m| i64::from(m).max(1) * 60);
    let mut tx = parts.db.write().await?;
    writebacks::begin_cycle(&mut tx, d.bridge_id, now, now.plus_seconds(every)).await?;
    tx.commit().await
}
