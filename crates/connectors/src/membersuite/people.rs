//! The people of a search, page by page. Pages are asked for by number, so each begins with the last person of the one before: where
//! that person no longer stands there, rows have moved, and the reader looks for where to go on (ADR 110).

use std::collections::HashSet;
use std::sync::Arc;

use rialto_core::person::RemotePerson;
use tokio::task::JoinHandle;

use super::envelope::CallError;
use super::rows::{Columns, Table};
use super::search::Query;
use super::service::{Service, Way, named};
use super::xml::{Node, protocol};
use super::{categories, lists};
use crate::ahead::Out;
use crate::{ConnectorError, Page};

const OPERATION: &str = "ExecuteSearch";

/// Most people of one search, whatever it announces.
const LARGEST: u64 = 10_000_000;
/// A search may find more while it is read: this many more than twice what it announced.
const GROWTH: u64 = 100_000;
/// Requests that need not bring a tenth of a page.
const FREE: u64 = 100;
/// Times in a row that the reader goes back half a page to find where to go on, and in all.
const BACK: u64 = 4;
const BACK_IN_ALL: u64 = 50;

/// Reads a search to its end.
pub(super) async fn read(service: Arc<Service>, code: String, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let Some(saved) = lists::saved(&service, &code, Way::Patient).await? else {
        return Err(ConnectorError::Rejected { detail: format!("there is no public search {code} any more") });
    };
    let query = Query::of(&saved.search, &shown(&service, &fields))?;
    pages(service, query, &code, &fields, out).await
}

/// Those who have not opted out of a message category.
pub(super) async fn interested(service: Arc<Service>, category: String, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let query = Query::own(Some(categories::kept_in(&category)), &shown(&service, &fields));
    pages(service, query, &category, &fields, out).await
}

/// Which columns are asked for: the address first.
fn shown(service: &Service, fields: &[String]) -> Vec<String> {
    let mut shown = service.settings.fields.get(..1).unwrap_or_default().to_vec();
    shown.extend(fields.iter().filter(|field| !field.eq_ignore_ascii_case(&service.settings.fields[0])).cloned());
    shown
}

/// Executes a search page by page. `code`: under which its people were announced.
async fn pages(service: Arc<Service>, query: Query, code: &str, fields: &[String], out: Out) -> Result<(), ConnectorError> {
    let most = service.settings.page_rows;
    let mut columns = Columns::of(fields);
    let mut course = Course::new(most, service.announced(code));
    let mut pages = Pages { service, query: Arc::new(query), most, total: None, next: None };
    loop {
        course.ask().map_err(|e| named(e, OPERATION))?;
        let value = pages.get(course.from).await?;
        let read = || {
            let table = Table::read(value, most)?;
            let (total, rows) = (table.total, table.len());
            pages.total = total;
            let people = columns.people(table)?;
            course.take(people, rows, total)
        };
        let step = read().map_err(|e| named(e, OPERATION))?;
        if !step.rows.is_empty() && out.send(Ok(Some(Page { rows: step.rows }))).await.is_err() {
            return Ok(());
        }
        if step.end {
            return Ok(());
        }
    }
}

/// Pages by the number of their first row. While one is read, the one that most likely follows is fetched: where the guess is wrong, nobody
/// looks at it.
struct Pages {
    service: Arc<Service>,
    query: Arc<Query>,
    most: usize,
    /// How many rows the search announced with its last page.
    total: Option<u64>,
    next: Option<Fetched>,
}

/// A page on its way; one that is not wanted any more is given up.
struct Fetched {
    from: u64,
    work: JoinHandle<Result<Node, CallError>>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Pages {
    async fn get(&mut self, from: u64) -> Result<Node, ConnectorError> {
        let mut page = self.next.take().filter(|next| next.from == from).unwrap_or_else(|| self.fetch(from));
        // A full page ends with the row that begins the next one.
        let after = from + (self.most as u64).saturating_sub(1);
        if self.total.is_some_and(|total| after + 1 < total) && after > from {
            self.next = Some(self.fetch(after));
        }
        let answer = (&mut page.work).await.map_err(|_| protocol("a page that cannot be read"))?;
        Ok(answer?)
    }

    fn fetch(&self, from: u64) -> Fetched {
        let (service, query, most) = (self.service.clone(), self.query.clone(), self.most);
        let work = tokio::spawn(async move { service.call(OPERATION, &query.arguments(from, most), Way::Patient).await });
        Fetched { from, work }
    }
}

/// What a page brought.
#[derive(Debug, Default, PartialEq)]
struct Step {
    rows: Vec<RemotePerson>,
    end: bool,
}

/// The way of a read through a search.
struct Course {
    most: usize,
    announced: Option<u64>,
    /// Number of the first row to ask for.
    from: u64,
    /// Who stood on the last page, for the next one to begin with one of them. Empty before the first.
    before: HashSet<String>,
    people: u64,
    requests: u64,
    back: u64,
    back_in_all: u64,
}

impl Course {
    fn new(most: usize, announced: Option<u64>) -> Self {
        Self { most, announced, from: 0, before: HashSet::new(), people: 0, requests: 0, back: 0, back_in_all: 0 }
    }

    /// Before a request: have the ones before been worth it?
    fn ask(&mut self) -> Result<(), ConnectorError> {
        let due = self.requests.saturating_sub(FREE).saturating_mul((self.most / 10).max(1) as u64);
        self.requests += 1;
        if due > self.people {
            return Err(protocol(
                "far fewer rows in each answer than were asked for; ask for fewer rows per page if the service limits them",
            ));
        }
        Ok(())
    }

    /// After a page: which of its rows are new, and where the next one begins.
    fn take(&mut self, people: Vec<RemotePerson>, rows: usize, total: Option<u64>) -> Result<Step, ConnectorError> {
        let end = self.from.saturating_add(rows as u64);
        let whole = total.is_none_or(|total| end >= total);
        let first = self.before.is_empty();
        if first && rows == 0 && self.from == 0 && total.is_some_and(|total| total > 0) {
            return Err(protocol(format!("no rows, although {} were announced", total.unwrap_or_default())));
        }
        let known = |person: &RemotePerson| person.remote_id.as_ref().is_some_and(|id| self.before.contains(id));
        let begin = match people.iter().rposition(known) {
            _ if first => 0,
            Some(at) => at + 1,
            None => return self.go_back(),
        };
        self.back = 0;
        let new = people.len() - begin;
        if new == 0 {
            return self.nothing_new(rows, whole);
        }
        self.count(new)?;
        if rows < self.most && whole {
            return Ok(Step { rows: people.into_iter().skip(begin).collect(), end: true });
        }
        // Rows without a key at the end of a page are read again with the next one, which cannot begin with them.
        let last = people.iter().rposition(|person| person.remote_id.is_some()).filter(|last| *last >= begin);
        let (upto, next) = match last {
            Some(last) => (last + 1, self.from + last as u64),
            None => (people.len(), end),
        };
        self.before = if last.is_some() { people.iter().filter_map(|person| person.remote_id.clone()).collect() } else { HashSet::new() };
        self.people -= (people.len() - upto) as u64;
        self.from = next;
        Ok(Step { rows: people.into_iter().take(upto).skip(begin).collect(), end: false })
    }

    /// The last page's people stand before this one: some of those who were read have left the search meanwhile.
    fn go_back(&mut self) -> Result<Step, ConnectorError> {
        self.back += 1;
        self.back_in_all += 1;
        if self.from == 0 || self.back > BACK || self.back_in_all > BACK_IN_ALL {
            let detail = "the people of the search changed so much while they were read that the rest could not be found".to_owned();
            return Err(ConnectorError::Transient { detail });
        }
        self.from = self.from.saturating_sub((self.most / 2).max(1) as u64);
        Ok(Step::default())
    }

    /// A page of people who were read already.
    fn nothing_new(&self, rows: usize, whole: bool) -> Result<Step, ConnectorError> {
        if rows == self.most && !whole {
            return Err(protocol("a page that does not get on, as if startRecord were ignored"));
        }
        Ok(Step { rows: Vec::new(), end: true })
    }

    fn count(&mut self, new: usize) -> Result<(), ConnectorError> {
        self.people = self.people.saturating_add(new as u64);
        let most = self.announced.map_or(LARGEST, |n| n.saturating_mul(2).saturating_add(GROWTH).min(LARGEST));
        if self.people > most {
            return Err(protocol(format!("more than {most} people, far more than the search announced")));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "people_test.rs"]
mod tests;
