//! Wiring: from a configuration to storage, engine and pages.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use rialto_connectors::http::Outbound;
use rialto_core::schedule::Usual;
use rialto_core::{Clock, Random};
use rialto_engine::Engine;
use rialto_store::{Actor, Db, Vault, Wake};
use rialto_web::App;
use tokio_util::sync::CancellationToken;

use crate::cli::Configured;
use crate::config::{Config, Faults};
use crate::observe::Render;
use crate::{clock, config, observe};

/// What every command that touches data needs.
#[derive(Clone)]
pub struct Parts {
    pub db: Db,
    pub vault: Vault,
    pub clock: Clock,
    pub random: Random,
    pub wake: Wake,
    pub outbound: Outbound,
    pub config: Arc<Config>,
}

impl Parts {
    /// For a command: reads the configuration, logs as it says, opens the database and brings its schema up to date.
    pub async fn open(configured: &Configured) -> anyhow::Result<Self> {
        let config = config::load(configured.config.as_deref())?;
        observe::log(&config);
        Self::with(config).await
    }

    /// Opens everything. Without a key nothing starts.
    pub async fn with(config: Config) -> anyhow::Result<Self> {
        let key = config.key().map_err(|fault| Faults(vec![fault]))?;
        let (clock, random) = (clock::real(), clock::random());
        let outbound = Outbound::new(&config.allow_networks, clock.clone()).map_err(|e| anyhow!("outbound.allow_networks: {e}"))?;
        let db = Db::open(&config.database_url).await.context("the database cannot be opened")?;
        let vault = Vault::new(key.0, random.clone());
        Ok(Self { db, vault, clock, random, wake: Wake::default(), outbound, config: Arc::new(config) })
    }

    /// An engine of its own name: two lives of one process never take each other's runs for their own.
    pub fn engine(&self) -> Engine {
        let parts = rialto_engine::Parts {
            db: self.db.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
            wake: self.wake.clone(),
            outbound: self.outbound.clone(),
            settings: rialto_engine::Settings {
                limits: self.config.limits,
                lease_seconds: self.config.lease_seconds,
                silence_millis: self.config.lease_seconds.clamp(1, 3).unsigned_abs() * 1_000,
                workers: self.config.workers,
                usual: Usual { at: self.config.overnight_at.clone(), timezone: self.config.timezone.clone() },
                writebacks: rialto_engine::writeback::Settings {
                    account_name: self.config.account_name.clone(),
                    interval_seconds: self.config.writeback_seconds,
                    ..rialto_engine::writeback::Settings::with_lease(self.config.writeback_lease_seconds)
                },
                ..rialto_engine::Settings::default()
            },
        };
        Engine::new(parts, self.random.hex::<8>())
    }

    /// Pages and API, until `stop`.
    pub fn app(&self, metrics: Render, stop: CancellationToken) -> App {
        App {
            db: self.db.clone(),
            vault: self.vault.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
            wake: self.wake.clone(),
            settings: Arc::new(rialto_web::Settings {
                account_name: self.config.account_name.clone(),
                timezone: self.config.timezone.clone(),
                public_url: self.config.public_url(),
                secure_cookies: self.config.secure_cookies(),
                trusted_proxies: self.config.trusted_proxies.clone(),
                login_after_seconds: self.config.login_after_seconds,
                overnight_at: self.config.overnight_at.clone(),
                limits: self.config.limits,
                version: env!("CARGO_PKG_VERSION"),
            }),
            stop,
            metrics,
        }
    }

    /// Who acts when a command does.
    pub fn actor(&self) -> Actor {
        Actor { name: "cli".into(), request_id: format!("cli-{}", self.random.hex::<6>()), at: self.clock.now() }
    }
}
