//! Target groups made of others, each test on SQLite and on PostgreSQL.

mod follow;
mod large;
mod personas;
mod segments;
mod sets;
mod shares;
mod world;
