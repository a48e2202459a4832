//! What runs: the workers that carry out sync runs. The only crate that joins the store with the connectors.

mod approval;
mod bridge_test;
mod chores;
mod compound;
mod lease;
mod lists;
mod people;
mod personas;
mod remote;
mod schedules;
mod segments;
pub mod send;
pub mod streams;
mod take_over;
mod undo;
mod upload;
mod worker;
pub mod writeback;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use rialto_connectors::http::Outbound;
use rialto_core::Clock;
use rialto_core::gate::Limits;
use rialto_core::schedule::Usual;
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

#[derive(Clone, Debug)]
pub struct Settings {
    /// The trust gate: `trust.max_removed` and `trust.max_removed_percent`.
    pub limits: Limits,
    /// How long a silent worker keeps its run, in seconds; heartbeats come three times as often.
    pub lease_seconds: i64,
    /// How long a lease that is over by this node's clock must stay unchanged before its run is taken over, in milliseconds.
    pub silence_millis: u64,
    /// Runs carried out side by side by this process.
    pub workers: usize,
    /// How often to look for work that another process asked for, in milliseconds.
    pub poll_millis: u64,
    /// `sync.overnight_at` and `instance.timezone`, for schedules without settings of their own.
    pub usual: Usual,
    /// How often to look whether a schedule is due, in milliseconds.
    pub schedule_millis: u64,
    pub writebacks: writeback::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            lease_seconds: 30,
            silence_millis: 3_000,
            workers: 2,
            poll_millis: 1_000,
            usual: Usual::default(),
            schedule_millis: 2_000,
            writebacks: writeback::Settings::default(),
        }
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
    watch: take_over::Watch,
}

impl Engine {
    /// `name` must differ between processes, also between two lives of one host: a random text does.
    pub fn new(parts: Parts, name: impl Into<String>) -> Self {
        let (name, watch) = (name.into(), take_over::Watch::default());
        Self { inner: Arc::new(Inner { parts, name, swept_at: AtomicI64::new(i64::MIN), watch }) }
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

    /// As `run`, and looks after what happens by the clock: for a process that stays.
    pub async fn serve(&self, stop: CancellationToken) {
        let writebacks = writeback::keep(self.clone(), stop.clone());
        let checks = writeback::reconcile::keep(self.clone(), stop.clone());
        let personas = personas::keep(self.clone(), stop.clone());
        let events = streams::keep(self.clone(), stop.clone());
        let feeds = streams::fetch::keep(self.clone(), stop.clone());
        tokio::join!(self.run(stop.clone()), writebacks, checks, personas, events, feeds, schedules::keep(self.clone(), stop));
    }

    /// Looks once whether a schedule is due or an occurrence can go on. Answers how many steps were taken.
    pub async fn tick(&self) -> Result<usize, rialto_store::StoreError> {
        schedules::look(self.parts()).await.map(|looked| looked.steps)
    }

    /// Begins the writeback cycles that are due, sends what goes out in them, and returns when nothing is left that could go: for the
    /// command line and tests.
    pub async fn write_back(&self, stop: &CancellationToken) -> Result<(), rialto_store::StoreError> {
        writeback::once(self, stop).await
    }

    /// Carries out the standing checks that were asked for, those of the night too when it has come; for the command line and tests.
    pub async fn check_deliveries(&self, stop: &CancellationToken) -> Result<(), rialto_store::StoreError> {
        writeback::reconcile::ask_nightly(self.parts()).await?;
        writeback::reconcile::all(self, stop).await
    }

    /// Queues what changed about personas for the bridges whose hour has come; for the command line and tests.
    pub async fn look_at_personas(&self) -> Result<(), rialto_store::StoreError> {
        personas::all(self.parts(), &CancellationToken::new()).await
    }

    /// Applies the profile events that wait, and returns when none does; for the command line and tests.
    pub async fn apply_events(&self) -> Result<(), rialto_store::StoreError> {
        streams::until_idle(self, &CancellationToken::new()).await
    }

    /// Fetches profile events from brokers until `stop`, and does nothing else: for tests and measurements.
    pub async fn fetch_events(&self, stop: CancellationToken) {
        streams::fetch::keep(self.clone(), stop).await;
    }

    /// Carries out all queued runs, one after another, then returns: for the command line and tests.
    pub async fn run_until_idle(&self) -> Result<(), rialto_store::StoreError> {
        worker::until_idle(self, &CancellationToken::new()).await
    }
}
