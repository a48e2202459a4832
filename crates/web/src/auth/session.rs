//! The signed-in user of a page.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use rialto_core::permissions::{Access, Permission};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::{Actor, sessions};

use crate::error::Error;
use crate::request_id::RequestId;
use crate::state::{App, Settings};

/// How old `seen_at` may be before it is written again, in seconds.
const SEEN_EVERY: i64 = 60;

/// Extractor: the signed-in user. Without one, browsers are sent to the sign-in page and come back afterwards.
#[derive(Clone, Debug)]
pub struct Session {
    pub user_id: i64,
    pub public_id: PublicId,
    pub email: String,
    pub access: Access,
    /// IANA name of the zone in which this user sees times.
    pub timezone: String,
    /// Goes into every form as the hidden field `csrf`.
    pub csrf: String,
    pub(super) id_hash: String,
    request_id: String,
}

impl Session {
    pub fn allows(&self, p: Permission) -> bool {
        self.access.allows(p)
    }

    /// `Error::Lacks` without the permission.
    pub fn require(&self, p: Permission) -> Result<(), Error> {
        if self.access.allows(p) { Ok(()) } else { Err(Error::Lacks(p)) }
    }

    /// Whether it still is: neither signed out nor run out, and its user may sign in. For answers that outlast a request.
    pub async fn goes_on(&self, app: &App) -> bool {
        sessions::find(app.db.read(), &self.id_hash, app.clock.now()).await.is_ok_and(|found| found.is_some())
    }

    /// Who acts, for the audit trail.
    pub fn actor(&self, app: &App) -> Actor {
        Actor { name: format!("user:{}", self.email), request_id: self.request_id.clone(), at: app.clock.now() }
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match load(app, parts).await {
            Ok(Some(session)) => Ok(session),
            Ok(None) => Err(to_sign_in(parts)),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// The session that the request's cookie names, read once a request.
pub(super) async fn load(app: &App, parts: &mut Parts) -> Result<Option<Session>, Error> {
    if let Some(session) = parts.extensions.get::<Session>() {
        return Ok(Some(session.clone()));
    }
    let Some(secret) = cookie_value(&parts.headers, cookie_name(&app.settings)) else { return Ok(None) };
    let (now, id_hash) = (app.clock.now(), super::secret_hash(&secret));
    let Some(found) = sessions::find(app.db.read(), &id_hash, now).await? else { return Ok(None) };
    // A page that updates itself is no sign that somebody is there: it must not keep a session alive.
    let streams = parts.headers.get(header::ACCEPT).is_some_and(|a| a == "text/event-stream");
    let by_itself = streams || parts.headers.contains_key("hx-request");
    if !by_itself && now.seconds_since(Instant(found.seen_at)) >= SEEN_EVERY {
        let mut tx = app.db.write().await?;
        sessions::touch(&mut tx, &id_hash, now).await?;
        tx.commit().await?;
    }
    let session = Session {
        user_id: found.user_id,
        public_id: PublicId::new(Kind::User, Instant(found.user_created_at), found.user_id),
        access: found.access(),
        timezone: if found.timezone.is_empty() { app.settings.timezone.clone() } else { found.timezone },
        email: found.email,
        csrf: found.csrf,
        id_hash,
        request_id: RequestId::of(&parts.extensions),
    };
    parts.extensions.insert(session.clone());
    Ok(Some(session))
}

/// Sends the browser to the sign-in page, and back here afterwards when this was a page.
pub(super) fn to_sign_in(parts: &Parts) -> Response {
    let here = if parts.method == Method::GET { parts.uri.path_and_query().map_or("/", |p| p.as_str()) } else { "/" };
    Redirect::to(&sign_in_path(here)).into_response()
}

/// Where to sign in to come back to `next`.
pub(super) fn sign_in_path(next: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", local(next)).finish();
    format!("/sign-in?{query}")
}

/// A path on this server, or `/`: a sign-in link must not send people elsewhere.
pub(crate) fn local(next: &str) -> &str {
    let fine = next.starts_with('/')
        && !next.starts_with("//")
        && !next.starts_with("/sign-in")
        && next.len() <= 2_000
        && !next.chars().any(|c| c.is_control() || c == '\\' || c.is_whitespace());
    if fine { next } else { "/" }
}

pub(super) fn cookie_name(settings: &Settings) -> &'static str {
    if settings.secure_cookies { "__Host-rialto_session" } else { "rialto_session" }
}

pub(super) fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    CookieJar::from_headers(headers).get(name).map(|c| c.value().to_owned()).filter(|v| !v.is_empty() && v.len() <= 200)
}

/// A cookie that scripts cannot read and other sites cannot send.
pub(super) fn cookie(settings: &Settings, name: &'static str, value: String) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).secure(settings.secure_cookies).same_site(SameSite::Lax).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths_come_back() {
        for bad in ["https://evil.example", "//evil.example", "/\\evil.example", "", "x", "/a b", "/a\r\nb", "/sign-in?next=/"] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
        assert_eq!(local("/target-groups?page=2"), "/target-groups?page=2");
    }
}
