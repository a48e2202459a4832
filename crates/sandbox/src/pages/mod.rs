//! The simulated Personify360 as a person sees it: plain pages, without a script.

mod constituent;
mod crm;
mod faults;
mod guard;
mod jobs;
mod list;
mod lists;
mod setup;
mod text;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;

use crate::sandbox::Sandbox;

pub(crate) use guard::{headers, same_origin};

/// Largest form.
const FORM_LIMIT: usize = 64 << 10;

/// The pages.
pub(crate) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(style))
        .merge(crm::router())
        .merge(constituent::router())
        .merge(lists::router())
        .merge(list::router())
        .merge(jobs::router())
        .merge(faults::router())
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .merge(setup::router())
        .fallback(async || missing())
}

async fn style() -> Response {
    let css = include_str!("style.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], css).into_response()
}

/// A page, or the word that it could not be made.
fn show(page: &impl Template) -> Response {
    show_with(StatusCode::OK, page)
}

fn show_with(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made.").into_response(),
    }
}

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain {
    area: &'static str,
    heading: &'static str,
    text: String,
}

fn refuse(status: StatusCode, text: impl Into<String>) -> Response {
    let heading = if status == StatusCode::NOT_FOUND { "Not found" } else { "Not done" };
    show_with(status, &Plain { area: "", heading, text: text.into() })
}

/// 404.
fn missing() -> Response {
    refuse(StatusCode::NOT_FOUND, "There is nothing here. It may have been deleted.")
}

/// To another page after a form was carried out.
fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// Work that may look at everybody, beside the tasks that serve connections.
async fn beside(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(response) => response,
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "The simulator broke off. Try again."),
    }
}

/// What is wrong with the fields of a form.
#[derive(Default)]
struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    fn add(&mut self, field: &'static str, text: impl Into<String>) {
        self.0.push((field, text.into()));
    }

    /// The texts about a field.
    fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    fn none(&self) -> bool {
        self.0.is_empty()
    }

    /// A text of at most so many characters, trimmed; without control characters.
    fn text(&mut self, field: &'static str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.chars().count() > most {
            self.add(field, format!("At most {most} characters."));
        }
        if text.chars().any(char::is_control) {
            self.add(field, "Control characters are not allowed.");
        }
        text.to_owned()
    }

    fn needed(&mut self, field: &'static str, text: &str, most: usize) -> String {
        if text.trim().is_empty() {
            self.add(field, "This is needed.");
        }
        self.text(field, text, most)
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    area: &'static str,
    people: String,
    lists: usize,
    jobs: usize,
    faults: usize,
    root: String,
    user: String,
}

async fn home(State(sandbox): State<Sandbox>) -> Response {
    let options = sandbox.options();
    show(&Home {
        area: "",
        people: text::number(sandbox.people_count()),
        lists: sandbox.read().lists.len(),
        jobs: sandbox.jobs().len(),
        faults: sandbox.faults().len(),
        root: options.root.clone(),
        user: options.user.clone(),
    })
}

/// Puts the same headers on an answer that no page is, for the routes beside the pages.
fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in guard::FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
