//! The whole pipeline against the sandbox, each test on SQLite and on PostgreSQL.

mod beside_upload;
mod books;
mod categories;
mod chores;
mod drain;
mod faults;
mod fetched;
mod gate;
mod hardening;
mod leave_out;
mod lists;
mod night;
mod random;
mod send;
mod support;
mod triggers;
mod undo;
