//! Admin › Setup › Streams: all connections.

use askama::Template;
use axum::response::Html;
use rialto_core::permissions::Permission;
use rialto_store::streams::{self as store};

use super::{Flow, href, kind_name, menu};
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::table::Action;
use crate::pages::text::filters;

struct Line {
    href: String,
    name: String,
    kind: &'static str,
    trouble: String,
    flow: Flow,
    menu: Vec<Action>,
}

#[derive(Template)]
#[template(path = "streams/list.html")]
struct Streams {
    page: Page,
    lines: Vec<Line>,
    may_edit: bool,
}

/// GET /admin/streams
pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let mut lines = Vec::new();
    for stream in store::list(reader.app.db.read()).await? {
        lines.push(Line {
            href: href(&stream),
            kind: kind_name(&stream),
            flow: Flow::of(&reader, &stream).await?,
            menu: menu(&reader, &stream),
            name: stream.name,
            trouble: stream.trouble,
        });
    }
    Ok(Html(Streams { page: reader.page("Streams"), lines, may_edit: reader.may(Permission::ProfileStream) }.render()?))
}
