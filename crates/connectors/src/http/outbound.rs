//! What all connectors of an installation share.

use std::num::NonZeroU32;
use std::sync::Arc;

use rialto_core::Clock;
use secrecy::SecretString;
use url::Url;

use super::client::Client;
use super::guard::{Denied, Guard};
use super::limits::Limits;

/// Where Rialto may connect and within which limits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub(super) guard: Arc<Guard>,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
}

impl Outbound {
    /// `allow` lists networks (`10.1.0.0/16`) or addresses that may be reached although they are private or local; the
    /// error names the entry that cannot be read. The clock is used to read `Retry-After` dates.
    pub fn new(allow: &[String], clock: Clock) -> Result<Self, String> {
        Ok(Self { guard: Arc::new(Guard::new(allow)?), clock, limits: Limits::default() })
    }

    /// The same with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Refuses an address whose host is a number in a network that may not be reached. Names are checked when they are
    /// resolved.
    pub fn check(&self, url: &Url) -> Result<(), Denied> {
        self.guard.check_host(url)
    }

    /// A client for one remote system, signed in by HTTP Basic. Opens no connection. The error is a sentence.
    pub fn basic(&self, base: &Url, user: &str, password: &SecretString, per_second: NonZeroU32) -> Result<Client, String> {
        Client::basic(self.clone(), base, user, password, per_second)
    }
}
