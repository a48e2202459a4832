//! `/settings`: what the configuration says, and what may be changed while Rialto runs (`docs/adr/0010`).

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_store::Actor;
use rialto_store::settings::{self, MAX_REMOVED, MAX_REMOVED_PERCENT};
use rialto_store::uploads::CLEAN_SETTING;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Problem};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct SettingsView {
    pub account_name: String,
    pub timezone: String,
    pub public_url: String,
    /// A sign-in reads the lists of bridges whose last look is older than this.
    pub login_after_seconds: i64,
    /// The thresholds in force.
    pub trust: TrustView,
    pub uploads: UploadsView,
    pub version: &'static str,
    /// Every setting by its key, and where it is changed.
    pub keys: Vec<KeyView>,
}

/// More removals than both at once wait for a person.
#[derive(Serialize, ToSchema)]
pub struct TrustView {
    pub max_removed: u64,
    pub max_removed_percent: u64,
}

/// What happens about people who were uploaded.
#[derive(Serialize, ToSchema)]
pub struct UploadsView {
    /// Each night, records that only uploads know are silenced where a bridge has a record with their address (`docs/adr/0137`).
    pub clean_doubles: bool,
}

#[derive(Serialize, ToSchema)]
pub struct KeyView {
    /// As in the configuration file, e.g. `trust.max_removed`.
    pub key: &'static str,
    pub value: serde_json::Value,
    /// What the configuration says, or its default.
    pub configured: serde_json::Value,
    /// `configuration`, or `stored` when it was changed here.
    pub source: &'static str,
    /// It may be changed here; the others only in the configuration file.
    pub changeable: bool,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    #[serde(default)]
    trust: TrustChange,
    #[serde(default)]
    uploads: UploadsChange,
    // Named so that a try to change them is told where they are changed.
    #[serde(default)]
    #[schema(ignore)]
    account_name: Option<serde_json::Value>,
    #[serde(default)]
    #[schema(ignore)]
    timezone: Option<serde_json::Value>,
    #[serde(default)]
    #[schema(ignore)]
    public_url: Option<serde_json::Value>,
    #[serde(default)]
    #[schema(ignore)]
    login_after_seconds: Option<serde_json::Value>,
}

/// Left out: stays. Null: as the configuration says.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct TrustChange {
    /// 0 to 1,000,000,000.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub max_removed: Option<Option<u64>>,
    /// 0 to 100.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    pub max_removed_percent: Option<Option<u64>>,
}

/// Left out: stays.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct UploadsChange {
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    pub clean_doubles: Option<bool>,
}

fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// What the configuration says and what was changed here; secrets are no part of it.
#[utoipa::path(get, path = "/settings", tag = "administration", responses((status = 200, body = SettingsView)))]
pub async fn get(State(app): State<App>, _: Caller) -> Result<Json<SettingsView>, Error> {
    view(&app).await.map(Json)
}

/// Changes settings of the running installation: the trust gate's thresholds, and what happens about doubles of uploads. They hold from the next run on.
#[utoipa::path(patch, path = "/settings", tag = "administration", request_body = SettingsChange,
    responses((status = 200, body = SettingsView), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, body: Body<SettingsChange>) -> Result<Json<SettingsView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let change = body.read()?;
    let changes = checked(&change)?;
    store(&app, &changes, &caller.actor(&app)).await?;
    view(&app).await.map(Json)
}

/// Settings as they are to be stored; `None` for what the configuration says.
pub type Changes = Vec<(&'static str, Option<u64>)>;

/// Stores what differs from what is stored.
pub async fn store(app: &App, changes: &Changes, who: &Actor) -> Result<(), Error> {
    let stored = settings::all(app.db.read()).await?;
    let now = |key: &str| stored.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let mut tx = app.db.write().await?;
    for (key, value) in changes {
        let value = value.map(|n| n.to_string());
        if value != now(key) {
            settings::set(&mut tx, key, value.as_deref(), who).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

fn checked(change: &SettingsChange) -> Result<Changes, Error> {
    let mut faults = Faults::default();
    for (field, given, key) in [
        ("account_name", &change.account_name, "instance.account_name"),
        ("timezone", &change.timezone, "instance.timezone"),
        ("public_url", &change.public_url, "http.public_url"),
        ("login_after_seconds", &change.login_after_seconds, "sync.login_after"),
    ] {
        if given.is_some() {
            faults.add(field, format!("Change {key} in the configuration file and start Rialto again."));
        }
    }
    let mut changes = check_trust(&change.trust, &mut faults);
    changes.extend(change.uploads.clean_doubles.map(clean_doubles));
    faults.none_or()?;
    Ok(changes)
}

/// The switch of the night's clean-up, as it is stored.
pub fn clean_doubles(on: bool) -> (&'static str, Option<u64>) {
    (CLEAN_SETTING, on.then_some(1))
}

/// The thresholds as they are to be stored. Faults name their keys.
pub fn check_trust(trust: &TrustChange, faults: &mut Faults) -> Changes {
    let mut changes = Vec::new();
    for (key, given, most) in [(MAX_REMOVED, trust.max_removed, 1_000_000_000), (MAX_REMOVED_PERCENT, trust.max_removed_percent, 100)] {
        let Some(value) = given else { continue };
        if value.is_some_and(|n| n > most) {
            faults.add(key, format!("Enter a whole number from 0 to {most}, or null for what the configuration says."));
        }
        changes.push((key, value));
    }
    changes
}

/// What holds now.
pub async fn view(app: &App) -> Result<SettingsView, Error> {
    let s = &app.settings;
    let stored = settings::all(app.db.read()).await?;
    let clean = stored.iter().any(|(name, _)| name == CLEAN_SETTING);
    let limits = settings::limits(app.db.read(), s.limits).await?;
    let fixed =
        |key, value: serde_json::Value| KeyView { key, configured: value.clone(), value, source: "configuration", changeable: false };
    let trust = |key, value: u64, configured: u64| KeyView {
        key,
        value: value.into(),
        configured: configured.into(),
        source: if stored.iter().any(|(name, _)| name == key) { "stored" } else { "configuration" },
        changeable: true,
    };
    Ok(SettingsView {
        account_name: s.account_name.clone(),
        timezone: s.timezone.clone(),
        public_url: s.public_url.clone(),
        login_after_seconds: s.login_after_seconds,
        trust: TrustView { max_removed: limits.max_removed, max_removed_percent: limits.max_removed_percent },
        uploads: UploadsView { clean_doubles: clean },
        version: s.version,
        keys: vec![
            fixed("instance.account_name", s.account_name.clone().into()),
            fixed("instance.timezone", s.timezone.clone().into()),
            fixed("http.public_url", s.public_url.clone().into()),
            fixed("sync.login_after", s.login_after_seconds.into()),
            trust(MAX_REMOVED, limits.max_removed, s.limits.max_removed),
            trust(MAX_REMOVED_PERCENT, limits.max_removed_percent, s.limits.max_removed_percent),
            KeyView {
                key: CLEAN_SETTING,
                value: clean.into(),
                configured: false.into(),
                source: if clean { "stored" } else { "configuration" },
                changeable: true,
            },
        ],
    })
}
