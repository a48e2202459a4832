//! Bodies that do not come: a request of which only half was sent ends by itself.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::receive;

/// How long a body may take.
#[derive(Clone, Copy)]
struct Pace {
    /// Longest wait for the next piece.
    piece: Duration,
    /// Longest time for all of it; `None` where its size alone is bounded.
    whole: Option<Duration>,
}

/// Forms and documents are small.
const SMALL: Pace = Pace { piece: Duration::from_secs(10), whole: Some(Duration::from_secs(300)) };
/// A file of half a gigabyte over a slow line takes hours, and is kept while it comes: it lives as long as bytes come. Its size is bounded
/// where it is read.
const FILE: Pace = Pace { piece: Duration::from_secs(30), whole: None };

/// Middleware: breaks off the reading of bodies that come too slowly.
pub async fn bound(request: Request, next: Next) -> Response {
    let pace = if receive::brings_a_file(request.method(), request.uri().path()) { FILE } else { SMALL };
    next.run(request.map(|body| Body::from_stream(paced(body, pace)))).await
}

fn paced(body: Body, pace: Pace) -> impl Stream<Item = Result<Bytes, axum::BoxError>> {
    async_stream::stream! {
        let mut pieces = body.into_data_stream();
        let mut last = None;
        loop {
            // The clock begins to run when somebody waits for the body.
            let now = Instant::now();
            let piece = now + pace.piece;
            let end = pace.whole.map_or(piece, |whole| piece.min(*last.get_or_insert(now + whole)));
            match timeout_at(end, pieces.next()).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    const MILLIS: fn(u64) -> Duration = Duration::from_millis;

    /// `pieces` of one byte, each after a pause.
    fn body(pieces: usize, pause: Duration) -> Body {
        Body::from_stream(async_stream::stream! {
            for _ in 0..pieces {
                tokio::time::sleep(pause).await;
                yield Ok::<_, axum::BoxError>(Bytes::from_static(b"x"));
            }
        })
    }

    /// How many bytes came, and whether it was broken off.
    async fn read(body: Body, pace: Pace) -> (usize, bool) {
        let all: Vec<_> = paced(body, pace).collect().await;
        (all.iter().filter(|piece| piece.is_ok()).count(), all.iter().any(Result::is_err))
    }

    #[tokio::test]
    async fn a_file_lives_as_long_as_bytes_come() {
        let whole = MILLIS(200);
        let small = Pace { piece: MILLIS(2_000), whole: Some(whole) };
        let (came, cut) = read(body(20, MILLIS(30)), small).await;
        assert!(cut && came < 20, "{came}: a small body has a time for all of it");
        assert_eq!(read(body(20, MILLIS(30)), Pace { whole: None, ..small }).await, (20, false));
    }

    #[tokio::test]
    async fn a_pause_ends_either() {
        for whole in [None, Some(MILLIS(60_000))] {
            let pace = Pace { piece: MILLIS(100), whole };
            assert_eq!(read(body(3, MILLIS(3_000)), pace).await, (0, true));
        }
    }

    #[tokio::test]
    async fn a_slow_reader_is_no_slow_sender() {
        let pace = Pace { piece: MILLIS(500), whole: None };
        let mut pieces = Box::pin(paced(body(2, MILLIS(0)), pace));
        assert!(pieces.next().await.is_some_and(|p| p.is_ok()));
        tokio::time::sleep(MILLIS(700)).await;
        assert!(pieces.next().await.is_some_and(|p| p.is_ok()) && pieces.next().await.is_none());
    }
}
