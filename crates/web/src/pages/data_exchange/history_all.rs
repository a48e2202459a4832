//! Data Exchange › History: what all data syncs did, minute by minute.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::data_syncs::{self, MinuteOf};
use serde::Deserialize;

use super::{HERE, history};
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, LIMIT, Table};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// Minute and data sync before which it goes on, with a dash between them.
    before: String,
}

impl Asked {
    fn place(&self) -> (i64, i64) {
        let place = self.before.split_once('-').and_then(|(minute, sync)| Some((minute.parse().ok()?, sync.parse().ok()?)));
        place.unwrap_or((i64::MAX, i64::MAX))
    }
}

#[derive(Template)]
#[template(path = "data_exchange/history_all.html")]
struct All {
    page: Page,
    table: Table,
}

/// GET /data-exchange/history
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let here = reader.here();
    let mut rows = data_syncs::history_of_all(reader.app.db.read(), asked.place(), LIMIT + 1).await?;
    let more = rows.len() as i64 > LIMIT;
    rows.truncate(LIMIT as usize);
    let href = |m: &MinuteOf| format!("{HERE}/{}/history", PublicId::new(Kind::DataSync, Instant(m.created_at), m.sync_id));
    let mut columns = vec![
        Column::new("name", "Profile enrichment", move |m: &MinuteOf| Cell::link(href(m), &*m.name)).always().wide(),
        Column::new("minute", "Minute", move |m: &MinuteOf| Cell::Text(here.short(m.minute.minute))).short(),
    ];
    columns.extend(history::columns(|m: &MinuteOf| &m.minute));
    let mut table = Table::plain(&reader, &columns, &rows);
    table.next = rows.last().filter(|_| more).map(|m| format!("{HERE}/history?before={}-{}", m.minute.minute, m.sync_id));
    table.next_name = "Older";
    table.first = (!asked.before.is_empty()).then(|| format!("{HERE}/history"));
    Ok(Html(All { page: reader.page("History of data exchange"), table }.render()?))
}
