//! One user: the role, what differs from it, and the time zone.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::{Permission, Role};
use rialto_store::users::User;

use super::shell::{Page, Reader};
use super::text::{Chip, When, filters};
use super::toast::{self, Toast};
use super::users::{self, RoleChoice, find, link};
use crate::api::users::{self as api, UserChange};
use crate::auth::Form;
use crate::error::{Error, words};

/// Fields as they came; a permission is `p-<name>` with `preset`, `granted` or `denied`.
type Pairs = Vec<(String, String)>;

struct Entered {
    role: String,
    timezone: String,
    granted: Vec<String>,
    denied: Vec<String>,
}

impl Entered {
    fn of(user: &User) -> Self {
        let access = user.access();
        let names = |all: &[Permission]| all.iter().map(|p| p.name().to_owned()).collect();
        Self {
            role: access.role.name().into(),
            timezone: user.timezone.clone(),
            granted: names(&access.granted),
            denied: names(&access.denied),
        }
    }

    fn read(pairs: Pairs) -> Self {
        let mut read = Self { role: String::new(), timezone: String::new(), granted: Vec::new(), denied: Vec::new() };
        for (name, value) in pairs {
            match (name.as_str(), name.strip_prefix("p-"), value.as_str()) {
                ("role", ..) => read.role = value,
                ("timezone", ..) => read.timezone = value.trim().to_owned(),
                (_, Some(permission), "granted") => read.granted.push(permission.to_owned()),
                (_, Some(permission), "denied") => read.denied.push(permission.to_owned()),
                _ => {}
            }
        }
        read
    }

    /// The fields that bring this about.
    fn pairs(&self) -> Pairs {
        let of = |all: &[String], value: &str| all.iter().map(|p| (format!("p-{p}"), value.to_owned())).collect::<Vec<_>>();
        let mut pairs = vec![("role".to_owned(), self.role.clone()), ("timezone".to_owned(), self.timezone.clone())];
        pairs.extend(of(&self.granted, "granted"));
        pairs.extend(of(&self.denied, "denied"));
        pairs
    }
}

/// A permission in words, and how it stands with this user.
struct Line {
    name: &'static str,
    words: String,
    by_role: bool,
    /// `preset`, `granted` or `denied`.
    chosen: &'static str,
}

#[derive(Template)]
#[template(path = "user_edit.html")]
struct Edit {
    page: Page,
    href: String,
    email: String,
    own: bool,
    chip: Chip,
    signed_in: Option<When>,
    added: When,
    roles: Vec<RoleChoice>,
    lines: Vec<Line>,
    timezone: String,
    zone: String,
    zone_fault: Option<String>,
    refused: Option<String>,
}

/// GET /settings/users/{id}. With a role in the query, as the form would stand with it: the page asks so when another is chosen.
pub async fn show(reader: Reader, Path(id): Path<String>, Query(asked): Query<Pairs>) -> Result<Response, Error> {
    let user = find(&reader, &id).await?;
    let entered = if asked.iter().any(|(name, _)| name == "role") { Entered::read(asked) } else { Entered::of(&user) };
    page(&reader, &user, entered, None)
}

fn page(reader: &Reader, user: &User, entered: Entered, error: Option<Error>) -> Result<Response, Error> {
    let (status, zone_fault, refused) = match error {
        None => (StatusCode::OK, None, None),
        Some(Error::Conflict(why)) => (StatusCode::CONFLICT, None, Some(why)),
        Some(Error::Invalid(faults)) if faults.iter().all(|f| f.field == "timezone") => {
            (StatusCode::UNPROCESSABLE_ENTITY, faults.into_iter().next().map(|f| f.detail), None)
        }
        Some(other) => return Err(other),
    };
    let here = reader.here();
    let role = Role::from_name(&entered.role).unwrap_or(Role::Viewer);
    let line = |p: &Permission| {
        let in_list = |all: &[String]| all.iter().any(|n| n == p.name());
        let chosen = if in_list(&entered.denied) {
            "denied"
        } else if in_list(&entered.granted) {
            "granted"
        } else {
            "preset"
        };
        Line { name: p.name(), words: capital(words(*p)), by_role: role.allows(*p), chosen }
    };
    let page = Edit {
        page: reader.page(user.email.clone()),
        href: link(user),
        email: user.email.clone(),
        own: user.id == reader.session.user_id,
        chip: if user.disabled { Chip::off("Disabled") } else { Chip::ok("Active") },
        signed_in: here.maybe(user.last_login_at),
        added: here.when(user.created_at),
        roles: users::roles(role.name()),
        lines: Permission::ALL.iter().map(line).collect(),
        timezone: entered.timezone,
        zone: reader.app.settings.timezone.clone(),
        zone_fault,
        refused,
    };
    Ok((status, Html(page.render()?)).into_response())
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// POST /settings/users/{id}: what is changed holds from the user's next request on.
pub async fn save(reader: Reader, Path(id): Path<String>, Form(pairs): Form<Pairs>) -> Result<Response, Error> {
    let user = find(&reader, &id).await?;
    let (before, entered) = (Entered::of(&user), Entered::read(pairs));
    let change = UserChange {
        role: Some(entered.role.clone()),
        granted: Some(entered.granted.clone()),
        denied: Some(entered.denied.clone()),
        timezone: Some(entered.timezone.clone()),
        disabled: None,
    };
    match api::change(&reader.app, &user, change, &reader.session.access, &reader.session.actor(&reader.app)).await {
        Ok(()) => {}
        Err(error @ (Error::Conflict(_) | Error::Invalid(_))) => return page(&reader, &user, entered, Some(error)),
        Err(other) => return Err(other),
    }
    let back = before.pairs();
    let back: Vec<(&str, &str)> = back.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let said = format!("{} was changed. It holds from their next page on.", user.email);
    toast::done(&reader, "/settings/users", &Toast::new(said).undo(link(&user), &back))
}
