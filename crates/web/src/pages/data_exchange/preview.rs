//! Preview of a data sync: what the next hundred events would change, row by row. Nothing is written.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;

use super::head::{Head, find};
use crate::api::data_sync_history::{Preview, PreviewedRejection, RowChange, previewed};
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, Table};
use crate::pages::text::{Chip, count, filters};

#[derive(Template)]
#[template(path = "data_exchange/preview.html")]
struct PreviewPage {
    page: Page,
    head: Head,
    /// Why there can be none; empty otherwise.
    trouble: String,
    events: usize,
    /// How many rows of each kind, in words.
    sums: Vec<String>,
    table: Table,
    rejected: Table,
    rejections: usize,
}

/// Kinds of changes: as the API names them, as a chip, and in words.
const KINDS: [(&str, Chip, &str, &str); 5] = [
    ("new", Chip::ok("New"), "row would be new", "rows would be new"),
    ("changed", Chip::go("Changed"), "row would change", "rows would change"),
    ("same", Chip::off("Same"), "row would stay the same", "rows would stay the same"),
    ("removed", Chip::stop("Removed"), "row would be removed", "rows would be removed"),
    ("cleared", Chip::look("Cleared"), "row would be cleared", "rows would be cleared"),
];

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn sums(preview: &Preview) -> Vec<String> {
    let of = |kind: &str| whole(preview.rows.iter().filter(|r| r.change == kind).count());
    let rows = KINDS.iter().map(|(kind, _, one, many)| (of(kind), *one, *many));
    let events = [
        (whole(preview.rejected.len()), "rejection", "rejections"),
        (preview.passed_over, "event is older than what is there", "events are older than what is there"),
        (preview.other, "event is of a kind that it does not take", "events are of a kind that it does not take"),
    ];
    rows.chain(events).filter(|(n, ..)| *n > 0).map(|(n, one, many)| count(n, one, many)).collect()
}

fn columns() -> Vec<Column<RowChange>> {
    let chip = |change: &str| KINDS.iter().find(|(kind, ..)| *kind == change).map_or(Chip::off("Other"), |(_, chip, ..)| *chip);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        Column::new("key", "Key", |r: &RowChange| Cell::Code(r.key.clone())).always(),
        Column::new("change", "Row", move |r: &RowChange| Cell::Chips(vec![chip(r.change)])).short(),
        Column::new("values", "Values, as they are and as they would be", move |r: &RowChange| {
            Cell::Fields(r.values.iter().map(|v| (v.field.clone(), text(&v.before), text(&v.after))).collect())
        })
        .wide(),
    ]
}

fn rejected_columns() -> Vec<Column<PreviewedRejection>> {
    vec![
        Column::new("subject", "Profile", |r: &PreviewedRejection| Cell::Code(r.subject.clone())).always(),
        Column::new("field", "Field", |r: &PreviewedRejection| match r.field.as_str() {
            "" => Cell::None("the whole event"),
            field => Cell::Text(field.to_owned()),
        }),
        Column::new("reason", "Why", |r: &PreviewedRejection| Cell::Text(r.reason.clone())).wide(),
    ]
}

/// GET /data-exchange/{id}/preview
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let sync = find(&reader, id).await?;
    let preview = previewed(&reader.app, &sync).await?;
    let page = PreviewPage {
        page: reader.page(format!("{}: preview", sync.name)),
        head: Head::of(&reader, &sync, "preview").await?,
        events: preview.events,
        sums: sums(&preview),
        table: Table::plain(&reader, &columns(), &preview.rows),
        rejected: Table::plain(&reader, &rejected_columns(), &preview.rejected),
        rejections: preview.rejected.len(),
        trouble: preview.trouble,
    };
    Ok(Html(page.render()?))
}
