//! The profile stream from the log to the rows, each test on SQLite and on PostgreSQL.

mod apply;
mod model;
mod nats;
mod replay;
mod world;
