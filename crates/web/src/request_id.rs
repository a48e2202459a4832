//! An id for every request, for the log, the audit trail and whoever reports a fault.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

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

/// On at every level that is logged: also a lone error must tell its request.
fn span(id: &str, method: &Method, path: &str) -> Span {
    tracing::error_span!("request", %id, %method, path = logged(path))
}

/// The path without what must not stand in a log: public links (`/u/<token>`) carry the key to a person's choices.
fn logged(path: &str) -> &str {
    if path.starts_with("/u/") { "/u/…" } else { path }
}

/// Middleware: gives the id.
pub async fn give(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = app.random.hex::<8>();
    let span = span(&id, request.method(), request.uri().path());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line_of(path: &str) -> String {
        let lines = Lines::default();
        let kept = lines.clone();
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_ansi(false).with_writer(move || kept.clone());
        tracing::subscriber::with_default(log.finish(), || {
            span("00aa", &Method::GET, path).in_scope(|| tracing::warn!("something"));
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_warning_names_its_request_also_when_nothing_less_is_logged() {
        let line = line_of("/target-groups");
        assert!(line.contains("00aa") && line.contains("/target-groups"), "{line}");
    }

    #[test]
    fn the_key_of_a_public_link_stands_in_no_log() {
        let line = line_of("/u/s3cr3t-token");
        assert!(line.contains("/u/…") && !line.contains("s3cr3t"), "{line}");
    }
}
