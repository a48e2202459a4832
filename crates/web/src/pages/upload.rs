//! Subscribers › Upload: a file is brought, and what was brought before stands below.

use askama::Template;
use axum::extract::{Query, Request};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_core::permissions::Permission;
use rialto_core::upload::UploadKind;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::groups;
use rialto_store::uploads::{self, Upload};
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::text::{self, Chip, When, filters};
use super::toast::{self, Toast};
use crate::api::extract::public;
use crate::api::settings;
use crate::api::uploads::{keep_people, keep_unsubscribers, state};
use crate::auth::csrf::same;
use crate::error::Error;
use crate::receive::Form;

/// Uploads a page.
const PAGE: i64 = 50;

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    kind: String,
    /// The upload before which the history goes on.
    before: String,
}

/// What a person entered, given back with a fault.
#[derive(Default)]
pub struct Entered {
    target_group: String,
    name: String,
    mode: String,
    evidence: String,
}

struct Target {
    id: String,
    name: String,
    members: i64,
}

struct Row {
    href: String,
    file: String,
    whom: String,
    chip: Chip,
    by: String,
    at: When,
}

#[derive(Template)]
#[template(path = "upload.html")]
struct UploadPage {
    page: Page,
    silence: bool,
    may: bool,
    fault: Option<String>,
    entered: Entered,
    targets: Vec<Target>,
    rows: Vec<Row>,
    more: Option<String>,
    /// Whether the night's clean-up of doubles is on, and whether this reader may switch it.
    clean: bool,
    may_switch: bool,
}

pub fn href(upload: &Upload) -> String {
    format!("/subscribers/uploads/{}", PublicId::new(Kind::Upload, Instant(upload.created_at), upload.id))
}

/// Whom an upload is for, in words.
pub async fn whom(reader: &Reader, upload: &Upload) -> Result<String, Error> {
    if upload.kind() == UploadKind::Unsubscribers {
        return Ok("Unsubscribers".into());
    }
    let group = match upload.group_id {
        Some(id) => groups::get(reader.app.db.read(), id).await?.map(|g| g.name),
        None => Some(format!("{} (new)", upload.group_name)),
    };
    Ok(group.unwrap_or_else(|| "a deleted target group".into()))
}

pub fn chip(state: &str) -> Chip {
    match state {
        "receiving" => Chip::go("Coming"),
        "mapping" => Chip::look("Choose the columns"),
        "planning" => Chip::go("Being looked at"),
        "planned" => Chip::look("Waits for you"),
        "plan_failed" => Chip::stop("Cannot be read"),
        "applying" => Chip::go("Being applied"),
        "applied" => Chip::ok("Applied"),
        "held" => Chip::look("Held"),
        "failed" => Chip::stop("Failed"),
        "expired" => Chip::off("Expired"),
        _ => Chip::off("Discarded"),
    }
}

async fn page(reader: &Reader, silence: bool, before: &str, entered: Entered, fault: Option<String>) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let here = reader.here();
    let from = PublicId::parse(before, Kind::Upload).map_or(i64::MAX, |id| id.id);
    let mut found = uploads::list(db.read(), from, PAGE + 1).await?;
    let more = found.len() as i64 > PAGE;
    found.truncate(PAGE as usize);
    let mut rows = Vec::with_capacity(found.len());
    for u in &found {
        let (plan, run) = uploads::last_runs(db, u.id).await?;
        rows.push(Row {
            href: href(u),
            file: u.file_name.clone(),
            whom: whom(reader, u).await?,
            chip: chip(state(u, plan.as_ref(), run.as_ref())),
            by: text::actor(&u.actor),
            at: here.when(u.created_at),
        });
    }
    let targets = uploads::targets(db.read()).await?;
    let last = found.last().filter(|_| more).map(|u| public(Kind::Upload, u.created_at, u.id));
    let page = UploadPage {
        page: reader.page("Upload"),
        silence,
        may: reader.may(Permission::ListsEdit),
        fault,
        entered,
        targets: targets
            .into_iter()
            .map(|t| Target { id: public(Kind::TargetGroup, t.created_at, t.id), name: t.name, members: t.members })
            .collect(),
        rows,
        clean: settings::view(&reader.app).await?.uploads.clean_doubles,
        may_switch: reader.may(Permission::BridgesAdmin),
        more: last.map(|id| format!("/subscribers/upload?before={id}")),
    };
    Ok(Html(page.render()?))
}

#[derive(Deserialize)]
pub struct Switch {
    /// `on` or `off`.
    doubles: String,
}

/// POST /subscribers/upload/doubles: the night's clean-up of doubles.
pub async fn switch(reader: Reader, crate::auth::Form(to): crate::auth::Form<Switch>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let on = to.doubles == "on";
    settings::store(&reader.app, &vec![settings::clean_doubles(on)], &reader.session.actor(&reader.app)).await?;
    let said = if on { "From tonight on, doubles are silenced." } else { "Doubles are left alone." };
    let back = [("doubles", if on { "off" } else { "on" })];
    toast::done(&reader, "/subscribers/upload", &Toast::new(said).undo("/subscribers/upload/doubles", &back))
}

/// GET /subscribers/upload
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    page(&reader, asked.kind == "unsubscribers", &asked.before, Entered::default(), None).await
}

/// POST /subscribers/upload: the file comes last, behind the form's token.
pub async fn submit(reader: Reader, request: Request) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    if !same(form.text("csrf"), &reader.session.csrf) {
        return Err(Error::Forbidden);
    }
    reader.session.require(Permission::ListsEdit)?;
    let silence = form.text("kind") == "unsubscribers";
    let of = |name| form.text(name).to_owned();
    let entered = Entered { target_group: of("target_group"), name: of("name"), mode: of("mode"), evidence: of("evidence") };
    let who = reader.session.actor(&reader.app);
    let kept = if silence { keep_unsubscribers(&reader.app, form, &who).await } else { keep_people(&reader.app, form, &who).await };
    let fault = match kept {
        Ok(id) => {
            let upload = uploads::get(reader.app.db.read(), id).await?.ok_or(Error::NotFound)?;
            return Ok(Redirect::to(&href(&upload)).into_response());
        }
        Err(Error::Invalid(faults)) => faults.into_iter().map(|f| f.detail).collect::<Vec<_>>().join(" "),
        Err(e @ (Error::Conflict(_) | Error::BadRequest(_) | Error::TooLarge)) => e.to_string(),
        Err(other) => return Err(other),
    };
    let html = page(&reader, silence, "", entered, Some(fault)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html).into_response())
}
