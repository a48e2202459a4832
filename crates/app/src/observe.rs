//! Log lines and measurements.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Renders the process's measurements in the Prometheus text format.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Upper bounds of the buckets of durations, in seconds.
const SECONDS: &[f64] = &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0];

/// How often a limit that is reached is told.
const ONCE: Duration = Duration::from_secs(60);

/// How often old measurements are folded together.
const UPKEEP: Duration = Duration::from_secs(15);

/// Log lines go to standard error, so that standard output holds only what was asked for.
pub fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written is lost: the library's own complaint about it would end whoever wrote it (docs/adr/0102).
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // A second call (tests) changes nothing.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
}

/// SIGXFSZ, as Linux and the BSDs number it.
const FILE_SIZE: i32 = 25;

/// A process whose file reaches the size that it may have is ended by a signal, without a word. Rialto takes the signal, so that the
/// write fails as it does on a full disk and storage says so (docs/adr/0102). Call it inside the runtime, before any file is written.
pub fn file_size() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut reached = signal(SignalKind::from_raw(FILE_SIZE)).context("SIGXFSZ cannot be taken")?;
    tokio::spawn(async move {
        while reached.recv().await.is_some() {
            tracing::error!("a file has reached the size limit of this process (ulimit -f, LimitFSIZE=): nothing more can be stored in it");
            // The log may be that file, and its line the next one too many.
            tokio::time::sleep(ONCE).await;
        }
    });
    Ok(())
}

/// Installs the recorder of this process. Call it inside the runtime.
pub fn metrics() -> anyhow::Result<Render> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("measurements cannot be recorded")?;
    let kept = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            kept.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
