//! A simulated loyalty system: members with attributes, preferences and metrics, of two business units. It publishes what is shared of
//! them as profile events, to a receiver's HTTP inbox or to NATS JetStream, and misbehaves on demand.
//!
//! Members are pure functions of a seed; only what was changed or published takes memory. All paths begin with `/loyalty`, so that it can
//! be served beside other simulated systems.

mod acts;
mod admin;
mod catalogue;
mod event;
mod load;
mod members;
mod meter;
mod on_demand;
mod options;
mod pages;
mod poison;
mod publish;
mod sandbox;
mod server;
mod state;
mod stream;
mod truth;
mod value;

pub use acts::Refused;
pub use catalogue::{CATALOGUE, Field, Section, Type};
pub use event::{Kind, Published};
pub use load::{Load, LoadStatus};
pub use members::{Member, NewMember, TIERS, UNITS};
pub use on_demand::{MOST_BURST, OnDemand};
pub use options::Options;
pub use poison::Poison;
pub use publish::Target;
pub use sandbox::Sandbox;
pub use server::{ROOT, Running, start};
pub use stream::{Answer, StreamStatus};
pub use truth::Expected;
pub use value::{LONGEST_TEXT, Value};
