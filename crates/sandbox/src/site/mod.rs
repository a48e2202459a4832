//! What the pages of all simulated systems have in common: headers, the style, forms and their faults.

pub(crate) mod guard;
pub(crate) mod text;

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

pub(crate) async fn style() -> Response {
    let css = include_str!("style.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], css).into_response()
}

/// A page, or the word that it could not be made.
pub(crate) fn show(page: &impl Template) -> Response {
    show_with(StatusCode::OK, page)
}

pub(crate) fn show_with(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.").into_response(),
    }
}

/// To another page after a form was carried out.
pub(crate) fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// Work that may look at everybody, beside the tasks that serve connections.
pub(crate) async fn beside(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(response) => response,
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "The simulator broke off. Try again."),
    }
}

/// A refusal of no simulated system in particular.
pub(crate) fn refused(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// What is wrong with the fields of a form.
#[derive(Default)]
pub(crate) struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    pub(crate) fn add(&mut self, field: &'static str, text: impl Into<String>) {
        self.0.push((field, text.into()));
    }

    /// The texts about a field.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    pub(crate) fn none(&self) -> bool {
        self.0.is_empty()
    }

    /// A text of at most so many characters, trimmed; without control characters.
    pub(crate) fn text(&mut self, field: &'static str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.chars().count() > most {
            self.add(field, format!("At most {most} characters."));
        }
        if text.chars().any(char::is_control) {
            self.add(field, "Control characters are not allowed.");
        }
        text.to_owned()
    }

    pub(crate) fn needed(&mut self, field: &'static str, text: &str, most: usize) -> String {
        if text.trim().is_empty() {
            self.add(field, "This is needed.");
        }
        self.text(field, text, most)
    }
}

/// Puts the same headers on an answer that no page is, for the routes beside the pages.
pub(crate) fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in guard::FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
