//! Users and roles: who uses Rialto, as what, and whether they may sign in.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use axum::routing::{get, post};
use rialto_core::permissions::{Access, Permission, Role};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::users::{self as store, User};
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::table::{Action, Cell, Column, LIMIT, Table};
use super::text::{self, Chip};
use super::toast::{self, Toast};
use super::{users_edit, users_form, users_own};
use crate::api::users::{self as api, UserChange};
use crate::error::{Error, words};
use crate::state::App;

const TABLE: &str = "users";

pub fn router() -> Router<App> {
    Router::new()
        .route("/settings/users", get(show))
        .route("/settings/users/new", get(users_form::ask_new).post(users_form::create))
        .route("/settings/users/{id}", get(users_edit::show).post(users_edit::save))
        .route("/settings/users/{id}/switch", post(switch))
        .route("/settings/users/{id}/password", get(users_form::ask_password).post(users_form::set_password))
        .route("/account", get(users_own::show).post(users_own::save))
        .route("/account/password", post(users_own::change_password))
}

pub fn link(user: &User) -> String {
    format!("/settings/users/{}", PublicId::new(Kind::User, Instant(user.created_at), user.id))
}

/// The user of an address, for somebody who may manage users and has no less than they.
pub async fn find(reader: &Reader, id: &str) -> Result<User, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let id = PublicId::parse(id, Kind::User).ok_or(Error::NotFound)?;
    let user = store::get(reader.app.db.read(), id.id).await?;
    let user = user.filter(|u| id.fits(Instant(u.created_at))).ok_or(Error::NotFound)?;
    api::within(&reader.session.access, &user.access())?;
    Ok(user)
}

/// A role as a person says it.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer",
        Role::Marketer => "Marketer",
        Role::Integrator => "Integrator",
        Role::Admin => "Administrator",
    }
}

/// What a role is for, in a few words.
fn role_purpose(role: Role) -> &'static str {
    match role {
        Role::Viewer => "looks at everything, changes nothing",
        Role::Marketer => "target groups and mailings",
        Role::Integrator => "bridges, data exchange and target groups",
        Role::Admin => "everything, users included",
    }
}

/// Roles for a choice: value, words, whether it is chosen.
pub type RoleChoice = (&'static str, String, bool);

pub fn roles(chosen: &str) -> Vec<RoleChoice> {
    Role::ALL.map(|r| (r.name(), format!("{}: {}", role_name(r), role_purpose(r)), r.name() == chosen)).into()
}

/// What differs from the role, as a sentence.
pub fn adjusted(access: &Access) -> String {
    let said = |all: &[Permission]| all.iter().map(|p| words(*p)).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !access.granted.is_empty() {
        parts.push(format!("may also {}", said(&access.granted)));
    }
    if !access.denied.is_empty() {
        parts.push(format!("may not {}", said(&access.denied)));
    }
    parts.join("; ")
}

#[derive(Template)]
#[template(path = "users.html")]
struct Users {
    page: Page,
    table: Table,
    count: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct After {
    after: i64,
}

/// GET /settings/users
pub async fn show(reader: Reader, Query(asked): Query<After>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    let db = &reader.app.db;
    let mut rows = store::page(db.read(), asked.after, LIMIT + 1).await?;
    let more = rows.len() as i64 > LIMIT;
    rows.truncate(LIMIT as usize);
    let mut table = Table::of(TABLE, &reader, &columns(&reader), &rows, None).with_menus(&rows, |u| (u.email.clone(), menu(&reader, u)));
    table.first = (asked.after != 0).then(|| "/settings/users".to_owned());
    table.next = rows.last().filter(|_| more).map(|u| format!("/settings/users?after={}", u.id));
    let page = Users { page: reader.page("Users and roles"), table, count: store::count(db.read()).await? };
    Ok(Html(page.render()?))
}

fn columns(reader: &Reader) -> Vec<Column<User>> {
    let (signed_in, made, me) = (reader.here(), reader.here(), reader.session.user_id);
    let mine = reader.session.access.clone();
    let who = move |u: &User| {
        let note = if u.id == me { "you".to_owned() } else { String::new() };
        if api::within(&mine, &u.access()).is_ok() {
            Cell::Link { href: link(u), text: u.email.clone(), note }
        } else {
            Cell::Text(u.email.clone())
        }
    };
    let state = |u: &User| Cell::Chips(vec![if u.disabled { Chip::off("Disabled") } else { Chip::ok("Active") }]);
    vec![
        Column::new("email", "Email", who).always().wide(),
        Column::new("role", "Role", |u: &User| Cell::Text(role_name(u.access().role).to_owned())).short(),
        Column::new("adjusted", "Beyond the role", |u: &User| match adjusted(&u.access()) {
            said if said.is_empty() => Cell::None("nothing"),
            said => Cell::Text(said),
        })
        .wide(),
        Column::new("signed_in", "Last sign-in", move |u: &User| Cell::time(signed_in.maybe(u.last_login_at), "never")).short(),
        Column::new("state", "State", state),
        Column::new("zone", "Time zone", |u: &User| match u.timezone.as_str() {
            "" => Cell::None("the installation's"),
            zone => Cell::Text(zone.to_owned()),
        })
        .on_request(),
        Column::new("made", "Added", move |u: &User| Cell::Time(made.when(u.created_at))).short().on_request(),
    ]
}

fn menu(reader: &Reader, user: &User) -> Vec<Action> {
    if api::within(&reader.session.access, &user.access()).is_err() {
        return Vec::new();
    }
    let href = link(user);
    let mut actions = vec![Action::link("Edit", href.clone()), Action::dialog("Set a password …", format!("{href}/password"))];
    if user.disabled {
        actions.push(Action::post("Enable", format!("{href}/switch?to=on")));
    } else if user.id != reader.session.user_id {
        actions.push(Action::post("Disable", format!("{href}/switch?to=off")));
    }
    actions
}

/// Where a user is to be switched.
#[derive(Deserialize)]
pub struct Switch {
    /// `on` or `off`.
    to: String,
}

/// POST /settings/users/{id}/switch?to=on|off: a disabled user is signed out at once.
async fn switch(reader: Reader, Path(id): Path<String>, Query(switch): Query<Switch>) -> Result<Response, Error> {
    let user = find(&reader, &id).await?;
    let (disabled, said, other) = match switch.to.as_str() {
        "on" => (false, "may sign in again", "off"),
        "off" => (true, "is disabled and was signed out", "on"),
        _ => return Err(Error::BadRequest("A user is switched on or off.".into())),
    };
    let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
    api::change(&reader.app, &user, change, &reader.session.access, &reader.session.actor(&reader.app)).await?;
    let toast = Toast::new(format!("{} {said}.", user.email)).undo(format!("{}/switch?to={other}", link(&user)), &[]);
    toast::done(&reader, "/settings/users", &toast)
}

impl Users {
    fn counted(&self) -> String {
        text::count(self.count, "user", "users")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_the_role_reads_as_a_sentence() {
        let access = Access {
            role: Role::Viewer,
            granted: vec![Permission::GroupsSync, Permission::AuditRead],
            denied: vec![Permission::ListsEdit],
        };
        assert_eq!(adjusted(&access), "may also sync target groups, read the audit trail; may not edit target groups and lists");
        assert_eq!(adjusted(&Access::preset(Role::Admin)), "");
    }
}
