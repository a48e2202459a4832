//! API tokens: keys for programs. A token is shown once, on the page that makes it.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use rialto_core::permissions::{Access, Permission, Role};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::tokens::{self as store, Token};
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::table::{Action, Cell, Column, LIMIT, Table};
use super::text::{self, Chip, When};
use super::toast::{self, Toast};
use super::users::{RoleChoice, role_name, roles};
use crate::api::tokens::{self as api, NewTokenBody};
use crate::api::users::within;
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::state::App;

const TABLE: &str = "tokens";

pub fn router() -> Router<App> {
    Router::new()
        .route("/settings/tokens", get(show))
        .route("/settings/tokens/new", get(ask_new).post(create))
        .route("/settings/tokens/{id}/revoke", get(ask_revoke).post(revoke))
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct Tokens {
    page: Page,
    table: Table,
    counted: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct After {
    after: i64,
}

/// GET /settings/tokens
async fn show(reader: Reader, Query(asked): Query<After>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let db = &reader.app.db;
    let mut rows = store::page(db.read(), asked.after, LIMIT + 1).await?;
    let more = rows.len() as i64 > LIMIT;
    rows.truncate(LIMIT as usize);
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &rows, None).with_menus(&rows, |t| (t.name.clone(), menu(t)));
    table.first = (asked.after != 0).then(|| "/settings/tokens".to_owned());
    table.next = rows.last().filter(|_| more).map(|t| format!("/settings/tokens?after={}", t.id));
    let counted = text::count(store::count(db.read()).await?, "token", "tokens");
    Ok(Html(Tokens { page: reader.page("Tokens"), table, counted }.render()?))
}

fn columns(reader: &Reader) -> Vec<Column<Token>> {
    let (made, used, revoked) = (reader.here(), reader.here(), reader.here());
    let state = |t: &Token| Cell::Chips(vec![if t.revoked_at.is_some() { Chip::off("Revoked") } else { Chip::ok("Valid") }]);
    vec![
        Column::new("name", "Name", |t: &Token| Cell::Text(t.name.clone())).always().wide(),
        Column::new("role", "Role", |t: &Token| Cell::Text(role_name(t.access().role).to_owned())).short(),
        Column::new("by", "Made by", |t: &Token| Cell::Text(text::actor(&t.created_by))),
        Column::new("made", "Made", move |t: &Token| Cell::Time(made.when(t.created_at))).short(),
        Column::new("used", "Last used", move |t: &Token| Cell::time(used.maybe(t.last_used_at), "never")).short(),
        Column::new("state", "State", state),
        Column::new("revoked", "Revoked", move |t: &Token| Cell::time(revoked.maybe(t.revoked_at), "no")).short().on_request(),
    ]
}

fn link(token: &Token) -> String {
    format!("/settings/tokens/{}", PublicId::new(Kind::Token, Instant(token.created_at), token.id))
}

fn menu(token: &Token) -> Vec<Action> {
    if token.revoked_at.is_some() { Vec::new() } else { vec![Action::dialog("Revoke …", format!("{}/revoke", link(token)))] }
}

#[derive(Template)]
#[template(path = "token_new.html")]
struct New {
    page: Page,
    name: String,
    roles: Vec<RoleChoice>,
    fault: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Entered {
    name: String,
    role: String,
}

/// GET /settings/tokens/new
async fn ask_new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    new(&reader, Entered { role: Role::Viewer.name().into(), ..Entered::default() }, &[])
}

fn new(reader: &Reader, entered: Entered, faults: &[FieldError]) -> Result<Response, Error> {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let mut roles = roles(&entered.role);
    // What one may not do oneself, no token of one's own can.
    roles.retain(|(name, ..)| Role::from_name(name).is_some_and(|r| within(&reader.session.access, &Access::preset(r)).is_ok()));
    let fault = faults.first().map(|f| f.detail.clone());
    let page = New { page: reader.page("Make a token"), name: entered.name, roles, fault };
    Ok((status, Html(page.render()?)).into_response())
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct Made {
    page: Page,
    name: String,
    role: &'static str,
    token: String,
}

/// POST /settings/tokens/new: the answer shows the token, and nothing else ever does.
async fn create(reader: Reader, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let body = NewTokenBody { name: entered.name.clone(), role: entered.role.clone() };
    let token = match api::add(&reader.app, &body, &reader.session.access, &reader.session.actor(&reader.app)).await {
        Ok((token, _)) => token,
        Err(Error::Invalid(faults)) => return new(&reader, entered, &faults),
        Err(other) => return Err(other),
    };
    let role = Role::from_name(&entered.role).map_or("", role_name);
    let page = Made { page: reader.page("Copy the token now"), name: entered.name.trim().to_owned(), role, token };
    Ok(Html(page.render()?).into_response())
}

#[derive(Template)]
#[template(path = "token_revoke.html")]
struct Revoke {
    page: Page,
    href: String,
    name: String,
    used: Option<When>,
    revoked: bool,
}

async fn find(reader: &Reader, id: &str) -> Result<Token, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let id = PublicId::parse(id, Kind::Token).ok_or(Error::NotFound)?;
    let token = store::get(reader.app.db.read(), id.id).await?;
    token.filter(|t| id.fits(Instant(t.created_at))).ok_or(Error::NotFound)
}

/// GET /settings/tokens/{id}/revoke
async fn ask_revoke(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let token = find(&reader, &id).await?;
    let page = Revoke {
        page: reader.page(format!("Revoke {}", token.name)),
        href: link(&token),
        used: reader.here().maybe(token.last_used_at),
        revoked: token.revoked_at.is_some(),
        name: token.name,
    };
    Ok(Html(page.render()?))
}

/// POST /settings/tokens/{id}/revoke
async fn revoke(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let token = find(&reader, &id).await?;
    let mut tx = reader.app.db.write().await?;
    store::revoke(&mut tx, token.id, &reader.session.actor(&reader.app)).await?;
    tx.commit().await?;
    toast::done(&reader, "/settings/tokens", &Toast::new(format!("The token {} was revoked. Nothing opens with it any more.", token.name)))
}
