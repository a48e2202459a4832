//! Queries for reading only: what pages and API show.

pub mod api;
pub mod bridges;
pub mod compound;
pub mod folders;
pub mod groups;
pub mod history;
pub mod members;
pub mod overview;
pub mod people;
pub mod runs;
pub mod schedules;
pub mod search;
#[cfg(test)]
mod tests;
