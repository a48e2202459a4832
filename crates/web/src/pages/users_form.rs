//! A new user, and a new password for one.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::{Permission, Role};
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::text::filters;
use super::toast::{self, Toast};
use super::users::{self, RoleChoice, find, link};
use crate::api::users::{self as api, NewUserBody};
use crate::auth::Form;
use crate::error::{Error, FieldError};

#[derive(Clone, Deserialize, Default)]
#[serde(default)]
pub struct Entered {
    email: String,
    role: String,
    password: String,
    timezone: String,
}

#[derive(Template)]
#[template(path = "user_new.html")]
struct New {
    page: Page,
    email: String,
    timezone: String,
    zone: String,
    roles: Vec<RoleChoice>,
    faults: Vec<FieldError>,
}

impl New {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

/// GET /settings/users/new
pub async fn ask_new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    new(&reader, Entered { role: Role::Marketer.name().into(), ..Entered::default() }, Vec::new())
}

fn new(reader: &Reader, entered: Entered, faults: Vec<FieldError>) -> Result<Response, Error> {
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = New {
        page: reader.page("Add a user"),
        roles: users::roles(&entered.role),
        email: entered.email,
        timezone: entered.timezone,
        zone: reader.app.settings.timezone.clone(),
        faults,
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// POST /settings/users/new
pub async fn create(reader: Reader, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let kept = Entered { password: String::new(), ..entered.clone() };
    let body = NewUserBody {
        email: entered.email,
        role: entered.role,
        password: entered.password,
        granted: Vec::new(),
        denied: Vec::new(),
        timezone: entered.timezone.trim().to_owned(),
    };
    let email = body.email.trim().to_owned();
    match api::add(&reader.app, body, &reader.session.access, &reader.session.actor(&reader.app)).await {
        Ok(_) => toast::done(&reader, "/settings/users", &Toast::new(format!("{email} was added. Tell them the password by another way."))),
        Err(Error::Invalid(faults)) => new(&reader, kept, faults),
        Err(Error::Conflict(detail)) => new(&reader, kept, vec![FieldError { field: "email".into(), detail }]),
        Err(other) => Err(other),
    }
}

#[derive(Template)]
#[template(path = "user_password.html")]
struct Password {
    page: Page,
    href: String,
    email: String,
    own: bool,
    fault: Option<String>,
}

/// GET /settings/users/{id}/password
pub async fn ask_password(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let user = find(&reader, &id).await?;
    password(&reader, &user, None)
}

fn password(reader: &Reader, user: &rialto_store::users::User, fault: Option<String>) -> Result<Response, Error> {
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Password {
        page: reader.page(format!("A new password for {}", user.email)),
        href: link(user),
        email: user.email.clone(),
        own: user.id == reader.session.user_id,
        fault,
    };
    Ok((status, Html(page.render()?)).into_response())
}

#[derive(Deserialize)]
pub struct NewPassword {
    password: String,
}

/// POST /settings/users/{id}/password: the user is signed out everywhere.
pub async fn set_password(reader: Reader, Path(id): Path<String>, Form(entered): Form<NewPassword>) -> Result<Response, Error> {
    let user = find(&reader, &id).await?;
    match api::set_password(&reader.app, &user, entered.password, &reader.session.access, &reader.session.actor(&reader.app)).await {
        Ok(()) => {
            let said = format!("{} has a new password and was signed out everywhere.", user.email);
            toast::done(&reader, "/settings/users", &Toast::new(said))
        }
        Err(Error::Invalid(faults)) => password(&reader, &user, faults.into_iter().next().map(|f| f.detail)),
        Err(other) => Err(other),
    }
}
