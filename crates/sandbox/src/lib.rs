//! Simulated remote systems with faults to inject: one folder each, with its protocol, its own pages and its truth. They use no
//! connector, so that they cannot share its mistakes.
//!
//! What they have in common: faults, the log of requests, invented names, and the look of their pages.

mod disturb;
mod faults;
pub mod imis;
mod invented;
mod journal;
mod loopback;
pub mod loyalty;
pub mod membersuite;
mod names;
pub mod personify360;
mod site;
mod target;
mod together;

pub use faults::{Fault, FaultRule, FaultStatus};
pub use journal::{Requests, Seen};
pub use personify360::*;
pub use together::{Served, Together, serve_all, start_all};
