//! A receiver of the test's own: it keeps what it is sent, and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rialto_sandbox::loyalty::{Options, Running, Sandbox, Target, start};
use serde_json::Value;
use tokio::task::JoinHandle;

/// Longest wait for what must come.
pub const SOON: Duration = Duration::from_secs(20);

/// One request.
#[derive(Clone, Debug)]
pub struct Sent {
    pub content_type: String,
    pub token: String,
    pub body: String,
    pub status: u16,
}

impl Sent {
    /// Its events; none of what is no JSON.
    pub fn events(&self) -> Vec<Value> {
        match serde_json::from_str(&self.body) {
            Ok(Value::Array(events)) => events,
            Ok(event) => vec![event],
            Err(_) => Vec::new(),
        }
    }
}

#[derive(Clone, Default)]
struct Held {
    sent: Arc<Mutex<Vec<Sent>>>,
    /// The next answers; 202 when there is none.
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// What is no list of events that this inbox takes is refused whole with 400.
    strict: Arc<Mutex<bool>>,
}

pub struct Inbox {
    pub address: String,
    held: Held,
    task: JoinHandle<std::io::Result<()>>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inbox {
    pub async fn start() -> Self {
        let held = Held::default();
        let limit = DefaultBodyLimit::max(1 << 20);
        let router = Router::new().route("/in/events", post(take)).layer(limit).with_state(held.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/in/events", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, held, task }
    }

    pub fn answer(&self, statuses: &[u16]) {
        self.held.answers.lock().unwrap().extend(statuses);
    }

    pub fn be_strict(&self) {
        *self.held.strict.lock().unwrap() = true;
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.held.sent.lock().unwrap().clone()
    }

    /// The events of requests that were taken, in order.
    pub fn taken(&self) -> Vec<Value> {
        self.sent().iter().filter(|sent| sent.status == 202).flat_map(Sent::events).collect()
    }

    pub fn target(&self, batch: usize) -> Target {
        Target::Http { address: self.address.clone(), token: "rialto_secret".into(), batch }
    }
}

fn fits(event: &Value) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    event["specversion"] == "1.0" && event["subject"].is_string() && event["sequence"].as_str().is_some_and(digits)
}

async fn take(State(held): State<Held>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (content_type, token) = (header("content-type"), header("authorization"));
    let mut sent = Sent { content_type, token, body, status: 202 };
    if let Some(status) = held.answers.lock().unwrap().pop_front() {
        sent.status = status;
    } else if serde_json::from_str::<Value>(&sent.body).is_err() || (*held.strict.lock().unwrap() && !sent.events().iter().all(fits)) {
        sent.status = 400;
    }
    let status = StatusCode::from_u16(sent.status).unwrap();
    held.sent.lock().unwrap().push(sent);
    status
}

/// A sandbox of so many members that publishes into an inbox.
pub async fn publishing(people: u64, batch: usize) -> (Running, Inbox) {
    let inbox = Inbox::start().await;
    let running = start(Options { people, ..Options::default() }).await.unwrap();
    running.sandbox.set_target(Some(inbox.target(batch))).unwrap();
    (running, inbox)
}

/// Waits until all that was published was taken or refused for good.
pub async fn delivered(sandbox: &Sandbox) {
    assert!(sandbox.delivered(SOON).await, "{:?}", sandbox.stream());
}
