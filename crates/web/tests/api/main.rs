//! The API and access control, on SQLite and on PostgreSQL, through the whole router.

mod access;
mod acts;
mod admin_pages;
mod attributes;
mod audit_pages;
mod bridges;
mod compound;
mod described;
mod group_pages;
mod harness;
mod hostile;
mod households;
mod info;
mod inputs;
mod interests;
mod lists;
mod old_pages;
mod pages;
mod people;
mod public;
mod run_pages;
mod runs;
mod schedules;
mod settings;
mod sign_in;
mod writebacks;
