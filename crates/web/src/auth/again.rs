//! A form whose page has grown old: what was entered is shown to be sent again, so that nothing is lost (`docs/adr/0051`).

use std::borrow::Cow;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::Session;
use super::session::sign_in_path;
use crate::request_id::RequestId;
use crate::security::Nonce;

/// Most fields that are given back, and most bytes of them together.
const MAX_FIELDS: usize = 300;
const MAX_BYTES: usize = 64 * 1024;

#[derive(askama::Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Please send it again – Rialto</title>
<style nonce="{{ nonce }}">
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; background: #f6f7f9; color: #1d2733; }
main { max-width: 34rem; margin: 12vh auto; padding: 2rem; background: #fff; border-radius: .5rem; border: 1px solid #dfe3e8; }
h1 { font-size: 1.25rem; margin-top: 0; } small { color: #5b6875; } a { color: #0b5cad; } button { font: inherit; padding: .5rem 1rem; }
label { display: block; margin: .75rem 0; } input { font: inherit; }
@media (prefers-color-scheme: dark) { body { background: #12161b; color: #e6eaef; } main { background: #1b2129; border-color: #303945; }
small { color: #9aa7b5; } a { color: #7db7f0; } }
</style></head>
<body><main>
{% if token.is_empty() %}<h1>You were signed out</h1>
<p>Nothing was done, and what you entered is kept on this page. <a href="{{ sign_in }}" target="_blank" rel="noopener">Sign in in a new
tab</a>, come back here and send it again.</p>
{% else %}<h1>The page had grown old</h1>
<p>You have signed in anew since it was opened. Nothing was done; what you entered is kept. Send it again if you still want it.</p>{% endif %}
<form method="post" action="{{ action }}">
<input type="hidden" name="csrf" value="{{ token }}">
{% for (name, value) in kept %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}{% for name in secret %}<label>{{ name }}: enter it again <input type="password" name="{{ name }}" autocomplete="off"></label>
{% endfor %}<button>Send again</button></form>
<p><a href="/">Back to Rialto</a></p>
<p><small>Request {{ request_id }}.</small></p></main></body></html>"#
)]
struct Again<'a> {
    nonce: &'a str,
    token: &'a str,
    action: &'a str,
    sign_in: &'a str,
    kept: &'a [(Cow<'a, str>, Cow<'a, str>)],
    secret: &'a [Cow<'a, str>],
    request_id: &'a str,
}

/// The page, with the token of the present session or the way to a new one. `None` when the request is no form or too large.
pub(super) fn page(parts: &Parts, body: &[u8], session: Option<&Session>) -> Option<Response> {
    let kind = parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let form = parts.method == Method::POST && kind.starts_with("application/x-www-form-urlencoded");
    // Without a token of its own the script that sent it cannot show a page.
    let by_script = parts.headers.contains_key("hx-request");
    if !form || by_script || body.len() > MAX_BYTES || parts.uri.path() == "/sign-out" {
        return None;
    }
    let mut kept: Vec<_> = url::form_urlencoded::parse(body).filter(|(name, _)| name != "csrf").collect();
    if kept.len() > MAX_FIELDS {
        return None;
    }
    let mut secret: Vec<Cow<str>> = kept.iter().filter(|(n, v)| is_secret(n) && !v.is_empty()).map(|(n, _)| n.clone()).collect();
    secret.dedup();
    kept.retain(|(name, _)| !is_secret(name));
    let page = Again {
        nonce: &parts.extensions.get::<Nonce>().cloned().unwrap_or_default().0,
        token: session.map_or("", |s| s.csrf.as_str()),
        action: parts.uri.path_and_query().map_or("/", |p| p.as_str()),
        sign_in: &sign_in_path("/"),
        kept: &kept,
        secret: &secret,
        request_id: &RequestId::of(&parts.extensions),
    };
    let html = askama::Template::render(&page).ok()?;
    let status = if session.is_some() { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
    Some((status, Html(html)).into_response())
}

/// Such a value goes into no page, not even the sender's own.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "secret", "token", "api_key"].iter().any(|part| name.contains(part))
}
