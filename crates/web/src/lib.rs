//! The pages, the HTTP API and access control. Never calls a remote system and holds no SQL.

pub mod api;
pub mod auth;
pub mod error;
pub mod health;
pub mod inbox;
pub mod pages;
pub mod public;
pub mod receive;
pub mod remote;
pub mod request_id;
pub mod security;
mod slow;
pub mod state;
mod watch;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::compression::CompressionLayer;

pub use error::{Error, FieldError};
pub use state::{App, Settings};

/// Largest request body in bytes.
pub const BODY_LIMIT: usize = 1 << 20;

/// Everything Rialto answers over HTTP. Serve it with connect info (`SocketAddr`), so that sign-ins are throttled by peer address. Call it
/// inside a runtime: it starts the task that commits what people decide by their links.
pub fn router(app: App) -> Router {
    let public = public::router(&app);
    let remote = remote::router(&app);
    let inbox = inbox::router(&app);
    Router::new()
        .merge(pages::router())
        .merge(auth::router())
        .merge(health::router())
        .merge(api::router(&app))
        .fallback(async || Error::NotFound)
        .layer(from_fn_with_state(app.clone(), auth::csrf::check))
        .layer(from_fn(slow::bound))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        // Outermost last: the headers, then errors made readable, panics caught beneath.
        .layer(from_fn_with_state(app.clone(), pages::toast::said))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(app.clone(), security::headers))
        // Public pages and what remote systems fetch know neither sessions nor cookies. All have an id for the request.
        .merge(public)
        .merge(remote)
        .merge(inbox)
        .layer(from_fn_with_state(app.clone(), request_id::give))
        .layer(CompressionLayer::new())
        .with_state(app)
}
