//! Whether a count still stands: what it was made from, and whether anything else has touched that since.

use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BASIS = sql!("SELECT (SELECT COALESCE(MIN(id), $1) FROM sync_run WHERE state IN ('queued', 'running') AND kind IN ('people', 'upload') AND id < $1),
        (SELECT COALESCE(MAX(id), 0) FROM consent_ledger)");
    TOUCHED = sql!("SELECT COUNT(*) FROM (SELECT run_id FROM person_change WHERE run_id >= $1 AND run_id <> $2 AND run_id <> $3 LIMIT 1) AS t");
    DECIDED = sql!("SELECT COUNT(*) FROM (SELECT id FROM consent_ledger WHERE id > $1 AND (run_id IS NULL OR run_id <> $2) LIMIT 1) AS t");
}

/// What a waterfall was counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Basis {
    /// The run that counted.
    run: i64,
    /// The oldest run that was still writing people then.
    oldest_open: i64,
    /// The consent ledger's last entry then.
    ledger: i64,
}

impl Basis {
    /// Taken before counting.
    pub async fn now(db: &Db, run_id: i64) -> Result<Self, StoreError> {
        let (oldest_open, ledger): (i64, i64) = db.read().one(BASIS, args![run_id]).await?;
        Ok(Self { run: run_id, oldest_open, ledger })
    }

    /// The run that counted: the group's `applied_run` of then.
    pub fn run(self) -> i64 {
        self.run
    }

    pub(crate) fn ledger(self) -> i64 {
        self.ledger
    }

    /// True when nobody but the run `own` has changed people or opened or lifted a cause since. New people need no look: they are
    /// members of this group only if its own run let them in.
    pub async fn holds(self, db: &Db, own: i64) -> Result<bool, StoreError> {
        let (touched,): (i64,) = db.read().one(TOUCHED, args![self.oldest_open, self.run, own]).await?;
        let (decided,): (i64,) = db.read().one(DECIDED, args![self.ledger, own]).await?;
        Ok(touched == 0 && decided == 0)
    }
}
