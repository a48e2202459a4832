//! A clock that stands until a test moves it on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rialto_sandbox::{Options, Sandbox};

/// 2026-03-02T08:00:00Z, a Monday.
pub const MONDAY: i64 = 1_772_438_400;

pub struct Watch(Arc<AtomicI64>);

impl Watch {
    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub fn pass(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60, Ordering::SeqCst);
    }

    pub fn to(&self, time: &str) {
        self.0.store(at(time).as_second(), Ordering::SeqCst);
    }
}

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// A sandbox of so many people, and its clock.
pub fn watched(people: u64) -> (Sandbox, Watch) {
    let time = Arc::new(AtomicI64::new(MONDAY));
    let clock = Arc::clone(&time);
    let now = Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
    (Sandbox::new(Options { people, now, ..Options::default() }), Watch(time))
}
