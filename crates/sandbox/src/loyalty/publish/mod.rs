//! Where events go: the HTTP inbox of a receiver, or NATS JetStream; at least once, in order, kept until it was taken.

mod http;
mod nats;
mod pump;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::loopback;
use crate::loyalty::acts::Refused;
use crate::loyalty::sandbox::Sandbox;

/// Where events go. Both are on this machine only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// A receiver's inbox: `POST`, answered with 202 once it is kept there.
    Http {
        /// Its address, for example `http://127.0.0.1:8080/api/v1/streams/…/events`.
        address: String,
        /// The bearer token. Never shown.
        #[serde(skip_serializing)]
        token: String,
        /// Events of one request, from 1 to 500; more than one of them as a batch.
        #[serde(default = "one")]
        batch: usize,
    },
    /// A broker: the subject of a unit is `loyalty.` and its last word, such as `loyalty.north`.
    Nats {
        /// Its address, for example `nats://127.0.0.1:4222`.
        address: String,
        /// The token by which it is opened, if it is closed. Never shown.
        #[serde(skip_serializing, default)]
        token: String,
        /// A stream to make where there is none for the subjects.
        #[serde(default)]
        stream: Option<String>,
        /// Events that are published before their acknowledgements are waited for, from 1 to 500.
        #[serde(default = "one")]
        batch: usize,
    },
}

fn one() -> usize {
    1
}

impl Target {
    /// Where it is.
    pub fn address(&self) -> &str {
        let (Self::Http { address, .. } | Self::Nats { address, .. }) = self;
        address
    }

    /// How much is sent at a time.
    pub fn batch(&self) -> usize {
        let (Self::Http { batch, .. } | Self::Nats { batch, .. }) = self;
        *batch
    }

    pub(crate) fn token(&self) -> &str {
        let (Self::Http { token, .. } | Self::Nats { token, .. }) = self;
        token
    }

    fn check(&self) -> Result<(), &'static str> {
        if !(1..=500).contains(&self.batch()) {
            return Err("1 to 500 events at a time.");
        }
        match self {
            Self::Http { address, .. } => loopback::Target::of(address).map(|_| ()),
            Self::Nats { address, stream, .. } => nats::check(address, stream.as_deref()),
        }
    }
}

/// The present target, and how its pump is woken and ended.
pub(crate) struct Publisher {
    target: Mutex<Option<Target>>,
    wake: Arc<Notify>,
    generation: watch::Sender<u64>,
}

impl Default for Publisher {
    fn default() -> Self {
        Self { target: Mutex::default(), wake: Arc::default(), generation: watch::Sender::new(0) }
    }
}

impl Publisher {
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn held(&self) -> MutexGuard<'_, Option<Target>> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// Sets where events go from now on, or that they go nowhere. What waits goes to the new target; without one nothing waits, and what
    /// is published is only noted. Call it inside a runtime.
    ///
    /// # Errors
    /// The target is none of this machine, or sends too much at a time.
    pub fn set_target(&self, target: Option<Target>) -> Result<(), Refused> {
        if let Some(target) = &target {
            target.check().map_err(Refused::Target)?;
        }
        let publisher = &self.inner.publisher;
        let mut held = publisher.held();
        let generation = self.state().stream.retarget(target.as_ref().map(Target::batch));
        publisher.generation.send_replace(generation);
        if let Some(target) = target.clone() {
            let ended = publisher.generation.subscribe();
            let wake = Arc::clone(&publisher.wake);
            tokio::spawn(pump::pump(Arc::downgrade(&self.inner), target, generation, wake, ended));
        }
        *held = target;
        Ok(())
    }

    /// Where events go.
    pub fn target(&self) -> Option<Target> {
        self.inner.publisher.held().clone()
    }
}
