//! NATS JetStream: a durable pull consumer whose messages are acknowledged one by one after they are kept here. Not all up to one at once: a
//! second reader of the same consumer would acknowledge what the first has in hand.

mod form;
mod monitor;

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::pull::{self, MessagesErrorKind};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::context::{Context, ContextBuilder, GetStreamErrorKind};
use async_nats::jetstream::{self, stream::Stream as Kept};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Feed, FeedKind, FeedState, Message};
use crate::ConnectorError;
use crate::http::Outbound;
use form::Read;

/// The kind.
pub const KIND: FeedKind = FeedKind {
    kind: "nats",
    name: "NATS JetStream",
    settings: form::SETTINGS,
    secrets: form::SECRETS,
    check: |settings, secrets| form::read(settings, secrets).err().unwrap_or_default(),
    open: |settings, secrets, outbound, name| {
        let read = form::read(settings, secrets)?;
        Ok(Box::new(Nats {
            consumer: if read.consumer.is_empty() { name.to_owned() } else { read.consumer.clone() },
            read,
            outbound: outbound.clone(),
            open: None,
        }))
    },
};

/// Longest wait for the broker's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how long what was not acknowledged is delivered again: far longer than a commit takes, and short after a crash.
const AGAIN_AFTER: Duration = Duration::from_secs(15);
/// How often the broker shows that it is there while nothing comes.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Messages on their way to us: as many as this memory holds if each is as large as the broker allows.
const IN_FLIGHT: usize = 64 << 20;
const MOST_IN_FLIGHT: usize = 1_000;
/// How long more is waited for once something has come, so that a commit is for several.
const GATHER: Duration = Duration::from_millis(2);

struct Nats {
    read: Read,
    consumer: String,
    outbound: Outbound,
    open: Option<Open>,
}

struct Open {
    client: async_nats::Client,
    stream: Kept,
    messages: pull::Stream,
    /// Handed out and not acknowledged.
    handed: Vec<jetstream::Message>,
}

fn away(what: &str, error: impl std::fmt::Display) -> ConnectorError {
    ConnectorError::Transient { detail: format!("{what}: {error}") }
}

impl Nats {
    async fn client(&self) -> Result<async_nats::Client, ConnectorError> {
        let url = &self.read.url;
        let host = url.host_str().unwrap_or_default();
        let port = url.port().unwrap_or(4222);
        let reached = self.outbound.addresses(host, port).await?;
        // The address that was checked is the one that is connected to. With encryption the name has to stay: the certificate is for it.
        let address = match (url.scheme(), reached.first()) {
            ("nats", Some(address)) => format!("nats://{address}"),
            _ => format!("tls://{host}:{port}"),
        };
        let mut options =
            ConnectOptions::new().name("Rialto").connection_timeout(PATIENCE).ignore_discovered_servers().max_reconnects(Some(3));
        if let Some(token) = &self.read.token {
            options = options.token(token.expose_secret().to_owned());
        }
        if !self.read.user.is_empty() {
            let password = self.read.password.as_ref().map(|p| p.expose_secret().to_owned()).unwrap_or_default();
            options = options.user_and_password(self.read.user.clone(), password);
        }
        if let Some(creds) = &self.read.creds {
            let unread = |_| ConnectorError::Auth { detail: "the credentials are no .creds file".into() };
            options = options.credentials(creds.expose_secret()).map_err(unread)?;
        }
        options.connect(address).await.map_err(|e| match e.kind() {
            async_nats::ConnectErrorKind::Authentication | async_nats::ConnectErrorKind::AuthorizationViolation => {
                ConnectorError::Auth { detail: "the broker did not let us in".into() }
            }
            _ => away("the broker does not answer", e),
        })
    }

    async fn connect(&self, after: u64) -> Result<Open, ConnectorError> {
        let client = self.client().await?;
        let context = ContextBuilder::new().timeout(PATIENCE).build(client.clone());
        let stream = self.stream(&context).await?;
        let consumer = match stream.get_consumer::<pull::Config>(&self.consumer).await {
            Ok(consumer) => consumer,
            Err(_) => {
                // Numbers that began anew say nothing of what was taken.
                let after = if stream.cached_info().state.last_sequence < after { 0 } else { after };
                let refused = |e| ConnectorError::Rejected { detail: format!("the consumer {} cannot be made: {e}", self.consumer) };
                stream.create_consumer(self.config(after)).await.map_err(refused)?
            }
        };
        let mut held = consumer.cached_info().config.clone();
        if held.ack_policy != AckPolicy::Explicit || held.durable_name.is_none() {
            let detail = format!("the consumer {} is not a durable one that acknowledges one by one; name another one", self.consumer);
            return Err(ConnectorError::Rejected { detail });
        }
        let wanted: BTreeSet<&String> = self.read.subjects.iter().collect();
        if wanted != held.filter_subjects.iter().chain([&held.filter_subject]).filter(|s| !s.is_empty()).collect() {
            (held.filter_subject, held.filter_subjects) = (String::new(), self.read.subjects.clone());
            let refused =
                |e| ConnectorError::Rejected { detail: format!("the consumer {} does not take these subjects: {e}", self.consumer) };
            stream.update_consumer(held).await.map_err(refused)?;
        }
        let largest = client.server_info().max_payload.max(1);
        let at_once = (IN_FLIGHT / largest).clamp(16, MOST_IN_FLIGHT);
        let messages = consumer.stream().max_messages_per_batch(at_once).heartbeat(HEARTBEAT).expires(HEARTBEAT * 4).messages().await;
        let messages = messages.map_err(|e| away("the broker does not hand out messages", e))?;
        Ok(Open { client, stream, messages, handed: Vec::new() })
    }

    async fn stream(&self, context: &Context) -> Result<Kept, ConnectorError> {
        context.get_stream(&self.read.stream).await.map_err(|e| match e.kind() {
            GetStreamErrorKind::JetStream(_) => {
                ConnectorError::Rejected { detail: format!("the broker has no stream {}: {e}", self.read.stream) }
            }
            _ => away("the broker does not tell about the stream", e),
        })
    }

    /// A place of our own; where the broker lost it, from after what we have.
    fn config(&self, after: u64) -> pull::Config {
        pull::Config {
            durable_name: Some(self.consumer.clone()),
            description: Some("Rialto's place in this stream".into()),
            deliver_policy: if after == 0 { DeliverPolicy::All } else { DeliverPolicy::ByStartSequence { start_sequence: after + 1 } },
            ack_policy: AckPolicy::Explicit,
            ack_wait: AGAIN_AFTER,
            max_deliver: -1,
            max_ack_pending: 20_000,
            filter_subjects: self.read.subjects.clone(),
            ..pull::Config::default()
        }
    }

    /// The connection, made if there is none. It is out of its place until it is put back: an error in between leaves none.
    async fn opened(&mut self, after: u64) -> Result<Open, ConnectorError> {
        match self.open.take() {
            Some(open) => Ok(open),
            None => timeout(PATIENCE * 2, self.connect(after))
                .await
                .unwrap_or_else(|_| Err(away("the broker does not answer", "no answer within ten seconds"))),
        }
    }
}

fn message(message: &jetstream::Message) -> Result<Message, ConnectorError> {
    let info = message.info().map_err(|e| ConnectorError::Protocol { detail: format!("a message that does not tell its number: {e}") })?;
    Ok(Message { body: message.payload.clone(), number: info.stream_sequence })
}

fn failed(error: &pull::MessagesError) -> ConnectorError {
    match error.kind() {
        MessagesErrorKind::ConsumerDeleted => away("the broker", "the consumer was deleted; it is made anew"),
        _ => away("the broker hands out no messages", error),
    }
}

#[async_trait]
impl Feed for Nats {
    async fn next(&mut self, after: u64, most: usize, bytes: usize, patience: Duration) -> Result<Vec<Message>, ConnectorError> {
        let mut open = self.opened(after).await?;
        let mut taken = Vec::new();
        let mut size = 0;
        let mut until = Instant::now() + patience;
        while taken.len() < most && size < bytes {
            let next = match open.messages.next().now_or_never() {
                Some(next) => next,
                None => match timeout_at(until, open.messages.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            let held = match next {
                Some(Ok(held)) => held,
                Some(Err(e)) => return Err(failed(&e)),
                None => return Err(away("the broker", "it ended the delivery")),
            };
            if taken.is_empty() {
                until = Instant::now() + GATHER;
            }
            size += held.payload.len();
            taken.push(message(&held)?);
            open.handed.push(held);
        }
        self.open = Some(open);
        Ok(taken)
    }

    async fn taken(&mut self) -> Result<(), ConnectorError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        for held in open.handed.drain(..) {
            held.ack().await.map_err(|e| away("the broker does not take our word", e))?;
        }
        timeout(PATIENCE, open.client.flush())
            .await
            .map_err(|_| away("the broker", "it does not take our word in time"))?
            .map_err(|e| away("the broker does not take our word", e))?;
        self.open = Some(open);
        Ok(())
    }

    async fn state(&mut self, after: u64) -> Result<FeedState, ConnectorError> {
        let mut open = self.opened(after).await?;
        let info = open.stream.info().await.map_err(|e| away("the broker does not tell about the stream", e))?;
        let (first, last, memory) =
            (info.state.first_sequence, info.state.last_sequence, info.config.storage == jetstream::stream::StorageType::Memory);
        let consumer =
            open.stream.consumer_info(&self.consumer).await.map_err(|e| away("the broker does not tell about the consumer", e))?;
        let waiting = consumer.num_pending;
        self.open = Some(open);
        let mut warnings = Vec::new();
        if memory {
            warnings.push(format!(
                "The stream {} is kept in memory: events that were not fetched are lost with the broker. Keep it in files.",
                self.read.stream
            ));
        }
        warnings.extend(monitor::warning(self.read.monitor.as_ref(), &self.outbound).await);
        Ok(FeedState { waiting, first, last, warnings })
    }
}
