//! Uploads: files that people bring, kept until they are applied or expire, and what their columns are used for (`docs/adr/0133` to
//! `0137`). What has become of an upload is said by its runs.

mod clean;
mod file;
mod people;

use rialto_core::run::{RunKind, Trigger};
use rialto_core::upload::{Mapping, UploadKind, UploadMode};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::groups::fold;
use crate::runs::{self, NewRun, Requested, Run, Subject};
use crate::sql::{sql, statements};
use crate::{folders, ids};

pub use clean::{CLEAN_SETTING, CLEANED_AT, begin_clean, silence_doubles};
pub use file::{CHUNK, Writer, chunk, expire};
pub use people::{Owned, Placed, Row, Silent, Slice, ensure_fields, lookup, owned_fields, places, silence, silent_already, stored, write};
#[cfg(test)]
pub(crate) use {clean::ALL as CLEAN_ALL, file::ALL as FILE_ALL, people::ALL as PEOPLE_ALL};

statements! {
    INSERT = sql!("INSERT INTO upload (id, created_at, actor, kind, state, file_name, group_id, group_name, mode, evidence, expires_at)
        VALUES ($1, $2, $3, $4, 'receiving', $5, $6, $7, $8, $9, $10)");
    GET = sql!("SELECT * FROM upload WHERE id = $1");
    LOCK = sql!(
        sqlite "SELECT * FROM upload WHERE id = $1",
        postgres "SELECT * FROM upload WHERE id = $1 FOR UPDATE"
    );
    LIST = sql!("SELECT * FROM upload WHERE id < $1 ORDER BY id DESC LIMIT $2");
    TOTAL = sql!("SELECT COUNT(*) FROM upload");
    RECEIVED = sql!("UPDATE upload SET state = 'received', bytes = $2, found = $3, heads = $4, mapping = $5, mapped_at = $6,
        expires_at = $7 WHERE id = $1 AND state = 'receiving'");
    MAP = sql!("UPDATE upload SET mapping = $2, mapped_at = $3 WHERE id = $1");
    GROUP = sql!("UPDATE upload SET group_id = $2 WHERE id = $1");
    DISCARD = sql!("UPDATE upload SET state = 'discarded', expires_at = $2 WHERE id = $1 AND state IN ('receiving', 'received')");
    REMEMBER = sql!("INSERT INTO upload_mapping (heads, mapping, used_at) VALUES ($1, $2, $3)
        ON CONFLICT (heads) DO UPDATE SET mapping = excluded.mapping, used_at = excluded.used_at");
    REMEMBERED = sql!("SELECT mapping FROM upload_mapping WHERE heads = $1");
    /// The newest run of each sort: a run that was tried again is followed by another.
    LAST_RUN = sql!("SELECT * FROM sync_run WHERE upload_id = $1 AND plan_only = $2 ORDER BY id DESC LIMIT 1");
    OPEN_RUNS = sql!("SELECT COUNT(*) FROM sync_run WHERE upload_id = $1 AND state IN ('queued', 'running')");
    INSERT_GROUP = sql!("INSERT INTO target_group (id, created_at, kind, name, name_folded, folder, state)
        VALUES ($1, $2, 'upload', $3, $4, $5, 'active')");
    SAME_NAME = sql!("SELECT id FROM target_group WHERE name_folded = $1 AND kind = 'upload' AND deleted_at IS NULL LIMIT 1");
    UPLOAD_GROUP = sql!("SELECT id FROM target_group WHERE id = $1 AND kind = 'upload' AND deleted_at IS NULL");
    UPLOAD_GROUPS = sql!("SELECT id, created_at, name, members FROM target_group WHERE kind = 'upload' AND deleted_at IS NULL
        ORDER BY name_folded, id LIMIT 500");
}

/// How long a file is kept, in seconds: a week.
pub const KEPT_SECONDS: i64 = 7 * 86_400;

/// How long one may take to come, in seconds: what broke off on the way goes after a day.
const COMING_SECONDS: i64 = 86_400;

/// Folder in which the target groups of uploads land.
const FOLDER: &str = "Uploads";

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Upload {
    pub id: i64,
    pub created_at: i64,
    pub actor: String,
    kind: String,
    /// `receiving`, `received`, `discarded` or `expired`.
    pub state: String,
    pub file_name: String,
    pub bytes: i64,
    /// What was found out (JSON); empty while it is received.
    pub found: String,
    pub heads: String,
    mapping: String,
    pub mapped_at: Option<i64>,
    pub group_id: Option<i64>,
    pub group_name: String,
    mode: String,
    pub evidence: String,
    pub expires_at: i64,
    pub dropped: bool,
}

impl Upload {
    pub fn kind(&self) -> UploadKind {
        UploadKind::from_name(&self.kind).unwrap_or(UploadKind::People)
    }

    pub fn mode(&self) -> UploadMode {
        UploadMode::from_name(&self.mode).unwrap_or(UploadMode::Add)
    }

    /// What the columns are used for; `None` until somebody said so or it was guessed.
    pub fn mapping(&self) -> Option<Mapping> {
        serde_json::from_str(&self.mapping).ok()
    }

    /// The file is there and may be planned and applied.
    pub fn is_open(&self) -> bool {
        self.state == "received" && !self.dropped
    }

    fn subject(&self) -> Subject {
        Subject::Upload { upload_id: self.id, group_id: self.group_id }
    }
}

/// Whom an upload is for.
#[derive(Clone, Copy, Debug)]
pub enum For<'a> {
    /// A target group that is there.
    Group(i64),
    /// One that is made when the upload is applied.
    NewGroup(&'a str),
    /// Nobody: its addresses are silenced, for this reason.
    Silence(&'a str),
}

/// A file that begins to come.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    pub file_name: &'a str,
    pub whom: For<'a>,
    pub mode: UploadMode,
}

/// Notes an upload whose file comes next. `Conflict` when the group takes no uploads, or another bears the name.
pub async fn begin(tx: &mut Tx, new: New<'_>, who: &Actor) -> Result<i64, StoreError> {
    let (kind, group_id, group_name, evidence) = match new.whom {
        For::Group(id) => {
            if tx.opt::<(i64,)>(UPLOAD_GROUP, args![id]).await?.is_none() {
                return Err(StoreError::Conflict(
                    "Only target groups that were made by an upload take one. Give a name for a new one.".into(),
                ));
            }
            (UploadKind::People, Some(id), "", "")
        }
        For::NewGroup(name) => {
            free_name(tx, name).await?;
            (UploadKind::People, None, name.trim(), "")
        }
        For::Silence(evidence) => (UploadKind::Unsubscribers, None, "", evidence),
    };
    let id = ids::next(tx, "upload").await?;
    let expires = who.at.plus_seconds(COMING_SECONDS);
    tx.run(INSERT, args![id, who.at, &who.name, kind.name(), new.file_name, group_id, group_name, new.mode.name(), evidence, expires])
        .await?;
    audit::write(tx, who, "upload.begin", "upload", Some(id), json!({"kind": kind.name(), "file": new.file_name})).await?;
    Ok(id)
}

async fn free_name(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    match tx.opt::<(i64,)>(SAME_NAME, args![fold(name.trim())]).await? {
        Some(_) => Err(StoreError::Conflict("A target group of uploads has this name already. Choose it, or give another name.".into())),
        None => Ok(()),
    }
}

/// The whole file is there, and what it is. The mapping is the one last used for such heads, else the guess, if there is one. Asks for
/// the plan when there is a mapping; answers its run.
pub async fn received(
    tx: &mut Tx,
    id: i64,
    (bytes, found, heads): (i64, &str, &str),
    guess: Option<&Mapping>,
    who: &Actor,
) -> Result<Option<Requested>, StoreError> {
    let mapping = guess.map(to_json).transpose()?;
    let mapped_at = mapping.as_ref().map(|_| who.at);
    if tx
        .run(RECEIVED, args![id, bytes, found, heads, mapping.clone().unwrap_or_default(), mapped_at, who.at.plus_seconds(KEPT_SECONDS)])
        .await?
        != 1
    {
        return Err(StoreError::Conflict("This upload was given up.".into()));
    }
    if mapping.is_none() {
        return Ok(None);
    }
    plan(tx, id, who).await.map(Some)
}

fn to_json(mapping: &Mapping) -> Result<String, StoreError> {
    serde_json::to_string(mapping).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// What was last used for files with these heads.
pub async fn remembered(mut read: Read<'_>, heads: &str) -> Result<Option<Mapping>, StoreError> {
    let kept: Option<(String,)> = read.opt(REMEMBERED, args![heads]).await?;
    Ok(kept.and_then(|(text,)| serde_json::from_str(&text).ok()))
}

async fn locked_open(tx: &mut Tx, id: i64) -> Result<Upload, StoreError> {
    let upload: Upload = tx.one(LOCK, args![id]).await?;
    if !upload.is_open() {
        return Err(StoreError::Conflict("The file of this upload is not there any more. Upload it again.".into()));
    }
    let (open,): (i64,) = tx.one(OPEN_RUNS, args![id]).await?;
    if open > 0 {
        return Err(StoreError::Conflict("This upload is being worked on. Wait until that has ended.".into()));
    }
    if let Some(run) = tx.opt::<Run>(LAST_RUN, args![id, false]).await?
        && run.applied_at.is_some()
    {
        return Err(StoreError::Conflict("This upload was applied already.".into()));
    }
    Ok(upload)
}

/// Says what the columns are used for, which is remembered for files with the same heads, and plans anew.
pub async fn map(tx: &mut Tx, id: i64, mapping: &Mapping, who: &Actor) -> Result<Requested, StoreError> {
    let upload = locked_open(tx, id).await?;
    let text = to_json(mapping)?;
    tx.run(MAP, args![id, &text, who.at]).await?;
    tx.run(REMEMBER, args![&upload.heads, &text, who.at]).await?;
    audit::write(tx, who, "upload.map", "upload", Some(id), json!({"columns": mapping.columns})).await?;
    plan(tx, id, who).await
}

/// Asks for the plan of an upload.
pub async fn plan(tx: &mut Tx, id: i64, who: &Actor) -> Result<Requested, StoreError> {
    let upload = locked_open(tx, id).await?;
    if upload.mapping().is_none() {
        return Err(StoreError::Conflict("Say first what the columns are used for.".into()));
    }
    let new = NewRun { plan_only: true, ..NewRun::of(RunKind::Upload, upload.subject(), Trigger::Upload) };
    runs::request(tx, new, who).await
}

/// Applies an upload that was planned as it stands. Makes the target group when it is a new one.
pub async fn apply(tx: &mut Tx, id: i64, trigger: Trigger, who: &Actor) -> Result<Requested, StoreError> {
    let mut upload = locked_open(tx, id).await?;
    let planned = tx.opt::<Run>(LAST_RUN, args![id, true]).await?;
    if !planned.is_some_and(|p| p.state == "succeeded" && Some(p.created_at) >= upload.mapped_at) {
        return Err(StoreError::Conflict("Only an upload whose plan has succeeded can be applied.".into()));
    }
    if upload.kind() == UploadKind::People && upload.group_id.is_none() {
        free_name(tx, &upload.group_name).await?;
        let group = ids::next(tx, "target_group").await?;
        let folder = folders::ensure(tx, FOLDER, who).await?;
        tx.run(INSERT_GROUP, args![group, who.at, &upload.group_name, fold(&upload.group_name), folder]).await?;
        tx.run(GROUP, args![id, group]).await?;
        upload.group_id = Some(group);
    }
    audit::write(tx, who, "upload.apply", "upload", Some(id), json!({})).await?;
    runs::request(tx, NewRun::of(RunKind::Upload, upload.subject(), trigger), who).await
}

/// Gives an upload up; its file goes with the next sweep.
pub async fn discard(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    locked_or_receiving(tx, id).await?;
    tx.run(DISCARD, args![id, who.at]).await?;
    audit::write(tx, who, "upload.discard", "upload", Some(id), json!({})).await
}

async fn locked_or_receiving(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    let upload: Upload = tx.one(LOCK, args![id]).await?;
    if upload.state == "receiving" { Ok(()) } else { locked_open(tx, id).await.map(drop) }
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Upload>, StoreError> {
    read.opt(GET, args![id]).await
}

/// Uploads before an id, newest first.
pub async fn list(mut read: Read<'_>, before: i64, limit: i64) -> Result<Vec<Upload>, StoreError> {
    read.all(LIST, args![before, limit]).await
}

pub async fn total(mut read: Read<'_>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(TOTAL, args![]).await.map(|(n,)| n)
}

/// The newest plan and the newest applying run of an upload.
pub async fn last_runs(db: &Db, id: i64) -> Result<(Option<Run>, Option<Run>), StoreError> {
    Ok((db.read().opt(LAST_RUN, args![id, true]).await?, db.read().opt(LAST_RUN, args![id, false]).await?))
}

/// A target group that takes uploads.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Target {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub members: i64,
}

/// Target groups that take uploads, by name.
pub async fn targets(mut read: Read<'_>) -> Result<Vec<Target>, StoreError> {
    read.all(UPLOAD_GROUPS, args![]).await
}
