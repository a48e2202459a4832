//! The HTTP inbox of stream connections: `POST /api/v1/streams/{id}/events`, CloudEvents 1.0 in JSON, single or batch. 202 comes after the
//! durable commit; the good events beside bad ones are taken (contract, Events; docs/adr/0150).

mod commit;
mod door;

use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::post;
use axum::{Extension, Json, Router};
use rialto_store::StoreError;
use rialto_store::streams::{self, Batch, NoBatch};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::extract::Problem;
use crate::error::{self, Error};
use crate::public::Wrong;
use crate::state::App;
use crate::{security, slow};

/// Largest body, in bytes.
const BODY_LIMIT: usize = 8 << 20;

#[derive(Serialize, ToSchema)]
pub struct RejectedEvent {
    /// Place in the batch, from 0.
    pub index: usize,
    /// Id of the event; empty when it does not tell.
    pub id: String,
    /// What is wrong with it.
    pub error: String,
}

#[derive(Serialize, ToSchema)]
pub struct Taken {
    pub accepted: usize,
    /// Of business units that the connection does not read: no fault, and not kept.
    pub passed_over: usize,
    /// Kept on the rejected list of the connection.
    pub rejected: Vec<RejectedEvent>,
}

/// `/api/v1/streams/{id}/events`. Call it inside a runtime: it starts the task that commits.
pub fn router(app: &App) -> Router<App> {
    let no_such_method = async || Error::NoSuchMethod;
    Router::new()
        .route("/api/v1/streams/{id}/events", post(take).fallback(no_such_method))
        .layer(Extension(commit::start(app)))
        .layer(Extension(Wrong::default()))
        .layer(from_fn(slow::bound))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(app.clone(), security::headers))
}

/// Its part of the API's description.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    OpenApiRouter::<App>::new().routes(routes!(take)).split_for_parts().1
}

/// Takes events: one as `application/cloudevents+json`, several as `application/cloudevents-batch+json`, either as `application/json`.
#[utoipa::path(post, path = "/api/v1/streams/{id}/events", tag = "streams", params(("id" = String, Path)), request_body = Object,
    responses((status = 202, body = Taken), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(in crate::inbox) async fn take(
    State(app): State<App>,
    door::Sender(stream): door::Sender,
    Extension(queue): Extension<commit::Queue>,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), Error> {
    if !stream.enabled {
        return Err(Error::Conflict("This stream connection is switched off. Switch it on, then send the events again.".into()));
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_owned();
    if !["application/cloudevents+json", "application/cloudevents-batch+json", "application/json"].contains(&kind.as_str()) {
        return Err(Error::NotEvents);
    }
    let bytes = axum::body::Bytes::from_request(request, &app).await.map_err(|_| Error::TooLarge)?;
    let sources = streams::sources(app.db.read(), stream.id).await.map_err(away)?;
    let read = Batch::read(&bytes, &sources).map_err(|no| match no {
        NoBatch::Shape(why) => Error::BadRequest(why),
        NoBatch::TooMany => Error::TooLarge,
    })?;
    let (accepted, passed_over) = (read.accepted, read.passed.events);
    let rejected =
        read.refused.iter().map(|(index, r)| RejectedEvent { index: *index, id: r.event_id.clone(), error: r.reason.clone() }).collect();
    queue.take(stream.id, read).await?;
    Ok((StatusCode::ACCEPTED, Json(Taken { accepted, passed_over, rejected })))
}

/// While storage is away, a sender is to come again.
fn away(error: StoreError) -> Error {
    if error.is_away() { Error::Busy } else { error.into() }
}
