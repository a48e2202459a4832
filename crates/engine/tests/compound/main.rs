//! Target groups made of others, each test on SQLite and on PostgreSQL.

mod follow;
mod large;
mod personas;
mod sets;
mod shares;
mod world;
