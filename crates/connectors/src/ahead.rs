//! Reading ahead: the next page is fetched while this one is used.

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{ConnectorError, Page};

/// Where a reader puts its pages.
pub(crate) type Out = mpsc::Sender<Result<Option<Page>, ConnectorError>>;

struct Work(JoinHandle<()>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a reader beside its consumer: while one page is used, the next one waits and the one after it is fetched. The reader
/// begins at the first poll and stops when the stream is dropped.
pub(crate) fn ahead<F, R>(reader: F) -> BoxStream<'static, Result<Page, ConnectorError>>
where
    F: FnOnce(Out) -> R + Send + 'static,
    R: Future<Output = Result<(), ConnectorError>> + Send + 'static,
{
    async_stream::stream! {
        let (out, mut pages) = mpsc::channel(1);
        let _work = Work(tokio::spawn(async move {
            let end = reader(out.clone()).await.map(|()| None);
            // Nobody listens any more: nothing to tell.
            let _ = out.send(end).await;
        }));
        loop {
            match pages.recv().await {
                Some(Ok(Some(page))) => yield Ok(page),
                Some(Ok(None)) => break,
                Some(Err(error)) => {
                    yield Err(error);
                    break;
                }
                None => {
                    yield Err(ConnectorError::Transient { detail: "reading stopped before the end".into() });
                    break;
                }
            }
        }
    }
    .boxed()
}
