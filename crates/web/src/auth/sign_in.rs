//! Signing in and out.

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use rialto_core::run::{RunKind, Trigger};
use rialto_core::{Instant, address};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::{Actor, StoreError, audit, bridges, runs, sessions, throttle, users};
use serde::Deserialize;

use super::csrf::{Form, same};
use super::peer::Peer;
use super::session::{Session, cookie, cookie_name, cookie_value, load, local};
use super::{password, secret_hash};
use crate::error::Error;
use crate::request_id::RequestId;
use crate::state::App;

/// Failures of one account before its tries must wait.
const FREE_ACCOUNT: i64 = 5;
/// Failures from one address before its tries must wait; more than for an account, because many people may share an address.
const FREE_PEER: i64 = 20;
/// Longest e-mail address in bytes.
const LONGEST_EMAIL: usize = 320;
const WRONG: &str = "E-mail address and password do not match.";

/// What the sign-in page shows.
#[derive(Clone, Debug, Default)]
pub struct SignInView {
    /// Local path to go to afterwards; hidden field `next`.
    pub next: String,
    /// As entered before; field `email`.
    pub email: String,
    /// A sentence for people, when the last try failed.
    pub error: Option<String>,
    /// Hidden field `csrf`.
    pub csrf: String,
}

#[derive(Deserialize)]
pub(super) struct Target {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Entered {
    #[serde(default)]
    next: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    csrf: String,
}

fn form_cookie_name(app: &App) -> &'static str {
    if app.settings.secure_cookies { "__Host-rialto_sign_in" } else { "rialto_sign_in" }
}

/// GET /sign-in
pub(super) async fn show(State(app): State<App>, Query(target): Query<Target>, mut parts: Parts) -> Result<Response, Error> {
    let next = local(&target.next).to_owned();
    if load(&app, &mut parts).await?.is_some() {
        return Ok(Redirect::to(&next).into_response());
    }
    let view = SignInView { next, ..SignInView::default() };
    form(&app, &parts.headers, StatusCode::OK, view)
}

/// The page, with a token for its form that only the browser that asked for it can send back.
fn form(app: &App, headers: &HeaderMap, status: StatusCode, mut view: SignInView) -> Result<Response, Error> {
    let name = form_cookie_name(app);
    view.csrf = cookie_value(headers, name).unwrap_or_else(|| app.random.hex::<32>());
    let jar = CookieJar::new().add(cookie(&app.settings, name, view.csrf.clone()));
    Ok((status, jar, crate::pages::sign_in::render(app, headers, &view)?).into_response())
}

/// POST /sign-in
pub(super) async fn submit(
    State(app): State<App>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Context(request_id): Context,
    Form(entered): Form<Entered>,
) -> Result<Response, Error> {
    let view = |error: String| SignInView {
        next: local(&entered.next).to_owned(),
        email: entered.email.clone(),
        error: Some(error),
        csrf: String::new(),
    };
    let ours = cookie_value(&headers, form_cookie_name(&app)).is_some_and(|c| same(&entered.csrf, &c));
    if !ours {
        return form(&app, &headers, StatusCode::FORBIDDEN, view("The page had grown old. Please try again.".into()));
    }
    // No such address exists, and nothing of this size shall become a key.
    if entered.email.len() > LONGEST_EMAIL {
        let shown = SignInView { email: String::new(), ..view(WRONG.into()) };
        return form(&app, &headers, StatusCode::UNAUTHORIZED, shown);
    }
    let now = app.clock.now();
    let canonical = address::canonical(&entered.email);
    let (account, address) = (format!("account:{canonical}"), format!("peer:{peer}"));
    if let Some(seconds) = must_wait(&app, &account, &address, now).await? {
        tracing::warn!(%peer, seconds, "a sign-in must wait");
        let mut response =
            form(&app, &headers, StatusCode::TOO_MANY_REQUESTS, view(format!("Too many tries. Wait {seconds} seconds, then try again.")))?;
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return Ok(response);
    }
    let user = users::by_email(app.db.read(), &entered.email).await?;
    let fits = entered.password.len() <= password::LONGEST;
    let text = if fits { entered.password.clone() } else { String::new() };
    let right = password::verify(text, user.as_ref().map(|u| u.password_hash.clone())).await?;
    let Some(user) = user.filter(|u| right && fits && !u.disabled) else {
        tracing::warn!(%peer, "a sign-in failed");
        return form(&app, &headers, StatusCode::UNAUTHORIZED, view(WRONG.into()));
    };
    let secret = app.random.hex::<32>();
    let who = Actor { name: format!("user:{}", user.email), request_id, at: now };
    let mut tx = app.db.write().await?;
    throttle::succeeded(&mut tx, &address, &account).await?;
    if let Some(old) = cookie_value(&headers, cookie_name(&app.settings)) {
        sessions::end(&mut tx, &secret_hash(&old)).await?;
    }
    sessions::begin(&mut tx, &secret_hash(&secret), user.id, &app.random.hex::<32>(), now).await?;
    users::signed_in(&mut tx, user.id, now).await?;
    audit::write(&mut tx, &who, "session.begin", "user", Some(user.id), serde_json::json!({})).await?;
    tx.commit().await?;
    start_login_syncs(&app, &who);
    let jar = CookieJar::new().add(cookie(&app.settings, cookie_name(&app.settings), secret)).add(ended(&app, form_cookie_name(&app)));
    Ok((jar, Redirect::to(local(&entered.next))).into_response())
}

/// Counts the try against the account and the address. `Some(seconds)` when it must wait.
async fn must_wait(app: &App, account: &str, address: &str, now: Instant) -> Result<Option<i64>, Error> {
    let mut tx = app.db.write().await?;
    let mut wait = throttle::attempt(&mut tx, address, FREE_PEER, now).await?;
    if wait.is_none() {
        wait = throttle::attempt(&mut tx, account, FREE_ACCOUNT, now).await?;
    }
    tx.commit().await?;
    Ok(wait)
}

/// The trigger `login`: lists and fields of bridges whose last look is old enough are read again, whoever signs in. In the background:
/// a sign-in neither waits for it nor fails because of it.
fn start_login_syncs(app: &App, who: &Actor) {
    let (app, who) = (app.clone(), who.clone());
    tokio::spawn(async move {
        match request_login_syncs(&app, &who).await {
            Ok(0) => {}
            Ok(_) => app.wake.ring(),
            Err(error) => tracing::warn!(%error, "the sign-in could not start its syncs"),
        }
    });
}

/// Asks for the runs; answers how many. Exactly as old as the limit is old enough.
async fn request_login_syncs(app: &App, who: &Actor) -> Result<usize, StoreError> {
    let before = who.at.plus_seconds(-app.settings.login_after_seconds).0;
    let due = bridges::list(app.db.read()).await?.into_iter().filter(|b| {
        let listens = rialto_connectors::has_trigger(&b.kind, Trigger::Login);
        b.enabled && listens && b.lists_synced_at.is_none_or(|at| at <= before)
    });
    let mut started = 0;
    for bridge in due {
        let new = NewRun::of(RunKind::Lists, Subject::Lists { bridge_id: bridge.id }, Trigger::Login);
        match runs::request_now(&app.db, new, who).await {
            Ok(_) => started += 1,
            Err(StoreError::Conflict(why)) => tracing::info!(bridge = bridge.id, why, "a sign-in starts no lists run"),
            Err(error) => return Err(error),
        }
    }
    Ok(started)
}

/// POST /sign-out
pub(super) async fn sign_out(State(app): State<App>, session: Session) -> Result<Response, Error> {
    let mut tx = app.db.write().await?;
    sessions::end(&mut tx, &session.id_hash).await?;
    audit::write(&mut tx, &session.actor(&app), "session.end", "user", Some(session.user_id), serde_json::json!({})).await?;
    tx.commit().await?;
    Ok((CookieJar::new().add(ended(&app, cookie_name(&app.settings))), Redirect::to("/sign-in")).into_response())
}

fn ended(app: &App, name: &'static str) -> axum_extra::extract::cookie::Cookie<'static> {
    let mut cookie = cookie(&app.settings, name, String::new());
    cookie.make_removal();
    cookie
}

pub(super) struct Context(String);

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let extensions: &Extensions = &parts.extensions;
        Ok(Self(RequestId::of(extensions)))
    }
}
