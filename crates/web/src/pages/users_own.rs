//! Your account: what somebody may do here, and the zone in which they see times.

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
use crate::auth::Form;
use crate::error::{Error, words};

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
    fault: Option<String>,
}

async fn stored(reader: &Reader) -> Result<store::User, Error> {
    store::get(reader.app.db.read(), reader.session.user_id).await?.ok_or(Error::NotFound)
}

/// GET /account
pub async fn show(reader: Reader) -> Result<Response, Error> {
    let user = stored(&reader).await?;
    page(&reader, user.timezone, None)
}

fn page(reader: &Reader, timezone: String, fault: Option<String>) -> Result<Response, Error> {
    let access = &reader.session.access;
    let page = Account {
        page: reader.page("Your account"),
        role: role_name(access.role),
        may: Permission::ALL.iter().filter(|p| access.allows(**p)).map(|p| words(*p)).collect(),
        timezone,
        zone: reader.app.settings.timezone.clone(),
        now: reader.here().minute(reader.app.clock.now().0),
        fault,
    };
    let status = if page.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
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
    if let Some(fault) = faults.0.into_iter().next() {
        return page(&reader, entered.timezone, Some(fault.detail));
    }
    let (app, before) = (&reader.app, stored(&reader).await?);
    let mut tx = app.db.write().await?;
    store::set_timezone(&mut tx, before.id, &timezone, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let said = Toast::new(format!("You see times in {} now.", if timezone.is_empty() { &app.settings.timezone } else { &timezone }));
    toast::done(&reader, "/account", &said.undo("/account", &[("timezone", &before.timezone)]))
}
