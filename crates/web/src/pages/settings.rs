//! System Settings: the trust gate's thresholds, which can be changed here, and what the configuration says.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_connectors::FieldError;
use rialto_core::permissions::Permission;
use rialto_store::settings::{self as store, MAX_REMOVED, MAX_REMOVED_PERCENT};
use rialto_store::uploads::CLEAN_SETTING;
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::text;
use super::toast::{self, Toast};
use crate::api::extract::Faults;
use crate::api::settings::{self as api, KeyView, TrustChange};
use crate::auth::Form;
use crate::error::Error;

/// Blank: as the configuration says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    max_removed: String,
    max_removed_percent: String,
}

struct Threshold {
    id: &'static str,
    key: &'static str,
    label: &'static str,
    help: String,
    entered: String,
    configured: String,
    fault: Option<String>,
}

struct Line {
    key: &'static str,
    value: String,
    what: &'static str,
    changeable: bool,
    stored: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    page: Page,
    may: bool,
    /// What the thresholds mean, in a sentence.
    rule: String,
    thresholds: Vec<Threshold>,
    lines: Vec<Line>,
    faults: usize,
    database: &'static str,
}

/// GET /settings
pub async fn show(reader: Reader) -> Result<Response, Error> {
    let entered = stored(&reader).await?;
    page(&reader, entered, &[]).await
}

/// The thresholds that are stored, as the form shows them.
async fn stored(reader: &Reader) -> Result<Entered, Error> {
    let all = store::all(reader.app.db.read()).await?;
    let of = |key: &str| all.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default();
    Ok(Entered { max_removed: of(MAX_REMOVED), max_removed_percent: of(MAX_REMOVED_PERCENT) })
}

async fn page(reader: &Reader, entered: Entered, faults: &[FieldError]) -> Result<Response, Error> {
    let view = api::view(&reader.app).await?;
    let configured = |key: &str| view.keys.iter().find(|k| k.key == key).map(|k| k.configured.to_string()).unwrap_or_default();
    let threshold = |id, key, label, help: &str, entered: String| Threshold {
        id,
        key,
        label,
        help: format!("{help} Blank follows the configuration: {}.", configured(key)),
        entered,
        configured: configured(key),
        fault: faults.iter().find(|f| f.field == key).map(|f| f.detail.clone()),
    };
    let trust = &view.trust;
    let page = Settings {
        page: reader.page("System Settings"),
        may: reader.may(Permission::BridgesAdmin),
        rule: format!(
            "A sync that would remove more than {} and more than {} % of a group's members is held until a person has looked. The same holds for people who would become mailable again.",
            text::people(i64::try_from(trust.max_removed).unwrap_or(i64::MAX)),
            trust.max_removed_percent
        ),
        thresholds: vec![
            threshold("max_removed", MAX_REMOVED, "People a sync may remove by itself", "A whole number.", entered.max_removed),
            threshold(
                "max_removed_percent",
                MAX_REMOVED_PERCENT,
                "Share of a group's members, in percent",
                "0 to 100.",
                entered.max_removed_percent,
            ),
        ],
        lines: view.keys.iter().map(line).collect(),
        faults: faults.len(),
        database: if reader.app.db.is_sqlite() { "SQLite" } else { "PostgreSQL" },
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

fn line(k: &KeyView) -> Line {
    let (what, unit) = match k.key {
        "instance.account_name" => ("Shown in the head of every page", ""),
        "instance.timezone" => ("Times are shown in it to people who chose none", ""),
        "http.public_url" => ("Where browsers reach Rialto", ""),
        "sync.login_after" => ("A sign-in reads the lists when the last look is older", " seconds"),
        MAX_REMOVED => ("People a sync may remove by itself", ""),
        MAX_REMOVED_PERCENT => ("Share of a group's members", " %"),
        CLEAN_SETTING => ("Doubles of uploaded people are silenced each night; switched under Upload", ""),
        _ => ("", ""),
    };
    let value = k.value.as_str().map_or_else(|| k.value.to_string(), str::to_owned);
    Line { key: k.key, value: format!("{value}{unit}"), what, changeable: k.changeable, stored: k.source == "stored" }
}

/// POST /settings
pub async fn save(reader: Reader, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::BridgesAdmin)?;
    let mut faults = Faults::default();
    let mut number = |text: &str, key: &str| match text.trim() {
        "" => Some(None),
        digits => digits.parse::<u64>().map_or_else(
            |_| {
                faults.add(key, "Enter a whole number, or nothing for what the configuration says.");
                None
            },
            |n| Some(Some(n)),
        ),
    };
    let change = TrustChange {
        max_removed: number(&entered.max_removed, MAX_REMOVED),
        max_removed_percent: number(&entered.max_removed_percent, MAX_REMOVED_PERCENT),
    };
    let changes = api::check_trust(&change, &mut faults);
    if !faults.0.is_empty() {
        return page(&reader, entered, &faults.0).await;
    }
    let before = stored(&reader).await?;
    api::store(&reader.app, &changes, &reader.session.actor(&reader.app)).await?;
    let back = [("max_removed", before.max_removed.as_str()), ("max_removed_percent", &before.max_removed_percent)];
    toast::done(&reader, "/settings", &Toast::new("Saved; it holds from the next run on.").undo("/settings", &back))
}
