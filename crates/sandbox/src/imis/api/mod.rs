//! The token service and the REST interface over HTTP: sign-in, reading of requests, faults, and the request log.

mod answer;
mod definitions;
mod documents;
mod generic;
mod party;
mod query;
mod request;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use serde_json::{Value, json};

use self::answer::{Answer, disturb, instead, renamed};
use self::request::Request;
use crate::faults::{Fault, Seen as Looked, Tweaks};
use crate::imis::dialect;
use crate::imis::sandbox::Sandbox;
use crate::journal::Seen;
use crate::target::query as pairs;

/// Greatest body the sandbox reads.
pub(crate) const BODY_LIMIT: usize = 2 << 20;

/// Hands out a token for user name and password. Bad ones are answered with 400, as OAuth has it.
pub(crate) async fn token(State(sandbox): State<Sandbox>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut seen = seen(&parts, "token");
    let fault = sandbox.inner.faults.take(&looked("POST token"));
    seen.faulty = fault.is_some();
    let answer = match &fault {
        Some(Fault::BadCredentials) => Answer::invalid_grant(),
        Some(fault) if instead(fault).is_some() => return log(&sandbox, seen, instead(fault).unwrap_or_else(Answer::trouble)).await,
        _ => granted(&sandbox, &parts, body).await,
    };
    seen.status = answer.status;
    sandbox.inner.journal.record(seen);
    disturb(answer, fault).await
}

async fn granted(sandbox: &Sandbox, parts: &Parts, body: Body) -> Answer {
    let body = to_bytes(body, 64 << 10).await.unwrap_or_default();
    let fields = pairs(&String::from_utf8_lossy(&body)).unwrap_or_default();
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default();
    let options = sandbox.options();
    if parts.method != Method::POST || field("grant_type") != "password" {
        return Answer::json(400, &json!({ "error": "unsupported_grant_type" }));
    }
    if field("username") != options.user || field("password") != options.password {
        return Answer::invalid_grant();
    }
    let (now, seconds) = (sandbox.now(), options.token_seconds);
    let token = sandbox.write().tokens.issue(options.seed, now, seconds);
    let date = |at: jiff::Timestamp| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let until = now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now);
    let answer = json!({
        "access_token": token, "token_type": "bearer", "expires_in": seconds, "userName": options.user.to_uppercase(),
        ".issued": date(now), ".expires": date(until),
    });
    Answer::json(200, &answer)
}

fn looked(path: &str) -> Looked<'_> {
    Looked { path, procedure: None, entity: None, first_page: None }
}

fn seen(parts: &Parts, what: &str) -> Seen {
    let target = parts.uri.path_and_query().map_or("", |t| t.as_str());
    Seen {
        number: 0,
        method: parts.method.to_string(),
        target: target.strip_prefix("/imis/").unwrap_or(target).chars().take(2_000).collect(),
        procedure: Some(what.chars().take(60).collect()),
        entity: None,
        status: 0,
        faulty: false,
    }
}

/// Handles every request below `api`.
pub(crate) async fn handle(State(sandbox): State<Sandbox>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let request = read(&parts, body).await;
    let what = request.as_ref().map_or("", |request| request.entity.as_str());
    let mut seen = seen(&parts, what);
    if !signed_in(&sandbox, &parts) {
        return log(&sandbox, seen, Answer::denied()).await;
    }
    let request = match request {
        Ok(request) => request,
        Err(answer) => return log(&sandbox, seen, answer).await,
    };
    let path = format!("{} {}", request.method, request.path);
    let operation = request.operation().to_owned();
    let fault = sandbox.inner.faults.take(&Looked {
        path: &path,
        procedure: (!operation.is_empty()).then_some(operation.as_str()),
        entity: None,
        first_page: request.is_query().then(|| request.number("offset").unwrap_or(0) == 0),
    });
    seen.faulty = fault.is_some();
    if let Some(answer) = fault.as_ref().and_then(instead) {
        return log(&sandbox, seen, answer).await;
    }
    let answer = carry_out(&sandbox, request, fault.clone()).await;
    // Logged before the answer is held back or cut.
    seen.status = answer.status;
    sandbox.inner.journal.record(seen);
    disturb(answer, fault).await
}

async fn log(sandbox: &Sandbox, mut seen: Seen, answer: Answer) -> Response {
    seen.status = answer.status;
    sandbox.inner.journal.record(seen);
    disturb(answer, None).await
}

fn signed_in(sandbox: &Sandbox, parts: &Parts) -> bool {
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let now = sandbox.now();
    token.is_some_and(|(_, token)| sandbox.read().tokens.is_good(token.trim(), now))
}

async fn read(parts: &Parts, body: Body) -> Result<Request, Answer> {
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Answer::text(413, "The body is too large."))?;
    Request::read(parts, &body).ok_or_else(|| Answer::text(400, "The request cannot be read."))
}

/// Queries look at everybody: they run beside the tasks that serve connections.
async fn carry_out(sandbox: &Sandbox, request: Request, fault: Option<Fault>) -> Answer {
    let sandbox = sandbox.clone();
    let work = move || {
        let answer = answer(&sandbox, &request, Tweaks(fault.as_ref()));
        renamed(answer, fault.as_ref())
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Answer::trouble())
}

fn answer(sandbox: &Sandbox, request: &Request, tweaks: Tweaks<'_>) -> Answer {
    let entity = request.entity.to_ascii_lowercase();
    match (entity.as_str(), request.method.as_str()) {
        ("metadata", "GET") => Answer::text(501, "This entity has no metadata."),
        ("query" | "iqa", "GET") => query::run(sandbox, request, tweaks, entity == "iqa"),
        ("documentsummary", "POST") => documents::summary(sandbox, request),
        ("querydefinition", "POST") => documents::definition(sandbox, request),
        ("boentitydefinition", "GET") => definitions::tables(sandbox, request),
        ("communicationtype", "GET") => definitions::communication_types(sandbox, request),
        ("gentable", "GET") => definitions::codes(sandbox, request),
        ("party" | "person", method) => party::answer(sandbox, request, method, tweaks),
        (_, method) => generic::answer(sandbox, request, method, tweaks),
    }
}

/// Cuts a page out of rows that were all worked out.
fn paged(request: &Request, sandbox: &Sandbox, mut rows: Vec<Value>, tweaks: Tweaks<'_>) -> Value {
    let slice = request.slice(sandbox.options().max_rows);
    let total = rows.len() as u64;
    rows = if tweaks.empty() { Vec::new() } else { rows.into_iter().skip(slice.offset).take(slice.limit).collect() };
    let count = rows.len();
    dialect::page(dialect::objects(rows), count, &slice, if tweaks.empty() { 0 } else { tweaks.total(total) })
}
