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
use super::fetch_token::Token;
use super::reconcile::{self, Standing};
use super::shell::{Page, Reader};
use super::text::{Chip, When};
use super::toast::{self, Toast};
use super::writeback_times::{self, Times};
use super::{links, writebacks as list};
use crate::api::extract::Faults;
use crate::api::writeback_settings as api;
use crate::auth::Form;
use crate::error::Error;

/// What the form is filled with. Blank numbers: no limit, or the installation's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    automatic: String,
    interests: String,
    every_minutes: String,
    concurrency: String,
    per_minute: String,
    per_day: String,
    /// `push` or `polled`; empty where the kind cannot fetch.
    delivery: String,
    #[serde(flatten)]
    times: writeback_times::Entered,
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
    times: Times,
    at_fault: Option<String>,
    zone_fault: Option<String>,
    other_fault: Option<String>,
    lists_interests: bool,
    /// Its remote system can fetch what there is: the name, and the token for that.
    fetching: Option<(&'static str, Token)>,
    /// When it last came, where it is to fetch.
    fetched: Option<Option<When>>,
    chip: Chip,
    notes: Vec<String>,
    next: Option<When>,
    list: String,
    standing: Option<Standing>,
}

fn yes(on: bool) -> String {
    if on { "yes".into() } else { String::new() }
}

fn entered(s: &Settings) -> Entered {
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    Entered {
        automatic: yes(s.automatic),
        interests: yes(s.interests),
        every_minutes: number(s.every_minutes),
        concurrency: s.concurrency.to_string(),
        per_minute: number(s.per_minute),
        per_day: number(s.per_day),
        delivery: s.delivery.name().to_owned(),
        times: writeback_times::Entered::of(&s.timing),
    }
}

/// The settings with what was entered, checked as the API's are; faults name the field. Kinds that nothing queues yet have no control here
/// and stay as they are.
fn read(e: &Entered, before: &Settings, bridge: &Bridge) -> Result<Settings, Error> {
    let mut faults = Vec::new();
    let mut number = |name: &str, text: &str| match text.trim() {
        "" => None,
        text => {
            text.parse::<u32>().map_err(|_| faults.push(FieldError { field: name.into(), detail: "Enter a whole number.".into() })).ok()
        }
    };
    let settings = Settings {
        automatic: !e.automatic.is_empty(),
        interests: if lists_interests(bridge) { !e.interests.is_empty() } else { before.interests },
        every_minutes: number("every_minutes", &e.every_minutes),
        concurrency: number("concurrency", &e.concurrency).unwrap_or(Settings::default().concurrency),
        per_minute: number("per_minute", &e.per_minute),
        per_day: number("per_day", &e.per_day),
        timing: e.times.read(),
        ..before.clone()
    };
    let mut wrong = Faults::default();
    let delivery = if e.delivery.is_empty() { before.delivery } else { api::delivery(bridge, &e.delivery, &mut wrong) };
    if faults.is_empty() {
        wrong.none_or()?;
        api::checked(Settings { delivery, ..settings })
    } else {
        Err(Error::Invalid(faults))
    }
}

/// Whether people can choose interests of this bridge.
fn lists_interests(bridge: &Bridge) -> bool {
    rialto_connectors::kind(&bridge.kind).is_some_and(|k| k.lists_interests)
}

async fn fetching(reader: &Reader, bridge: &Bridge) -> Result<Option<(&'static str, Token)>, Error> {
    match rialto_connectors::kind(&bridge.kind).filter(|k| k.can_fetch) {
        Some(kind) => Ok(Some((kind.name, Token::of(reader, bridge).await?))),
        None => Ok(None),
    }
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
    let used = !writebacks::counts(reader.app.db.read(), bridge.id).await?.is_empty();
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
    ];
    let shown = Shown {
        head: Head::of(reader, bridge, "Writebacks").await?,
        page: reader.page(format!("Writeback Settings of {}", bridge.name)),
        times: writeback_times::times(bridge, &entered.times, &destination.read_settings(), &here),
        at_fault: fault("timing.at"),
        zone_fault: fault("timing.timezone"),
        other_fault: faults
            .iter()
            .find(|f| !f.field.starts_with("timing.") && !fields.iter().any(|x| x.name == f.field))
            .map(|f| format!("{}: {}", f.field, f.detail)),
        lists_interests: lists_interests(bridge),
        fields,
        entered,
        fetching: fetching(reader, bridge).await?,
        fetched: destination.is_polled().then(|| here.maybe(destination.polled_at)),
        chip: list::station_chip(bridge, Some(&destination), used, here.now),
        notes: list::notes(&destination, &here),
        next: (!destination.is_polled() && destination.next_cycle_at > 0 && destination.read_settings().automatic)
            .then(|| here.when(destination.next_cycle_at)),
        list: format!("/writebacks?bridge={}", links::bridge_id(bridge)),
        standing: reconcile::latest(reader, bridge.id).await?,
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(shown.render()?)).into_response())
}

/// POST /admin/bridges/{id}/writebacks
pub async fn save(reader: Reader, Path(id): Path<String>, Form(given): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let app = &reader.app;
    let bridge = links::find_bridge(app, &id).await?;
    let before = api::destination(app, bridge.id).await?.read_settings();
    let settings = match read(&given, &before, &bridge) {
        Ok(settings) => settings,
        Err(Error::Invalid(faults)) => return page(&reader, &bridge, given, &faults).await,
        Err(error) => return Err(error),
    };
    let before = entered(&before);
    let mut tx = app.db.write().await?;
    writebacks::put_settings(&mut tx, bridge.id, &settings, &reader.session.actor(app)).await?;
    tx.commit().await?;
    let href = format!("{}/writebacks", links::bridge(bridge.created_at, bridge.id));
    app.wake.ring();
    let mut back = vec![
        ("automatic", before.automatic.as_str()),
        ("interests", &before.interests),
        ("every_minutes", &before.every_minutes),
        ("concurrency", &before.concurrency),
        ("per_minute", &before.per_minute),
        ("per_day", &before.per_day),
        ("delivery", &before.delivery),
    ];
    back.extend(before.times.pairs());
    toast::done(&reader, &href, &Toast::new("Writeback Settings are saved.").undo(&href, &back))
}
