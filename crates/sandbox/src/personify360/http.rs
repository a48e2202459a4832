//! The data service over HTTP: sign-in, reading of requests, and the request log.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::faults::{Fault, Seen as Looked, Tweaks};
use crate::journal::Seen;
use crate::personify360::answer::{Answer, Refusal};
use crate::personify360::procedures::Call;
use crate::personify360::reply::{disturb, instead, send, unauthorized};
use crate::personify360::sandbox::Sandbox;
use crate::personify360::service::{self, PROCEDURE_PATH, Request};
use crate::target::{decode, query};

/// Greatest body the sandbox reads.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

/// Handles every request below the service root.
pub(crate) async fn handle(State(sandbox): State<Sandbox>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let json = wants_json(&parts);
    let mut seen = Seen {
        number: 0,
        method: parts.method.to_string(),
        target: target(&sandbox, &parts).chars().take(2_000).collect(),
        procedure: None,
        entity: None,
        status: 0,
        faulty: false,
    };
    if !signed_in(&sandbox, &parts) {
        return log(&sandbox, seen, unauthorized(json));
    }
    let request = match read(&sandbox, &parts, body, json).await {
        Ok(request) => request,
        Err(refusal) => return log(&sandbox, seen, send(refusal.answer(json))),
    };
    let call = request.call.as_ref().and_then(|call| call.as_ref().ok());
    seen.procedure = call.map(|call| call.name.clone());
    seen.entity = request.entity().map(|name| name.chars().take(60).collect());
    let fault = sandbox.inner.faults.take(&Looked {
        path: &request.path,
        procedure: seen.procedure.as_deref(),
        entity: request.entity(),
        first_page: call.and_then(Call::first_page),
    });
    seen.faulty = fault.is_some();
    if let Some(response) = fault.as_ref().and_then(|fault| instead(fault, json)) {
        return log(&sandbox, seen, response);
    }
    let answer = carry_out(&sandbox, request, fault.clone()).await;
    // Logged before the answer is held back or cut.
    seen.status = answer.status;
    sandbox.inner.journal.record(seen);
    disturb(answer, fault).await
}

fn log(sandbox: &Sandbox, mut seen: Seen, response: Response) -> Response {
    seen.status = response.status().as_u16();
    sandbox.inner.journal.record(seen);
    response
}

/// Pages and scans take a while: they run beside the tasks that serve connections.
async fn carry_out(sandbox: &Sandbox, request: Request, fault: Option<Fault>) -> Answer {
    let sandbox = sandbox.clone();
    let json = request.json;
    let work = move || service::answer(&sandbox, &request, Tweaks(fault.as_ref()));
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Refusal::new(500, "An error occurred while processing this request.").answer(json),
    }
}

fn wants_json(parts: &Parts) -> bool {
    let says = |name: HeaderName| {
        let values = parts.headers.get_all(name);
        values.iter().filter_map(|value| value.to_str().ok()).any(|value| value.contains("json"))
    };
    says(ACCEPT) || says(CONTENT_TYPE)
}

fn knows_second(parts: &Parts) -> bool {
    let names = ["dataserviceversion", "maxdataserviceversion"];
    let mut values = names.iter().filter_map(|name| parts.headers.get(*name));
    values.any(|value| value.as_bytes().first().is_some_and(|byte| matches!(byte, b'2' | b'3')))
}

fn signed_in(sandbox: &Sandbox, parts: &Parts) -> bool {
    let options = sandbox.options();
    let expected = format!("{}:{}", options.user, options.password);
    let given = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded = given.and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then_some(rest.trim())
    });
    let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
    decoded.is_some_and(|decoded| decoded == expected.as_bytes())
}

/// Path below the service root, with the query, as sent.
fn target<'p>(sandbox: &Sandbox, parts: &'p Parts) -> &'p str {
    let whole = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let below = whole.strip_prefix(sandbox.options().root.as_str()).unwrap_or(whole);
    below.trim_start_matches('/')
}

fn base(sandbox: &Sandbox, parts: &Parts) -> String {
    let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
    let host = host.filter(|host| host.chars().all(plain)).unwrap_or("localhost");
    format!("http://{host}{}/", sandbox.options().root)
}

async fn read(sandbox: &Sandbox, parts: &Parts, body: Body, json: bool) -> Result<Request, Refusal> {
    let post = match parts.method {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => return Err(Refusal::new(405, "This method is not allowed here.")),
    };
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| Refusal::new(413, "The body is too large."))?.to_vec();
    let raw = target(sandbox, parts).split('?').next().unwrap_or_default();
    let bad = || Refusal::bad("Bad percent-encoding.");
    let path = decode(raw, false).ok_or_else(bad)?.trim_matches('/').to_owned();
    let query = query(parts.uri.query().unwrap_or_default()).ok_or_else(bad)?;
    let call = (post && path == PROCEDURE_PATH).then(|| Call::parse(&body));
    Ok(Request { post, path, query, json, second: knows_second(parts), base: base(sandbox, parts), body, call })
}
