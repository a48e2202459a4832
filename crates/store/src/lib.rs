//! The only crate with SQL. One text over SQLite and PostgreSQL; rules of the house in `README.md` beside this crate.

pub mod audit;
mod db;
mod error;
pub mod ids;
mod migrate;
pub mod sql;

pub use db::{Db, Read, Row, Tx};
pub use error::StoreError;
pub use migrate::run as migrate;
