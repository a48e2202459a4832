//! Answers as HTTP responses, whole or disturbed.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt as _, stream};

use crate::answer::{Answer, JSON, Refusal};
use crate::faults::{Fault, INVALID_MARK};

const VERSION: HeaderName = HeaderName::from_static("dataserviceversion");
const PAGE: &str = "<!DOCTYPE html><html><head><title>Maintenance</title></head>\
     <body><h1>We will be back shortly</h1></body></html>";

/// A whole answer.
pub(crate) fn send(answer: Answer) -> Response {
    let version = HeaderValue::from_static(answer.version);
    let mut response = respond(answer.status, answer.content_type, Body::from(answer.body));
    response.headers_mut().insert(VERSION, version);
    response
}

fn respond(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(VERSION, HeaderValue::from_static("1.0;"));
    response
}

/// 401 with a Basic challenge.
pub(crate) fn unauthorized(json: bool) -> Response {
    let mut response = send(Refusal::new(401, "Access is denied.").answer(json));
    let challenge = HeaderValue::from_static("Basic realm=\"Personify Data Services\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// The response of faults that keep a request from being carried out.
pub(crate) fn instead(fault: &Fault, json: bool) -> Option<Response> {
    match fault {
        Fault::RateLimited { retry_after } => {
            let mut response = send(Refusal::new(429, "Too many requests.").answer(json));
            if let Ok(value) = HeaderValue::from_str(retry_after) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
            Some(response)
        }
        Fault::ServerError { status } => {
            let text = Body::from("The service is unavailable.");
            Some(respond(*status, "text/plain", text))
        }
        Fault::HtmlPage => Some(respond(200, "text/html;charset=utf-8", Body::from(PAGE))),
        Fault::Validation { status: 200, message } => Some(send(Answer::ok(JSON, objections(message)))),
        Fault::Validation { status, message } => Some(send(Refusal::new(*status, message.clone()).answer(json))),
        Fault::BadCredentials => Some(unauthorized(json)),
        _ => None,
    }
}

/// Validation issues in place of the entity.
fn objections(message: &str) -> String {
    let text = crate::odata::json::quote(message);
    format!("{{\"d\":{{\"ValidationIssues\":[{{\"Key\":\"SandboxRule\",\"Severity\":\"Error\",\"Message\":{text}}}]}}}}")
}

/// Sends an answer with what the fault does to it on its way.
pub(crate) async fn disturb(mut answer: Answer, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Timeout { seconds }) => {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            send(answer)
        }
        Some(Fault::CutBody { after_bytes }) => cut(answer, after_bytes),
        Some(Fault::SlowBody { bytes_per_second }) => slow(answer, bytes_per_second),
        Some(Fault::TruncatedPayload) => {
            answer.body.truncate(half(&answer.body));
            send(answer)
        }
        Some(Fault::EmptyBody) => {
            answer.body.clear();
            send(answer)
        }
        Some(Fault::InvalidUtf8) => {
            answer.body = spoil(&answer.body);
            send(answer)
        }
        _ => send(answer),
    }
}

/// Half of a body, but no half character.
fn half(body: &[u8]) -> usize {
    let inside = |at: &usize| body.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (0..=body.len() / 2).rev().find(|at| !inside(at)).unwrap_or(0)
}

fn announce(headers: &mut HeaderMap, length: usize) {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Announces the whole length, sends a part, then breaks the connection.
fn cut(answer: Answer, after: usize) -> Response {
    let whole = Bytes::from(answer.body);
    let length = whole.len();
    let part = whole.slice(..after.min(length.saturating_sub(1)));
    let parts = [Ok(part), Err(io::Error::other("cut by a fault rule"))];
    // The pause lets the first part leave before the connection breaks.
    let body = stream::iter(parts).enumerate().then(|(at, part)| async move {
        if at > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        part
    });
    let mut response = respond(answer.status, answer.content_type, Body::from_stream(body));
    announce(response.headers_mut(), length);
    response
}

/// Ten pieces each second.
fn slow(answer: Answer, bytes_per_second: u64) -> Response {
    let rate = usize::try_from(bytes_per_second / 10).unwrap_or(usize::MAX).max(1);
    let whole = Bytes::from(answer.body);
    let length = whole.len();
    let body = stream::iter((0..length).step_by(rate)).then(move |at| {
        let piece = whole.slice(at..at.saturating_add(rate).min(length));
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<Bytes, io::Error>(piece)
        }
    });
    let mut response = respond(answer.status, answer.content_type, Body::from_stream(body));
    announce(response.headers_mut(), length);
    response
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
