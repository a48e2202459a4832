//! `/bridges/{id}/writeback-settings` and `/bridges/{id}/run-writebacks`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::permissions::Permission;
use rialto_core::writeback::Delivery;
use rialto_core::{Instant, Kind};
use rialto_store::bridges::{self, Bridge};
use rialto_store::writebacks::{self, Destination, SetUp, Settings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem, found, maybe_time};
use super::writeback_timing::{self, OwnTimes, Times};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Kinds on and off. What people decided, and bad addresses, are always told.
#[derive(Serialize, Deserialize, ToSchema, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub struct Kinds {
    #[serde(default = "on")]
    pub unsubscribe: bool,
    #[serde(default = "on")]
    pub resubscribe: bool,
    #[serde(default = "on")]
    pub invalid_email: bool,
    #[serde(default = "on")]
    pub interests: bool,
}

fn on() -> bool {
    true
}

/// Fields left out of a PUT take their default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WritebackSettings {
    pub kinds: Kinds,
    /// `auto` or `manual`.
    #[serde(default = "manual")]
    pub mailing_activity: String,
    /// Days after a mailing until its activity goes out by itself: 1 to 30.
    #[serde(default = "three")]
    pub mailing_activity_days: u32,
    /// "Send Persona Activity?"
    #[serde(default)]
    pub personas: bool,
    /// False: cycles begin only when a person asks.
    #[serde(default = "on")]
    pub automatic: bool,
    /// Minutes between cycles, 1 to 1,440; null: the installation's interval.
    #[serde(default)]
    pub every_minutes: Option<u32>,
    /// Requests at once: 1 to 64.
    #[serde(default = "four")]
    pub concurrency: u32,
    /// Messages a minute; null: no limit.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Messages a day (UTC); null: no limit.
    #[serde(default)]
    pub per_day: Option<u32>,
    /// `push`: Rialto delivers. `polled`: the remote system fetches, where its kind can. Left out, it stays as it is.
    #[serde(default)]
    pub delivery: Option<String>,
    /// When kinds go out, where that is not as the kind of remote system declares it.
    #[serde(default)]
    pub timing: OwnTimes,
}

fn manual() -> String {
    "manual".into()
}

fn three() -> u32 {
    3
}

fn four() -> u32 {
    4
}

#[derive(Serialize, ToSchema)]
pub struct DestinationView {
    pub kinds: Kinds,
    /// `auto` or `manual`.
    pub mailing_activity: String,
    pub mailing_activity_days: u32,
    pub personas: bool,
    pub automatic: bool,
    /// Null: the installation's interval.
    pub every_minutes: Option<u32>,
    pub concurrency: u32,
    pub per_minute: Option<u32>,
    pub per_day: Option<u32>,
    /// `push` or `polled`.
    pub delivery: String,
    /// When the remote system last came to fetch, to some seconds.
    #[schema(format = "date-time")]
    pub last_fetch_at: Option<String>,
    /// Since when it has not come, when that is too long; null otherwise.
    #[schema(format = "date-time")]
    pub stays_away_since: Option<String>,
    /// When kinds go out, where that is not as the kind of remote system declares it.
    pub timing: OwnTimes,
    /// When each kind that this system is told goes out now.
    pub times: Times,
    #[schema(format = "date-time")]
    pub next_cycle_at: Option<String>,
    /// When the cycle under way, or the last one, began.
    #[schema(format = "date-time")]
    pub last_cycle_at: Option<String>,
    /// Away since; null while it answers.
    #[schema(format = "date-time")]
    pub blocked_since: Option<String>,
    pub blocked_reason: String,
    /// What of its set-up is missing: such kinds are Held.
    pub set_up_faults: Vec<SetUpView>,
    /// Messages left of today's budget; null without one.
    pub left_today: Option<i64>,
    /// When everybody was last looked at for a changed persona.
    #[schema(format = "date-time")]
    pub personas_looked_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SetUpView {
    pub kinds: Vec<String>,
    pub detail: String,
}

impl From<SetUp> for SetUpView {
    fn from(fault: SetUp) -> Self {
        Self { kinds: fault.kinds.iter().map(|k| k.name().to_owned()).collect(), detail: fault.detail }
    }
}

impl WritebackSettings {
    /// Faults name the field.
    fn read(self, bridge: &Bridge, before: Delivery) -> Result<Settings, Error> {
        let mut faults = Faults::default();
        let delivery = match self.delivery.as_deref() {
            None => before,
            Some(asked) => delivery(bridge, asked, &mut faults),
        };
        for (field, told) in [
            ("kinds.unsubscribe", self.kinds.unsubscribe),
            ("kinds.resubscribe", self.kinds.resubscribe),
            ("kinds.invalid_email", self.kinds.invalid_email),
        ] {
            if !told {
                faults.add(field, "This cannot be switched off: it is what people decided, or what their address cannot take.");
            }
        }
        let settings = Settings {
            interests: self.kinds.interests,
            mailing_activity: self.mailing_activity,
            mailing_activity_days: self.mailing_activity_days,
            personas: self.personas,
            automatic: self.automatic,
            every_minutes: self.every_minutes,
            concurrency: self.concurrency,
            per_minute: self.per_minute,
            per_day: self.per_day,
            delivery,
            timing: self.timing.read(&mut faults),
        };
        bounds(&settings, &mut faults);
        faults.none_or()?;
        Ok(settings)
    }
}

/// How writebacks are to go out; refused where the kind cannot.
pub fn delivery(bridge: &Bridge, asked: &str, faults: &mut Faults) -> Delivery {
    let can = rialto_connectors::kind(&bridge.kind).is_some_and(|k| k.can_fetch);
    match Delivery::from_name(asked) {
        Some(Delivery::Polled) if !can => {
            faults.add("delivery", "Systems of this kind do not fetch their writebacks.");
            Delivery::Push
        }
        Some(delivery) => delivery,
        None => {
            faults.add("delivery", "Use push or polled.");
            Delivery::Push
        }
    }
}

fn bounds(s: &Settings, faults: &mut Faults) {
    if !matches!(s.mailing_activity.as_str(), "auto" | "manual") {
        faults.add("mailing_activity", "Use auto or manual.");
    }
    let mut between = |field: &str, n: Option<u32>, least: u32, most: u32| {
        if n.is_some_and(|n| !(least..=most).contains(&n)) {
            faults.add(field, format!("Enter a number from {least} to {}.", rialto_core::figure(i64::from(most))));
        }
    };
    between("mailing_activity_days", Some(s.mailing_activity_days), 1, 30);
    between("every_minutes", s.every_minutes, 1, 1_440);
    between("concurrency", Some(s.concurrency), 1, 64);
    between("per_minute", s.per_minute, 1, 100_000);
    between("per_day", s.per_day, 1, 10_000_000);
}

/// Settings within their bounds; faults name the field.
pub fn checked(settings: Settings) -> Result<Settings, Error> {
    let mut faults = Faults::default();
    bounds(&settings, &mut faults);
    writeback_timing::bounds(&settings.timing, &mut faults);
    faults.none_or()?;
    Ok(settings)
}

pub async fn bridge(app: &App, id: &Id) -> Result<Bridge, Error> {
    let id = id.of(Kind::Bridge)?;
    found(bridges::get(app.db.read(), id.id).await?, id, |b| b.created_at)
}

/// The destination of a bridge; made when it has none yet.
pub async fn destination(app: &App, bridge_id: i64) -> Result<Destination, Error> {
    if let Some(destination) = writebacks::destination(app.db.read(), bridge_id).await? {
        return Ok(destination);
    }
    let mut tx = app.db.write().await?;
    writebacks::ensure(&mut tx).await?;
    tx.commit().await?;
    writebacks::destination(app.db.read(), bridge_id).await?.ok_or(Error::NotFound)
}

pub(super) fn view(bridge: &Bridge, d: &Destination, now: Instant) -> DestinationView {
    let set = |at: i64| maybe_time((at > 0).then_some(at));
    let s = d.read_settings();
    DestinationView {
        timing: OwnTimes::of(&s.timing),
        times: writeback_timing::times(bridge, &s, now),
        kinds: Kinds { unsubscribe: true, resubscribe: true, invalid_email: true, interests: s.interests },
        mailing_activity: s.mailing_activity,
        mailing_activity_days: s.mailing_activity_days,
        personas: s.personas,
        automatic: s.automatic,
        every_minutes: s.every_minutes,
        concurrency: s.concurrency,
        per_minute: s.per_minute,
        per_day: s.per_day,
        delivery: s.delivery.name().to_owned(),
        last_fetch_at: maybe_time(d.polled_at),
        stays_away_since: maybe_time(d.stays_away(now)),
        next_cycle_at: set(d.next_cycle_at),
        last_cycle_at: set(d.cutoff),
        blocked_since: maybe_time(d.blocked_at),
        blocked_reason: d.blocked_reason.clone(),
        set_up_faults: d.set_up().into_iter().map(SetUpView::from).collect(),
        left_today: d.left_today(now),
        personas_looked_at: maybe_time(d.personas_looked_at),
    }
}

#[utoipa::path(get, path = "/bridges/{id}/writeback-settings", tag = "bridges", params(("id" = String, Path)),
    responses((status = 200, body = DestinationView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<DestinationView>, Error> {
    let bridge = bridge(&app, &id).await?;
    Ok(Json(view(&bridge, &destination(&app, bridge.id).await?, app.clock.now())))
}

#[utoipa::path(put, path = "/bridges/{id}/writeback-settings", tag = "bridges", params(("id" = String, Path)), request_body = WritebackSettings,
    responses((status = 200, body = DestinationView), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn put(State(app): State<App>, caller: Caller, id: Id, body: Body<WritebackSettings>) -> Result<Json<DestinationView>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let settings = body.read()?;
    let bridge = bridge(&app, &id).await?;
    let before = destination(&app, bridge.id).await?.delivery();
    let settings = settings.read(&bridge, before)?;
    let mut tx = app.db.write().await?;
    writebacks::put_settings(&mut tx, bridge.id, &settings, &caller.actor(&app)).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(Json(view(&bridge, &destination(&app, bridge.id).await?, app.clock.now())))
}

/// Begins a cycle now: everything that is due goes out. A remote system that is away is asked anew first.
#[utoipa::path(post, path = "/bridges/{id}/run-writebacks", tag = "bridges", params(("id" = String, Path)),
    responses((status = 202, body = DestinationView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn run(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<DestinationView>), Error> {
    caller.require(Permission::BridgesAdmin)?;
    let bridge = bridge(&app, &id).await?;
    do_run(&app, &bridge, &caller.actor(&app)).await?;
    Ok((StatusCode::ACCEPTED, Json(view(&bridge, &destination(&app, bridge.id).await?, app.clock.now()))))
}

/// The act itself, for API and page; the permission was asked for.
pub async fn do_run(app: &App, bridge: &Bridge, who: &rialto_store::Actor) -> Result<(), Error> {
    if !bridge.enabled {
        return Err(Error::Conflict(format!("The bridge {} is switched off; nothing goes out to it.", bridge.name)));
    }
    let before = destination(app, bridge.id).await?;
    let mut tx = app.db.write().await?;
    // The next cycle of the clock stays where it is.
    writebacks::run_now(&mut tx, bridge.id, Instant(before.next_cycle_at), who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(())
}
