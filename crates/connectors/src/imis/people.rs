//! The people of a list, page by page.

use std::sync::Arc;

use bytes::Bytes;
use rialto_core::person::RemotePerson;

use super::lists::keeps_rules;
use super::paging::{Step, Walk};
use super::rows::{Columns, History, Rows, people};
use super::service::{Service, named, protocol};
use super::settings::Generation;
use super::{documents, preferences};
use crate::ahead::Out;
use crate::{ConnectorError, Page};

/// Reads a list to its end.
pub(super) async fn read(service: Arc<Service>, code: String, fields: Vec<String>, out: Out) -> Result<(), ConnectorError> {
    let settings = &service.settings;
    let Some(definition) = documents::definition(&service, &code).await? else {
        return Err(ConnectorError::Rejected { detail: format!("there is no query {code}") });
    };
    keeps_rules(&definition, &settings.column_email).map_err(|why| ConnectorError::Rejected { detail: format!("{code}: {why}") })?;
    let columns = Columns::of(settings.generation, &definition, &settings.column_email, &fields);
    let mut walk = Walk::new(settings.page_rows, service.announced(&code));
    let mut history = History::default();
    loop {
        let (offset, limit) = walk.ask().map_err(|e| named(e, &code))?;
        let body = service.query(&code, offset, limit).await?;
        let page = decode(body, settings.generation).await.map_err(|e| named(e, &code))?;
        if page.len() > limit {
            return Err(named(protocol(format!("more than the {limit} rows that were asked for")), &code));
        }
        history.check(&columns, &page).map_err(|e| named(e, &code))?;
        let keys = page.keys();
        let keys: Vec<Option<&str>> = keys.iter().map(Option::as_deref).collect();
        let most = page.limit.filter(|n| *n > 0).unwrap_or(limit).min(limit);
        let step = walk.take(&keys, page.more, most).map_err(|e| named(e, &code))?;
        let (Step::Take(skip) | Step::Last(skip)) = step else { continue };
        let rows = flagged(&service, &columns, people(&columns, &history, page, skip)).await?;
        if !rows.is_empty() && out.send(Ok(Some(Page { rows }))).await.is_err() {
            return Ok(());
        }
        if matches!(step, Step::Last(_)) {
            return Ok(());
        }
    }
}

/// Decodes a page beside the tasks that serve connections.
async fn decode(body: Bytes, generation: Generation) -> Result<Rows, ConnectorError> {
    let work = tokio::task::spawn_blocking(move || Rows::decode(&body, generation));
    work.await.unwrap_or_else(|_| Err(protocol("a page that cannot be decoded")))
}

/// Where the query does not say who may not be mailed, communication preferences do.
async fn flagged(service: &Service, columns: &Columns, mut rows: Vec<RemotePerson>) -> Result<Vec<RemotePerson>, ConnectorError> {
    if !columns.tells_flags() {
        preferences::flag(service, &mut rows).await?;
    }
    Ok(rows)
}
