//! Connectors: pure translators between one remote system and Rialto's vocabulary. They cannot see the store or the web.
//! How to write one: `docs/CONNECTORS.md`.

mod ahead;
pub mod catalogue;
pub mod error;
pub mod form;
pub mod http;
pub mod imis;
pub mod membersuite;
mod names;
pub mod personify360;
pub mod streams;
pub mod upload;
pub mod writeback;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use rialto_core::Instant;
use rialto_core::fields::FieldType;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::InterestKey;

pub use catalogue::{BridgeKind, has_trigger, kind, kinds, timing, try_out};
pub use error::{ConnectorError, FieldError};
pub use writeback::{Acknowledged, Delivery, DeliveryError, RemoteInterest, SetUpFault, Shown};

/// A list of people as the remote system names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteList {
    /// The remote's own key of the list.
    pub code: String,
    pub name: String,
    pub description: String,
    pub active: bool,
    /// How often the remote regenerates the list, in its words; empty when it does not say.
    pub regeneration: String,
    /// When the list's content was last made: the age of its data. `None` when the remote does not say, or nothing plausible: then
    /// only `members` can tell that a list changed while it was read, and two `None` prove nothing. `probe()` warns of it.
    pub refreshed_at: Option<Instant>,
    pub modified_at: Option<Instant>,
    /// How many people the list has as of `refreshed_at`: the completeness proof.
    pub members: Option<u64>,
}

/// A personalization field as the remote system offers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteField {
    /// The remote's name of the column.
    pub name: String,
    pub label: String,
    pub kind: FieldType,
    /// Longest text in characters, for texts.
    pub length: Option<u32>,
}

/// One page of a list's people.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Rows in the remote's order; a row whose key cannot be read has `remote_id: None`. Cells stand in the order of the
    /// `fields` that were asked for; a column the remote did not send is `Cell::Absent`. Where a dialect leaves out nulls, a column
    /// counts as sent from the first page of this read on which some row has it; from then on what is left out is `Cell::Null`.
    pub rows: Vec<RemotePerson>,
}

/// What a read-only look at the remote found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    pub lists: usize,
    pub fields: usize,
    /// Set-up faults that do not stop reading, each as a sentence that says what to do.
    pub warnings: Vec<String>,
}

/// One configured remote system. Constructing a connector never opens a connection and never spawns.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Read-only look: can we sign in, do the lists and fields answer?
    async fn probe(&self) -> Result<ProbeReport, ConnectorError>;

    /// All lists, their texts cleaned and bounded. A list whose code cannot be asked for is left out (and `probe` warns of it). An
    /// empty answer is an answer; the engine decides what it means.
    async fn lists(&self) -> Result<Vec<RemoteList>, ConnectorError>;

    /// One list as it is now; `None` when the remote has no such list.
    async fn list(&self, code: &str) -> Result<Option<RemoteList>, ConnectorError>;

    /// All fields, their labels cleaned and bounded. A field whose name cannot be asked for is left out (and `probe` warns of it).
    async fn fields(&self) -> Result<Vec<RemoteField>, ConnectorError>;

    /// The people of a list, page by page, each page once, the next one fetched while this one is used. The stream ends after
    /// the last page or with its first error. A required column (key, address, flags) or one of `fields` missing from the
    /// answers is `ConnectorError::Protocol` naming the column; so is a page of more rows than were asked for, and a read that goes on
    /// far beyond what the list announced when `lists` or `list` was last asked.
    fn people<'a>(&'a self, code: &'a str, fields: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>>;

    /// What is missing at the remote before writebacks can go; empty when all is there. A request or two: it also serves as the
    /// probe of a destination that was away.
    async fn set_up_faults(&self) -> Result<Vec<SetUpFault>, ConnectorError>;

    /// Writes one writeback. Acknowledged only if the remote's own answer shows what was written; no request that writes is
    /// repeated in here, so that a try is a try. At most one mark is left however often it is called, as long as every call
    /// after a failed one says `again`, and no two calls for the same mark run at once.
    async fn deliver(&self, delivery: Delivery<'_>) -> Result<Acknowledged, DeliveryError>;

    /// What the remote shows about a person now.
    async fn shown(&self, remote_id: &str) -> Result<Shown, ConnectorError>;

    /// All interests that the remote offers, their names cleaned and bounded.
    async fn interests(&self) -> Result<Vec<RemoteInterest>, ConnectorError>;

    /// Those that the person has now. Names may be empty where only codes are told.
    async fn interests_of(&self, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError>;

    /// Those who have an interest, as a list: its `members` now is the completeness proof. `None` when the remote has no such interest.
    /// Asked only of kinds with `lists_interests`.
    async fn interest_list(&self, _: &InterestKey) -> Result<Option<RemoteList>, ConnectorError> {
        Err(cannot_list_interests())
    }

    /// As `people`, of those who have an interest.
    fn interest_people<'a>(&'a self, _: &'a InterestKey, _: &'a [String]) -> BoxStream<'a, Result<Page, ConnectorError>> {
        futures::stream::once(async { Err(cannot_list_interests()) }).boxed()
    }
}

fn cannot_list_interests() -> ConnectorError {
    ConnectorError::Protocol { detail: "systems of this kind cannot list the people of an interest".into() }
}
