//! What was asked of the service, so that tests can see it was not hammered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

const KEPT: usize = 1000;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    /// Its number, from 1.
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path below the service root, with the query.
    pub target: String,
    /// Stored procedure, if it called one.
    pub procedure: Option<String>,
    /// Entity, if one was created, saved or deleted.
    pub entity: Option<String>,
    /// Status of the answer.
    pub status: u16,
    /// Whether a fault was shown.
    pub faulty: bool,
}

/// Requests so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Requests {
    /// All of them.
    pub total: u64,
    /// By method and procedure or path.
    pub counts: BTreeMap<String, u64>,
    /// The last ones, oldest first.
    pub last: VecDeque<Seen>,
}

#[derive(Default)]
pub(crate) struct Journal(Mutex<Requests>);

impl Journal {
    pub(crate) fn record(&self, mut seen: Seen) {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.total += 1;
        seen.number = requests.total;
        let plain = seen.target.split(['?', '(']).next().unwrap_or_default();
        let what = seen.procedure.as_deref().unwrap_or(plain);
        let mut key = format!("{} {what}", seen.method);
        if let Some(entity) = &seen.entity {
            key.push(' ');
            key.push_str(entity);
        }
        // Paths come from outside: keep the table of counts small.
        let key = if requests.counts.len() < 500 { key } else { "other".to_owned() };
        *requests.counts.entry(key).or_default() += 1;
        if requests.last.len() >= KEPT {
            requests.last.pop_front();
        }
        requests.last.push_back(seen);
    }

    pub(crate) fn snapshot(&self) -> Requests {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Requests::default();
    }
}
