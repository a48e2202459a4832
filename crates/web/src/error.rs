//! One error type for pages and API. Handlers return it; the middleware `render` makes a page or a problem document of it.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::Request;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures::FutureExt;
use rialto_core::permissions::Permission;
use rialto_store::StoreError;

use crate::pages::{assets, preferences};
use crate::request_id::RequestId;

pub use rialto_connectors::FieldError;

/// Why a request is not answered as it wished. The texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("There is nothing at this address.")]
    NotFound,
    #[error("You may not do this.")]
    Forbidden,
    /// Signed in, but without the permission.
    #[error("This needs the permission to {}. Ask an administrator.", words(*.0))]
    Lacks(Permission),
    /// Input that does not pass, with the path of each faulty field. Status 422.
    #[error("Some fields need another look.")]
    Invalid(Vec<FieldError>),
    /// The request cannot be read at all. Status 400; the text is for people.
    #[error("{0}")]
    BadRequest(String),
    /// It does not fit the present state; the text is for people.
    #[error("{0}")]
    Conflict(String),
    /// The body is not of a type that is read here. Status 415.
    #[error("Send JSON, with content-type: application/json.")]
    NotJson,
    /// What is sent to an inbox is no CloudEvent by its type. Status 415.
    #[error("Send CloudEvents in JSON: content-type application/cloudevents+json for one, application/cloudevents-batch+json for several.")]
    NotEvents,
    /// Storage is away or too many are waiting. Status 503: the same may be sent again.
    #[error(
        "Storage is away or too busy, and it is not sure that anything was taken. Wait a few seconds, then send the same again: twice does no harm."
    )]
    Busy,
    #[error("The request is too large or was cut short.")]
    TooLarge,
    #[error("Sign in first.")]
    Unauthorized,
    /// Whoever fetches writebacks without the bridge's own token.
    #[error("Send the bridge's own token for fetching, as Authorization: Bearer …, to the address that stands beside it.")]
    NoVisitor,
    #[error("This address does not take that method.")]
    NoSuchMethod,
    /// Too many tries; `retry_after` in seconds.
    #[error("Too many tries. Wait {retry_after} seconds, then try again.")]
    TooMany { retry_after: i64 },
    /// The same Idempotency-Key again, after a fault of ours.
    #[error(
        "The first request with this Idempotency-Key failed on our side, and its work may have been done. Look first; if it was not, send \
         it with a new key."
    )]
    FailedBefore,
    #[error("Something went wrong on our side.")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// One faulty field.
    pub fn field(field: &str, detail: &str) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), detail: detail.into() }])
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Lacks(_) => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson | Self::NotEvents => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthorized | Self::NoVisitor => StatusCode::UNAUTHORIZED,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal(_) | Self::FailedBefore => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// What a permission lets somebody do, as part of a sentence.
pub(crate) fn words(p: Permission) -> &'static str {
    match p {
        Permission::GroupsSync => "sync target groups",
        Permission::GroupsApprove => "decide on held syncs",
        Permission::MailingsSend => "send mailings",
        Permission::ListsEdit => "edit target groups and lists",
        Permission::DataExchangeEdit => "edit data exchanges",
        Permission::ProfileStream => "read the profile stream",
        Permission::LabelsCreate => "create labels",
        Permission::BridgesAdmin => "manage bridges and settings",
        Permission::WritebacksRetry => "retry writebacks",
        Permission::UsersAdmin => "manage users and tokens",
        Permission::AuditRead => "read the audit trail",
    }
}

impl From<StoreError> for Error {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict(text) => Self::Conflict(text),
            StoreError::NulInText => Self::BadRequest("Texts must not hold the character U+0000.".into()),
            other => Self::internal(other),
        }
    }
}

impl From<askama::Error> for Error {
    fn from(e: askama::Error) -> Self {
        Self::internal(e)
    }
}

impl From<JsonRejection> for Error {
    fn from(e: JsonRejection) -> Self {
        match e {
            JsonRejection::JsonDataError(e) => Self::Invalid(vec![data_fault(&e)]),
            JsonRejection::JsonSyntaxError(_) => Self::BadRequest("The body is not JSON.".into()),
            JsonRejection::MissingJsonContentType(_) => Self::NotJson,
            _ => Self::TooLarge,
        }
    }
}

/// What is wrong with which field, without our type names.
fn data_fault(e: &dyn std::error::Error) -> FieldError {
    let text = e.source().map_or_else(|| e.to_string(), ToString::to_string);
    let text = text.split(" at line ").next().unwrap_or_default();
    let is_path = |p: &str| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c));
    let (path, detail) = text.split_once(": ").filter(|(p, _)| is_path(p)).unwrap_or(("", text));
    let path = path.trim_matches('.');
    let named = |start: &str| detail.strip_prefix(start).and_then(|rest| rest.split('`').next());
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    };
    let (field, detail) = match (named("missing field `"), named("unknown field `")) {
        (Some(name), _) => (below(name), "This field is required.".to_owned()),
        (_, Some(name)) => (below(name), "There is no such field.".to_owned()),
        _ => (path.to_owned(), detail.to_owned()),
    };
    FieldError { field, detail }
}

impl From<QueryRejection> for Error {
    fn from(e: QueryRejection) -> Self {
        let text = e.body_text();
        let text = text.trim_start_matches("Failed to deserialize query string: ");
        // A value that does not fit its parameter stands behind the parameter's name; anything else is no query of ours.
        match text.split_once(": ") {
            Some((field, fault)) if fault.contains("digit") || fault.contains("number") => Self::field(field, "Send a whole number."),
            Some((field, fault)) if fault.contains("boolean") || fault.contains("`true`") => Self::field(field, "Send true or false."),
            _ => Self::BadRequest(format!("The query cannot be read: {text}.")),
        }
    }
}

impl From<PathRejection> for Error {
    fn from(_: PathRejection) -> Self {
        Self::NotFound
    }
}

/// What `render` shows, carried in the response's extensions.
#[derive(Clone, Debug)]
struct Shown {
    detail: String,
    fields: Vec<FieldError>,
    /// The name of the permission that is missing, for programs.
    permission: Option<&'static str>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Internal(source) = &self {
            log(source.as_ref());
        }
        let mut response = self.status().into_response();
        if matches!(self, Self::Busy) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if let Self::TooMany { retry_after } = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after.max(1)));
        }
        if matches!(self, Self::Unauthorized | Self::NoVisitor) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let detail = self.to_string();
        let permission = if let Self::Lacks(p) = self { Some(p.name()) } else { None };
        let fields = if let Self::Invalid(fields) = self { fields } else { Vec::new() };
        response.extensions_mut().insert(Shown { detail, fields, permission });
        response
    }
}

/// Writes the whole chain to the log, once.
fn log(source: &(dyn std::error::Error + 'static)) {
    let mut chain = source.to_string();
    let mut next = source.source();
    while let Some(cause) = next {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        next = cause.source();
    }
    tracing::error!(error = %chain, "a request failed");
}

/// Middleware: catches panics, and turns errors (ours and the framework's) into a problem document under `/api/` and into a
/// calm page elsewhere.
pub async fn render(request: Request, next: Next) -> Response {
    let api = ["/api/", "/remote/"].iter().any(|programs| request.uri().path().starts_with(programs));
    let health = request.uri().path() == "/readyz";
    let request_id = RequestId::of(request.extensions());
    let theme = preferences::theme(request.headers());
    let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Error::internal("a handler panicked").into_response(),
    };
    let status = response.status();
    let shown = response.extensions().get::<Shown>().cloned();
    if health || !(status.is_client_error() || status.is_server_error()) || (shown.is_none() && is_made(response.headers())) {
        return response;
    }
    let shown = shown.unwrap_or_else(|| Shown { detail: plain(status).into(), fields: Vec::new(), permission: None });
    let mut made = if api { problem(status, &shown, &request_id) } else { page(status, &shown, &request_id, theme) };
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            made.headers_mut().insert(name, value.clone());
        }
    }
    made
}

/// Pages and JSON that a handler made itself stay as they are; the framework's own texts do not.
fn is_made(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|t| !t.as_bytes().starts_with(b"text/plain"))
}

fn plain(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        StatusCode::METHOD_NOT_ALLOWED => "This address does not take that method.",
        StatusCode::PAYLOAD_TOO_LARGE => "The request is too large.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The request's content type is not the one expected here.",
        s if s.is_server_error() => "Something went wrong on our side.",
        _ => "The request cannot be read.",
    }
}

fn problem(status: StatusCode, shown: &Shown, request_id: &str) -> Response {
    let mut body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": shown.detail,
        "errors": shown.fields,
        "request_id": request_id,
    });
    if let Some(name) = shown.permission {
        body["permission"] = name.into();
    }
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

#[derive(askama::Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    detail: &'a str,
    fields: &'a [FieldError],
    request_id: &'a str,
    assets: &'static str,
    theme: &'static str,
}

fn page(status: StatusCode, shown: &Shown, request_id: &str, theme: &'static str) -> Response {
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT => "That does not fit any more",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => "Please check your input",
        StatusCode::TOO_MANY_REQUESTS => "Please wait a moment",
        StatusCode::UNAUTHORIZED => "Please sign in",
        s if s.is_server_error() => "Something went wrong",
        _ => "That did not work",
    };
    let page = ErrorPage { title, detail: &shown.detail, fields: &shown.fields, request_id, assets: &assets::BASE, theme };
    match askama::Template::render(&page) {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (status, shown.detail.clone()).into_response(),
    }
}
