//! An id for every request, for the log, the audit trail and whoever reports a fault.

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::state::App;

/// Random, in hexadecimal. In the request's extensions, the header `x-request-id` and every error.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id given to this request; empty outside the router.
    pub fn of(extensions: &axum::http::Extensions) -> String {
        extensions.get::<Self>().map(|id| id.0.clone()).unwrap_or_default()
    }
}

/// Middleware: gives the id.
pub async fn give(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = app.random.hex::<8>();
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = %request.uri().path());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
