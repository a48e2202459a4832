//! Answers as HTTP responses, whole or disturbed.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::disturb::{PAGE, Whole, disturb as disturbed};
use crate::faults::Fault;
use crate::personify360::answer::{Answer, JSON, Refusal};

const VERSION: HeaderName = HeaderName::from_static("dataserviceversion");

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
    let text = crate::personify360::odata::json::quote(message);
    format!("{{\"d\":{{\"ValidationIssues\":[{{\"Key\":\"SandboxRule\",\"Severity\":\"Error\",\"Message\":{text}}}]}}}}")
}

/// Sends an answer with what the fault does to it on its way.
pub(crate) async fn disturb(answer: Answer, fault: Option<Fault>) -> Response {
    disturbed(whole(answer), fault).await
}

fn whole(answer: Answer) -> Whole {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(answer.content_type)),
        (VERSION, HeaderValue::from_static(answer.version)),
    ]);
    Whole { status, headers, body: answer.body }
}
