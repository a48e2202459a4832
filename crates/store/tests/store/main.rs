//! The store's behaviour, each test on SQLite and on PostgreSQL.

mod attributes;
mod fetched;
mod full;
mod membership;
mod people;
mod personalization;
mod runs;
mod schedules;
mod schema;
mod seed;
mod support;
mod throttle;
mod undo;
mod writebacks;
