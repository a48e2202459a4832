//! The token by which a bridge's remote system fetches its writebacks: made and replaced (shown once), revoked.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{Html, Response};
use axum::routing::get;
use rialto_core::permissions::Permission;
use rialto_store::bridges::Bridge;
use rialto_store::fetch_tokens;

use super::shell::{Page, Reader};
use super::text::{self, When};
use super::toast::{self, Toast};
use super::{bridges, links};
use crate::api::fetch_token as api;
use crate::error::Error;
use crate::remote;
use crate::state::App;

pub fn router() -> Router<App> {
    Router::new()
        .route("/admin/bridges/{id}/writebacks/token", get(ask).post(make))
        .route("/admin/bridges/{id}/writebacks/token/revoke", get(ask_revoke).post(revoke))
}

/// What Writeback Settings show of it.
pub struct Token {
    pub address: String,
    /// When the present one was made, and by whom.
    pub made: Option<(When, String)>,
}

impl Token {
    pub async fn of(reader: &Reader, bridge: &Bridge) -> Result<Self, Error> {
        let token = fetch_tokens::get(reader.app.db.read(), bridge.id).await?;
        let made = token.map(|t| (reader.here().when(t.created_at), text::actor(&t.created_by)));
        Ok(Self { address: remote::address(&reader.app, bridge.created_at, bridge.id), made })
    }
}

#[derive(Template)]
#[template(path = "fetch_token_ask.html")]
struct Ask {
    page: Page,
    href: String,
    system: &'static str,
    token: Token,
    /// It is about taking it away.
    revoke: bool,
    fetched: Option<When>,
}

async fn asked(reader: &Reader, id: &str, revoke: bool) -> Result<Html<String>, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, id).await?;
    api::can_fetch(&bridge)?;
    let destination = crate::api::writeback_settings::destination(&reader.app, bridge.id).await?;
    let title = if revoke { "Revoke the token for fetching" } else { "Token for fetching" };
    let page = Ask {
        page: reader.page(format!("{title}: {}", bridge.name)),
        href: format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id)),
        system: bridges::kind_name(&bridge),
        token: Token::of(reader, &bridge).await?,
        revoke,
        fetched: reader.here().maybe(destination.polled_at),
    };
    Ok(Html(page.render()?))
}

/// GET /admin/bridges/{id}/writebacks/token
async fn ask(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    asked(&reader, &id, false).await
}

/// GET /admin/bridges/{id}/writebacks/token/revoke
async fn ask_revoke(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    asked(&reader, &id, true).await
}

#[derive(Template)]
#[template(path = "fetch_token_made.html")]
struct Made {
    page: Page,
    href: String,
    system: &'static str,
    address: String,
    token: String,
}

/// POST /admin/bridges/{id}/writebacks/token: the answer shows the token, and nothing else ever does.
async fn make(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let token = api::make(&reader.app, &bridge, &reader.session.actor(&reader.app)).await?;
    let page = Made {
        page: reader.page("Copy the token now"),
        href: format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id)),
        system: bridges::kind_name(&bridge),
        address: remote::address(&reader.app, bridge.created_at, bridge.id),
        token,
    };
    Ok(Html(page.render()?))
}

/// POST /admin/bridges/{id}/writebacks/token/revoke
async fn revoke(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let bridge = links::find_bridge(&reader.app, &id).await?;
    api::unmake(&reader.app, &bridge, &reader.session.actor(&reader.app)).await?;
    let href = format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id));
    toast::done(&reader, &href, &Toast::new("The token for fetching was revoked. Nothing is fetched with it any more."))
}
