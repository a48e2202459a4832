//! What a fault does to an answer on its way, whatever the remote system.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::faults::{Fault, INVALID_MARK};

/// A web page in place of an answer.
pub(crate) const PAGE: &str = "<!DOCTYPE html><html><head><title>Maintenance</title></head>\
     <body><h1>We will be back shortly</h1></body></html>";

/// A whole answer: status, headers without a length, body.
pub(crate) struct Whole {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Whole {
    fn respond(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    /// Announces the whole length, though the body may end sooner.
    fn broken(self, body: impl FnOnce(Bytes) -> Body) -> Response {
        let whole = Bytes::from(self.body);
        let length = whole.len();
        let mut response = Response::new(body(whole));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}

/// Sends an answer with what the fault does to it on its way.
pub(crate) async fn disturb(mut whole: Whole, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Timeout { seconds }) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        Some(Fault::CutBody { after_bytes }) => return whole.broken(|body| cut(&body, after_bytes)),
        Some(Fault::SlowBody { bytes_per_second }) => return whole.broken(|body| slow(body, bytes_per_second)),
        Some(Fault::TruncatedPayload) => whole.body.truncate(half(&whole.body)),
        Some(Fault::EmptyBody) => whole.body.clear(),
        Some(Fault::InvalidUtf8) => whole.body = spoil(&whole.body),
        _ => {}
    }
    whole.respond()
}

/// Half of a body, but no half character.
fn half(body: &[u8]) -> usize {
    let inside = |at: &usize| body.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (0..=body.len() / 2).rev().find(|at| !inside(at)).unwrap_or(0)
}

/// Sends a part, then breaks the connection.
fn cut(whole: &Bytes, after: usize) -> Body {
    let part = whole.slice(..after.min(whole.len().saturating_sub(1)));
    let parts = [Ok(part), Err(io::Error::other("cut by a fault rule"))];
    // The pause lets the first part leave before the connection breaks.
    Body::from_stream(stream::iter(parts).enumerate().then(|(at, part)| async move {
        if at > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        part
    }))
}

/// Ten pieces each second.
fn slow(whole: Bytes, bytes_per_second: u64) -> Body {
    let rate = usize::try_from(bytes_per_second / 10).unwrap_or(usize::MAX).max(1);
    let length = whole.len();
    Body::from_stream(stream::iter((0..length).step_by(rate)).then(move |at| {
        let piece = whole.slice(at..at.saturating_add(rate).min(length));
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<Bytes, io::Error>(piece)
        }
    }))
}

/// Puts bytes that are no UTF-8 where the mark stands.
fn spoil(body: &[u8]) -> Vec<u8> {
    let mark = INVALID_MARK.as_bytes();
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(&[0xFF, 0xFE]);
        rest = after.get(mark.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
