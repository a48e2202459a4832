//! Uploads, each test on SQLite and on PostgreSQL.

#[path = "../compound/world.rs"]
#[allow(dead_code)]
mod world;

mod brought;
mod doubles;
mod faults;
mod gate;
mod model;
mod people;
mod silence;
mod undo;
