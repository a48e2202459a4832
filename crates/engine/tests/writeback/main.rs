//! The writeback worker against the simulated remote, on both databases.

mod cut;
mod delivered;
mod faults;
mod imis;
mod interests;
mod model;
mod personas;
mod reconcile;
mod side_by_side;
mod support;
