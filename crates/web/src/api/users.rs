//! `/users`: people who use Rialto. Whoever manages users cannot give away more than they have.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::{Access, Permission, Role};
use rialto_core::{Address, AddressState, Kind};
use rialto_store::Actor;
use rialto_store::users::{self, Change, NewUser, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, found, limit, maybe_time, page, public, time};
use crate::auth::{Caller, password};
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct UserView {
    #[schema(format = "uuid")]
    pub id: String,
    pub email: String,
    /// `viewer`, `marketer`, `integrator` or `admin`.
    pub role: &'static str,
    /// Permissions beyond the role's.
    pub granted: Vec<&'static str>,
    /// Permissions taken from the role's.
    pub denied: Vec<&'static str>,
    /// What this comes to.
    pub permissions: Vec<&'static str>,
    /// IANA name; empty for the installation's.
    pub timezone: String,
    pub disabled: bool,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    pub last_sign_in_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    pub email: String,
    pub role: String,
    /// 8 characters or more.
    pub password: String,
    #[serde(default)]
    pub granted: Vec<String>,
    #[serde(default)]
    pub denied: Vec<String>,
    #[serde(default)]
    pub timezone: String,
}

/// Fields left out stay.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    pub role: Option<String>,
    pub granted: Option<Vec<String>>,
    pub denied: Option<Vec<String>>,
    pub timezone: Option<String>,
    /// A disabled user is signed out at once.
    pub disabled: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    pub password: String,
}

fn names(permissions: &[Permission]) -> Vec<&'static str> {
    permissions.iter().map(|p| p.name()).collect()
}

fn view(user: &User) -> UserView {
    let access = user.access();
    UserView {
        id: public(Kind::User, user.created_at, user.id),
        email: user.email.clone(),
        role: access.role.name(),
        granted: names(&access.granted),
        denied: names(&access.denied),
        permissions: Permission::ALL.iter().filter(|p| access.allows(**p)).map(|p| p.name()).collect(),
        timezone: user.timezone.clone(),
        disabled: user.disabled,
        created_at: time(user.created_at),
        last_sign_in_at: maybe_time(user.last_login_at),
    }
}

pub(super) fn role(text: &str, faults: &mut Faults) -> Role {
    Role::from_name(text).unwrap_or_else(|| {
        faults.add("role", "Choose viewer, marketer, integrator or admin.");
        Role::Viewer
    })
}

fn permissions(texts: &[String], field: &str, faults: &mut Faults) -> Vec<Permission> {
    let mut read = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        match Permission::from_name(text) {
            Some(p) => read.push(p),
            None => faults.add(format!("{field}[{n}]"), "There is no such permission."),
        }
    }
    read
}

pub(crate) fn zone(text: &str, faults: &mut Faults) -> String {
    let known = text.is_empty() || jiff::tz::db().is_definitively_empty() || jiff::tz::TimeZone::get(text).is_ok();
    if !known {
        faults.add("timezone", "Enter an IANA name such as Europe/Vienna.");
    }
    text.to_owned()
}

/// Nobody gives away, or takes over, more than they (`mine`) may do themselves.
pub(crate) fn within(mine: &Access, access: &Access) -> Result<(), Error> {
    match Permission::ALL.iter().find(|p| access.allows(**p) && !mine.allows(**p)) {
        Some(p) => Err(Error::Lacks(*p)),
        None => Ok(()),
    }
}

async fn load(app: &App, id: &Id) -> Result<User, Error> {
    let id = id.of(Kind::User)?;
    found(users::get(app.db.read(), id.id).await?, id, |u| u.created_at)
}

/// Makes a user as entered, with every check: for the API and the pages. `mine` is what whoever makes it may do.
pub(crate) async fn add(app: &App, new: NewUserBody, mine: &Access, who: &Actor) -> Result<i64, Error> {
    let mut faults = Faults::default();
    let address = Address::read(Some(&new.email));
    if address.state != AddressState::Usable {
        faults.add("email", "Enter an e-mail address.");
    }
    let access = Access {
        role: role(&new.role, &mut faults),
        granted: permissions(&new.granted, "granted", &mut faults),
        denied: permissions(&new.denied, "denied", &mut faults),
    };
    let timezone = zone(&new.timezone, &mut faults);
    faults.0.extend(password::fault(&new.password, &new.email));
    faults.none_or()?;
    within(mine, &access)?;
    let password_hash = password::hash(new.password, &app.random).await?;
    let user = NewUser { email: address.written, password_hash, access, timezone };
    let mut tx = app.db.write().await?;
    let id = users::create(&mut tx, &user, who).await?;
    tx.commit().await?;
    Ok(id)
}

/// Changes a user as asked, with every check: for the API and the pages.
pub(crate) async fn change(app: &App, user: &User, change: UserChange, mine: &Access, who: &Actor) -> Result<(), Error> {
    let before = user.access();
    let mut faults = Faults::default();
    let access = Access {
        role: change.role.map_or(before.role, |r| role(&r, &mut faults)),
        granted: change.granted.map_or_else(|| before.granted.clone(), |g| permissions(&g, "granted", &mut faults)),
        denied: change.denied.map_or_else(|| before.denied.clone(), |d| permissions(&d, "denied", &mut faults)),
    };
    let timezone = change.timezone.map_or_else(|| user.timezone.clone(), |z| zone(&z, &mut faults));
    faults.none_or()?;
    within(mine, &before)?;
    within(mine, &access)?;
    let change = Change { access, timezone, disabled: change.disabled.unwrap_or(user.disabled) };
    let mut tx = app.db.write().await?;
    users::update(&mut tx, user.id, &change, who).await?;
    tx.commit().await?;
    Ok(())
}

/// Sets a new password, with every check, and ends the user's sessions: for the API and the pages.
pub(crate) async fn set_password(app: &App, user: &User, password: String, mine: &Access, who: &Actor) -> Result<(), Error> {
    within(mine, &user.access())?;
    if let Some(fault) = password::fault(&password, &user.email) {
        return Err(Error::Invalid(vec![fault]));
    }
    let hash = password::hash(password, &app.random).await?;
    let mut tx = app.db.write().await?;
    users::set_password(&mut tx, user.id, &hash, who).await?;
    tx.commit().await?;
    Ok(())
}

#[utoipa::path(get, path = "/users", tag = "access", params(Paging), responses((status = 200, body = List<UserView>), (status = 403, body = Problem)))]
pub async fn list(State(app): State<App>, caller: Caller, Params(paging): Params<Paging>) -> Result<Json<List<UserView>>, Error> {
    caller.require(Permission::UsersAdmin)?;
    let limit = limit(paging.limit)?;
    let last = after::<i64>(paging.cursor.as_deref())?.unwrap_or(0);
    let total = users::count(app.db.read()).await?;
    let rows = users::page(app.db.read(), last, limit + 1).await?;
    Ok(Json(page(rows, limit, total, |u| u.id, |u| view(&u))))
}

#[utoipa::path(post, path = "/users", tag = "access", request_body = NewUserBody,
    responses((status = 201, body = UserView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<NewUserBody>) -> Result<(StatusCode, Json<UserView>), Error> {
    caller.require(Permission::UsersAdmin)?;
    let id = add(&app, body.read()?, &caller.access, &caller.actor(&app)).await?;
    let user = users::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(view(&user))))
}

#[utoipa::path(get, path = "/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = UserView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<UserView>, Error> {
    caller.require(Permission::UsersAdmin)?;
    Ok(Json(view(&load(&app, &id).await?)))
}

#[utoipa::path(patch, path = "/users/{id}", tag = "access", params(("id" = String, Path)), request_body = UserChange,
    responses((status = 200, body = UserView), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<UserChange>) -> Result<Json<UserView>, Error> {
    caller.require(Permission::UsersAdmin)?;
    let wanted = body.read()?;
    change(&app, &load(&app, &id).await?, wanted, &caller.access, &caller.actor(&app)).await?;
    Ok(Json(view(&load(&app, &id).await?)))
}

/// Sets a new password; the user is signed out everywhere.
#[utoipa::path(put, path = "/users/{id}/password", tag = "access", params(("id" = String, Path)), request_body = PasswordBody,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn password(State(app): State<App>, caller: Caller, id: Id, body: Body<PasswordBody>) -> Result<StatusCode, Error> {
    caller.require(Permission::UsersAdmin)?;
    let body = body.read()?;
    let user = load(&app, &id).await?;
    set_password(&app, &user, body.password, &caller.access, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}
