//! `Idempotency-Key`: the same POST again gets the answer of the first one, and nothing is done twice.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rialto_store::idempotency;
use tracing::Instrument;

use crate::auth::{Caller, secret_hash};
use crate::error::Error;
use crate::state::App;

const HEADER: &str = "idempotency-key";

/// Middleware around the whole API. Answers are kept sealed: one may hold a token that is shown once.
pub async fn keep(State(app): State<App>, request: Request, next: Next) -> Result<Response, Error> {
    let Some(key) = request.headers().get(HEADER).filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().ok().filter(|k| (1..=200).contains(&k.len())).map(str::to_owned);
    let key = key.ok_or_else(|| Error::field("Idempotency-Key", "Send 1 to 200 printable ASCII characters."))?;
    let (mut parts, body) = request.into_parts();
    let caller = Caller::from_request_parts(&mut parts, &app).await?;
    let actor = format!("token:{}", caller.token_id);
    // A file is not held to be compared: the same key stands for the same file.
    let (body, said) = if crate::receive::is_multipart(&parts.headers) {
        (body, String::new())
    } else {
        let body = to_bytes(body, crate::BODY_LIMIT).await.map_err(|_| Error::TooLarge)?;
        let said = secret_hash(&String::from_utf8_lossy(&body));
        (Body::from(body), said)
    };
    let text = format!("POST {}\n{said}", parts.uri);
    // Keyed, because a body may hold a password.
    let hash = app.vault.address_key(&text);
    let mut tx = app.db.write().await?;
    let new = idempotency::reserve(&mut tx, &actor, &key, &hash, app.clock.now()).await?;
    tx.commit().await?;
    if !new {
        return again(&app, &actor, &key, &hash).await;
    }
    // Apart from the connection: a caller who hangs up must not leave the work done and its answer unknown.
    let work = async move {
        let response = next.run(Request::from_parts(parts, body)).await;
        remember(&app, &actor, &key, response).await
    };
    tokio::spawn(work.in_current_span()).await.map_err(Error::internal)?
}

fn context(actor: &str, key: &str) -> String {
    format!("idempotency {actor} {key}")
}

async fn again(app: &App, actor: &str, key: &str, hash: &str) -> Result<Response, Error> {
    let busy = || Error::Conflict("The first request with this Idempotency-Key is still under way.".into());
    let kept = idempotency::get(app.db.read(), actor, key).await?.ok_or_else(busy)?;
    if kept.request_hash != hash {
        return Err(Error::field("Idempotency-Key", "This key was used for another request."));
    }
    let status = u16::try_from(kept.status).ok().and_then(|s| StatusCode::from_u16(s).ok()).ok_or_else(busy)?;
    if status.is_server_error() {
        return Err(Error::FailedBefore);
    }
    let body = app.vault.open(&context(actor, key), &kept.body)?;
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps answers of work that was done, or may have been: after a fault of ours nobody knows what was written. What was refused
/// may be tried again with the same key.
async fn remember(app: &App, actor: &str, key: &str, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_client_error() {
        let mut tx = app.db.write().await?;
        idempotency::release(&mut tx, actor, key).await?;
        tx.commit().await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, crate::BODY_LIMIT).await.map_err(Error::internal)?;
    let sealed = app.vault.seal(&context(actor, key), &String::from_utf8_lossy(&body))?;
    let mut tx = app.db.write().await?;
    idempotency::answer(&mut tx, actor, key, status.as_u16().into(), &sealed).await?;
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
