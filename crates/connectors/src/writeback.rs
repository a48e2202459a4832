//! What an engine hands to a connector to be written, and what comes back (`rules.md` section 4).

use rialto_core::consent::Flag;
use rialto_core::writeback::{InterestKey, InterestSource, Message, WritebackKind};

use crate::ConnectorError;

/// One writeback as a connector delivers it.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// As `rialto_core::writeback::marker`.
    pub marker: &'a str,
    /// As the connector's own `people` gave it.
    pub remote_id: &'a str,
    pub message: &'a Message,
    /// An earlier try may have reached the remote: look for the marker before writing.
    pub again: bool,
}

/// The remote has shown that what was to be written stands there. Nothing else counts as delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledged {
    Written,
    /// Written, and so many values were longer than their columns there and were cut.
    Cut {
        values: u8,
    },
    /// Found by its marker: an earlier try had arrived.
    FoundThere,
}

/// Why a delivery is not acknowledged. It may have arrived all the same unless the variant says otherwise: the next try sets
/// `Delivery::again`.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Something of the remote's set-up is missing, and this try did not leave the mark. The sentence says what and what to do.
    #[error("the remote system is not set up for this: {missing}")]
    SetUp { missing: String },
    /// The remote says that this one message cannot be taken (person unknown, validation).
    #[error("the remote system did not take this: {detail}")]
    Refused { detail: String },
    /// Anything else; the engine decides by its kind whether the destination is away.
    #[error(transparent)]
    Failed(#[from] ConnectorError),
}

/// Something missing at the remote, and which writebacks wait for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetUpFault {
    pub kinds: Vec<WritebackKind>,
    /// A sentence: what is missing (for example which activity code), and what to run or add.
    pub detail: String,
}

/// What the remote shows about one person: for the standing check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Whether the remote allows mail. `None`: there is no such person any more.
    pub flag: Option<Flag>,
    /// Marks of writebacks, each as often as it stands there, in the remote's order.
    pub markers: Vec<String>,
}

/// An interest as the remote knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteInterest {
    pub source: InterestSource,
    pub code: String,
    /// A demographic's subcode; empty for an interest area.
    pub subcode: String,
    pub name: String,
    /// People may still take it.
    pub active: bool,
    /// How many people have it; `None` where that is not told.
    pub members: Option<u64>,
}

impl RemoteInterest {
    pub fn key(&self) -> InterestKey {
        InterestKey { source: self.source, code: self.code.clone(), subcode: self.subcode.clone() }
    }
}
