//! The API and access control, on SQLite and on PostgreSQL, through the whole router.

mod access;
mod acts;
mod bridges;
mod compound;
mod group_pages;
mod harness;
mod lists;
mod pages;
mod people;
mod runs;
mod schedules;
mod settings;
mod sign_in;
