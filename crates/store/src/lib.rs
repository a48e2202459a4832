//! The only crate with SQL. One text over SQLite and PostgreSQL; rules of the house in `README.md` beside this crate.

pub mod audiences;
pub mod audit;
pub mod bridges;
pub mod compound;
pub mod consent;
pub mod data_syncs;
mod db;
mod error;
pub mod fetch_tokens;
pub mod fields;
pub mod folders;
pub mod groups;
pub mod households;
pub mod idempotency;
pub mod ids;
pub mod interests;
pub mod membership;
mod migrate;
pub mod notes;
pub mod people;
pub mod personalization;
pub mod personas;
pub mod reconcile;
pub mod runs;
pub mod schedules;
pub mod seed;
pub mod segments;
pub mod sessions;
pub mod settings;
pub mod sql;
pub mod streams;
pub mod throttle;
pub mod tokens;
pub mod undo;
pub mod uploads;
pub mod users;
pub mod vault;
pub mod views;
mod wake;
pub mod waterfall;
pub mod writebacks;

pub use audit::Actor;
pub use db::{Db, Read, Row, Tx};
pub use error::StoreError;
pub use migrate::run as migrate;
pub use vault::Vault;
pub use wake::Wake;

#[cfg(test)]
mod statements_test;
