//! `rialto serve`: pages, API and workers until a signal, then a drain of at most 30 seconds.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{Part, Serve};
use crate::http::web;
use crate::parts::Parts;
use crate::{config, observe};

/// Longest time between a signal and the end of the process.
const DRAIN: Duration = Duration::from_secs(28);

pub async fn run(args: Serve) -> anyhow::Result<ExitCode> {
    let mut config = config::load(args.configured.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    observe::log(&config);
    let metrics = observe::metrics()?;
    let parts = Parts::with(config).await?;
    let stop = on_signal()?;
    let app = parts.app(metrics, stop.clone());
    let router = match args.role {
        Part::All | Part::Web => Some(rialto_web::router(app)),
        Part::Worker if args.listen.is_some() => Some(rialto_web::health::router().with_state(app)),
        Part::Worker => None,
    };
    let listener = match &router {
        Some(_) => Some(bind(parts.config.listen).await?),
        None => None,
    };
    let engine = (args.role != Part::Web).then(|| parts.engine());
    if let Some(listener) = &listener {
        tracing::info!(listen = %listener.local_addr()?, url = parts.config.public_url(), "Rialto is ready");
    }
    let web = async {
        match (router, listener) {
            (Some(router), Some(listener)) => web(listener, router, stop.clone()).await,
            _ => Ok(()),
        }
    };
    let work = async {
        if let Some(engine) = engine {
            engine.serve(stop.clone()).await;
        }
    };
    drained(async { tokio::join!(web, work).0 }, &stop).await?;
    parts.db.close().await;
    tracing::info!("Rialto has stopped");
    Ok(ExitCode::SUCCESS)
}

pub async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))
}

/// Waits for the work; once stopped, no longer than the drain.
pub async fn drained(work: impl Future<Output = anyhow::Result<()>>, stop: &CancellationToken) -> anyhow::Result<()> {
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        done = work => done,
        () = late => {
            tracing::warn!("work was still under way at the end of the drain; it will be taken up again");
            Ok(())
        }
    }
}

/// Cancelled by SIGTERM or SIGINT. A second signal ends the process at once.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be watched")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            if again {
                std::process::exit(130);
            }
            tracing::info!("stopping");
            token.cancel();
        }
    });
    Ok(stop)
}
