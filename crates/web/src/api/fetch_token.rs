//! `/bridges/{id}/fetch-token`: what lets a bridge's remote system fetch its writebacks. It is seen once, in the answer that makes it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_store::bridges::Bridge;
use rialto_store::{Actor, fetch_tokens};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Id, Problem, maybe_time, time};
use super::writeback_settings::{bridge, destination};
use crate::auth::{Caller, new_token};
use crate::error::Error;
use crate::remote;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct FetchTokenView {
    /// Where the remote system fetches and acknowledges.
    pub address: String,
    /// When the token was made that opens it; null when there is none.
    #[schema(format = "date-time")]
    pub made_at: Option<String>,
    /// Who made it; empty when there is none.
    pub made_by: String,
    /// When the remote system last came with a valid token, to some seconds.
    #[schema(format = "date-time")]
    pub last_fetch_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct NewFetchTokenView {
    /// The token itself. It is not stored and never shown again; the one before opens nothing any more.
    pub token: String,
    #[serde(flatten)]
    pub about: FetchTokenView,
}

/// Whether bridges of this kind can be fetched from; refused with the reason when not.
pub fn can_fetch(bridge: &Bridge) -> Result<(), Error> {
    match rialto_connectors::kind(&bridge.kind) {
        Some(kind) if kind.can_fetch => Ok(()),
        kind => {
            let name = kind.map_or(bridge.kind.as_str(), |k| k.name);
            Err(Error::Conflict(format!("{name} does not fetch its writebacks: Rialto delivers them.")))
        }
    }
}

async fn view(app: &App, bridge: &Bridge) -> Result<FetchTokenView, Error> {
    let token = fetch_tokens::get(app.db.read(), bridge.id).await?;
    Ok(FetchTokenView {
        address: remote::address(app, bridge.created_at, bridge.id),
        made_at: token.as_ref().map(|t| time(t.created_at)),
        made_by: token.map(|t| t.created_by).unwrap_or_default(),
        last_fetch_at: maybe_time(destination(app, bridge.id).await?.polled_at),
    })
}

/// Makes the token of a bridge, or replaces it: for API and page; the permission was asked for. Answers the token, which is not stored.
pub(crate) async fn make(app: &App, bridge: &Bridge, who: &Actor) -> Result<String, Error> {
    can_fetch(bridge)?;
    let (token, hash) = new_token(&app.random);
    let mut tx = app.db.write().await?;
    fetch_tokens::put(&mut tx, bridge.id, &hash, who).await?;
    tx.commit().await?;
    Ok(token)
}

/// Revokes it at once: for API and page; the permission was asked for.
pub(crate) async fn unmake(app: &App, bridge: &Bridge, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    fetch_tokens::revoke(&mut tx, bridge.id, who).await?;
    Ok(tx.commit().await?)
}

#[utoipa::path(get, path = "/bridges/{id}/fetch-token", tag = "bridges", params(("id" = String, Path)),
    responses((status = 200, body = FetchTokenView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<FetchTokenView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    Ok(Json(view(&app, &bridge(&app, &id).await?).await?))
}

/// Makes the token, or replaces it: the one before is refused from its next request on.
#[utoipa::path(post, path = "/bridges/{id}/fetch-token", tag = "bridges", params(("id" = String, Path)),
    responses((status = 201, body = NewFetchTokenView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<NewFetchTokenView>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = bridge(&app, &id).await?;
    let token = make(&app, &bridge, &caller.actor(&app)).await?;
    Ok((StatusCode::CREATED, Json(NewFetchTokenView { token, about: view(&app, &bridge).await? })))
}

/// Revokes the token at once.
#[utoipa::path(delete, path = "/bridges/{id}/fetch-token", tag = "bridges", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn revoke(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::BridgesAdmin)?;
    unmake(&app, &bridge(&app, &id).await?, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}
