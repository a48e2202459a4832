//! All audience lists, and all profile extensions.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::permissions::Permission;
use rialto_store::audiences::{self as store, Audience};
use serde::Deserialize;

use super::{EXTENSIONS, href, in_use, key_words, matched, rows_of};
use crate::api::extract::search;
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::{Cell, Column, Table};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    /// Part of the name or the API name.
    q: String,
    folder: String,
}

struct Line {
    audience: Audience,
    /// Address and name of the list that an extension extends.
    extends: (String, String),
    key: String,
    fields: i64,
    rows: String,
    matched: String,
    extensions: i64,
    used: i64,
}

#[derive(Template)]
#[template(path = "audiences/list.html")]
struct Lists {
    page: Page,
    extensions: bool,
    /// Where it stands, and what one of them is called.
    here: &'static str,
    noun: &'static str,
    table: Table,
    /// How many there are, whatever is asked for.
    all: usize,
    /// There is a list that could be extended.
    lists: bool,
    q: String,
    folder: String,
    folders: Vec<String>,
    may_edit: bool,
}

/// GET /lists
pub async fn lists(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    show(&reader, &asked, false).await
}

/// GET /lists/extensions
pub async fn extensions(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    show(&reader, &asked, true).await
}

async fn show(reader: &Reader, asked: &Asked, extensions: bool) -> Result<Html<String>, Error> {
    let everything = store::list(reader.app.db.read()).await?;
    let these: Vec<&Audience> = everything.iter().filter(|a| a.is_extension() == extensions).collect();
    let mut folders: Vec<String> = these.iter().map(|a| a.folder.clone()).filter(|f| !f.is_empty()).collect();
    folders.sort_unstable();
    folders.dedup();
    let q = search(&asked.q)?.to_lowercase();
    let fits = |a: &Audience| {
        (asked.folder.is_empty() || a.folder == asked.folder)
            && (a.name.to_lowercase().contains(&q) || a.api_name.to_lowercase().contains(&q))
    };
    let mut lines = Vec::new();
    for audience in these.iter().filter(|a| fits(a)) {
        lines.push(line(reader, audience, &everything).await?);
    }
    let table = if extensions {
        Table::of("profile-extensions", reader, &extension_columns(), &lines, None)
    } else {
        Table::of("audience-lists", reader, &list_columns(), &lines, None)
    };
    let page = Lists {
        page: reader.page(if extensions { "Profile extensions" } else { "Audience lists" }),
        extensions,
        here: if extensions { EXTENSIONS } else { "/lists" },
        noun: if extensions { "extension" } else { "list" },
        table,
        all: these.len(),
        lists: everything.iter().any(|a| !a.is_extension()),
        q: asked.q.trim().to_owned(),
        folder: asked.folder.clone(),
        folders,
        may_edit: reader.may(Permission::ListsEdit),
    };
    Ok(Html(page.render()?))
}

async fn line(reader: &Reader, audience: &Audience, everything: &[Audience]) -> Result<Line, Error> {
    let app = &reader.app;
    let fields = store::fields(app.db.read(), audience.id).await?;
    let list = everything.iter().find(|a| Some(a.id) == audience.list_id);
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(Line {
        extends: list.map(|l| (href(l), l.name.clone())).unwrap_or_default(),
        key: key_words(&fields),
        fields: in_use(&fields),
        rows: rows_of(app, audience).await?,
        matched: matched(app, audience).await?,
        extensions: count(everything.iter().filter(|a| a.list_id == Some(audience.id)).count()),
        used: count(store::usage(app.db.read(), audience.id).await?.len()),
        audience: audience.clone(),
    })
}

fn name() -> Column<Line> {
    Column::new("name", "Name", |l: &Line| Cell::link(href(&l.audience), &*l.audience.name)).always().wide()
}

/// What both have.
fn shared() -> Vec<Column<Line>> {
    vec![
        Column::new("api_name", "API name", |l: &Line| Cell::Code(l.audience.api_name.clone())),
        Column::new("folder", "Folder", |l: &Line| Cell::Text(l.audience.folder.clone())),
        Column::new("key", "Unique key", |l: &Line| Cell::Text(l.key.clone())).on_request(),
        Column::new("fields", "Fields", |l: &Line| Cell::Number(l.fields)).number(),
        Column::new("rows", "Rows", |l: &Line| Cell::Text(l.rows.clone())).number(),
        Column::new("matched", "Meets subscribers", |l: &Line| Cell::Text(l.matched.clone())),
        Column::new("used", "Data syncs", |l: &Line| Cell::Number(l.used)).number().on_request(),
    ]
}

fn list_columns() -> Vec<Column<Line>> {
    let mut columns = vec![name()];
    columns.extend(shared());
    columns.push(Column::new("extensions", "Extensions", |l: &Line| Cell::Number(l.extensions)).number());
    columns
}

fn extension_columns() -> Vec<Column<Line>> {
    let mut columns = vec![
        name(),
        Column::new("scope", "Scope", |l: &Line| Cell::Code(l.audience.scope.clone())).always(),
        Column::new("extends", "Extends", |l: &Line| Cell::link(&*l.extends.0, &*l.extends.1)),
    ];
    // Templates reach an extension's fields by its scope name.
    columns.extend(shared().into_iter().filter(|c| c.key != "api_name"));
    columns
}
