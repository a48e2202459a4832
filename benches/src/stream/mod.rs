//! `scripts/bench.sh --stream`: the profile stream on both databases, beside the raw limits of the same run.
//!
//! - `world`: a list with a stream and data syncs, and the events.
//! - `inbox`: events sent over HTTP, in small and in large batches.
//! - `apply`: a million that wait, a hundred data syncs, and how long one takes until it can be seen.
//! - `broker`: the same from NATS JetStream.

pub mod apply;
pub mod broker;
pub mod inbox;
mod world;
