//! To a receiver's inbox by HTTP.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::pump::{Tried, is_poison};
use crate::loopback::{Answer, Connection, Post, Target};
use crate::loyalty::event::Published;

const SINGLE: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";
/// Characters of an answer that are shown.
const SHOWN: usize = 300;
/// How often a connection may break under one piece of poison before it is given up.
const MOST_BROKEN: u32 = 3;

pub(super) struct Inbox {
    target: Target,
    token: String,
    connection: Connection,
    /// So many of the next events go one by one, because a batch with them was refused whole.
    singly: usize,
    /// How often the connection broke under the poison that is sent now.
    broken: u32,
}

/// What the contract says of an answer to a batch.
#[derive(Deserialize)]
struct Heard {
    accepted: u64,
    #[serde(default)]
    rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    #[serde(default)]
    error: String,
}

impl Inbox {
    pub(super) fn new(address: &str, token: String) -> Option<Self> {
        let target = Target::of(address).ok()?;
        Some(Self { target, token, connection: Connection::default(), singly: 0, broken: 0 })
    }

    pub(super) fn most(&self) -> usize {
        if self.singly > 0 { 1 } else { usize::MAX }
    }

    pub(super) async fn send(&mut self, events: &[Arc<Published>]) -> Tried {
        let answer = self.connection.ask(&self.target, "", &self.token, Some(post(events))).await;
        let tried = match answer {
            Ok(answer) => self.judge(events, &answer),
            Err(why) => self.broke(events, why),
        };
        if tried.done > 0 {
            self.broken = 0;
        }
        self.singly = self.singly.saturating_sub(tried.done);
        tried
    }

    /// A receiver may end the connection in the middle of a body that is too large, so that its answer is never read.
    fn broke(&mut self, events: &[Arc<Published>], why: String) -> Tried {
        match events {
            [event] if is_poison(event) => {
                self.broken += 1;
                if self.broken >= MOST_BROKEN {
                    Tried::refused(format!("{why} It was poison, so it is not sent again."))
                } else {
                    Tried::again(why)
                }
            }
            _ => Tried::again(why),
        }
    }

    fn judge(&mut self, events: &[Arc<Published>], answer: &Answer) -> Tried {
        let words = words(answer);
        let refused = matches!(answer.status, 400 | 413 | 415 | 422);
        match events {
            _ if answer.status == 202 => Tried::taken(events.len(), words),
            [event] if refused && is_poison(event) => Tried::refused(words),
            [_] => Tried::again(words),
            _ => {
                if refused {
                    self.singly = events.len();
                }
                Tried::again(words)
            }
        }
    }
}

fn post(events: &[Arc<Published>]) -> Post {
    if let [event] = events {
        return Post { content_type: SINGLE, body: Bytes::copy_from_slice(event.text.as_bytes()) };
    }
    let mut body = String::with_capacity(events.iter().map(|event| event.text.len() + 1).sum::<usize>() + 1);
    for (at, event) in events.iter().enumerate() {
        body.push(if at == 0 { '[' } else { ',' });
        body.push_str(&event.text);
    }
    body.push(']');
    Post { content_type: BATCH, body: Bytes::from(body) }
}

fn words(answer: &Answer) -> String {
    let said = match serde_json::from_str::<Heard>(&answer.body) {
        Ok(heard) => {
            let first = heard.rejected.first().map(|rejected| format!(": {}", rejected.error)).unwrap_or_default();
            format!("{} accepted, {} rejected{first}", heard.accepted, heard.rejected.len())
        }
        Err(_) => answer.body.clone(),
    };
    format!("{} {said}", answer.status).chars().take(SHOWN).collect()
}
