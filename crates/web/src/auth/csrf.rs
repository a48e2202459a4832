//! Forms from other sites do nothing here: every page request that may change something is checked before its handler runs.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use super::{again, session};
use crate::error::Error;
use crate::state::App;

/// Extractor: the fields of a form. Its hidden field `csrf` was checked by the middleware.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self, Error> {
        let axum_extra::extract::Form(value) = axum_extra::extract::Form::from_request(request, app)
            .await
            .map_err(|e| Error::BadRequest(format!("The form cannot be read: {e}.")))?;
        Ok(Self(value))
    }
}

/// Middleware. Methods that may change something need the browser's word that the form came from here, a session, and that
/// session's token in the field `csrf` or the header `x-csrf-token`. The API is exempt: a bearer token is never sent by itself.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Result<Response, Error> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || request.uri().path().starts_with("/api/") {
        return Ok(next.run(request).await);
    }
    let from = origin(request.headers(), &app.settings.public_url);
    if from == Origin::Elsewhere {
        return Err(Error::Forbidden);
    }
    if request.uri().path() == "/sign-in" {
        return Ok(next.run(request).await);
    }
    // A file is read as it comes: its handler looks at the token, which comes first.
    if crate::receive::is_multipart(request.headers()) && request.uri().path() == crate::receive::PAGE {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let session = session::load(&app, &mut parts).await?;
    let body = to_bytes(body, crate::BODY_LIMIT).await.map_err(|_| Error::TooLarge)?;
    let sent = match parts.headers.get("x-csrf-token").and_then(|v| v.to_str().ok()) {
        Some(token) => token.to_owned(),
        None => form_field(&body, "csrf"),
    };
    if !session.as_ref().is_some_and(|s| same(&sent, &s.csrf)) {
        // What was entered is given back only to a page that the browser says is ours.
        let kept = (from == Origin::Here).then(|| again::page(&parts, &body, session.as_ref())).flatten();
        return match (kept, session) {
            (Some(page), _) => Ok(page),
            (None, Some(_)) => Err(Error::Forbidden),
            (None, None) => Ok(session::to_sign_in(&parts)),
        };
    }
    Ok(next.run(Request::from_parts(parts, Body::from(body))).await)
}

fn form_field(body: &[u8], name: &str) -> String {
    url::form_urlencoded::parse(body).find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
}

/// Compares without telling by its time how much was right. Empty never passes.
pub(crate) fn same(a: &str, b: &str) -> bool {
    !a.is_empty() && bool::from(a.as_bytes().ct_eq(b.as_bytes()))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Here,
    Elsewhere,
    Unsaid,
}

/// Browsers say where a request comes from; programs that say nothing must know the token all the same. A proxy may hand on
/// another `Host` than the browser's: the configured address counts as well.
fn origin(headers: &HeaderMap, public_url: &str) -> Origin {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let here = |yes| if yes { Origin::Here } else { Origin::Elsewhere };
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some("same-origin"), _) => Origin::Here,
        // Typed or opened by the person, not by a page.
        (Some("none"), _) | (None, None) => Origin::Unsaid,
        (Some(_), _) => Origin::Elsewhere,
        (None, Some(origin)) => {
            here(origin == public_url || origin.split_once("://").is_some_and(|(_, host)| text(header::HOST.as_str()) == Some(host)))
        }
    }
}
