//! What anybody may open who holds a link: the preference page `/u/{token}` (`docs/adr/0090`). Outside sessions and without cookies;
//! looking changes nothing, and whoever has the link has the one right that it gives.

mod answer;
mod body;
mod commit;
mod multipart;
mod page;
mod texts;
mod wrong;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use rialto_core::preference::Link;

use crate::state::App;
use crate::{error, slow};

use commit::Queue;
pub(crate) use wrong::Wrong;

/// What the public pages share.
#[derive(Clone)]
struct Public {
    queue: Queue,
    wrong: Wrong,
}

/// `/u/{token}`. Starts the task that commits what people decide, so call it inside a runtime.
pub fn router(app: &App) -> Router<App> {
    let shared = Public { queue: commit::start(app), wrong: Wrong::default() };
    Router::new()
        .route("/u/{token}", get(page::show).post(page::act).fallback(page::no_such_method))
        .layer(Extension(shared))
        .layer(from_fn(slow::bound))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(app.clone(), headers))
}

/// The address of somebody's preference page, for people outside.
pub fn url(app: &App, link: Link) -> String {
    format!("{}{}", app.settings.public_url, path(app, link))
}

/// The same for those who are on our pages already.
pub fn path(app: &App, link: Link) -> String {
    format!("/u/{}", app.vault.preference_token(link))
}

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const FIXED: [(HeaderName, &str); 6] = [
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::VARY, "accept-language"),
];

/// Middleware: the headers of `reliability.md` section 3.3 on every answer, and never a cookie.
async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    put(response.headers_mut(), app.settings.secure_cookies);
    response
}

fn put(headers: &mut HeaderMap, secure: bool) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.remove(header::SET_COOKIE);
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
}
