//! Notes of a run: rejected and duplicate rows, misfits, and the names of a plan. Bounded; the counts are exact.

use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    INSERT = sql!("INSERT INTO sync_run_note (run_id, number, kind, remote_id, subscriber_id, detail)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING");
}

/// Most notes kept of one kind a run.
pub const MAX_PER_KIND: usize = 1_000;

/// Longest Remote ID or detail kept, in characters.
const MAX_TEXT: usize = 500;

/// Longest detail of a planned change, in characters: a whole record fits in nearly always.
pub const MAX_PLANNED: usize = 4_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `rejected`, `duplicate`, `misfit`, `kept` (by an undo), or `plan_join`, `plan_leave`, `plan_update`, `plan_suppress`, `plan_lift`.
    pub kind: &'static str,
    pub remote_id: String,
    pub subscriber_id: Option<i64>,
    /// A sentence, or for plans a JSON object with `address`, and `flag` and `profile` as the row brings them.
    pub detail: String,
}

/// Notes gathered during a run, bounded by kind.
#[derive(Debug, Default)]
pub struct Notes {
    kept: Vec<Note>,
    counts: std::collections::HashMap<&'static str, usize>,
    written: usize,
}

impl Notes {
    pub fn add(&mut self, note: Note) {
        let count = self.counts.entry(note.kind).or_default();
        *count += 1;
        if *count <= MAX_PER_KIND {
            self.kept.push(note);
        }
    }

    /// True while more notes of this kind are kept.
    pub fn wants(&self, kind: &str) -> bool {
        self.counts.get(kind).is_none_or(|n| *n < MAX_PER_KIND)
    }

    /// Writes what has been gathered since the last flush.
    pub async fn flush(&mut self, db: &Db, run_id: i64) -> Result<(), StoreError> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let mut tx = db.write().await?;
        for note in self.kept.drain(..) {
            self.written += 1;
            let longest = if note.kind.starts_with("plan_") { MAX_PLANNED } else { MAX_TEXT };
            let (remote_id, detail) = (cut(&note.remote_id, MAX_TEXT), cut(&note.detail, longest));
            tx.run(INSERT, args![run_id, self.written as i64, note.kind, remote_id, note.subscriber_id, detail]).await?;
        }
        tx.commit().await
    }
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(longest).collect()
}
