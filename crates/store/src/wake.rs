//! Wake-up inside a process: whoever asks for work rings, whoever does it waits (and polls, for other processes).

use std::sync::Arc;

use tokio::sync::Notify;

/// Rings in all rooms, so that nobody sleeps because somebody else heard it.
#[derive(Clone, Default, Debug)]
pub struct Wake(Arc<Rooms>);

#[derive(Default, Debug)]
struct Rooms {
    runs: Notify,
    outflow: Notify,
    streams: Notify,
}

impl Wake {
    pub fn ring(&self) {
        self.0.runs.notify_one();
        self.0.outflow.notify_one();
        self.0.streams.notify_one();
    }

    /// As `ring`, for events alone: they come by the thousand.
    pub fn ring_streams(&self) {
        self.0.streams.notify_one();
    }

    /// For the one that applies profile events.
    pub async fn heard_streams(&self) {
        self.0.streams.notified().await;
    }

    /// For the workers that carry out runs.
    pub async fn heard(&self) {
        self.0.runs.notified().await;
    }

    /// For the one that sends writebacks.
    pub async fn heard_outflow(&self) {
        self.0.outflow.notified().await;
    }
}
