//! The token that opens a connection's inbox: made and replaced, shown once.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::permissions::Permission;

use super::{find, href};
use crate::api::streams as api;
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::When;

#[derive(Template)]
#[template(path = "streams/token_ask.html")]
struct Ask {
    page: Page,
    href: String,
    name: String,
    /// There is one, which is replaced.
    replace: bool,
    last_event: Option<When>,
}

/// GET /admin/streams/{id}/token
pub async fn ask(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let stream = find(&reader, &id).await?;
    let page = Ask {
        page: reader.page(format!("Token of {}", stream.name)),
        href: href(&stream),
        replace: !stream.token_hash.is_empty(),
        last_event: reader.here().maybe(stream.last_event_at),
        name: stream.name,
    };
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "streams/token_made.html")]
struct Made {
    page: Page,
    href: String,
    name: String,
    address: String,
    token: String,
}

/// POST /admin/streams/{id}/token: the answer shows the token, and nothing else ever does.
pub async fn make(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ProfileStream)?;
    let (app, stream) = (&reader.app, find(&reader, &id).await?);
    let token = api::make_token(app, &reader.session.actor(app), &stream).await?;
    let page = Made {
        page: reader.page("Copy the token now"),
        href: href(&stream),
        address: api::address(app, &stream),
        name: stream.name,
        token,
    };
    Ok(Html(page.render()?))
}
