//! A bridge as the destination of writebacks: its cycle, whether it is away, its set-up faults, its settings and its budget.

use rialto_core::Instant;
use rialto_core::timing::OwnTiming;
use rialto_core::writeback::{Delivery, WritebackKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::claim::Room;
use super::{DAY, MINUTE};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ENSURE = sql!("INSERT INTO writeback_destination (bridge_id) SELECT id FROM bridge WHERE deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM writeback_destination d WHERE d.bridge_id = bridge.id) ON CONFLICT (bridge_id) DO NOTHING");
    ALL_OF_THEM = sql!("SELECT d.*, b.enabled FROM writeback_destination d JOIN bridge b ON b.id = d.bridge_id
        WHERE b.deleted_at IS NULL ORDER BY d.bridge_id");
    ONE = sql!("SELECT d.*, b.enabled FROM writeback_destination d JOIN bridge b ON b.id = d.bridge_id WHERE d.bridge_id = $1");
    /// Whoever comes first begins it.
    BEGIN = sql!("UPDATE writeback_destination SET cutoff = $2, next_cycle_at = $3, cycle_by = 'schedule'
        WHERE bridge_id = $1 AND next_cycle_at <= $2");
    RUN_NOW = sql!("UPDATE writeback_destination SET cutoff = $2, next_cycle_at = $3, cycle_by = $4, probe_at = 0 WHERE bridge_id = $1");
    DUE_NOW = sql!("UPDATE writeback SET state = 'new' WHERE bridge_id = $1 AND state = 'scheduled' AND next_at <= $2");
    /// A mailing's activity has a date of its own, which nobody can hurry.
    ALL_DUE_NOW = sql!("UPDATE writeback SET state = 'new', next_at = $2 WHERE bridge_id = $1 AND state = 'scheduled' AND kind <> 'mailing_activity'");
    BLOCK = sql!("UPDATE writeback_destination SET blocked_at = COALESCE(blocked_at, $2), blocked_reason = $3, probe_at = $4 WHERE bridge_id = $1");
    UNBLOCK = sql!("UPDATE writeback_destination SET blocked_at = NULL, blocked_reason = '', probe_at = 0 WHERE bridge_id = $1");
    KEEP_FAULTS = sql!("UPDATE writeback_destination SET faults = $2, faults_at = $3 WHERE bridge_id = $1");
    HOLD = sql!("UPDATE writeback SET state = 'held', next_at = NULL, reason = $3 WHERE bridge_id = $1 AND state IN ('new', 'error') AND kind = $2
        AND next_at IS NOT NULL");
    RELEASE = sql!("UPDATE writeback SET state = 'new', next_at = created_at, reason = '' WHERE bridge_id = $1 AND state = 'held' AND kind = $2");
    SETTINGS = sql!("UPDATE writeback_destination SET settings = $2 WHERE bridge_id = $1");
    DELIVERY = sql!("UPDATE writeback_destination SET delivery = $2, delivery_since = $3 WHERE bridge_id = $1");
    HELD = sql!("SELECT COUNT(*) FROM (SELECT 1 FROM writeback WHERE bridge_id = $1 AND state = 'held' AND kind = $2 LIMIT 10000) AS held");
    ASK_SET_UP = sql!("UPDATE writeback_destination SET faults_at = NULL WHERE bridge_id = $1");
    SPEND = sql!("UPDATE writeback_destination SET budget_used = CASE WHEN budget_day = $2 THEN budget_used + $3 ELSE $3 END, budget_day = $2,
        rate_used = CASE WHEN rate_minute = $4 THEN rate_used + $3 ELSE $3 END, rate_minute = $4 WHERE bridge_id = $1");
    /// Claimed and not sent: given back while the day and the minute last.
    GIVE_BACK = sql!("UPDATE writeback_destination
        SET budget_used = CASE WHEN budget_day = $2 AND budget_used > $3 THEN budget_used - $3 WHEN budget_day = $2 THEN 0 ELSE budget_used END,
        rate_used = CASE WHEN rate_minute = $4 AND rate_used > $3 THEN rate_used - $3 WHEN rate_minute = $4 THEN 0 ELSE rate_used END
        WHERE bridge_id = $1");
    MISSING = sql!("SELECT COUNT(*) FROM bridge WHERE deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM writeback_destination d WHERE d.bridge_id = bridge.id)");
    /// What there may be to do, each by one look into an index.
    SIGNS = sql!("SELECT d.bridge_id,
        EXISTS (SELECT 1 FROM writeback w WHERE w.bridge_id = d.bridge_id AND w.urgency IN (0, 1, 2) AND w.next_at <= d.cutoff
            AND w.state <> 'processing') AS due,
        EXISTS (SELECT 1 FROM writeback w WHERE w.bridge_id = d.bridge_id AND w.urgency IN (0, 1, 2) AND w.next_at <= 0) AS at_once,
        EXISTS (SELECT 1 FROM writeback w WHERE w.bridge_id = d.bridge_id AND w.state = 'processing' AND w.next_at <= $1) AS lost,
        EXISTS (SELECT 1 FROM writeback w WHERE w.bridge_id = d.bridge_id AND w.state = 'held') AS held
        FROM writeback_destination d ORDER BY d.bridge_id");
    TAKE_PROBE = sql!("UPDATE writeback_destination SET probe_at = $3 WHERE bridge_id = $1 AND blocked_at IS NOT NULL AND probe_at <= $2");
}

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Destination {
    pub bridge_id: i64,
    /// What was due by then goes out in the cycle under way.
    pub cutoff: i64,
    pub next_cycle_at: i64,
    pub cycle_by: String,
    pub blocked_at: Option<i64>,
    pub blocked_reason: String,
    pub probe_at: i64,
    pub faults: String,
    pub faults_at: Option<i64>,
    pub settings: String,
    pub budget_day: i64,
    pub budget_used: i64,
    /// Messages of this minute (minutes since 1970, UTC).
    pub rate_minute: i64,
    pub rate_used: i64,
    /// When changed personas are looked for next; 0 until it was set.
    pub personas_next_at: i64,
    /// When everybody was last looked at for a changed persona, and how many writebacks that queued.
    pub personas_looked_at: Option<i64>,
    pub personas_last_queued: i64,
    /// `push` or `polled`.
    pub delivery: String,
    pub delivery_since: i64,
    /// When the remote last asked for writebacks, to some seconds.
    pub polled_at: Option<i64>,
    /// JSON of `rialto_core::timing::Timing`; empty: all with the cycle.
    pub timing: String,
    pub enabled: bool,
}

/// How long a remote that fetches its writebacks may stay away before that is a fault, in microseconds.
const STAYS_AWAY: i64 = 3_600_000_000;

/// What there may be to do for a bridge.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Signs {
    pub bridge_id: i64,
    /// Something was due by the cycle's cutoff. It may have to wait for something else of the same person.
    pub due: bool,
    /// Something goes whatever the cycle: a manual retry, or what a worker gave back.
    pub at_once: bool,
    /// A claim ran out.
    pub lost: bool,
    pub held: bool,
}

/// A fault of the remote's set-up, as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetUp {
    pub kinds: Vec<WritebackKind>,
    /// What is missing, and what to do.
    pub detail: String,
}

/// Writeback Settings of a bridge. What people decided and bad addresses cannot be switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub interests: bool,
    /// `auto` or `manual`.
    pub mailing_activity: String,
    /// Days after a mailing until its activity goes out by itself.
    pub mailing_activity_days: u32,
    pub personas: bool,
    /// False: cycles begin only when a person asks.
    pub automatic: bool,
    /// Minutes between cycles; `None` for the installation's `writeback.interval`.
    pub every_minutes: Option<u32>,
    /// Requests at once.
    pub concurrency: u32,
    /// Messages a minute; `None` for no limit.
    pub per_minute: Option<u32>,
    /// Messages a day (UTC); `None` for no limit.
    pub per_day: Option<u32>,
    /// Stands in a column of its own.
    #[serde(skip)]
    pub delivery: Delivery,
    /// When kinds go out, where that is not as the kind of remote system declares it.
    pub timing: OwnTiming,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interests: true,
            mailing_activity: "manual".into(),
            mailing_activity_days: 3,
            personas: false,
            automatic: true,
            every_minutes: None,
            concurrency: 4,
            per_minute: None,
            per_day: None,
            delivery: Delivery::Push,
            timing: OwnTiming::default(),
        }
    }
}

impl Destination {
    pub fn read_settings(&self) -> Settings {
        let settings: Settings = serde_json::from_str(&self.settings).unwrap_or_default();
        Settings { delivery: self.delivery(), ..settings }
    }

    pub fn delivery(&self) -> Delivery {
        Delivery::from_name(&self.delivery).unwrap_or_default()
    }

    pub fn is_polled(&self) -> bool {
        self.delivery() == Delivery::Polled
    }

    /// Since when a remote that is to fetch its writebacks has not come, when that is too long. `polled_at` tells whether it ever did.
    pub fn stays_away(&self, now: Instant) -> Option<i64> {
        let last = self.polled_at.unwrap_or(0).max(self.delivery_since);
        (self.enabled && self.is_polled() && now.0.saturating_sub(last) > STAYS_AWAY).then_some(last)
    }

    pub fn set_up(&self) -> Vec<SetUp> {
        serde_json::from_str(&self.faults).unwrap_or_default()
    }

    /// Messages of today's budget that are left; `None` without a budget.
    pub fn left_today(&self, now: Instant) -> Option<i64> {
        let used = if self.budget_day == now.0.div_euclid(DAY) { self.budget_used } else { 0 };
        self.read_settings().per_day.map(|most| (i64::from(most) - used).max(0))
    }
}

impl Destination {
    /// How many messages may go now, at most `most`: within the minute's rate and the day's budget, of which a tenth is kept for consent.
    pub(super) fn room(&self, now: Instant, most: i64) -> Room {
        let settings = self.read_settings();
        let used = if self.rate_minute == now.0.div_euclid(MINUTE) { self.rate_used } else { 0 };
        let minute = settings.per_minute.map_or(most, |rate| (i64::from(rate) - used).max(0));
        let day = self.left_today(now).unwrap_or(most);
        let kept = settings.per_day.map_or(0, |budget| i64::from(budget).saturating_add(9) / 10);
        let consent = most.min(minute).min(day);
        Room { consent, all: consent.min((day - kept).max(0)) }
    }
}

/// Makes the row of every bridge that has none.
pub async fn ensure(tx: &mut Tx) -> Result<(), StoreError> {
    tx.run(ENSURE, args![]).await.map(drop)
}

/// All destinations, by bridge.
pub async fn destinations(mut read: Read<'_>) -> Result<Vec<Destination>, StoreError> {
    read.all(ALL_OF_THEM, args![]).await
}

pub async fn destination(mut read: Read<'_>, bridge_id: i64) -> Result<Option<Destination>, StoreError> {
    read.opt(ONE, args![bridge_id]).await
}

/// Whether a bridge wants writebacks of a kind: asked by whoever queues one, in the transaction of its cause (docs/adr/0065).
pub async fn is_on(tx: &mut Tx, bridge_id: i64, kind: WritebackKind) -> Result<bool, StoreError> {
    if !kind.may_be_off() {
        return Ok(true);
    }
    let settings = tx.opt::<Destination>(ONE, args![bridge_id]).await?.map(|d| d.read_settings()).unwrap_or_default();
    Ok(match kind {
        WritebackKind::Interests => settings.interests,
        WritebackKind::Persona => settings.personas,
        _ => true,
    })
}

/// Whether a bridge has no row yet.
pub async fn is_missing(mut read: Read<'_>) -> Result<bool, StoreError> {
    read.one::<(i64,)>(MISSING, args![]).await.map(|(n,)| n > 0)
}

/// What there may be to do, by bridge.
pub async fn signs(mut read: Read<'_>, now: Instant) -> Result<Vec<Signs>, StoreError> {
    read.all(SIGNS, args![now]).await
}

/// Takes the probe of a blocked destination that is due; false when it is not, or somebody else has it. Due again at `next` if nobody
/// comes back.
pub async fn take_probe(tx: &mut Tx, bridge_id: i64, now: Instant, next: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(TAKE_PROBE, args![bridge_id, now, next]).await? > 0)
}

/// Begins a cycle when one is due; false when it is not, or somebody else began it.
pub async fn begin_cycle(tx: &mut Tx, bridge_id: i64, now: Instant, next: Instant) -> Result<bool, StoreError> {
    let begun = tx.run(BEGIN, args![bridge_id, now, next]).await? > 0;
    if begun {
        tx.run(DUE_NOW, args![bridge_id, now]).await?;
    }
    Ok(begun)
}

/// Begins a cycle because a person asks, with all that waits for its time of day; lets a blocked destination be probed at once.
pub async fn run_now(tx: &mut Tx, bridge_id: i64, next: Instant, who: &Actor) -> Result<(), StoreError> {
    ensure(tx).await?;
    tx.run(RUN_NOW, args![bridge_id, who.at, next, &who.name]).await?;
    tx.run(ALL_DUE_NOW, args![bridge_id, who.at]).await?;
    audit::write(tx, who, "writeback.run_now", "bridge", Some(bridge_id), json!({})).await
}

/// The remote is away since the try that found it: nothing is claimed until a probe succeeds.
pub async fn block(tx: &mut Tx, bridge_id: i64, reason: &str, now: Instant, probe_at: Instant) -> Result<(), StoreError> {
    tx.run(BLOCK, args![bridge_id, now, reason, probe_at]).await.map(drop)
}

pub async fn unblock(tx: &mut Tx, bridge_id: i64) -> Result<(), StoreError> {
    tx.run(UNBLOCK, args![bridge_id]).await.map(drop)
}

/// Keeps what was seen of the remote's set-up: writebacks of kinds with a fault are Held, those of kinds without go on.
pub async fn keep_faults(tx: &mut Tx, bridge_id: i64, faults: &[SetUp], now: Instant) -> Result<(), StoreError> {
    // Rows before the destination, as everywhere: two at once never wait for each other in a circle.
    for kind in WritebackKind::ALL {
        let details: Vec<&str> = faults.iter().filter(|f| f.kinds.contains(kind)).map(|f| f.detail.as_str()).collect();
        if details.is_empty() {
            tx.run(RELEASE, args![bridge_id, kind.name()]).await?;
        } else {
            tx.run(HOLD, args![bridge_id, kind.name(), details.join(" ")]).await?;
        }
    }
    tx.run(KEEP_FAULTS, args![bridge_id, json!(faults).to_string(), now]).await.map(drop)
}

/// How many of a kind are Held; counted to 10,000.
pub async fn held(mut read: Read<'_>, bridge_id: i64, kind: &str) -> Result<i64, StoreError> {
    read.one::<(i64,)>(HELD, args![bridge_id, kind]).await.map(|(n,)| n)
}

/// Has the remote's set-up looked at afresh, soon.
pub async fn ask_set_up(tx: &mut Tx, bridge_id: i64) -> Result<(), StoreError> {
    tx.run(ASK_SET_UP, args![bridge_id]).await.map(drop)
}

/// Replaces a bridge's Writeback Settings. Where personas were switched on or off, the remote's set-up is looked at afresh.
pub async fn put_settings(tx: &mut Tx, bridge_id: i64, settings: &Settings, who: &Actor) -> Result<(), StoreError> {
    ensure(tx).await?;
    let before = tx.opt::<Destination>(ONE, args![bridge_id]).await?.map(|d| d.read_settings()).unwrap_or_default();
    if before.personas != settings.personas {
        ask_set_up(tx, bridge_id).await?;
    }
    let text = serde_json::to_string(settings).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    tx.run(SETTINGS, args![bridge_id, &text]).await?;
    if before.delivery != settings.delivery {
        deliver_by(tx, bridge_id, settings.delivery, who.at).await?;
    }
    let mut told = json!(settings);
    told["delivery"] = settings.delivery.name().into();
    audit::write(tx, who, "writeback.settings", "bridge", Some(bridge_id), told).await
}

/// Neither an outage of our way nor what our way lacks concerns a remote that fetches. Leases go on to their end.
async fn deliver_by(tx: &mut Tx, bridge_id: i64, delivery: Delivery, now: Instant) -> Result<(), StoreError> {
    if delivery == Delivery::Polled {
        keep_faults(tx, bridge_id, &[], now).await?;
        unblock(tx, bridge_id).await?;
    }
    tx.run(DELIVERY, args![bridge_id, delivery.name(), now]).await.map(drop)
}

/// Counts messages against today's budget, in the transaction that claims them.
pub(super) async fn spend(tx: &mut Tx, bridge_id: i64, number: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(SPEND, args![bridge_id, now.0.div_euclid(DAY), number, now.0.div_euclid(MINUTE)]).await.map(drop)
}

/// Takes back what was counted and not sent.
pub(super) async fn give_back(tx: &mut Tx, bridge_id: i64, number: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(GIVE_BACK, args![bridge_id, now.0.div_euclid(DAY), number, now.0.div_euclid(MINUTE)]).await.map(drop)
}
