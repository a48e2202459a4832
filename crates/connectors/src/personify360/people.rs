//! The people of a list, page by page through the procedure `usr_Rialto_ListMembers`: each page begins after the two ids
//! at which the last one ended.

use std::sync::Arc;

use bytes::Bytes;
use rialto_core::person::RemotePerson;

use super::budget::{self, Budget, FREE_PAGES};
use super::dataset;
use super::history::History;
use super::position::{Course, Position};
use super::rows::{Columns, Rows};
use super::service::{Service, named, protocol};
use crate::ahead::Out;
use crate::{ConnectorError, Page};

/// Reads a list to its end. A page that does not get on is an error, and the budget bounds the rest, so that no answer can hold
/// the reader for ever.
pub(super) async fn read(service: Arc<Service>, code: String, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let procedure = service.settings.procedures.list_members.clone();
    let most = budget::page_rows(service.settings.page_rows, fields.len());
    let rows = most.to_string();
    let columns = Arc::new(Columns::of_procedure(&code, &fields));
    let mut budget = Budget::new(service.announced(&code), most, FREE_PAGES);
    let mut history = History::default();
    let mut course = Course::default();
    loop {
        budget.ask().map_err(|e| named(e, &procedure))?;
        let at = &course.at;
        let parameters = [("ListCode", code.as_str()), ("AfterMaster", &at.master), ("AfterSub", &at.sub), ("Rows", &rows)];
        let body = service.call(&procedure, &parameters).await?;
        let (people, last, seen) = decode(body, columns.clone(), most, history).await.map_err(|e| named(e, &procedure))?;
        history = seen;
        if people.is_empty() {
            return Ok(());
        }
        budget.take(people.len()).map_err(|e| named(e, &procedure))?;
        let end = last.is_none();
        if last.is_some_and(|last| !course.advance(last)) {
            return Err(protocol(format!("{procedure}: a page that does not get on, as if @AfterMaster and @AfterSub were ignored")));
        }
        // Rows without a key at the very end: there is nothing to go on from, and they are rejected anyway.
        if out.send(Ok(Some(Page { rows: people }))).await.is_err() || end {
            return Ok(());
        }
    }
}

type Decoded = (Vec<RemotePerson>, Option<Position>, History);

/// Decodes a page beside the tasks that serve connections.
async fn decode(body: Bytes, columns: Arc<Columns>, most: usize, history: History) -> Result<Decoded, ConnectorError> {
    let work = tokio::task::spawn_blocking(move || decode_page(&body, &columns, most, history));
    work.await.unwrap_or_else(|_| Err(protocol("a page that cannot be decoded")))
}

fn decode_page(body: &[u8], columns: &Columns, most: usize, mut history: History) -> Result<Decoded, ConnectorError> {
    let mut rows = Rows::new(columns, most);
    if let Some(inner) = dataset::unwrap(body)? {
        dataset::read(&inner, &mut rows)?;
    }
    history.check(&mut rows)?;
    if rows.last.as_ref().is_some_and(|last| !last.is_key()) {
        return Err(protocol("a page whose last row has ids that cannot be a key"));
    }
    Ok((rows.people, rows.last, history))
}
