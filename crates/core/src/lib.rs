//! Vocabulary and rules of Rialto: identity, consent, mapping, the sync plan and its guard, the books.
//! No I/O, no async, no SQL, no HTTP: everything here is a pure function of its arguments.

pub mod address;
pub mod audience;
pub mod books;
pub mod compound;
pub mod consent;
pub mod data_sync;
pub mod event;
pub mod fields;
pub mod figure;
pub mod freshness;
pub mod gate;
pub mod hash;
pub mod ids;
mod names;
pub mod permissions;
pub mod person;
pub mod preference;
pub mod random;
pub mod run;
pub mod schedule;
pub mod segment;
pub mod time;
pub mod timing;
pub mod upload;
pub mod writeback;

pub use address::{Address, AddressState};
pub use books::Counts;
pub use figure::figure;
pub use ids::{Kind, PublicId};
pub use random::Random;
pub use time::{Clock, Instant};
