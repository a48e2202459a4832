//! The commands of daily work.

pub mod bridge;
pub mod check;
pub mod migrate;
pub mod runs;
pub mod sample;
pub mod sandbox;
pub mod sync;
pub mod token;
pub mod upload;
pub mod user;
pub mod writebacks;

/// Prints a value as one line of JSON.
pub fn print_json(value: &serde_json::Value) {
    println!("{value}");
}
