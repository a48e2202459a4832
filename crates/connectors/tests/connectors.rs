//! The connectors against their simulated systems: one suite for all of them, and what is particular to each.

mod conformance;
mod imis;
mod membersuite;
mod personify360;
mod support;
