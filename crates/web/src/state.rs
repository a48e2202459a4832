//! What every handler can reach.

use std::sync::Arc;

use rialto_core::schedule::Usual;
use rialto_core::{Clock, Random};
use rialto_store::{Db, Vault, Wake};
use tokio_util::sync::CancellationToken;

/// The application: storage, time, randomness, and how to wake the workers. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub vault: Vault,
    pub clock: Clock,
    pub random: Random,
    /// Rung after a run was asked for and committed.
    pub wake: Wake,
    pub settings: Arc<Settings>,
    /// Cancelled when the process is to stop: answers without an end of their own then end.
    pub stop: CancellationToken,
    /// The process's own measurements in the Prometheus text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// What the configuration says about pages and API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shown in the head of every page.
    pub account_name: String,
    /// IANA name; times are shown in it to users who chose none.
    pub timezone: String,
    /// Where browsers reach Rialto, e.g. `https://rialto.example.org`, without a slash at the end.
    pub public_url: String,
    /// True behind HTTPS: cookies are `Secure` and carry the `__Host-` prefix, and HSTS is sent.
    pub secure_cookies: bool,
    /// Networks of reverse proxies: only from these a word about the client's address is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// A sign-in reads the lists of bridges whose last look is this old or older.
    pub login_after_seconds: i64,
    /// Time of day of the night's syncs, `HH:MM`, for schedules without one of their own.
    pub overnight_at: String,
    /// The trust gate's thresholds as configured; stored settings go before them.
    pub limits: rialto_core::gate::Limits,
    pub version: &'static str,
}

impl Settings {
    /// What schedules follow that have no settings of their own.
    pub fn usual(&self) -> Usual {
        Usual { at: self.overnight_at.clone(), timezone: self.timezone.clone() }
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}
