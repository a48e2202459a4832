//! What runs: the workers that carry out sync runs. The only crate that joins the store with the connectors.

mod approval;
mod bridge_test;
mod chores;
mod lease;
mod lists;
mod people;
mod remote;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use rialto_connectors::http::Outbound;
use rialto_core::Clock;
use rialto_core::gate::Limits;
use rialto_store::{Db, Vault, Wake};
use tokio_util::sync::CancellationToken;

/// What an engine is made of.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    pub vault: Vault,
    pub clock: Clock,
    /// Rung by whoever asks for a run in this process.
    pub wake: Wake,
    pub outbound: Outbound,
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The trust gate: `trust.max_removed` and `trust.max_removed_percent`.
    pub limits: Limits,
    /// How long a silent worker keeps its run, in seconds; heartbeats come three times as often.
    pub lease_seconds: i64,
    /// Runs carried out side by side by this process.
    pub workers: usize,
    /// How often to look for work that another process asked for, in milliseconds.
    pub poll_millis: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), lease_seconds: 30, workers: 2, poll_millis: 1_000 }
    }
}

/// The engine of one process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    /// Tells this process's leases from those of others.
    name: String,
    /// When this process last swept, in microseconds since 1970.
    swept_at: AtomicI64,
}

impl Engine {
    /// `name` must differ between processes, also between two lives of one host: a random text does.
    pub fn new(parts: Parts, name: impl Into<String>) -> Self {
        Self { inner: Arc::new(Inner { parts, name: name.into(), swept_at: AtomicI64::new(i64::MIN) }) }
    }

    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    pub(crate) fn swept_at(&self) -> &AtomicI64 {
        &self.inner.swept_at
    }

    /// Works until `stop` is cancelled; a run under way is given up at its next batch and tried again later.
    pub async fn run(&self, stop: CancellationToken) {
        let workers = (0..self.inner.parts.settings.workers.max(1)).map(|n| worker::work(self.clone(), n, stop.clone()));
        futures::future::join_all(workers).await;
    }

    /// Carries out all queued runs, one after another, then returns: for the command line and tests.
    pub async fn run_until_idle(&self) -> Result<(), rialto_store::StoreError> {
        worker::until_idle(self, &CancellationToken::new()).await
    }
}
