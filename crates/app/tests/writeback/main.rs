//! Writebacks against everything that happens to a process: the real binary, the sandbox as its remote, and a history of what people did
//! and heard that is kept outside of both.
//!
//! - `house`: an installation, its processes and their ends.
//! - `clients`: people who press the links of their mails, and what they heard.
//! - `check`: what must be true afterwards.
//! - `stream`, `stream_faults`: the same house with profile events coming in.
//! - `kill`, `frozen`, `side_by_side`, `full`, `outage`: the faults.

mod check;
mod clients;
mod dice;
mod frozen;
mod full;
mod house;
mod kill;
mod outage;
mod private;
mod side_by_side;
mod stream;
mod stream_faults;
