//! Data syncs of the kind profile enrichment (L3, L5): what goes from which business unit into which list or extension. They are edited only
//! while disabled (LO-05); another destination has the field matching reviewed (LO-06).

mod books;
mod figures;
mod labels;
mod lost;
mod pairs;
mod ready;
mod replay;

use rialto_core::data_sync::{MatchBy, Mode};
use serde_json::json;

use crate::args;
use crate::audiences::{self, Of};
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::groups::fold;
use crate::ids;
use crate::sql::{Arg, sql, statements};
use crate::streams;

pub use books::{Batch, Minute, MinuteOf, clean as clean_books, history, history_of_all, record};
pub use figures::{Figures, figures};
pub use labels::{
    Label, all as labels, by_sync as labels_by_sync, create as create_label, find as find_label, of_sync as labels_of,
    remove as remove_label,
};
pub use lost::{Lost, note as note_lost};
pub use pairs::{Stored as StoredPair, pairs};
pub use ready::Ready;
pub use replay::{Which, ask as ask_replay, done as replayed, waiting as to_replay};
#[cfg(test)]
pub(crate) use {
    books::ALL as BOOKS_ALL, figures::ALL as FIGURES_ALL, labels::ALL as LABELS_ALL, lost::ALL as LOST_ALL, pairs::ALL as PAIRS_ALL,
    replay::ALL as REPLAY_ALL,
};

/// Data syncs with the names of what they join.
macro_rules! joined {
    ($which:literal) => {
        sql!(
            join "SELECT s.*, a.name AS audience_name, o.source AS source, o.stream_id AS stream_id, t.name AS stream_name
                FROM data_sync s JOIN audience a ON a.id = s.audience_id JOIN stream_source o ON o.id = s.source_id
                JOIN stream t ON t.id = o.stream_id WHERE ", $which
        )
    };
}

statements! {
    LIST = joined!("s.deleted_at IS NULL ORDER BY s.name_folded, s.id");
    GET = joined!("s.id = $1 AND s.deleted_at IS NULL");
    OF_STREAM = joined!("o.stream_id = $1 AND s.enabled AND NOT o.retired ORDER BY s.id");
    INSERT = sql!("INSERT INTO data_sync (id, created_at, name, name_folded, folder, description, audience_id, source_id, mode, match_by, match_bridge,
            match_field, position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
    UPDATE = sql!("UPDATE data_sync SET name = $2, name_folded = $3, folder = $4, description = $5, audience_id = $6, source_id = $7, mode = $8,
            match_by = $9, match_bridge = $10, match_field = $11,
            position = $12, review = $13, again_until = $14, revision = revision + 1, trouble = '',
            lost = CASE WHEN $13 THEN lost ELSE '' END WHERE id = $1");
    LOCK = sql!(
        sqlite "SELECT id FROM data_sync WHERE id = $1",
        postgres "SELECT id FROM data_sync WHERE id = $1 FOR UPDATE"
    );
    SWITCH = sql!("UPDATE data_sync SET enabled = $2, trouble = '' WHERE id = $1");
    DELETE = sql!("UPDATE data_sync SET enabled = FALSE, deleted_at = $2 WHERE id = $1");
    /// Only where it stands, and as it was: a worker that lost its lease moves nothing, and nobody applies by a matching of before.
    ADVANCE = sql!("UPDATE data_sync SET position = $4, last_event_at = $5 WHERE id = $1 AND position = $2 AND revision = $3 AND enabled");
    ADVANCE_MANY = sql!("UPDATE data_sync SET position = $3 WHERE position = $2 AND enabled AND id ", among 1, "");
    TO_REPLAY = joined!("(s.replay OR s.replay_chosen) AND s.deleted_at IS NULL ORDER BY s.id");
    SKIP = sql!("UPDATE data_sync SET position = $2 WHERE id = $1 AND position < $2");
    TROUBLE = sql!("UPDATE data_sync SET trouble = $2 WHERE id = $1 AND trouble <> $2");
}

/// A data sync with the names of what it joins.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DataSync {
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub folder: String,
    pub description: String,
    pub audience_id: i64,
    pub source_id: i64,
    mode: String,
    pub match_by: Option<String>,
    pub match_bridge: Option<i64>,
    pub match_field: Option<i64>,
    /// The destination was changed since the field matching was looked at.
    pub review: bool,
    pub enabled: bool,
    /// The stream's position up to which it is through.
    pub position: i64,
    pub last_event_at: Option<i64>,
    /// Why it does not get on, as a sentence; empty for nothing.
    pub trouble: String,
    /// Rises with every change of what it does.
    pub revision: i64,
    /// Its open rejected events are about to be taken once more: all of them, or those that were chosen.
    pub replay: bool,
    pub replay_chosen: bool,
    /// Events before this position are taken also where their very version is there already: a field was matched later than they came.
    pub again_until: i64,
    /// JSON; see [`Self::lost`].
    lost: String,
    pub audience_name: String,
    /// The business unit.
    pub source: String,
    pub stream_id: i64,
    pub stream_name: String,
}

impl DataSync {
    pub fn mode(&self) -> Mode {
        if self.mode == Mode::Delete.name() { Mode::Delete } else { Mode::Upsert }
    }

    pub fn match_by(&self) -> Option<MatchBy> {
        self.match_by.as_deref().and_then(MatchBy::from_name)
    }

    /// Lines of its field matching that the changed destination has no place for; none once the matching was reviewed (LO-06).
    pub fn lost(&self) -> Vec<Lost> {
        lost::read(&self.lost)
    }

    /// Whether rejected events of it are about to be taken once more.
    pub fn replays(&self) -> bool {
        self.replay || self.replay_chosen
    }

    /// Whose rows it writes.
    pub fn of(&self, numeric_key: bool) -> Of {
        Of { audience_id: self.audience_id, source_id: self.source_id, sync_id: self.id, numeric: numeric_key }
    }
}

/// How rows meet subscribers, by which field of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub by: MatchBy,
    pub bridge: Option<i64>,
    /// Number of the field.
    pub field: i64,
}

/// A data sync as entered. The field matching was checked by the caller (`rialto_core::data_sync::Matching`).
#[derive(Clone, Debug)]
pub struct Entered<'a> {
    pub name: &'a str,
    pub folder: &'a str,
    pub description: &'a str,
    pub labels: &'a [i64],
    pub audience_id: i64,
    pub source_id: i64,
    pub mode: Mode,
    pub matched: Option<Match>,
    /// Fields of the source and numbers of fields of the destination, in order.
    pub pairs: &'a [(String, i64)],
}

pub async fn list(mut read: Read<'_>) -> Result<Vec<DataSync>, StoreError> {
    read.all(LIST, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<DataSync>, StoreError> {
    read.opt(GET, args![id]).await
}

/// Enabled ones of a stream whose business unit is read.
pub async fn of_stream(mut read: Read<'_>, stream_id: i64) -> Result<Vec<DataSync>, StoreError> {
    read.all(OF_STREAM, args![stream_id]).await
}

/// Makes a data sync, disabled, at the oldest event that is kept; answers its id.
pub async fn create(tx: &mut Tx, entered: &Entered<'_>, who: &Actor) -> Result<i64, StoreError> {
    let id = ids::next(tx, "data_sync").await?;
    audiences::lock(tx, entered.audience_id).await?;
    let start = start(tx, entered).await?;
    let mut row = row(tx, id, entered, start).await?;
    row.insert(1, who.at.into());
    tx.run(INSERT, row).await?;
    pairs::replace(tx, id, entered.pairs).await?;
    labels::replace(tx, id, entered.labels).await?;
    audiences::add_version(tx, entered.audience_id, id).await?;
    audit::write(tx, who, "data_sync.create", "data_sync", Some(id), detail(entered)).await?;
    Ok(id)
}

/// Where reading begins.
async fn start(tx: &mut Tx, entered: &Entered<'_>) -> Result<i64, StoreError> {
    let source = streams::source_in(tx, entered.source_id).await?;
    Ok(streams::get_in(tx, source.stream_id).await?.kept_from)
}

/// What is written of one, after the destination agreed on how its rows meet subscribers.
async fn row(tx: &mut Tx, id: i64, entered: &Entered<'_>, position: i64) -> Result<Vec<Arg>, StoreError> {
    if let Some(m) = entered.matched {
        audiences::decide_match(tx, entered.audience_id, m.by, m.bridge).await?;
    }
    let by = entered.matched.map(|m| m.by.name());
    let (bridge, field) = (entered.matched.and_then(|m| m.bridge), entered.matched.map(|m| m.field));
    let (audience, source, mode) = (entered.audience_id, entered.source_id, entered.mode.name());
    let folded = fold(entered.name);
    Ok(args![id, entered.name, folded, entered.folder, entered.description, audience, source, mode, by, bridge, field, position])
}

fn detail(entered: &Entered<'_>) -> serde_json::Value {
    json!({"name": entered.name, "destination": entered.audience_id, "source": entered.source_id, "mode": entered.mode.name(), "mapping": entered.pairs})
}

async fn held(tx: &mut Tx, id: i64) -> Result<DataSync, StoreError> {
    tx.one::<(i64,)>(LOCK, args![id]).await?;
    tx.one(GET, args![id]).await
}

/// Changes a data sync. `Conflict` while it is enabled (LO-05). Another destination, source or mode begins anew, and so does a field that is
/// matched now and was not: what is kept of the stream fills it. `reviewed` says that the field matching was looked at with the destination that
/// stands there now (LO-06).
pub async fn update(tx: &mut Tx, id: i64, entered: &Entered<'_>, reviewed: bool, who: &Actor) -> Result<(), StoreError> {
    let before = held(tx, id).await?;
    if before.enabled {
        return Err(StoreError::Conflict("Disable the data sync first: it can be changed only while it is disabled.".into()));
    }
    let elsewhere = before.audience_id != entered.audience_id;
    let anew = elsewhere || before.source_id != entered.source_id || before.mode() != entered.mode;
    let more = !anew && matches_more(tx, &before, entered).await?;
    let position = if anew || more { start(tx, entered).await?.min(before.position) } else { before.position };
    let again_until = if anew {
        0
    } else if more {
        before.again_until.max(before.position)
    } else {
        before.again_until
    };
    let review = (elsewhere || before.review) && !reviewed;
    let mut row = row(tx, id, entered, position).await?;
    row.extend([review.into(), again_until.into()]);
    tx.run(UPDATE, row).await?;
    if elsewhere {
        audiences::drop_version(tx, before.audience_id, id).await?;
        audiences::add_version(tx, entered.audience_id, id).await?;
    } else if anew {
        // Versions of another source say nothing of this one's.
        audiences::drop_version(tx, entered.audience_id, id).await?;
        audiences::add_version(tx, entered.audience_id, id).await?;
    }
    pairs::replace(tx, id, entered.pairs).await?;
    labels::replace(tx, id, entered.labels).await?;
    audit::write(tx, who, "data_sync.update", "data_sync", Some(id), detail(entered)).await
}

/// Whether a field is filled now that was not, or from elsewhere; or rows meet subscribers by another one.
async fn matches_more(tx: &mut Tx, before: &DataSync, entered: &Entered<'_>) -> Result<bool, StoreError> {
    let known = pairs::in_tx(tx, before.id).await?;
    let linked = entered.matched.map(|m| m.field).is_some_and(|field| before.match_field != Some(field));
    Ok(linked || entered.pairs.iter().any(|(source, target)| !known.iter().any(|k| k.source == *source && k.target == *target)))
}

/// Enables or disables a data sync. `Conflict` while its field matching must be reviewed. The position stays: enabled again, it catches up.
pub async fn switch(tx: &mut Tx, id: i64, enabled: bool, who: &Actor) -> Result<(), StoreError> {
    let before = held(tx, id).await?;
    if before.enabled == enabled {
        return Ok(());
    }
    if enabled && before.review {
        return Err(StoreError::Conflict(
            "The destination was changed. Review the field matching and save it, then enable the data sync.".into(),
        ));
    }
    tx.run(SWITCH, args![id, enabled]).await?;
    let action = if enabled { "data_sync.enable" } else { "data_sync.disable" };
    audit::write(tx, who, action, "data_sync", Some(id), json!({"name": before.name})).await
}

/// Deletes a data sync; what it has written stays. Its history stays too.
pub async fn remove(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let before = held(tx, id).await?;
    if before.enabled {
        return Err(StoreError::Conflict("Disable the data sync first.".into()));
    }
    tx.run(DELETE, args![id, who.at]).await?;
    audit::write(tx, who, "data_sync.delete", "data_sync", Some(id), json!({"name": before.name})).await
}

/// Moves a data sync on. False when it does not stand where the caller believes, was changed, or was disabled: then nothing of the transaction
/// holds.
pub async fn advance(tx: &mut Tx, sync: &DataSync, to: i64, last_event: rialto_core::Instant) -> Result<bool, StoreError> {
    Ok(tx.run(ADVANCE, args![sync.id, sync.position, sync.revision, to, last_event]).await? > 0)
}

/// Holds a data sync to the end of the transaction. False when it is not as the caller knows it any more.
pub async fn hold(tx: &mut Tx, sync: &DataSync) -> Result<bool, StoreError> {
    tx.one::<(i64,)>(LOCK, args![sync.id]).await?;
    let now: Option<DataSync> = tx.opt(GET, args![sync.id]).await?;
    Ok(now.is_some_and(|now| now.revision == sync.revision))
}

/// Moves several on that stand at one place and had nothing to do.
pub async fn advance_many(tx: &mut Tx, ids: &[i64], from: i64, to: i64) -> Result<(), StoreError> {
    tx.run(ADVANCE_MANY, args![json!(ids).to_string(), from, to]).await.map(drop)
}

/// Moves a data sync past events that were thrown away.
pub async fn skip(tx: &mut Tx, id: i64, to: i64) -> Result<(), StoreError> {
    tx.run(SKIP, args![id, to]).await.map(drop)
}

/// Says why a data sync does not get on; empty for nothing.
pub async fn set_trouble(tx: &mut Tx, id: i64, words: &str) -> Result<(), StoreError> {
    tx.run(TROUBLE, args![id, words]).await.map(drop)
}
