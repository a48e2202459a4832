//! What can go wrong with a remote system, sorted by what Rialto does about it.

use std::time::Duration;

/// A fault of a bridge's settings: which key, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct FieldError {
    pub field: String,
    pub detail: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The remote refuses the credentials or the permission. Retrying does not help.
    #[error("the remote system refused the sign-in: {detail}")]
    Auth { detail: String },
    /// Too many requests; the remote says or we guess when to come back.
    #[error("the remote system asks to slow down")]
    Limited { retry_after: Option<Duration> },
    /// The remote understood and said no; the same request will fail again.
    #[error("the remote system refused the request: {detail}")]
    Rejected { detail: String },
    /// Network or server trouble; a later try may succeed.
    #[error("the remote system could not be reached or failed: {detail}")]
    Transient { detail: String },
    /// An answer that is not what the protocol promises: HTML, cut, wrong shape, too large.
    #[error("the remote system sent something unexpected: {detail}")]
    Protocol { detail: String },
    /// Rialto itself refuses to connect there: a private or special network that the operator has not allowed.
    #[error("Rialto does not connect to this address: {detail}")]
    Blocked { detail: String },
}

impl ConnectorError {
    /// Stable name, kept on runs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "auth",
            Self::Limited { .. } => "limited",
            Self::Rejected { .. } => "rejected",
            Self::Transient { .. } => "transient",
            Self::Protocol { .. } => "protocol",
            Self::Blocked { .. } => "blocked",
        }
    }

    /// What the reader can do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Auth { .. } => "Check the user name and password on Bridge Configuration, then test the bridge.",
            Self::Limited { .. } => "Wait a little; Rialto tries again at the next sync.",
            Self::Rejected { .. } => "Check the names of lists and procedures in the bridge's settings.",
            Self::Transient { .. } => "Try again in a few minutes; if it lasts, ask whoever runs the remote system.",
            Self::Protocol { .. } => {
                "Check that the bridge's address is the service root, and that nothing (a login page, a proxy) answers in its place."
            }
            Self::Blocked { .. } => "Ask the operator of this installation to allow the network, or correct the bridge's address.",
        }
    }
}
