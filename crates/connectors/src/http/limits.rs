//! Times and sizes that no remote system can stretch.

use std::time::Duration;

/// Longest wait that a remote system can ask of Rialto, wherever it is kept.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Limits of one client. All waits are real time, not the clock's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Without a byte of the answer.
    pub idle: Duration,
    /// For one request from its start to the last byte of its answer.
    pub request: Duration,
    /// No new attempt begins later than this after the call began.
    pub call: Duration,
    /// Attempts for one read, the first included.
    pub attempts: usize,
    /// First pause between attempts; it doubles, with jitter.
    pub pause: Duration,
    /// Longest sum of pauses within one call. A longer `Retry-After` is handed to the caller.
    pub patience: Duration,
    /// Bytes of an answer after decompression.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            request: Duration::from_secs(180),
            call: Duration::from_secs(300),
            attempts: 4,
            pause: Duration::from_millis(400),
            patience: Duration::from_secs(30),
            body: 16 << 20,
        }
    }
}
