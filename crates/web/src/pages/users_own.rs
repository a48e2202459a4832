//! Your account: what somebody may do here, the zone in which they see times, and their password.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::users as store;
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::toast::{self, Toast};
use super::users::role_name;
use crate::api::extract::Faults;
use crate::api::users as api;
use crate::auth::{Form, own_password};
use crate::error::{Error, FieldError, words};

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    page: Page,
    role: &'static str,
    may: Vec<&'static str>,
    timezone: String,
    /// The installation's.
    zone: String,
    now: String,
    faults: Vec<FieldError>,
}

impl Account {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

async fn stored(reader: &Reader) -> Result<store::User, Error> {
    store::get(reader.app.db.read(), reader.session.user_id).await?.ok_or(Error::NotFound)
}

/// GET /account
pub async fn show(reader: Reader) -> Result<Response, Error> {
    let user = stored(&reader).await?;
    page(&reader, user.timezone, Vec::new())
}

fn page(reader: &Reader, timezone: String, faults: Vec<FieldError>) -> Result<Response, Error> {
    let access = &reader.session.access;
    let page = Account {
        page: reader.page("Your account"),
        role: role_name(access.role),
        may: Permission::ALL.iter().filter(|p| access.allows(**p)).map(|p| words(*p)).collect(),
        timezone,
        zone: reader.app.settings.timezone.clone(),
        now: reader.here().minute(reader.app.clock.now().0),
        faults,
    };
    let status = if page.faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

#[derive(Deserialize)]
pub struct Zone {
    timezone: String,
}

/// POST /account: the own time zone; blank for the installation's.
pub async fn save(reader: Reader, Form(entered): Form<Zone>) -> Result<Response, Error> {
    let mut faults = Faults::default();
    let timezone = api::zone(entered.timezone.trim(), &mut faults);
    if !faults.0.is_empty() {
        return page(&reader, entered.timezone, faults.0);
    }
    let (app, before) = (&reader.app, stored(&reader).await?);
    let mut tx = app.db.write().await?;
    store::set_timezone(&mut tx, before.id, &timezone, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let said = Toast::new(format!("You see times in {} now.", if timezone.is_empty() { &app.settings.timezone } else { &timezone }));
    toast::done(&reader, "/account", &said.undo("/account", &[("timezone", &before.timezone)]))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Passwords {
    current_password: String,
    password: String,
    password_again: String,
}

/// POST /account/password: the own password; every other session of the user ends.
pub async fn change_password(reader: Reader, Form(entered): Form<Passwords>) -> Result<Response, Error> {
    let Passwords { current_password, password, password_again } = entered;
    match own_password::change(&reader.app, &reader.session, current_password, password, &password_again).await {
        Ok(()) => {
            let said = Toast::new("Your password is changed. You stay signed in here; everywhere else you were signed out.");
            toast::done(&reader, "/account", &said)
        }
        Err(Error::Invalid(faults)) => page(&reader, stored(&reader).await?.timezone, faults),
        Err(other) => Err(other),
    }
}
