//! A run under way: its lease, its progress, and whether to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use rialto_core::Clock;
use rialto_core::run::Phase;
use rialto_store::{Db, runs};
use tokio_util::sync::CancellationToken;

/// Keeps a run's lease while it lives. Cancelled when the lease is lost or the process is to stop.
#[derive(Clone)]
pub(crate) struct Lease {
    pub run_id: i64,
    pub worker: String,
    progress: Arc<AtomicI64>,
    phase: Arc<AtomicU8>,
    gone: CancellationToken,
    lost: CancellationToken,
}

impl Lease {
    pub fn new(run_id: i64, worker: &str, stop: &CancellationToken) -> Self {
        Self {
            run_id,
            worker: worker.to_owned(),
            progress: Arc::default(),
            phase: Arc::default(),
            gone: stop.child_token(),
            lost: CancellationToken::new(),
        }
    }

    pub fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// Resolves when the work should stop.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// The lease was lost to another worker (rather than given up because the process stops).
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    pub fn advance(&self, rows: i64) {
        self.progress.fetch_add(rows, Ordering::Relaxed);
    }

    pub fn restart(&self) {
        self.progress.store(0, Ordering::Relaxed);
    }

    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        Phase::ALL.get(usize::from(self.phase.load(Ordering::Relaxed))).copied().unwrap_or(Phase::Reading)
    }

    /// Beats until dropped or the lease is lost.
    pub async fn keep(self, db: Db, clock: Clock, lease_seconds: i64) {
        let pause = Duration::from_millis((lease_seconds.max(1) as u64 * 1_000 / 3).min(1_000));
        let mut missed_until = clock.now().plus_seconds(lease_seconds);
        loop {
            tokio::time::sleep(pause).await;
            let now = clock.now();
            match self.beat(&db, now, lease_seconds).await {
                Ok(true) => missed_until = now.plus_seconds(lease_seconds),
                Ok(false) => {
                    tracing::warn!(run = self.run_id, "the run is no longer this worker's");
                    self.lost.cancel();
                    self.gone.cancel();
                    return;
                }
                // The database is away or busy: go on until the lease must be taken for lost.
                Err(e) => {
                    tracing::warn!(run = self.run_id, error = %e, "heartbeat failed");
                    if clock.now() > missed_until {
                        self.lost.cancel();
                        self.gone.cancel();
                        return;
                    }
                }
            }
        }
    }

    async fn beat(&self, db: &Db, now: rialto_core::Instant, lease_seconds: i64) -> Result<bool, rialto_store::StoreError> {
        let mut tx = db.write().await?;
        let progress = self.progress.load(Ordering::Relaxed);
        let mine = runs::heartbeat(&mut tx, self.run_id, &self.worker, now.plus_seconds(lease_seconds), progress, self.phase()).await?;
        tx.commit().await?;
        Ok(mine)
    }
}
