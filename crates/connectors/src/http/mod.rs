//! The one way out: every connector talks through [`Outbound`], which decides where Rialto may connect, how long it waits
//! and how much it reads.
//!
//! - `guard`: which networks may be reached (resolve, check, connect only to checked addresses).
//! - `limits`: times and sizes.
//! - `pace`: how often a remote is asked, by all who ask it.
//! - `retry`: when a read is tried again, and `Retry-After`.
//! - `failure`: from statuses and broken connections to [`ConnectorError`](crate::ConnectorError).
//! - `shape`: is the body what was asked for, or a web page in its place?
//! - `client`: one remote system's client, paced and signed in.

mod client;
mod failure;
mod guard;
mod limits;
mod outbound;
mod pace;
mod retry;
mod shape;

pub use client::{Change, Client, Read, Refusal, Verb, Write};
pub use guard::{Denied, Guard, Net};
pub use limits::Limits;
pub use outbound::Outbound;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use retry::retry_after;
pub use shape::Expect;
pub(crate) use shape::without_bom;
