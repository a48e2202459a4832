//! The lines of a kept file, batch by batch: the next ones are read while the last are compared and written.

use rialto_connectors::upload::{Format, Line, Reader, Shape, Sheet, Unreadable};
use rialto_store::{Db, StoreError, uploads};
use tokio::sync::mpsc;

use crate::remote::Trouble;

/// Lines looked up at once.
pub(super) const BATCH: usize = 5_000;

type Batch = Result<Vec<Line>, Trouble>;

pub(super) struct Lines {
    receive: mpsc::Receiver<Batch>,
    task: tokio::task::JoinHandle<()>,
    /// The heads of the columns are still to come.
    heads: bool,
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lines {
    pub fn open(db: Db, upload_id: i64, shape: Shape) -> Self {
        let (send, receive) = mpsc::channel(2);
        let heads = shape.header;
        let task = tokio::spawn(async move {
            let read = match shape.format {
                Format::Text => text(&db, upload_id, &shape, &send).await,
                Format::Xlsx => xlsx(&db, upload_id, &send).await,
            };
            if let Err(trouble) = read {
                let _ = send.send(Err(trouble)).await;
            }
        });
        Self { receive, task, heads }
    }

    /// The next lines without the heads; `None` behind the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Line>>, Trouble> {
        let Some(batch) = self.receive.recv().await else { return Ok(None) };
        let mut lines = batch?;
        if std::mem::take(&mut self.heads) && !lines.is_empty() {
            lines.remove(0);
        }
        Ok(Some(lines))
    }
}

impl From<Unreadable> for Trouble {
    fn from(e: Unreadable) -> Self {
        Self::refused(e.0, "Nothing of it was applied.")
    }
}

async fn text(db: &Db, upload_id: i64, shape: &Shape, send: &mpsc::Sender<Batch>) -> Result<(), Trouble> {
    let (mut reader, mut lines) = (Reader::new(shape), Vec::new());
    for number in 0.. {
        let Some(bytes) = uploads::chunk(db.read(), upload_id, number).await? else { break };
        // In small parts, so that the lines of a chunk are not all held beside it.
        for part in bytes.chunks(64 << 10) {
            reader.push(part, &mut lines);
            if !hand_on(&mut lines, send, BATCH).await {
                return Ok(());
            }
        }
    }
    reader.finish(&mut lines);
    hand_on(&mut lines, send, 1).await;
    Ok(())
}

/// Sends whole batches, of at least so many lines; false when nobody listens any more.
async fn hand_on(lines: &mut Vec<Line>, send: &mpsc::Sender<Batch>, least: usize) -> bool {
    while lines.len() >= least {
        let later = lines.split_off(BATCH.min(lines.len()));
        if send.send(Ok(std::mem::replace(lines, later))).await.is_err() {
            return false;
        }
    }
    true
}

/// All of an XLSX file is held: its directory stands at its end, and its size is bounded.
async fn xlsx(db: &Db, upload_id: i64, send: &mpsc::Sender<Batch>) -> Result<(), Trouble> {
    let mut all = Vec::new();
    for number in 0.. {
        let Some(bytes) = uploads::chunk(db.read(), upload_id, number).await? else { break };
        all.extend_from_slice(&bytes);
    }
    let send = send.clone();
    let read = tokio::task::spawn_blocking(move || -> Result<(), Unreadable> {
        let mut sheet = Sheet::open(all)?;
        let mut lines = Vec::with_capacity(BATCH);
        sheet.read(|line| {
            lines.push(line);
            lines.len() < BATCH || send.blocking_send(Ok(std::mem::replace(&mut lines, Vec::with_capacity(BATCH)))).is_ok()
        })?;
        let _ = send.blocking_send(Ok(lines));
        Ok(())
    });
    match read.await {
        Ok(read) => Ok(read?),
        Err(_) => Err(StoreError::Corrupt("the reader of a spreadsheet stopped".into()).into()),
    }
}
