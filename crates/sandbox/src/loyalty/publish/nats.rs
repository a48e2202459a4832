//! To NATS JetStream: published under the id of the event, and done with when the server has acknowledged that it is kept.

use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use bytes::Bytes;

use super::pump::{Tried, is_poison};
use crate::loopback;
use crate::loyalty::event::Published;

/// First word of every subject.
const PREFIX: &str = "loyalty";
/// Longest wait for a connection, and for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the address is one of this machine and the stream's name one that NATS takes.
pub(super) fn check(address: &str, stream: Option<&str>) -> Result<(), &'static str> {
    let host = address.trim().strip_prefix("nats://").ok_or("Enter an address that begins with nats://.")?;
    if host.contains(['/', '@', ',']) || !loopback::is_here(host) {
        return Err("The simulator publishes to servers on this machine only, such as nats://127.0.0.1:4222.");
    }
    let is_name = |name: &str| (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if stream.is_some_and(|name| !is_name(name)) {
        return Err("A stream's name has letters, digits, - and _.");
    }
    Ok(())
}

/// The subject of a business unit: its last word.
fn subject(source: &str) -> String {
    format!("{PREFIX}.{}", source.rsplit('/').next().unwrap_or(source))
}

pub(super) struct Broker {
    address: String,
    token: String,
    stream: Option<String>,
    context: Option<Context>,
}

impl Broker {
    pub(super) fn new(address: String, token: String, stream: Option<String>) -> Self {
        Self { address, token, stream, context: None }
    }

    pub(super) async fn send(&mut self, events: &[Arc<Published>]) -> Tried {
        let context = match self.context.take() {
            Some(context) => context,
            None => match self.connect().await {
                Ok(context) => context,
                Err(why) => return Tried::again(format!("NATS is not there: {why}.")),
            },
        };
        let tried = publish(&context, events).await;
        if !tried.again {
            // After a failure a new connection says best how things stand.
            self.context = Some(context);
        }
        tried
    }

    async fn connect(&self) -> Result<Context, String> {
        let mut options = ConnectOptions::new().name("simulated loyalty system").connection_timeout(PATIENCE);
        if !self.token.is_empty() {
            options = options.token(self.token.clone());
        }
        let client = options.connect(self.address.trim()).await.map_err(|e| e.to_string())?;
        let context = async_nats::jetstream::context::ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client);
        if let Some(name) = &self.stream {
            let config = Config { name: name.clone(), subjects: vec![format!("{PREFIX}.>")], ..Config::default() };
            context.get_or_create_stream(config).await.map_err(|e| e.to_string())?;
        }
        Ok(context)
    }
}

/// Publishes all and then waits for what the server says of each, in order. After one that failed the rest is published once more: the
/// server knows again by its id what it has already.
async fn publish(context: &Context, events: &[Arc<Published>]) -> Tried {
    let mut acknowledgements = Vec::with_capacity(events.len());
    let mut failed = None;
    for event in events {
        let message = PublishMessage::build().payload(Bytes::copy_from_slice(event.text.as_bytes())).message_id(&event.id);
        match context.send_publish(subject(event.source), message).await {
            Ok(acknowledgement) => acknowledgements.push(acknowledgement),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let mut done = 0;
    let mut last = 0;
    for acknowledgement in acknowledgements {
        match acknowledgement.await {
            Ok(taken) => (done, last) = (done + 1, taken.sequence),
            Err(error) => return failure(events, done, &error),
        }
    }
    match failed {
        Some(error) => failure(events, done, &error),
        None => Tried::taken(done, format!("kept in the stream as far as its number {last}")),
    }
}

fn failure(events: &[Arc<Published>], done: usize, error: &PublishError) -> Tried {
    let words = format!("NATS: {error}.");
    let too_large = error.kind() == PublishErrorKind::MaxPayloadExceeded;
    match events.get(done) {
        Some(event) if done == 0 && too_large && is_poison(event) => Tried::refused(words),
        _ => Tried { done, ..Tried::again(words) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brokers_of_this_machine_and_plain_names_are_taken() {
        assert_eq!(check("nats://127.0.0.1:4222", Some("LOYALTY")), Ok(()));
        for bad in ["http://127.0.0.1", "nats://10.0.0.1:4222", "nats://user@127.0.0.1", "nats://127.0.0.1,10.0.0.1:1", ""] {
            assert!(check(bad, None).is_err(), "{bad}");
        }
        assert!(check("nats://localhost", Some("a.b")).is_err());
        assert_eq!(subject("/loyalty/north"), "loyalty.north");
    }
}
