//! The real clock and the real randomness. Everything else takes them as parameters.

use rialto_core::{Clock, Instant, Random};

/// The system's clock.
#[allow(clippy::disallowed_methods)] // the one place where time is read
pub fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub fn real() -> Clock {
    Clock::new(|| Instant::from_timestamp(timestamp()))
}

/// The operating system's random source. Without it no key, salt or token may be made, so the process ends.
#[allow(clippy::disallowed_methods)] // the one place where randomness is taken
pub fn random() -> Random {
    Random::new(|out| {
        if let Err(error) = getrandom::fill(out) {
            panic!("the operating system gives no random bytes: {error}");
        }
    })
}
