//! The service over HTTP: reading of envelopes, signatures, sessions, and the request log.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

use crate::disturb::{PAGE, Whole, disturb};
use crate::faults::{Fault as Shown, Seen as Looked, Tweaks};
use crate::journal::Seen;
use crate::membersuite::refusal::{Code, Fault, Refusal};
use crate::membersuite::sandbox::Sandbox;
use crate::membersuite::service::{self, Call, OPERATIONS};
use crate::membersuite::sign::signature;
use crate::membersuite::wire;
use crate::membersuite::xml::{self, Node};

/// Greatest body the sandbox reads.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

const ACTIONS: &str = "http://membersuite.com/contracts/IConciergeAPIService/";

/// Handles every call of the service.
pub(crate) async fn handle(State(sandbox): State<Sandbox>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut seen = Seen {
        number: 0,
        method: parts.method.to_string(),
        target: parts.uri.path().chars().take(2_000).collect(),
        procedure: None,
        entity: None,
        status: 0,
        faulty: false,
    };
    let call = match read(&parts, body).await {
        Ok(call) => call,
        Err(response) => return log(&sandbox, seen, response),
    };
    let (call, header) = call;
    seen.procedure = Some(call.operation.clone());
    seen.entity = call.entity(sandbox.options().seed);
    let fault = sandbox.inner.faults.take(&Looked {
        path: &call.operation,
        procedure: Some(&call.operation),
        entity: seen.entity.as_deref(),
        first_page: call.first_page(),
    });
    seen.faulty = fault.is_some();
    if let Some(response) = fault.as_ref().and_then(|fault| instead(fault, &call.operation)) {
        return log(&sandbox, seen, response);
    }
    let body = carry_out(&sandbox, call, header, fault.clone()).await;
    // Logged before the answer is held back or cut.
    seen.status = 200;
    sandbox.inner.journal.record(seen);
    disturb(whole(StatusCode::OK, body), fault).await
}

fn log(sandbox: &Sandbox, mut seen: Seen, response: Response) -> Response {
    seen.status = response.status().as_u16();
    sandbox.inner.journal.record(seen);
    response
}

fn whole(status: StatusCode, body: String) -> Whole {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"))]);
    Whole { status, headers, body: body.into_bytes() }
}

fn respond(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn soap_fault(status: u16, fault: &Fault) -> Response {
    respond(status, "text/xml; charset=utf-8", wire::fault(fault))
}

/// What the header of an envelope says.
#[derive(Default)]
struct Header {
    action: String,
    session: String,
    access_key: String,
    association: String,
    signature: String,
}

async fn read(parts: &Parts, body: Body) -> Result<(Call, Header), Response> {
    if parts.method != Method::POST {
        return Err(respond(405, "text/plain", "Calls are made by POST."));
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("text/xml") {
        return Err(respond(415, "text/plain", "The content type must be text/xml; charset=utf-8."));
    }
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| respond(413, "text/plain", "The body is too large."))?;
    let text = std::str::from_utf8(&body).map_err(|_| soap_fault(500, &Fault::unreadable("it is no UTF-8")))?;
    let envelope = xml::parse(text).map_err(|why| soap_fault(500, &Fault::unreadable(why)))?;
    let action = parts.headers.get("soapaction").and_then(|value| value.to_str().ok()).unwrap_or_default().trim_matches('"').to_owned();
    let body = envelope.child("Body").and_then(|body| body.children.first()).cloned().unwrap_or_default();
    let operation = action.strip_prefix(ACTIONS).unwrap_or_default();
    if envelope.name != "Envelope" || body.name != operation || !OPERATIONS.contains(&operation) {
        return Err(soap_fault(500, &Fault::no_action()));
    }
    let said = envelope.child("Header").and_then(|header| header.child("ConciergeRequestHeader")).cloned().unwrap_or_default();
    Ok((Call { operation: operation.to_owned(), body }, header(&said, action)))
}

fn header(said: &Node, action: String) -> Header {
    let text = |name: &str| said.child_text(name).unwrap_or_default().trim().to_owned();
    Header {
        action,
        session: text("SessionId"),
        access_key: text("AccessKeyId"),
        association: text("AssociationId"),
        signature: text("Signature"),
    }
}

/// Whether the call was signed with the key of this association, and its session goes on.
fn admit(sandbox: &Sandbox, header: &Header) -> Result<(), Refusal> {
    let options = sandbox.options();
    let expected = signature(&options.secret_access_key, &header.action, &header.association, &header.session);
    let known = header.access_key == options.access_key_id && header.association.eq_ignore_ascii_case(&options.association_id);
    if !known || expected.is_none_or(|expected| expected != header.signature) {
        return Err(invalid_key());
    }
    let now = sandbox.now();
    let goes_on = header.session.is_empty() || sandbox.read().sessions.get(&header.session).is_some_and(|end| *end > now);
    if goes_on { Ok(()) } else { Err(Refusal::new(Code::SessionExpired, "The session has expired.")) }
}

fn invalid_key() -> Refusal {
    Refusal::new(Code::InvalidAccessKey, "The access key, or the signature made with it, is not valid.")
}

/// A session that lasts as long as the options say.
fn new_session(sandbox: &Sandbox) -> String {
    let end = sandbox.now().as_second().saturating_add(sandbox.options().session_seconds);
    let mut state = sandbox.write();
    if state.sessions.len() >= 10_000 {
        state.sessions.clear();
    }
    state.last_session += 1;
    let roll = crate::invented::mix(state.seed, 0x5E55, state.last_session);
    let session = format!("{:08x}-{:04x}-4000-8000-{:012x}", roll >> 32, roll & 0xFFFF, state.last_session);
    state.sessions.insert(session.clone(), jiff::Timestamp::from_second(end).unwrap_or_default());
    session
}

/// Searches take a while: they run beside the tasks that serve connections.
async fn carry_out(sandbox: &Sandbox, call: Call, header: Header, fault: Option<Shown>) -> String {
    let sandbox = sandbox.clone();
    let operation = call.operation.clone();
    let work = move || {
        if let Err(refusal) = admit(&sandbox, &header) {
            return wire::refused(&call.operation, &refusal);
        }
        match fault {
            Some(Shown::MovingRows) => service::disturb_search(&sandbox, &call, false),
            Some(Shown::RegenerateDuring) => service::disturb_search(&sandbox, &call, true),
            _ => {}
        }
        let session = (call.operation == "WhoAmI" && header.session.is_empty()).then(|| new_session(&sandbox));
        match service::answer(&sandbox, &call, Tweaks(fault.as_ref())) {
            Ok(value) => wire::success(&call.operation, value.as_deref(), session.as_deref()),
            Err(refusal) => wire::refused(&call.operation, &refusal),
        }
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(body) => body,
        Err(_) => wire::refused(&operation, &Refusal::new(Code::IllegalParameter, "The call broke off.")),
    }
}

/// The response of faults that keep a call from being carried out.
fn instead(fault: &Shown, operation: &str) -> Option<Response> {
    let business = |refusal: &Refusal| respond(200, "text/xml; charset=utf-8", wire::refused(operation, refusal));
    match fault {
        Shown::RateLimited { retry_after } => {
            let mut response = respond(429, "text/plain", "Too many requests.");
            if let Ok(value) = HeaderValue::from_str(retry_after) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
            Some(response)
        }
        Shown::ServerError { status } => Some(respond(*status, "text/plain", "The service is unavailable.")),
        Shown::HtmlPage => Some(respond(200, "text/html; charset=utf-8", PAGE)),
        Shown::BadCredentials => Some(business(&invalid_key())),
        Shown::Validation { status: 200, message } => Some(business(&Refusal::new(Code::ObjectInvalid, message.clone()))),
        Shown::Validation { status, message } => Some(soap_fault(*status, &Fault { code: "s:Client", text: message.clone() })),
        _ => None,
    }
}
