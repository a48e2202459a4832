//! A simulated MemberSuite: the SOAP Concierge API with signatures and sessions, saved searches with real criteria, MSQL as far as it
//! is publicly known, Save that changes only what is sent, over any number of invented individuals.
//!
//! Individuals are pure functions of a seed; only edits take memory. All paths begin with `/membersuite`, so that it can be served
//! beside other simulated systems. Faults can be injected, pages let a person play the other side, and everything it holds can be
//! read directly.

mod admin;
mod criteria;
mod http;
mod ids;
mod msql;
mod options;
mod pages;
mod people;
mod poller;
mod records;
mod refusal;
mod sandbox;
mod save;
mod schema;
mod search;
mod server;
mod service;
mod sign;
mod state;
mod value;
mod wire;
mod xml;

pub use options::Options;
pub use people::{Individual, NewIndividual};
pub use poller::{Poll, PollFault, PollerSettings};
pub use records::{Activity, Configurable};
pub use sandbox::{Found, Sandbox};
pub use server::{Running, start};
