//! The API and access control, on SQLite and on PostgreSQL, through the whole router.

mod access;
mod bridges;
mod harness;
mod lists;
mod pages;
mod people;
mod runs;
mod sign_in;
