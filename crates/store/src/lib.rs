//! The only crate with SQL. One text over SQLite and PostgreSQL; rules of the house in `README.md` beside this crate.

pub mod audit;
pub mod bridges;
mod db;
mod error;
pub mod groups;
pub mod ids;
mod migrate;
pub mod runs;
pub mod sql;
pub mod vault;
mod wake;

pub use audit::Actor;
pub use db::{Db, Read, Row, Tx};
pub use error::StoreError;
pub use migrate::run as migrate;
pub use vault::Vault;
pub use wake::Wake;
