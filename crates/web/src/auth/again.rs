//! A form whose page has grown old: what was entered is shown to be sent again, so that nothing is lost (`docs/adr/0051`).

use std::borrow::Cow;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::Session;
use super::session::sign_in_path;
use crate::pages::{assets, preferences};
use crate::request_id::RequestId;

/// Most fields that are given back, and most bytes of them together.
const MAX_FIELDS: usize = 300;
const MAX_BYTES: usize = 64 * 1024;

#[derive(askama::Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en"{% if !theme.is_empty() %} data-theme="{{ theme }}"{% endif %}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{% if theme.is_empty() %}light dark{% else %}{{ theme }}{% endif %}">
<title>Please send it again – Rialto</title>
<link rel="icon" href="{{ assets }}/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{{ assets }}/app.css">
</head>
<body class="door"><main>
{% if token.is_empty() %}<h1>You were signed out</h1>
<p>Nothing was done, and what you entered is kept on this page. <a href="{{ sign_in }}" target="_blank" rel="noopener">Sign in in a new
tab</a>, come back here and send it again.</p>
{% else %}<h1>The page had grown old</h1>
<p>You have signed in anew since it was opened. Nothing was done; what you entered is kept. Send it again if you still want it.</p>{% endif %}
<form method="post" action="{{ action }}">
<input type="hidden" name="csrf" value="{{ token }}">
{% for (name, value) in kept %}<input type="hidden" name="{{ name }}" value="{{ value }}">
{% endfor %}{% for name in secret %}<label>{{ name }}: enter it again <input type="password" name="{{ name }}" autocomplete="off"></label>
{% endfor %}<p class="buttons"><button class="primary">Send again</button> <a class="button" href="/">Back to the Overview</a></p></form>
<p class="muted id">Request <code>{{ request_id }}</code>.</p></main></body></html>"#
)]
struct Again<'a> {
    assets: &'static str,
    theme: &'static str,
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
        assets: &assets::BASE,
        theme: preferences::theme(&parts.headers),
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
