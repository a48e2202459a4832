//! The people of a list, page by page through the procedures `usr_Rialto_ListMembers` and
//! `usr_Rialto_InterestMembers`: each page begins after the two ids
//! at which the last one ended.

use std::sync::Arc;

use bytes::Bytes;
use rialto_core::person::RemotePerson;
use rialto_core::writeback::InterestKey;

use super::budget::{self, Budget, FREE_PAGES};
use super::dataset;
use super::history::History;
use super::position::{Course, Position};
use super::rows::{Columns, Rows};
use super::service::{Service, named, protocol};
use crate::ahead::Out;
use crate::{ConnectorError, Page};

/// Whose people are read, and by which procedure.
pub(super) struct Wanted {
    procedure: String,
    parameters: Vec<(&'static str, String)>,
    /// The list's code as rows may repeat it; empty for what is no list.
    code: String,
    announced: Option<u64>,
}

impl Wanted {
    pub(super) fn list(service: &Service, code: &str) -> Self {
        Self {
            procedure: service.settings.procedures.list_members.clone(),
            parameters: vec![("ListCode", code.to_owned())],
            code: code.to_owned(),
            announced: service.announced(code),
        }
    }

    pub(super) fn interest(service: &Service, interest: &InterestKey) -> Self {
        Self {
            procedure: service.settings.procedures.interest_members.clone(),
            parameters: vec![
                ("Source", interest.source.name().to_owned()),
                ("Code", interest.code.clone()),
                ("Subcode", interest.subcode.clone()),
            ],
            code: String::new(),
            announced: None,
        }
    }
}

/// Reads a list to its end. A page that does not get on is an error, and the budget bounds the rest, so that no answer can hold
/// the reader for ever.
pub(super) async fn read(service: Arc<Service>, wanted: Wanted, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let procedure = &wanted.procedure;
    let most = budget::page_rows(service.settings.page_rows, fields.len());
    let rows = most.to_string();
    let columns = Arc::new(Columns::of_procedure(&wanted.code, &fields));
    let mut budget = Budget::new(wanted.announced, most, FREE_PAGES);
    let mut history = History::default();
    let mut course = Course::default();
    loop {
        budget.ask().map_err(|e| named(e, procedure))?;
        let at = &course.at;
        let paging = [("AfterMaster", at.master.as_str()), ("AfterSub", at.sub.as_str()), ("Rows", rows.as_str())];
        let parameters: Vec<(&str, &str)> = wanted.parameters.iter().map(|(name, value)| (*name, value.as_str())).chain(paging).collect();
        let body = service.call(procedure, &parameters).await?;
        let (people, last, seen) = decode(body, columns.clone(), most, history).await.map_err(|e| named(e, procedure))?;
        history = seen;
        if people.is_empty() {
            return Ok(());
        }
        budget.take(people.len()).map_err(|e| named(e, procedure))?;
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
