//! Schedules and their occurrences: what happens by the clock, each time once, and what came of it (docs/adr/0040, 0041).

use jiff::tz::TimeZone;
use rialto_core::Instant;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::schedule::{Daily, Usual, Why, time_of_day};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::runs::{self, NewRun, Requested, Subject};
use crate::sql::{sql, statements};

statements! {
    LIST = sql!("SELECT s.id, s.created_at, s.kind, s.bridge_id, s.enabled, s.local_time, s.timezone, s.since FROM schedule s
        JOIN bridge b ON b.id = s.bridge_id WHERE b.deleted_at IS NULL ORDER BY s.id");
    GET = sql!("SELECT s.id, s.created_at, s.kind, s.bridge_id, s.enabled, s.local_time, s.timezone, s.since FROM schedule s
        JOIN bridge b ON b.id = s.bridge_id WHERE s.id = $1 AND b.deleted_at IS NULL");
    ADD = sql!("INSERT INTO schedule (id, created_at, kind, bridge_id, since) VALUES ($1, $2, 'overnight', $3, $2)");
    ARM = sql!("UPDATE schedule SET since = $2 WHERE id = $1 AND since IS NULL");
    CHANGE = sql!("UPDATE schedule SET enabled = $2, local_time = $3, timezone = $4, since = $5 WHERE id = $1");
    BEGUN = sql!("SELECT 1 FROM schedule_occurrence WHERE schedule_id = $1 AND occurs_at = $2");
    BEGIN_ONE = sql!("INSERT INTO schedule_occurrence (id, created_at, schedule_id, occurs_at, actor, state)
        VALUES ($1, $2, $3, $4, $5, 'lists') ON CONFLICT (schedule_id, occurs_at) DO NOTHING");
    LISTS_RUN = sql!("UPDATE schedule_occurrence SET lists_run = $2 WHERE id = $1");
    OPEN = sql!("SELECT * FROM schedule_occurrence WHERE state IN ('lists', 'people') ORDER BY id LIMIT 1000");
    OPEN_OF = sql!("SELECT * FROM schedule_occurrence WHERE state IN ('lists', 'people') AND schedule_id = $1 LIMIT 1");
    STEP = sql!("UPDATE schedule_occurrence SET step = step + 1 WHERE id = $1 AND step = $2");
    TO_PEOPLE = sql!("UPDATE schedule_occurrence SET state = 'people' WHERE id = $1");
    FINISH = sql!("UPDATE schedule_occurrence SET state = $2, reason = $3, finished_at = $4 WHERE id = $1");
    SUCCESSOR = sql!("SELECT id FROM sync_run WHERE parent_run = $1 AND kind = $2 ORDER BY id DESC LIMIT 1");
    CANDIDATES = sql!("SELECT g.id, g.remote_modified_at, g.edited_at,
        (SELECT MAX(u.at) FROM target_group_use u WHERE u.group_id = g.id) AS used_at FROM target_group g
        WHERE g.bridge_id = $1 AND g.deleted_at IS NULL AND g.state = 'active' ORDER BY g.id");
    ADD_ITEM = sql!("INSERT INTO schedule_item (occurrence_id, number, group_id, why) VALUES ($1, $2, $3, $4)");
    NOT_ASKED = sql!("SELECT i.number, i.group_id, g.plan_only, g.state = 'active' AND g.deleted_at IS NULL AS usable
        FROM schedule_item i JOIN target_group g ON g.id = i.group_id
        WHERE i.occurrence_id = $1 AND i.asked = FALSE ORDER BY i.number LIMIT $2");
    ASKED = sql!("UPDATE schedule_item SET asked = TRUE, run_id = $3, note = $4 WHERE occurrence_id = $1 AND number = $2");
    FOLLOW = sql!("UPDATE schedule_item SET run_id = (SELECT MAX(r.id) FROM sync_run r WHERE r.parent_run = schedule_item.run_id AND r.kind = 'people')
        WHERE occurrence_id = $1 AND EXISTS (SELECT 1 FROM sync_run r WHERE r.parent_run = schedule_item.run_id AND r.kind = 'people')");
    OUTCOMES = sql!("SELECT COALESCE(r.state, '') AS state, COUNT(*) FROM schedule_item i LEFT JOIN sync_run r ON r.id = i.run_id
        WHERE i.occurrence_id = $1 GROUP BY COALESCE(r.state, '') ORDER BY 1");
}

/// Who acts when a schedule does.
pub const ACTOR: &str = "schedule";

/// Groups asked for in one transaction, so that a long night never keeps others from writing.
const SLICE: i64 = 50;

/// A schedule of a bridge that was not deleted. Whether its bridge's kind has such a trigger, the catalogue knows.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Schedule {
    pub id: i64,
    pub created_at: i64,
    /// `overnight`.
    pub kind: String,
    pub bridge_id: i64,
    pub enabled: bool,
    /// Its own time of day, `HH:MM`; without one `sync.overnight_at` holds.
    pub local_time: Option<String>,
    /// Its own IANA zone; without one `instance.timezone` holds.
    pub timezone: Option<String>,
    pub since: Option<i64>,
}

impl Schedule {
    /// The time of day that holds.
    pub fn at<'a>(&'a self, usual: &'a Usual) -> &'a str {
        self.local_time.as_deref().unwrap_or(&usual.at)
    }

    /// The zone that holds.
    pub fn zone<'a>(&'a self, usual: &'a Usual) -> &'a str {
        self.timezone.as_deref().unwrap_or(&usual.timezone)
    }

    /// The rule that holds; `None` when this machine does not know the zone (any more).
    pub fn rule(&self, usual: &Usual) -> Option<Daily> {
        Some(Daily::new(time_of_day(self.at(usual))?, TimeZone::get(self.zone(usual)).ok()?))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Occurrence {
    pub id: i64,
    pub created_at: i64,
    pub schedule_id: i64,
    pub occurs_at: i64,
    pub actor: String,
    /// `lists` (being read), `people` (being read), `done`, `failed` or `skipped`.
    pub state: String,
    pub step: i64,
    pub lists_run: Option<i64>,
    pub reason: String,
    pub finished_at: Option<i64>,
}

/// Schedules of all bridges that were not deleted.
pub async fn list(mut read: Read<'_>) -> Result<Vec<Schedule>, StoreError> {
    read.all(LIST, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Schedule>, StoreError> {
    read.opt(GET, args![id]).await
}

/// The schedule that comes with a new bridge.
pub(crate) async fn add(tx: &mut Tx, bridge_id: i64, now: Instant) -> Result<(), StoreError> {
    let id = ids::next(tx, "schedule").await?;
    tx.run(ADD, args![id, now, bridge_id]).await.map(drop)
}

/// A schedule that came with an update of Rialto counts from when it is first seen.
pub async fn arm(tx: &mut Tx, id: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(ARM, args![id, now]).await.map(drop)
}

/// What a person sets. `None` in `local_time` or `timezone` follows the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Set {
    pub enabled: bool,
    pub local_time: Option<String>,
    pub timezone: Option<String>,
}

/// Changes a schedule; what would have happened before now is not made up for.
pub async fn change(tx: &mut Tx, id: i64, set: &Set, who: &Actor) -> Result<(), StoreError> {
    let before: Schedule = tx.one(GET, args![id]).await?;
    if (before.enabled, &before.local_time, &before.timezone) == (set.enabled, &set.local_time, &set.timezone) {
        return Ok(());
    }
    tx.run(CHANGE, args![id, set.enabled, set.local_time.clone(), set.timezone.clone(), who.at]).await?;
    let detail = serde_json::json!({
        "enabled": set.enabled, "at": set.local_time, "timezone": set.timezone,
        "before": {"enabled": before.enabled, "at": before.local_time, "timezone": before.timezone},
    });
    audit::write(tx, who, "schedule.update", "schedule", Some(id), detail).await
}

/// Whether the occurrence has begun, or was skipped: a cheap look before `begin`.
pub async fn begun(mut read: Read<'_>, schedule_id: i64, occurs_at: Instant) -> Result<bool, StoreError> {
    Ok(read.opt::<(i32,)>(BEGUN, args![schedule_id, occurs_at]).await?.is_some())
}

/// Begins an occurrence: its row, the run that reads the lists, and the audit row in the caller's transaction. `None` when it has begun
/// already, here or on another node: roll back.
pub async fn begin(
    tx: &mut Tx,
    schedule: &Schedule,
    occurs_at: Instant,
    who: &Actor,
) -> Result<Option<(Occurrence, Requested)>, StoreError> {
    let Some(id) = insert(tx, schedule, occurs_at, who).await? else { return Ok(None) };
    let subject = Subject::Lists { bridge_id: schedule.bridge_id };
    let asked = runs::request(tx, NewRun::of(RunKind::Lists, subject, Trigger::Overnight), who).await?;
    tx.run(LISTS_RUN, args![id, asked.run_id]).await?;
    let detail = serde_json::json!({"occurs_at": occurs_at, "occurrence": id});
    audit::write(tx, who, "schedule.begin", "schedule", Some(schedule.id), detail).await?;
    let begun = Occurrence {
        id,
        created_at: who.at.0,
        schedule_id: schedule.id,
        occurs_at: occurs_at.0,
        actor: who.name.clone(),
        state: "lists".into(),
        step: 0,
        lists_run: Some(asked.run_id),
        reason: String::new(),
        finished_at: None,
    };
    Ok(Some((begun, asked)))
}

/// Notes an occurrence that does not happen, and why. False when it was noted or has begun already.
pub async fn skip(tx: &mut Tx, schedule: &Schedule, occurs_at: Instant, reason: &str, who: &Actor) -> Result<bool, StoreError> {
    let Some(id) = insert(tx, schedule, occurs_at, who).await? else { return Ok(false) };
    tx.run(FINISH, args![id, "skipped", reason, who.at]).await?;
    audit::write(tx, who, "schedule.skip", "schedule", Some(schedule.id), serde_json::json!({"occurs_at": occurs_at, "reason": reason}))
        .await?;
    Ok(true)
}

async fn insert(tx: &mut Tx, schedule: &Schedule, occurs_at: Instant, who: &Actor) -> Result<Option<i64>, StoreError> {
    let id = ids::next(tx, "schedule_occurrence").await?;
    let rows = tx.run(BEGIN_ONE, args![id, who.at, schedule.id, occurs_at, &who.name]).await?;
    Ok((rows == 1).then_some(id))
}

/// Occurrences that are not at their end, oldest first.
pub async fn open(mut read: Read<'_>) -> Result<Vec<Occurrence>, StoreError> {
    read.all(OPEN, args![]).await
}

/// The open occurrence of a schedule, if there is one.
pub async fn open_of(mut read: Read<'_>, schedule_id: i64) -> Result<Option<Occurrence>, StoreError> {
    read.opt(OPEN_OF, args![schedule_id]).await
}

/// Takes the next step of an occurrence for the caller's transaction. False when another node took it: roll back.
pub async fn step(tx: &mut Tx, occurrence: &Occurrence) -> Result<bool, StoreError> {
    Ok(tx.run(STEP, args![occurrence.id, occurrence.step]).await? == 1)
}

/// The run that took over from one whose worker died.
pub async fn successor(tx: &mut Tx, run_id: i64, kind: RunKind) -> Result<Option<i64>, StoreError> {
    Ok(tx.opt::<(i64,)>(SUCCESSOR, args![run_id, kind.name()]).await?.map(|(id,)| id))
}

pub async fn set_lists_run(tx: &mut Tx, occurrence_id: i64, run_id: i64) -> Result<(), StoreError> {
    tx.run(LISTS_RUN, args![occurrence_id, run_id]).await.map(drop)
}

/// Ends an occurrence as `done` or `failed`.
pub async fn finish(tx: &mut Tx, occurrence_id: i64, state: &str, reason: &str, now: Instant) -> Result<(), StoreError> {
    tx.run(FINISH, args![occurrence_id, state, reason, now]).await.map(drop)
}

/// A group that an occurrence may read.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct Candidate {
    pub id: i64,
    pub remote_modified_at: Option<i64>,
    pub edited_at: Option<i64>,
    /// When a mailing last used it.
    pub used_at: Option<i64>,
}

/// Active groups of a bridge.
pub async fn candidates(tx: &mut Tx, bridge_id: i64) -> Result<Vec<Candidate>, StoreError> {
    tx.all(CANDIDATES, args![bridge_id]).await
}

/// Notes the groups that an occurrence will read, and goes on to them.
pub async fn choose(tx: &mut Tx, occurrence_id: i64, groups: &[(i64, Why)]) -> Result<(), StoreError> {
    for (number, (group_id, why)) in (1i64..).zip(groups) {
        tx.run(ADD_ITEM, args![occurrence_id, number, *group_id, why.name()]).await?;
    }
    tx.run(TO_PEOPLE, args![occurrence_id]).await.map(drop)
}

#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Item {
    number: i64,
    group_id: i64,
    plan_only: bool,
    usable: bool,
}

/// Asks for the runs of the next few groups; answers how many groups were dealt with. A group whose automatic syncs only plan is planned.
pub async fn ask(tx: &mut Tx, occurrence: &Occurrence, bridge_id: i64, who: &Actor) -> Result<usize, StoreError> {
    let items: Vec<Item> = tx.all(NOT_ASKED, args![occurrence.id, SLICE]).await?;
    for item in &items {
        let (run_id, note) = if item.usable {
            let subject = Subject::Group { group_id: item.group_id, bridge_id };
            let new = NewRun { plan_only: item.plan_only, ..NewRun::of(RunKind::People, subject, Trigger::Overnight) };
            match runs::request(tx, new, who).await {
                Ok(asked) => (Some(asked.run_id), String::new()),
                Err(StoreError::Conflict(why)) => (None, why),
                Err(other) => return Err(other),
            }
        } else {
            (None, "The list vanished from the remote system.".to_owned())
        };
        tx.run(ASKED, args![occurrence.id, item.number, run_id, note]).await?;
    }
    Ok(items.len())
}

/// How many of an occurrence's groups stand where. Runs whose worker died are followed to those that took over.
pub async fn outcomes(tx: &mut Tx, occurrence_id: i64) -> Result<Vec<(Option<RunState>, i64)>, StoreError> {
    tx.run(FOLLOW, args![occurrence_id]).await?;
    let rows: Vec<(String, i64)> = tx.all(OUTCOMES, args![occurrence_id]).await?;
    Ok(rows.into_iter().map(|(state, n)| (RunState::from_name(&state), n)).collect())
}
