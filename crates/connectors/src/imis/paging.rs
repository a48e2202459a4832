//! The way of a read through the pages of a query. Rows have no stable order, and a page is an offset: so each page begins with the
//! last row of the one before, and if another row stands there, rows moved meanwhile (ADR 117).

use super::service::protocol;
use crate::ConnectorError;

/// Most rows an answer holds.
pub(super) const PAGE: usize = 500;
/// Most people of one list, whatever it announces.
const LARGEST_LIST: u64 = 10_000_000;
/// A list may grow while it is read: this many more than twice what it announced.
const GROWTH: u64 = 100_000;
/// Requests that need not bring what was asked for.
const FREE: u64 = 200;
/// How often a read may go back a page because rows moved.
const BACK: usize = 20;
/// Longest stretch of rows without a key that is read over again.
const OVERLAP: usize = 100;

/// What to do with the rows of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Hand on all but so many at the beginning, and go on.
    Take(usize),
    /// The same, and this was the last page.
    Last(usize),
    /// Rows moved towards the beginning: nothing is handed on, and the page before is read again.
    Back,
}

/// Where a read stands.
pub(super) struct Walk {
    page_rows: usize,
    /// Rows from the beginning that were handed on.
    read: usize,
    /// The key of a row that was handed on, and its place.
    anchor: Option<(String, usize)>,
    announced: Option<u64>,
    most: u64,
    rows: u64,
    requests: u64,
    back: usize,
}

impl Walk {
    pub(super) fn new(page_rows: usize, announced: Option<u64>) -> Self {
        let most = announced.map_or(LARGEST_LIST, |n| n.saturating_mul(2).saturating_add(GROWTH).min(LARGEST_LIST));
        Self { page_rows: page_rows.clamp(1, PAGE), read: 0, anchor: None, announced, most, rows: 0, requests: 0, back: 0 }
    }

    /// Offset and limit of the next request, unless the ones before were not worth it.
    pub(super) fn ask(&mut self) -> Result<(usize, usize), ConnectorError> {
        let usual = u64::try_from(self.page_rows / 10).unwrap_or(u64::MAX).max(1);
        if self.requests.saturating_sub(FREE).saturating_mul(usual) > self.rows {
            return Err(protocol(format!("far fewer rows in each of {} answers than were asked for", self.requests)));
        }
        self.requests += 1;
        let offset = self.anchor.as_ref().map_or(self.read, |(_, place)| *place);
        Ok((offset, (self.page_rows + self.read - offset).min(PAGE)))
    }

    /// Judges a page by the keys of its rows. `more`: whether the answer says that there are more; `limit`: how many rows it would hold.
    pub(super) fn take(&mut self, keys: &[Option<&str>], more: bool, limit: usize) -> Result<Step, ConnectorError> {
        let (offset, again) = match &self.anchor {
            None => (self.read, 0),
            Some((key, place)) => match keys.iter().position(|k| *k == Some(key.as_str())) {
                Some(0) => (*place, (self.read - place).min(keys.len())),
                // Rows moved towards the end: they come twice, and whoever counts sees it.
                Some(_) => (*place, 0),
                None => return self.go_back(),
            },
        };
        let fresh = keys.len() - again;
        if fresh == 0 && self.anchor.is_some() && more {
            // Nothing but what was known, though there is more: the service may hold back all but one row.
            self.anchor = None;
            return Ok(Step::Take(again));
        }
        self.rows = self.rows.saturating_add(u64::try_from(fresh).unwrap_or(u64::MAX));
        if self.rows > self.most {
            let announced = self.announced.map_or_else(String::new, |n| format!(", although the list announced {n}"));
            return Err(protocol(format!("more than {} people{announced}", self.most)));
        }
        self.read = self.read.max(offset + keys.len());
        let last = keys.iter().enumerate().rev().find_map(|(at, key)| Some(((*key)?.to_owned(), offset + at)));
        self.anchor = last.filter(|(_, place)| self.read - place <= OVERLAP);
        let over = fresh == 0 || (!more && keys.len() < limit);
        Ok(if over { Step::Last(again) } else { Step::Take(again) })
    }

    fn go_back(&mut self) -> Result<Step, ConnectorError> {
        self.back += 1;
        if self.back > BACK {
            return Err(ConnectorError::Transient { detail: "the rows of the query keep moving while they are read".into() });
        }
        let place = self.anchor.take().map_or(0, |(_, place)| place);
        self.read = place.saturating_sub(self.page_rows);
        Ok(Step::Back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a list that changes between the pages, and answers who was read.
    fn read(
        page_rows: usize,
        cap: usize,
        mut list: Vec<u32>,
        mut change: impl FnMut(usize, &mut Vec<u32>),
    ) -> Result<Vec<u32>, ConnectorError> {
        let mut walk = Walk::new(page_rows, Some(list.len() as u64));
        let mut seen = Vec::new();
        for request in 0.. {
            let (offset, limit) = walk.ask()?;
            let page: Vec<u32> = list.iter().copied().skip(offset).take(limit.min(cap)).collect();
            let keys: Vec<String> = page.iter().map(u32::to_string).collect();
            let keys: Vec<Option<&str>> = keys.iter().map(|k| Some(k.as_str())).collect();
            let more = offset + page.len() < list.len();
            match walk.take(&keys, more, limit.min(cap))? {
                Step::Take(skip) => seen.extend(&page[skip..]),
                Step::Last(skip) => {
                    seen.extend(&page[skip..]);
                    break;
                }
                Step::Back => {}
            }
            change(request, &mut list);
        }
        Ok(seen)
    }

    fn still(_: usize, _: &mut Vec<u32>) {}

    #[test]
    fn a_list_that_stays_is_read_once() {
        for n in [0, 1, 2, 9, 10, 11, 20, 99, 1_203] {
            let list: Vec<u32> = (0..n).collect();
            for page_rows in [1, 2, 7, 10, 500] {
                for cap in [1, 3, 500] {
                    // Row by row is no way to read a long list: such a read ends (`every_read_ends`).
                    if n < 100 || (page_rows > 2 && cap > 100) {
                        assert_eq!(read(page_rows, cap, list.clone(), still).unwrap(), list, "{n} by {page_rows}, {cap} at most");
                    }
                }
            }
        }
    }

    #[test]
    fn whoever_stays_is_read_although_rows_move() {
        for (leaves, joins) in [(3, None), (3, Some(900)), (25, Some(0)), (9, None), (10, None), (0, Some(50))] {
            let change = |request: usize, list: &mut Vec<u32>| {
                if request == 1 {
                    list.retain(|p| *p != leaves);
                    if let Some(place) = joins {
                        list.insert(place.min(list.len()), 7_000);
                    }
                }
            };
            let mut seen = read(10, 500, (0..50).collect(), change).unwrap();
            seen.sort_unstable();
            seen.dedup();
            assert!((0..50).filter(|p| *p != leaves).all(|p| seen.contains(&p)), "{leaves} {joins:?}: {seen:?}");
        }
    }

    #[test]
    fn every_read_ends() {
        let shuffled = |request: usize, list: &mut Vec<u32>| list.rotate_left(request * 13 % 31 + 1);
        assert_eq!(read(10, 500, (0..1_000).collect(), shuffled).unwrap_err().kind(), "transient");
        let mut walk = Walk::new(500, Some(3));
        let mut requests = 0u32;
        let error = loop {
            requests += 1;
            let one = requests.to_string();
            // A service that shows another row each time and says that there are more.
            let (_, limit) = walk.ask().unwrap();
            if let Err(error) = walk.take(&[Some(&one)], true, limit) {
                break error;
            }
        };
        assert!(requests < 1_000 && error.kind() == "transient", "{requests}");
        let mut walk = Walk::new(500, None);
        let empty = (0..).map(|_| walk.ask().and_then(|_| walk.take(&[], true, 500))).take(3).collect::<Vec<_>>();
        assert!(matches!(empty[0], Ok(Step::Last(0))));
    }

    #[test]
    fn rows_without_a_key_are_passed() {
        let mut walk = Walk::new(3, None);
        assert_eq!(walk.ask().unwrap(), (0, 3));
        assert_eq!(walk.take(&[Some("a"), None, None], true, 3).unwrap(), Step::Take(0));
        assert_eq!(walk.ask().unwrap(), (0, 6), "from the last row with a key");
        assert_eq!(walk.take(&[Some("a"), None, None, None, None], false, 6).unwrap(), Step::Last(3));
    }
}
