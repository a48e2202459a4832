//! Answers before they go out, refusals in the words of the product, and what faults do to them.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::disturb::{PAGE, Whole, disturb as disturbed};
use crate::faults::Fault;
use crate::imis::dialect;

const JSON: &str = "application/json; charset=utf-8";

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Body,
    retry_after: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Body {
    Json(Value),
    Text(String),
    Page,
    Nothing,
}

impl Answer {
    fn with(status: u16, body: Body) -> Self {
        Self { status, body, retry_after: None }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::with(status, Body::Json(body.clone()))
    }

    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::with(status, Body::Text(text.to_owned()))
    }

    /// Done, with nothing to show.
    pub(crate) fn nothing() -> Self {
        Self::with(204, Body::Nothing)
    }

    /// 400 of the token service.
    pub(crate) fn invalid_grant() -> Self {
        Self::json(400, &json!({ "error": "invalid_grant", "error_description": "The user name or password is incorrect." }))
    }

    /// 401.
    pub(crate) fn denied() -> Self {
        Self::json(401, &json!({ "Message": "Authorization has been denied for this request." }))
    }

    pub(crate) fn missing() -> Self {
        Self::json(404, &json!({ "Message": "The item was not found." }))
    }

    /// 400 with what a validation objects to.
    pub(crate) fn refused(message: &str) -> Self {
        Self::json(400, &dialect::validation(message))
    }

    /// What the product says of many a bad payload.
    pub(crate) fn trouble() -> Self {
        Self::text(500, "An error occurred. Please contact the administrator.")
    }
}

/// The answer of faults that keep a request from being carried out.
pub(crate) fn instead(fault: &Fault) -> Option<Answer> {
    match fault {
        Fault::RateLimited { retry_after } => {
            Some(Answer { retry_after: Some(retry_after.clone()), ..Answer::text(429, "Too many requests.") })
        }
        Fault::ServerError { status } => Some(Answer { status: *status, ..Answer::trouble() }),
        Fault::HtmlPage => Some(Answer::with(200, Body::Page)),
        Fault::Validation { status, message } => Some(Answer { status: *status, ..Answer::refused(message) }),
        Fault::BadCredentials => Some(Answer::denied()),
        _ => None,
    }
}

/// Shows members, and properties named so, under another name.
pub(crate) fn renamed(mut answer: Answer, fault: Option<&Fault>) -> Answer {
    if let (Body::Json(value), Some(Fault::RenamedField { from, to })) = (&mut answer.body, fault) {
        rename(value, from, to);
    }
    answer
}

fn rename(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, from, to)),
        Value::Object(members) => {
            if members.get("Name").and_then(Value::as_str) == Some(from) && members.contains_key("Value") {
                members.insert("Name".into(), to.into());
            }
            let whole = std::mem::take(members);
            let name = |known: String| if known == from { to.to_owned() } else { known };
            *members = whole.into_iter().map(|(known, value)| (name(known), value)).collect::<Map<_, _>>();
            members.values_mut().for_each(|item| rename(item, from, to));
        }
        _ => {}
    }
}

/// Sends an answer with what the fault does to it on its way.
pub(crate) async fn disturb(answer: Answer, fault: Option<Fault>) -> Response {
    let (kind, body) = match answer.body {
        Body::Json(value) => (JSON, value.to_string().into_bytes()),
        Body::Text(text) => ("text/plain; charset=utf-8", text.into_bytes()),
        Body::Page => ("text/html; charset=utf-8", PAGE.as_bytes().to_vec()),
        Body::Nothing => ("", Vec::new()),
    };
    let mut headers = HeaderMap::new();
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if let Some(value) = answer.retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(RETRY_AFTER, value);
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    disturbed(Whole { status, headers, body }, fault).await
}
