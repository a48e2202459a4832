//! Sync runs: asked for, claimed under a lease, watched, ended. One run at a time per subject.

use rialto_core::run::{Phase, RunKind, RunState, Trigger};
use rialto_core::{Counts, Instant};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    GET = sql!("SELECT * FROM sync_run WHERE id = $1");
    /// Locked: those who join number their triggers one after the other, and the run cannot end meanwhile.
    OPEN_OF_SUBJECT = sql!(
        sqlite "SELECT * FROM sync_run WHERE subject = $1 AND state IN ('queued', 'running')",
        postgres "SELECT * FROM sync_run WHERE subject = $1 AND state IN ('queued', 'running') FOR UPDATE"
    );
    INSERT = sql!("INSERT INTO sync_run (id, created_at, kind, run_trigger, actor, bridge_id, group_id, subject, state, plan_only,
        parent_run, attempt, patient, upload_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'queued', $9, $10, $11, $12, $13)
        ON CONFLICT (subject) WHERE state IN ('queued', 'running') DO NOTHING");
    HURRY = sql!("UPDATE sync_run SET patient = FALSE WHERE id = $1 AND patient = TRUE");
    INSERT_TRIGGER = sql!("INSERT INTO sync_run_trigger (run_id, number, run_trigger, actor, at)
        SELECT $1, COALESCE(MAX(number), 0) + 1, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT)
        FROM sync_run_trigger WHERE run_id = $1");
    HAND_ON = sql!("INSERT INTO sync_run_trigger (run_id, number, run_trigger, actor, at)
        SELECT CAST($2 AS BIGINT), number, run_trigger, actor, at FROM sync_run_trigger WHERE run_id = $1 AND number > 1");
    HURRY_IF_JOINED = sql!("UPDATE sync_run SET patient = FALSE WHERE id = $1 AND EXISTS (SELECT 1 FROM sync_run_trigger t
        WHERE t.run_id = $1 AND t.run_trigger <> 'overnight')");
    TRIGGERS = sql!("SELECT run_trigger, actor, at FROM sync_run_trigger WHERE run_id = $1 ORDER BY number");
    CLAIM = sql!(
        sqlite "UPDATE sync_run SET state = 'running', phase = 'reading', worker = $1, lease_until = $2, started_at = $3
            WHERE id = (SELECT id FROM sync_run WHERE state = 'queued' ORDER BY patient, id LIMIT 1) RETURNING *",
        postgres "UPDATE sync_run SET state = 'running', phase = 'reading', worker = $1, lease_until = $2, started_at = $3
            WHERE id = (SELECT id FROM sync_run WHERE state = 'queued' ORDER BY patient, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *"
    );
    LOCK = sql!(
        sqlite "SELECT * FROM sync_run WHERE id = $1 AND worker = $2 AND state = 'running'",
        postgres "SELECT * FROM sync_run WHERE id = $1 AND worker = $2 AND state = 'running' FOR UPDATE"
    );
    EXPIRED = sql!("SELECT * FROM sync_run WHERE state = 'running' AND lease_until < $1 ORDER BY id LIMIT 20");
    HEARTBEAT = sql!("UPDATE sync_run SET lease_until = $3, progress = $4, phase = $5
        WHERE id = $1 AND worker = $2 AND state = 'running'");
    ANNOUNCED = sql!("UPDATE sync_run SET announced = $3 WHERE id = $1 AND worker = $2 AND state = 'running'");
    FINISH = sql!("UPDATE sync_run SET state = $3, phase = NULL, finished_at = $4, counts = $5, reason = $6, advice = $7,
        error_kind = $8, data_as_of = $9, stats = $10, lease_until = 0
        WHERE id = $1 AND worker = $2 AND state = 'running'");
    FINISH_APPLIED = sql!("UPDATE sync_run SET state = outcome, phase = NULL, finished_at = $2, lease_until = 0 WHERE id = $1");
    OLDEST_OPEN = sql!("SELECT COALESCE(MIN(id), $2) FROM sync_run WHERE state IN ('queued', 'running') AND bridge_id = $1 AND id <= $2");
    MINE = sql!(
        sqlite "SELECT id FROM sync_run WHERE id = $1 AND worker = $2 AND state = 'running'",
        postgres "SELECT id FROM sync_run WHERE id = $1 AND worker = $2 AND state = 'running' FOR SHARE"
    );
    DECIDE = sql!("UPDATE sync_run SET state = $2 WHERE id = $1 AND state = 'held'");
    PAUSED = sql!("SELECT plan_only FROM target_group WHERE id = $1");
    HELD_OF_GROUP = sql!("SELECT * FROM sync_run WHERE group_id = $1 AND state = 'held' ORDER BY id DESC LIMIT 1");
}

/// A row of `sync_run`. Names of kind, state, phase and trigger are those of `rules.md` section 3.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Run {
    pub id: i64,
    pub created_at: i64,
    pub kind: String,
    pub run_trigger: String,
    pub actor: String,
    pub bridge_id: Option<i64>,
    pub group_id: Option<i64>,
    pub subject: String,
    pub state: String,
    pub phase: Option<String>,
    pub plan_only: bool,
    pub parent_run: Option<i64>,
    pub attempt: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub applied_at: Option<i64>,
    pub base_run: Option<i64>,
    /// The state in which an applied run is to end.
    pub outcome: Option<String>,
    /// The upload whose file it plans or applies.
    pub upload_id: Option<i64>,
    /// Rows the remote announced.
    pub announced: Option<i64>,
    /// Rows handled so far.
    pub progress: i64,
    counts: String,
    pub members_after: Option<i64>,
    /// Age of the list's own data: when the remote last regenerated it.
    pub data_as_of: Option<i64>,
    /// Why it ended as it did, and what to do; sentences for people.
    pub reason: String,
    pub advice: String,
    pub error_kind: String,
    pub worker: String,
    pub lease_until: i64,
    /// Measurements of the run (JSON), e.g. the longest write transaction in ms.
    pub stats: String,
}

impl Run {
    pub fn kind(&self) -> RunKind {
        RunKind::from_name(&self.kind).unwrap_or(RunKind::People)
    }

    pub fn state(&self) -> RunState {
        RunState::from_name(&self.state).unwrap_or(RunState::Failed)
    }

    pub fn trigger(&self) -> Trigger {
        Trigger::from_name(&self.run_trigger).unwrap_or(Trigger::Api)
    }

    pub fn counts(&self) -> Counts {
        serde_json::from_str(&self.counts).unwrap_or_default()
    }
}

/// What a run is about; decides which runs wait for each other.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// People of one target group.
    Group { group_id: i64, bridge_id: i64 },
    /// People of one target group that is made of others.
    Derived { group_id: i64 },
    /// Lists and fields of one bridge.
    Lists { bridge_id: i64 },
    /// A read-only test of one bridge.
    Test { bridge_id: i64 },
    /// A file, for a target group that is there already or not for one.
    Upload { upload_id: i64, group_id: Option<i64> },
}

impl Subject {
    fn key(self) -> String {
        match self {
            Self::Group { group_id, .. } | Self::Derived { group_id } => format!("g{group_id}"),
            Self::Lists { bridge_id } => format!("b{bridge_id}"),
            Self::Test { bridge_id } => format!("t{bridge_id}"),
            Self::Upload { group_id: Some(group_id), .. } => format!("g{group_id}"),
            Self::Upload { upload_id, group_id: None } => format!("u{upload_id}"),
        }
    }

    /// A target group, whether it has a bridge or not.
    pub fn of_group(group_id: i64, bridge_id: Option<i64>) -> Self {
        bridge_id.map_or(Self::Derived { group_id }, |bridge_id| Self::Group { group_id, bridge_id })
    }

    fn ids(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Group { group_id, bridge_id } => (Some(bridge_id), Some(group_id)),
            Self::Derived { group_id } => (None, Some(group_id)),
            Self::Lists { bridge_id } | Self::Test { bridge_id } => (Some(bridge_id), None),
            Self::Upload { group_id, .. } => (None, group_id),
        }
    }

    fn upload(self) -> Option<i64> {
        if let Self::Upload { upload_id, .. } = self { Some(upload_id) } else { None }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct NewRun {
    pub kind: RunKind,
    pub subject: Subject,
    pub trigger: Trigger,
    pub plan_only: bool,
    pub parent_run: Option<i64>,
    pub attempt: i64,
}

impl NewRun {
    /// An ordinary first attempt.
    pub fn of(kind: RunKind, subject: Subject, trigger: Trigger) -> Self {
        Self { kind, subject, trigger, plan_only: false, parent_run: None, attempt: 1 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Requested {
    pub run_id: i64,
    pub created_at: i64,
    /// A run of the same subject was already open; this trigger joined it.
    pub joined: bool,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TriggerRow {
    pub run_trigger: String,
    pub actor: String,
    pub at: i64,
}

/// Asks for a run, or joins the one that is open for the same subject. A plan joins only a plan, an approval joins nothing:
/// these answer `Conflict` while another run is open. The night's runs wait until nobody else does, unless somebody joins them. Writes the trigger and an audit row in the same transaction.
pub async fn request(tx: &mut Tx, new: NewRun, who: &Actor) -> Result<Requested, StoreError> {
    let new = as_allowed(tx, new).await?;
    let subject = new.subject.key();
    let requested = match join(tx, &new, &subject).await? {
        Some(joined) => joined,
        None => match insert(tx, &new, &subject, who).await? {
            Some(made) => made,
            // Somebody else asked at the same moment and was first.
            None => join(tx, &new, &subject)
                .await?
                .ok_or_else(|| StoreError::Conflict("Another run was asked for at the same moment. Try again.".into()))?,
        },
    };
    tx.run(INSERT_TRIGGER, args![requested.run_id, new.trigger.name(), &who.name, who.at]).await?;
    let detail =
        serde_json::json!({"kind": new.kind.name(), "trigger": new.trigger.name(), "joined": requested.joined, "plan_only": new.plan_only});
    audit::write(tx, who, "sync_run.request", "sync_run", Some(requested.run_id), detail).await?;
    Ok(requested)
}

/// Syncs of a group whose run was undone only plan, until a person presses Resume (`rules.md` section 3).
async fn as_allowed(tx: &mut Tx, new: NewRun) -> Result<NewRun, StoreError> {
    let (Subject::Group { group_id, .. }, RunKind::People, false) = (new.subject, new.kind, new.plan_only) else { return Ok(new) };
    let paused = tx.opt::<(bool,)>(PAUSED, args![group_id]).await?.is_some_and(|(paused,)| paused);
    Ok(NewRun { plan_only: paused, ..new })
}

/// The open run of the subject, if there is one and it may be joined.
async fn join(tx: &mut Tx, new: &NewRun, subject: &str) -> Result<Option<Requested>, StoreError> {
    let Some(run) = tx.opt::<Run>(OPEN_OF_SUBJECT, args![subject]).await? else { return Ok(None) };
    if run.kind != new.kind.name()
        || run.plan_only != new.plan_only
        || new.kind == RunKind::Approval
        || (new.kind == RunKind::Undo && run.parent_run != new.parent_run)
        || run.upload_id != new.subject.upload()
    {
        return Err(StoreError::Conflict("Another run of this target group is under way. Try again when it has ended.".into()));
    }
    if !new.trigger.is_patient() {
        tx.run(HURRY, args![run.id]).await?;
    }
    Ok(Some(Requested { run_id: run.id, created_at: run.created_at, joined: true }))
}

/// A new run; `None` when one of the same subject came first.
async fn insert(tx: &mut Tx, new: &NewRun, subject: &str, who: &Actor) -> Result<Option<Requested>, StoreError> {
    let id = ids::next(tx, "sync_run").await?;
    let (bridge_id, group_id) = new.subject.ids();
    let row = args![
        id,
        who.at,
        new.kind.name(),
        new.trigger.name(),
        &who.name,
        bridge_id,
        group_id,
        subject,
        new.plan_only,
        new.parent_run,
        new.attempt,
        new.trigger.is_patient(),
        new.subject.upload()
    ];
    let made = tx.run(INSERT, row).await? == 1;
    Ok(made.then_some(Requested { run_id: id, created_at: who.at.0, joined: false }))
}

/// As `request`, in a transaction of its own, tried again when another node asks for the same subject at the same moment.
pub async fn request_now(db: &Db, new: NewRun, who: &Actor) -> Result<Requested, StoreError> {
    let mut tries = 0;
    loop {
        let once = async {
            let mut tx = db.write().await?;
            let requested = request(&mut tx, new, who).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(requested)
        };
        match once.await {
            Err(e) if tries < 5 && e.is_race() => tries += 1,
            other => return other,
        }
    }
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Run>, StoreError> {
    read.opt(GET, args![id]).await
}

/// All triggers of a run, the first being the one that made it.
pub async fn triggers(mut read: Read<'_>, id: i64) -> Result<Vec<TriggerRow>, StoreError> {
    read.all(TRIGGERS, args![id]).await
}

/// Those who joined a run go with it to the run that takes its place.
pub async fn hand_on(tx: &mut Tx, from: i64, to: i64) -> Result<(), StoreError> {
    tx.run(HAND_ON, args![from, to]).await?;
    tx.run(HURRY_IF_JOINED, args![to]).await.map(drop)
}

/// Takes the oldest queued run under a lease; those of the night after all others.
pub async fn claim(tx: &mut Tx, worker: &str, now: Instant, lease_seconds: i64) -> Result<Option<Run>, StoreError> {
    tx.opt(CLAIM, args![worker, now.plus_seconds(lease_seconds), now]).await
}

/// A running run as it is, until the end of the transaction; `None` when it is not this worker's.
pub async fn lock(tx: &mut Tx, id: i64, worker: &str) -> Result<Option<Run>, StoreError> {
    tx.opt(LOCK, args![id, worker]).await
}

/// Runs whose lease is over by this node's clock.
pub async fn expired(mut read: Read<'_>, now: Instant) -> Result<Vec<Run>, StoreError> {
    read.all(EXPIRED, args![now]).await
}

/// Keeps the lease and shows progress. False when the run is no longer this worker's: stop at once.
pub async fn heartbeat(tx: &mut Tx, id: i64, worker: &str, lease_until: Instant, progress: i64, phase: Phase) -> Result<bool, StoreError> {
    Ok(tx.run(HEARTBEAT, args![id, worker, lease_until, progress, phase.name()]).await? == 1)
}

pub async fn announced(tx: &mut Tx, id: i64, worker: &str, rows: i64) -> Result<(), StoreError> {
    tx.run(ANNOUNCED, args![id, worker, rows]).await.map(drop)
}

/// How a run ends.
#[derive(Clone, Debug)]
pub struct Ending {
    pub state: RunState,
    pub counts: Counts,
    pub reason: String,
    pub advice: String,
    pub error_kind: String,
    pub data_as_of: Option<Instant>,
    pub stats: serde_json::Value,
}

/// Ends a run that is still this worker's. False when it is not.
pub async fn finish(tx: &mut Tx, id: i64, worker: &str, now: Instant, end: &Ending) -> Result<bool, StoreError> {
    let counts = serde_json::to_string(&end.counts).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let changed = tx
        .run(
            FINISH,
            args![
                id,
                worker,
                end.state.name(),
                now,
                counts,
                &end.reason,
                &end.advice,
                &end.error_kind,
                end.data_as_of,
                end.stats.to_string()
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Ends a run, locked before, whose plan was carried over before its worker died, as it was to end.
pub async fn finish_applied(tx: &mut Tx, id: i64, now: Instant) -> Result<(), StoreError> {
    tx.run(FINISH_APPLIED, args![id, now]).await.map(drop)
}

/// The oldest run of a bridge that is open beside this one, or this one: what such runs read may be newer than what this one reads.
pub async fn oldest_open(mut read: Read<'_>, bridge_id: i64, id: i64) -> Result<i64, StoreError> {
    let (oldest,): (i64,) = read.one(OLDEST_OPEN, args![bridge_id, id]).await?;
    Ok(oldest)
}

/// Whether a run is still this worker's; until the end of the transaction it stays so.
pub async fn is_mine(tx: &mut Tx, id: i64, worker: &str) -> Result<bool, StoreError> {
    Ok(tx.opt::<(i64,)>(MINE, args![id, worker]).await?.is_some())
}

/// A person's decision on a held run: `approved` or `discarded`. `Conflict` when it is not held any more.
pub async fn decide(tx: &mut Tx, id: i64, state: RunState, who: &Actor) -> Result<(), StoreError> {
    if tx.run(DECIDE, args![id, state.name()]).await? == 0 {
        return Err(StoreError::Conflict("This run does not wait for a decision any more.".into()));
    }
    audit::write(tx, who, &format!("sync_run.{}", state.name()), "sync_run", Some(id), serde_json::json!({})).await
}

pub async fn held_of_group(mut read: Read<'_>, group_id: i64) -> Result<Option<Run>, StoreError> {
    read.opt(HELD_OF_GROUP, args![group_id]).await
}
