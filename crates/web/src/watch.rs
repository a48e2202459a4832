//! Watching a run: every state worth showing, until it ends or nobody may look any more. Pages and API both watch so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use rialto_store::runs::{self, Run};

use crate::error::Error;
use crate::state::App;

/// How often a watched run is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Streams that one user may have open at a time. A browser keeps six connections to a server of HTTP/1.1; the rest stay for pages.
pub const PER_USER: usize = 4;

/// The run as it is now and whenever it was looked at again. Ends with the state in which the run has ended, when Rialto is told to
/// stop, and without another word when `may` says no.
pub fn run(app: App, mut run: Run, may: impl AsyncFn() -> bool) -> impl Stream<Item = Run> {
    async_stream::stream! {
        loop {
            let (id, ended) = (run.id, run.state().ended());
            yield run;
            if ended {
                break;
            }
            tokio::select! { () = tokio::time::sleep(LOOK_EVERY) => {}, () = app.stop.cancelled() => break }
            if !may().await {
                break;
            }
            match runs::get(app.db.read(), id).await {
                Ok(Some(next)) => run = next,
                _ => break,
            }
        }
    }
}

/// How many streams each user has open.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<HashMap<i64, usize>>>);

/// One open stream; closes when dropped.
pub struct Watcher {
    of: Watchers,
    user_id: i64,
}

impl Watchers {
    /// Refuses one stream too many: who asks then goes on by asking again and again, which holds no connection.
    pub fn open(&self, user_id: i64) -> Result<Watcher, Error> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = all.entry(user_id).or_default();
        if *open >= PER_USER {
            return Err(Error::TooMany { retry_after: 60 });
        }
        *open += 1;
        Ok(Watcher { of: self.clone(), user_id })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut all = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get_mut(&self.user_id).map_or(0, |open| {
            *open = open.saturating_sub(1);
            *open
        });
        if left == 0 {
            all.remove(&self.user_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_streams_and_gets_them_back() {
        let watchers = Watchers::default();
        let mut open: Vec<Watcher> = (0..PER_USER).map(|_| watchers.open(7).unwrap_or_else(|e| panic!("{e}"))).collect();
        assert!(watchers.open(7).is_err() && watchers.open(8).is_ok());
        open.pop();
        assert!(watchers.open(7).is_ok());
        open.clear();
        assert!(watchers.0.lock().is_ok_and(|all| all.is_empty()), "nothing is kept of those who left");
    }
}
