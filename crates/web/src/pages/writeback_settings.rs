//! Writeback Settings of a bridge: what goes out, when, and how fast.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_connectors::FieldError;
use rialto_core::permissions::Permission;
use rialto_store::bridges::Bridge;
use rialto_store::writebacks::{self, Settings};
use serde::Deserialize;

use super::bridge_head::Head;
use super::shell::{Page, Reader};
use super::text::{Chip, When};
use super::toast::{self, Toast};
use super::{links, writebacks as list};
use crate::api::writeback_settings::{self as api, Kinds, WritebackSettings};
use crate::auth::Form;
use crate::error::Error;

/// What the form is filled with. Blank numbers: no limit, or the installation's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    interests: String,
    mailing_activity: String,
    mailing_activity_days: String,
    personas: String,
    automatic: String,
    every_minutes: String,
    concurrency: String,
    per_minute: String,
    per_day: String,
}

struct Field {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    value: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "writeback_settings.html")]
struct Shown {
    page: Page,
    head: Head,
    entered: Entered,
    fields: Vec<Field>,
    other_fault: Option<String>,
    chip: Chip,
    notes: Vec<String>,
    next: Option<When>,
    list: String,
}

fn entered(s: &Settings) -> Entered {
    let tick = |on: bool| if on { "yes".to_owned() } else { String::new() };
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    Entered {
        interests: tick(s.interests),
        mailing_activity: s.mailing_activity.clone(),
        mailing_activity_days: s.mailing_activity_days.to_string(),
        personas: tick(s.personas),
        automatic: tick(s.automatic),
        every_minutes: number(s.every_minutes),
        concurrency: s.concurrency.to_string(),
        per_minute: number(s.per_minute),
        per_day: number(s.per_day),
    }
}

/// What was entered, as the API takes it; faults name the field.
fn read(e: &Entered) -> Result<Settings, Error> {
    let mut faults = Vec::new();
    let mut number = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => {
            text.parse::<u32>().map_err(|_| faults.push(FieldError { field: name.into(), detail: "Enter a whole number.".into() })).ok()
        }
    };
    let settings = WritebackSettings {
        kinds: Kinds { unsubscribe: true, resubscribe: true, invalid_email: true, interests: !e.interests.is_empty() },
        mailing_activity: if e.mailing_activity == "auto" { "auto".into() } else { "manual".into() },
        mailing_activity_days: number("mailing_activity_days", &e.mailing_activity_days).unwrap_or(3),
        personas: !e.personas.is_empty(),
        automatic: !e.automatic.is_empty(),
        every_minutes: number("every_minutes", &e.every_minutes),
        concurrency: number("concurrency", &e.concurrency).unwrap_or(4),
        per_minute: number("per_minute", &e.per_minute),
        per_day: number("per_day", &e.per_day),
    };
    if faults.is_empty() { settings.checked() } else { Err(Error::Invalid(faults)) }
}

/// GET /admin/bridges/{id}/writebacks
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let bridge = links::find_bridge(&reader.app, &id).await?;
    let destination = api::destination(&reader.app, bridge.id).await?;
    page(&reader, &bridge, entered(&destination.read_settings()), &[]).await
}

async fn page(reader: &Reader, bridge: &Bridge, entered: Entered, faults: &[FieldError]) -> Result<Response, Error> {
    let here = reader.here();
    let destination = api::destination(&reader.app, bridge.id).await?;
    let fault = |name: &str| faults.iter().find(|f| f.field == name).map(|f| f.detail.clone());
    let field = |name: &'static str, label, help, value: &str| Field { name, label, help, value: value.to_owned(), fault: fault(name) };
    let e = entered.clone();
    let fields = vec![
        field("every_minutes", "Minutes between cycles", "Blank follows the configuration (ten minutes as it comes).", &e.every_minutes),
        field("concurrency", "Requests at once", "1 to 64. More is faster, if the remote system bears it.", &e.concurrency),
        field("per_minute", "Messages a minute, at most", "Blank for no limit.", &e.per_minute),
        field(
            "per_day",
            "Messages a day, at most",
            "Blank for no limit. The last tenth is kept for what people decided about being mailed.",
            &e.per_day,
        ),
        field(
            "mailing_activity_days",
            "Days until a mailing's activity goes out",
            "When it goes out by itself; 1 to 30.",
            &e.mailing_activity_days,
        ),
    ];
    let shown = Shown {
        head: Head::of(reader, bridge, "Writebacks").await?,
        page: reader.page(format!("Writeback Settings of {}", bridge.name)),
        other_fault: faults.iter().find(|f| !fields.iter().any(|x| x.name == f.field)).map(|f| format!("{}: {}", f.field, f.detail)),
        fields,
        entered,
        chip: list::station_chip(bridge, Some(&destination)),
        notes: list::notes(&destination, &here),
        next: (destination.next_cycle_at > 0 && destination.read_settings().automatic).then(|| here.when(destination.next_cycle_at)),
        list: format!("/writebacks?bridge={}", links::bridge_id(bridge)),
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(shown.render()?)).into_response())
}

/// POST /admin/bridges/{id}/writebacks
pub async fn save(reader: Reader, Path(id): Path<String>, Form(given): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let settings = match read(&given) {
        Ok(settings) => settings,
        Err(Error::Invalid(faults)) => return page(&reader, &bridge, given, &faults).await,
        Err(error) => return Err(error),
    };
    let before = entered(&api::destination(app, bridge.id).await?.read_settings());
    let mut tx = app.db.write().await?;
    writebacks::put_settings(&mut tx, bridge.id, &settings, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let href = format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id));
    let back = [
        ("interests", before.interests.as_str()),
        ("mailing_activity", &before.mailing_activity),
        ("mailing_activity_days", &before.mailing_activity_days),
        ("personas", &before.personas),
        ("automatic", &before.automatic),
        ("every_minutes", &before.every_minutes),
        ("concurrency", &before.concurrency),
        ("per_minute", &before.per_minute),
        ("per_day", &before.per_day),
    ];
    toast::done(&reader, &href, &Toast::new("Writeback Settings are saved.").undo(&href, &back))
}
