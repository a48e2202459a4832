//! `/tokens`: keys for programs. A token is seen once, in the answer that makes it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::permissions::{Access, Permission};
use rialto_store::Actor;
use rialto_store::tokens::{self, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, found, limit, maybe_time, name, page, public, time};
use super::users::{role, within};
use crate::auth::{Caller, new_token};
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct TokenView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// `viewer`, `marketer`, `integrator` or `admin`.
    pub role: String,
    pub created_by: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    /// To the minute.
    #[schema(format = "date-time")]
    pub last_used_at: Option<String>,
    #[schema(format = "date-time")]
    pub revoked_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenBody {
    pub name: String,
    pub role: String,
}

#[derive(Serialize, ToSchema)]
pub struct NewTokenView {
    /// The token itself. It is not stored and never shown again.
    pub token: String,
    #[serde(flatten)]
    pub about: TokenView,
}

fn view(token: Token) -> TokenView {
    TokenView {
        id: public(Kind::Token, token.created_at, token.id),
        name: token.name,
        role: token.role,
        created_by: token.created_by,
        created_at: time(token.created_at),
        last_used_at: maybe_time(token.last_used_at),
        revoked_at: maybe_time(token.revoked_at),
    }
}

/// Makes a token as entered, with every check: for the API and the pages. Answers the token, which is not stored, and its id.
pub(crate) async fn add(app: &App, new: &NewTokenBody, mine: &Access, who: &Actor) -> Result<(String, i64), Error> {
    let mut faults = Faults::default();
    let (name, role) = (name(&new.name, "name", &mut faults), role(&new.role, &mut faults));
    faults.none_or()?;
    within(mine, &Access::preset(role))?;
    let (token, hash) = new_token(&app.random);
    let mut tx = app.db.write().await?;
    let id = tokens::create(&mut tx, &name, &hash, role, who).await?;
    tx.commit().await?;
    Ok((token, id))
}

#[utoipa::path(get, path = "/tokens", tag = "access", params(Paging), responses((status = 200, body = List<TokenView>), (status = 403, body = Problem)))]
pub async fn list(State(app): State<App>, caller: Caller, Params(paging): Params<Paging>) -> Result<Json<List<TokenView>>, Error> {
    caller.require(Permission::UsersAdmin)?;
    let limit = limit(paging.limit)?;
    let last = after::<i64>(paging.cursor.as_deref())?.unwrap_or(0);
    let total = tokens::count(app.db.read()).await?;
    let rows = tokens::page(app.db.read(), last, limit + 1).await?;
    Ok(Json(page(rows, limit, total, |t| t.id, view)))
}

#[utoipa::path(post, path = "/tokens", tag = "access", request_body = NewTokenBody,
    responses((status = 201, body = NewTokenView), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<NewTokenBody>) -> Result<(StatusCode, Json<NewTokenView>), Error> {
    caller.require(Permission::UsersAdmin)?;
    let (token, id) = add(&app, &body.read()?, &caller.access, &caller.actor(&app)).await?;
    let about = view(tokens::get(app.db.read(), id).await?.ok_or(Error::NotFound)?);
    Ok((StatusCode::CREATED, Json(NewTokenView { token, about })))
}

/// Revokes a token at once; it stays listed.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn revoke(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::UsersAdmin)?;
    let id = id.of(Kind::Token)?;
    let token = found(tokens::get(app.db.read(), id.id).await?, id, |t| t.created_at)?;
    let mut tx = app.db.write().await?;
    tokens::revoke(&mut tx, token.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
