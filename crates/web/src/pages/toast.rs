//! What is said once after something was done, with a way back while there is one.
//!
//! It travels in a cookie that is sealed with the installation's key and bound to the session: nobody but Rialto can put words or
//! a button there, whichever process answers the next request.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::{Deserialize, Serialize};

use super::shell::Reader;
use crate::error::Error;
use crate::state::App;

const COOKIE: &str = "rialto_toast";
/// Longest cookie in bytes; browsers keep 4,096.
const LONGEST: usize = 3_500;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toast {
    pub text: String,
    pub undo: Option<Undo>,
}

/// A form that takes back what was done: POST to `action` with `fields` and the page's CSRF token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Toast {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), undo: None }
    }

    pub fn undo(mut self, action: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.undo = Some(Undo { action: action.into(), fields });
        self
    }
}

/// The answer to a POST that is done: on to a page, where the toast is said.
pub fn done(reader: &Reader, to: &str, toast: &Toast) -> Result<Response, Error> {
    let app = &reader.app;
    let text = serde_json::to_string(toast).map_err(Error::internal)?;
    let sealed = app.vault.seal(&context(&reader.session.csrf), &text)?;
    let mut response = Redirect::to(to).into_response();
    // Words that do not fit are left out; what was done is done.
    if sealed.len() <= LONGEST {
        set(&mut response, &cookie(app, sealed))?;
    }
    Ok(response)
}

/// What the request brought to be said; nothing for a cookie that Rialto did not make for this session.
pub fn take(app: &App, headers: &HeaderMap, csrf: &str) -> Option<Toast> {
    let jar = CookieJar::from_headers(headers);
    let sealed = jar.get(COOKIE).map(Cookie::value).filter(|v| v.len() <= LONGEST)?;
    serde_json::from_str(&app.vault.open(&context(csrf), sealed).ok()?).ok()
}

/// Middleware: a page that was shown has said it. Parts that a page fetches leave it for the page.
pub async fn said(State(app): State<App>, request: Request, next: Next) -> Response {
    let jar = CookieJar::from_headers(request.headers());
    let part = request.headers().contains_key("hx-request") || request.headers().get("sec-fetch-dest").is_some_and(|d| d == "empty");
    let shown = request.method() == Method::GET && !part && jar.get(COOKIE).is_some();
    let mut response = next.run(request).await;
    let page = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    if shown && page && response.status() == StatusCode::OK {
        let mut gone = cookie(&app, String::new());
        gone.make_removal();
        if set(&mut response, &gone).is_err() {
            tracing::warn!("a toast could not be put away");
        }
    }
    response
}

fn context(csrf: &str) -> String {
    format!("toast {csrf}")
}

fn cookie(app: &App, value: String) -> Cookie<'static> {
    Cookie::build((COOKIE, value)).path("/").http_only(true).secure(app.settings.secure_cookies).same_site(SameSite::Lax).build()
}

fn set(response: &mut Response, cookie: &Cookie<'_>) -> Result<(), Error> {
    let value = HeaderValue::from_str(&cookie.to_string()).map_err(Error::internal)?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(())
}
