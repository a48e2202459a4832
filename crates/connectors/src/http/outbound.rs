//! What all connectors of an installation share.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use rialto_core::Clock;
use secrecy::SecretString;
use url::Url;

use crate::ConnectorError;

use super::client::Client;
use super::guard::{Denied, Guard};
use super::limits::Limits;
use super::pace::{Pace, Paces};

/// Where Rialto may connect and within which limits. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbound {
    pub(super) guard: Arc<Guard>,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    paces: Arc<Paces>,
}

impl Outbound {
    /// `allow` lists networks (`10.1.0.0/16`) or addresses that may be reached although they are private or local; the
    /// error names the entry that cannot be read. The clock is used to read `Retry-After` dates.
    pub fn new(allow: &[String], clock: Clock) -> Result<Self, String> {
        Ok(Self { guard: Arc::new(Guard::new(allow)?), clock, limits: Limits::default(), paces: Arc::default() })
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

    /// The addresses of a host that may be connected to, for what does not speak HTTP.
    ///
    /// # Errors
    /// The name leads nowhere, or only where this installation does not connect.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectorError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port)).await;
        let found = found.map_err(|e| ConnectorError::Transient { detail: format!("the name {host} leads nowhere: {e}") })?;
        self.guard.choose(host, found).map_err(|denied| ConnectorError::Blocked { detail: denied.to_string() })
    }

    /// The pace of everything that talks to this address as this user, whichever run it belongs to.
    pub(super) fn pace(&self, base: &Url, user: &str, per_second: NonZeroU32) -> Pace {
        self.paces.of(base, user, per_second)
    }

    /// A client for one remote system, signed in by HTTP Basic. Opens no connection. Clients of the same address and user share
    /// `per_second`, also when they are made at different times: two runs of a bridge are no faster than one. The error is a
    /// sentence.
    pub fn basic(&self, base: &Url, user: &str, password: &SecretString, per_second: NonZeroU32) -> Result<Client, String> {
        Client::basic(self.clone(), base, user, password, per_second)
    }

    /// A client for one remote system whose requests sign in by themselves, by what stands in their body or headers; `user` names
    /// whose pace it shares, `secrets` are kept out of errors. The error is a sentence.
    pub fn bare(&self, base: &Url, user: &str, secrets: Vec<SecretString>, per_second: NonZeroU32) -> Result<Client, String> {
        Client::bare(self.clone(), base, user, secrets, per_second)
    }
}
