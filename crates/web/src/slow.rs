//! Bodies that do not come: a request of which only half was sent ends by itself.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

/// Longest wait for the next piece of a body.
const PIECE: Duration = Duration::from_secs(10);
/// Longest time for all of it.
const WHOLE: Duration = Duration::from_secs(300);

/// Middleware: breaks off the reading of bodies that come too slowly.
pub async fn bound(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::from_stream(paced(body)))).await
}

fn paced(body: Body) -> impl Stream<Item = Result<Bytes, axum::BoxError>> {
    async_stream::stream! {
        let mut pieces = body.into_data_stream();
        let mut last = None;
        loop {
            // The clock begins to run when somebody waits for the body.
            let now = Instant::now();
            let end: Instant = *last.get_or_insert(now + WHOLE);
            match timeout_at(end.min(now + PIECE), pieces.next()).await {
                Ok(Some(Ok(piece))) => yield Ok(piece),
                Ok(Some(Err(error))) => {
                    yield Err(error.into());
                    break;
                }
                Ok(None) => break,
                Err(late) => {
                    yield Err(late.into());
                    break;
                }
            }
        }
    }
}
