//! Where profile events come from when Rialto fetches them itself (L1). A connection that others send to (`http`) has no feed.

pub mod nats;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::catalogue::{Secrets, Settings};
use crate::form::FormField;
use crate::http::Outbound;
use crate::{ConnectorError, FieldError};

/// A kind of stream connection whose events are fetched.
pub struct FeedKind {
    /// As in the API, e.g. `nats`.
    pub kind: &'static str,
    /// As on the pages.
    pub name: &'static str,
    pub settings: &'static [FormField],
    pub secrets: &'static [FormField],
    /// Checks what was entered; opens nothing.
    pub check: fn(&Settings, &Secrets) -> Vec<FieldError>,
    /// A feed for a connection. `name`: what the broker keeps the place of this connection under, unless the settings say otherwise.
    pub open: fn(&Settings, &Secrets, &Outbound, name: &str) -> Opened,
}

/// A feed, or what is wrong with the settings.
pub type Opened = Result<Box<dyn Feed>, Vec<FieldError>>;

/// All of them.
pub fn feeds() -> &'static [FeedKind] {
    &[nats::KIND]
}

/// The one of this name.
pub fn feed(kind: &str) -> Option<&'static FeedKind> {
    feeds().iter().find(|f| f.kind == kind)
}

/// A message as the broker holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// An event as JSON, or whatever somebody put there.
    pub body: Bytes,
    /// The broker's number of it; rises, with holes where messages of others stand.
    pub number: u64,
}

/// How a broker's stream stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// Messages that were not fetched yet.
    pub waiting: u64,
    /// Numbers of the oldest message that is kept and of the newest; the oldest is above the newest where nothing is kept.
    pub first: u64,
    pub last: u64,
    /// What puts events in danger at the broker, as sentences that say what to do.
    pub warnings: Vec<String>,
}

/// A place in a broker's stream. Opening one does not connect; the first call does. After an error the next call connects anew.
#[async_trait]
pub trait Feed: Send {
    /// The next messages in the order in which the broker delivers: waits for the first as long as `patience`, and takes what has come with
    /// it. `most` messages, and about `bytes`; one at least is taken however large. `after`: the number up to which all was taken, from which a
    /// place is made where the broker has none any more.
    ///
    /// # Errors
    /// The broker is away, refuses, or has no such stream.
    async fn next(&mut self, after: u64, most: usize, bytes: usize, patience: Duration) -> Result<Vec<Message>, ConnectorError>;

    /// Says that everything handed out so far is kept here. What is not said in time is delivered again.
    ///
    /// # Errors
    /// As `next`; the messages come again.
    async fn taken(&mut self) -> Result<(), ConnectorError>;

    /// How the stream stands.
    ///
    /// # Errors
    /// As `next`.
    async fn state(&mut self, after: u64) -> Result<FeedState, ConnectorError>;
}
