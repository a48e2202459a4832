//! The whole pipeline against the sandbox, each test on SQLite and on PostgreSQL.

mod books;
mod chores;
mod drain;
mod faults;
mod gate;
mod hardening;
mod leave_out;
mod lists;
mod night;
mod random;
mod send;
mod support;
mod triggers;
