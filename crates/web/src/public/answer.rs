//! Public answers: the page, or a sentence for programs.

use askama::Template;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use rialto_store::interests::Of;

use super::texts::{self, Error, Texts};
use crate::pages::assets;
use crate::state::App;

/// One public page. Holds nothing about the person but a masked address.
#[derive(Template)]
#[template(path = "preference.html")]
pub(super) struct Shown<'a> {
    pub texts: &'static Texts,
    pub organisation: &'a str,
    pub assets: &'static str,
    pub heading: &'static str,
    /// `a•••@d•••.example`; empty when there is none to show.
    pub masked: String,
    /// What was just done.
    pub done: Option<&'static str>,
    pub told: Vec<String>,
    pub offer: Offer,
    /// Values of the reasons, beside the catalogue's texts.
    pub reasons: Vec<(&'static str, &'static str)>,
    /// What may be chosen; empty where nothing is offered.
    pub interests: Vec<Of>,
    /// As of which day the interests are known.
    pub known: String,
}

/// What may be pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offer {
    Unsubscribe,
    /// The same act for somebody who gets no mail for another reason.
    Refuse,
    Again,
    Nothing,
}

impl Shown<'_> {
    fn title(&self) -> String {
        with(self.texts.title, self.organisation)
    }
}

/// A text with the organisation's name in it.
pub(super) fn with(text: &str, organisation: &str) -> String {
    text.replace("{org}", organisation)
}

pub(super) fn language(headers: &HeaderMap) -> &'static Texts {
    texts::choose(headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default())
}

pub(super) fn page(status: StatusCode, page: &Shown<'_>) -> Response {
    match page.render() {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(page.texts.lang));
            response
        }
        Err(error) => crate::error::Error::from(error).into_response(),
    }
}

/// A refusal in the reader's language.
pub(super) fn fault(app: &App, texts: &'static Texts, status: StatusCode, Error(heading, told): Error) -> Response {
    let organisation = &app.settings.account_name;
    let shown = Shown {
        texts,
        organisation,
        assets: &assets::BASE,
        heading,
        masked: String::new(),
        done: None,
        told: vec![with(told, organisation)],
        offer: Offer::Nothing,
        reasons: Vec::new(),
        interests: Vec::new(),
        known: String::new(),
    };
    page(status, &shown)
}

/// As `fault`, with how many seconds to wait.
pub(super) fn later(app: &App, texts: &'static Texts, status: StatusCode, error: Error, seconds: i64) -> Response {
    let mut response = fault(app, texts, status, error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}
