//! How much a remote may send: rows of a page, people of a list, requests of a read.

use super::service::protocol;
use crate::ConnectorError;

/// Most rows of an answer that is read as a table.
pub(super) const TABLE_ROWS: usize = 50_000;
/// Most rows of one range of an entity set, which has no paging of its own.
pub(super) const ENTITY_ROWS: usize = 100_000;
/// Cells of one page in memory: with many fields a page holds fewer rows.
const CELLS: usize = 2_000_000;
/// Most people of one list, whatever it announces.
const LARGEST_LIST: u64 = 10_000_000;
/// A list may grow while it is read: this many more than twice what it announced.
const GROWTH: u64 = 100_000;

/// Pages of a procedure that need not be full.
pub(super) const FREE_PAGES: u64 = 100;
/// Ranges of an entity set that may be thin: where ids lie far apart, many are.
pub(super) const FREE_RANGES: u64 = 300;

/// Rows to ask for: as set, fewer where there are so many fields that a page would not fit into memory.
pub(super) fn page_rows(set: u32, fields: usize) -> usize {
    usize::try_from(set).unwrap_or(usize::MAX).min(CELLS / fields.max(1)).max(100)
}

/// The rows of an answer have passed what was asked for.
pub(super) fn too_many(most: usize) -> ConnectorError {
    protocol(format!("more than the {most} rows that an answer may hold here"))
}

/// What one read may still take. Every request beyond the free ones has to bring rows, and the rows end somewhere.
pub(super) struct Budget {
    announced: Option<u64>,
    most: u64,
    rows: u64,
    /// Rows that a request has to bring on average.
    usual: u64,
    free: u64,
    requests: u64,
}

impl Budget {
    /// `announced`: what the list says it holds. `asked`: rows asked for by one request.
    pub(super) fn new(announced: Option<u64>, asked: usize, free: u64) -> Self {
        let most = announced.map_or(LARGEST_LIST, |n| n.saturating_mul(2).saturating_add(GROWTH).min(LARGEST_LIST));
        let usual = u64::try_from(asked / 10).unwrap_or(u64::MAX).clamp(10, 100);
        Self { announced, most, rows: 0, usual, free, requests: 0 }
    }

    /// Before a request: have the ones before been worth it?
    pub(super) fn ask(&mut self) -> Result<(), ConnectorError> {
        let due = self.due();
        self.requests += 1;
        if due > self.rows {
            return Err(protocol(format!(
                "far fewer rows in each of {} answers than were asked for; ask for fewer rows per page if the service limits them",
                self.requests - 1
            )));
        }
        Ok(())
    }

    fn due(&self) -> u64 {
        self.requests.saturating_sub(self.free).saturating_mul(self.usual)
    }

    /// After an answer with so many rows.
    pub(super) fn take(&mut self, rows: usize) -> Result<(), ConnectorError> {
        self.rows = self.rows.saturating_add(u64::try_from(rows).unwrap_or(u64::MAX));
        if self.rows > self.most {
            let announced = self.announced.map_or_else(String::new, |n| format!(", although the list announced {n}"));
            return Err(protocol(format!("more than {} people{announced}", self.most)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests and rows until the budget says no, when every answer has so many rows.
    fn spend(announced: Option<u64>, asked: usize, rows: usize) -> (u64, u64) {
        let mut budget = Budget::new(announced, asked, FREE_PAGES);
        while budget.ask().and_then(|()| budget.take(rows)).is_ok() {}
        (budget.requests, budget.rows)
    }

    #[test]
    fn every_read_ends() {
        for announced in [None, Some(0), Some(24), Some(u64::MAX)] {
            for asked in [100, 5_000, 20_000] {
                for rows in [0, 1, 9, 10, 100, 20_000] {
                    let (requests, read) = spend(announced, asked, rows);
                    assert!(requests <= 1_000_200 && read <= LARGEST_LIST + 20_000, "{announced:?} {asked} {rows}: {requests} {read}");
                }
            }
        }
        assert_eq!(spend(Some(24), 5_000, 1).0, 103, "one by one, the refused request counted");
        assert!(spend(Some(24), 5_000, 5_000).1 <= 105_048, "more than announced");
    }

    #[test]
    fn honest_reads_are_within_it() {
        let mut budget = Budget::new(Some(1_000_000), 100, FREE_PAGES);
        for _ in 0..10_000 {
            budget.ask().unwrap();
            budget.take(100).unwrap();
        }
        budget.ask().unwrap();
        assert_eq!((page_rows(5_000, 14), page_rows(20_000, 300), page_rows(100, 1_000_000)), (5_000, 6_666, 100));
    }
}
