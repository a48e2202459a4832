//! Rows of a list or extension: page by page in the order of their keys, found by key or person, and all of them as CSV.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use rialto_store::audiences::{self as store, Audience, Field, Met, Row};
use serde::Deserialize;

use super::{COUNTED, Head, find, page};
use crate::api::audience_rows::is_place;
use crate::api::extract::search;
use crate::error::Error;
use crate::pages::links;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, LIMIT, Table, chosen, csv};
use crate::pages::text::num;
use crate::state::App;

/// Fields that are shown beside the key without being chosen.
const SHOWN: usize = 12;
/// Length up to which a text needs no room of its own.
const SHORT: i64 = 30;
/// Characters of a long text that are shown; an export has the whole.
const LONG: usize = 160;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    q: String,
    /// The key behind which the page begins.
    after: String,
    /// `all`: count however long it takes.
    count: String,
}

/// A row with whom it meets.
struct Line {
    row: Row,
    met: Option<Met>,
}

#[derive(Template)]
#[template(path = "audiences/rows.html")]
struct Rows {
    page: Page,
    head: Head,
    table: Table,
    q: String,
    /// It was not asked for anything narrower.
    whole: bool,
    /// How many rows there are and how many of them meet somebody, in sentences.
    counted: String,
    /// Counts all of them; `None` where they are counted.
    count_all: Option<String>,
    table_name: String,
}

async fn read(app: &App, audience: &Audience, fields: &[Field], asked: store::Page<'_>) -> Result<Vec<Line>, Error> {
    let shown: Vec<&Field> = fields.iter().collect();
    let rows = store::page(app.db.read(), audience.id, &shown, asked).await?;
    let met = store::met(app.db.read(), audience, &rows).await?;
    let whom = |row: &Row| row.link.as_ref().and_then(|link| met.get(link)).cloned();
    Ok(rows.into_iter().map(|row| Line { met: whom(&row), row }).collect())
}

fn table_id(audience: &Audience) -> String {
    format!("list-{}", audience.id)
}

async fn fields_in_use(app: &App, audience: &Audience) -> Result<Vec<Field>, Error> {
    let all = store::fields(app.db.read(), audience.id).await?;
    Ok(all.into_iter().filter(|f| f.retired_at.is_none()).collect())
}

/// GET /lists/{id}
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let app = &reader.app;
    let audience = find(&reader, &id).await?;
    let fields = fields_in_use(app, &audience).await?;
    let (q, after) = (search(&asked.q)?, place(&fields, &asked.after)?);
    let mut lines = read(app, &audience, &fields, store::Page { after, search: q, limit: LIMIT + 1 }).await?;
    let more = lines.len() as i64 > LIMIT;
    lines.truncate(LIMIT as usize);
    let head = Head::of(&reader, &audience, &fields, "Rows").await?;
    let mut table = Table::of(table_id(&audience), &reader, &columns(&audience, &fields, LONG), &lines, None);
    let link = |path: &str, after: &str, count: &str| {
        format!("{}{path}{}", head.href, links::query(&[("q", q), ("after", after), ("count", count)]))
    };
    table.roomy = true;
    table.csv = Some(link("/export.csv", "", ""));
    table.first = (!after.is_empty()).then(|| link("", "", ""));
    table.next = lines.last().filter(|_| more).map(|l| link("", &l.row.key, ""));
    let most = if asked.count == "all" { i64::MAX - 1 } else { COUNTED };
    let (rows, met) = store::count_of(app.db.read(), &audience, most + 1).await?;
    let page = Rows {
        page: page(&reader, &audience, audience.name.clone()),
        counted: counted(&audience, rows, met, most),
        count_all: (rows > most).then(|| link("", after, "all")),
        whole: q.is_empty() && after.is_empty(),
        q: q.to_owned(),
        table_name: store::table(audience.id),
        table,
        head,
    };
    Ok(Html(page.render()?))
}

/// The key behind which a page begins, when rows can have such a key.
fn place<'a>(fields: &[Field], after: &'a str) -> Result<&'a str, Error> {
    if is_place(fields, after) { Ok(after) } else { Err(Error::BadRequest("A page of rows begins behind one of their keys.".into())) }
}

fn counted(audience: &Audience, rows: i64, met: i64, most: i64) -> String {
    if rows > most {
        return format!("More than {} rows.", num(most));
    }
    let all = crate::pages::text::count(rows, "row", "rows");
    match (audience.matching(), rows - met) {
        (None, _) => format!("{all}. How they meet subscribers is said by the first data sync that fills them."),
        (_, 0) => format!("{all}; each meets a subscriber."),
        (_, without) => format!(
            "{all}; {} a subscriber, {} nobody yet and will be joined when that person appears.",
            if met == 1 { "1 meets".into() } else { format!("{} meet", num(met)) },
            if without == 1 { "1 meets".into() } else { format!("{} meet", num(without)) },
        ),
    }
}

/// The key, the person, and the fields that are in use; texts are cut after `longest` characters.
fn columns(audience: &Audience, fields: &[Field], longest: usize) -> Vec<Column<Line>> {
    let key = fields.iter().find(|f| f.is_key()).map_or_else(|| "Key".to_owned(), |f| f.name.clone());
    let mut columns = vec![Column::new("key", key, |l: &Line| Cell::Code(l.row.key.clone())).always()];
    if audience.matching().is_some() {
        columns.push(Column::new("meets", "Meets", |l: &Line| whom(l.met.as_ref())).wide());
    }
    for (at, field) in fields.iter().enumerate().filter(|(_, f)| !f.is_key()) {
        let column = of_field(at, field, longest);
        columns.push(if at > SHOWN { column.on_request() } else { column });
    }
    columns
}

fn whom(met: Option<&Met>) -> Cell {
    met.map_or(Cell::None("nobody yet"), |m| Cell::link(links::person(m.created_at, m.id), &*m.address))
}

/// A column of values by their type, an empty value by its default as mailings fill it.
fn of_field(at: usize, field: &Field, longest: usize) -> Column<Line> {
    let (kind, default) = (field.kind.clone(), field.default_value.clone());
    let figures = matches!(kind.as_str(), "integer" | "long" | "float");
    let cell = move |l: &Line| match l.row.values.get(at).and_then(Option::as_deref) {
        None if default.is_empty() => Cell::None("–"),
        None => Cell::Default(default.clone()),
        Some(value) => shown(value, &kind, longest),
    };
    let column = Column::new(format!("f{}", field.number), field.name.clone(), cell);
    match field.kind.as_str() {
        _ if figures => column.number(),
        "date" | "datetime" | "boolean" => column.short(),
        "text" if field.length.is_some_and(|n| n <= SHORT) => column,
        _ => column.wide(),
    }
}

fn shown(value: &str, kind: &str, longest: usize) -> Cell {
    match kind {
        "integer" | "long" | "float" => Cell::Figure(value.to_owned()),
        "boolean" => Cell::Text(if value == "true" { "yes" } else { "no" }.into()),
        _ if longest < usize::MAX && value.chars().nth(longest).is_some() => Cell::Text(value.chars().take(longest).chain(['…']).collect()),
        _ => Cell::Text(value.to_owned()),
    }
}

/// GET /lists/{id}/export.csv: all rows that the search finds, in the columns that the reader sees, with their values in full.
pub async fn export(reader: Reader, Path(id): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let audience = find(&reader, &id).await?;
    let fields = fields_in_use(&reader.app, &audience).await?;
    let columns = chosen(&reader, &table_id(&audience), columns(&audience, &fields, usize::MAX));
    let (app, q, name) = (reader.app.clone(), search(&asked.q)?.to_owned(), audience.api_name.clone());
    let slices = async_stream::try_stream! {
        let mut after = Some(String::new());
        while let Some(place) = after {
            let rows = read(&app, &audience, &fields, store::Page { after: &place, search: &q, limit: csv::SLICE }).await?;
            after = rows.last().filter(|_| rows.len() as i64 == csv::SLICE).map(|l| l.row.key.clone());
            yield rows;
        }
    };
    Ok(csv::download(&name, columns, slices))
}
