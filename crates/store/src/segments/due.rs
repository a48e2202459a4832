//! Which segment must be asked anew who is in it: its rule was edited, something it asks about was changed, or another day has come. A
//! segment's parts are followed as those of every derived group.

use rialto_core::Instant;
use rialto_core::segment::{Segment, Today};

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// Lists change all day long: their segments are asked again after five seconds, and after twenty times as long as it takes. People and
    /// consent come in large numbers during the night, and what keeps a segment blocked is mended by people: after a minute.
    DUE = sql!("SELECT s.group_id, s.looked_at, CASE WHEN s.turns_at IS NOT NULL AND s.turns_at <= $1 THEN TRUE ELSE FALSE END
        FROM segment s JOIN target_group g ON g.id = s.group_id JOIN compound c ON c.group_id = s.group_id
        WHERE g.deleted_at IS NULL AND s.looked_at + 5000000 <= $1 AND s.looked_at + s.took_ms * 20000 <= $1
        AND NOT EXISTS (SELECT 1 FROM sync_run r WHERE r.group_id = s.group_id AND r.state IN ('queued', 'running'))
        AND (s.looked_revision <> s.revision OR (s.turns_at IS NOT NULL AND s.turns_at <= $1)
            OR EXISTS (SELECT 1 FROM segment_source o JOIN audience a ON a.id = o.source_id
                WHERE o.group_id = s.group_id AND o.kind = 'audience' AND o.looked <> a.changes)
            OR (s.looked_at + 60000000 <= $1 AND (c.blocked <> ''
                OR EXISTS (SELECT 1 FROM segment_source o WHERE o.group_id = s.group_id AND ((o.kind = 'people' AND o.looked <>
                    (SELECT CAST(COALESCE(SUM(t.applied_run), 0) AS BIGINT) FROM target_group t WHERE t.kind NOT IN ('compound', 'persona', 'segment')))
                    OR (o.kind = 'consent' AND o.looked <> (SELECT COALESCE(MAX(l.id), 0) FROM consent_ledger l)))))))
        ORDER BY s.looked_at, s.group_id LIMIT 1");
    STATE = sql!("SELECT o.kind, o.source_id, CAST(CASE o.kind
            WHEN 'people' THEN (SELECT CAST(COALESCE(SUM(t.applied_run), 0) AS BIGINT) FROM target_group t WHERE t.kind NOT IN ('compound', 'persona', 'segment'))
            WHEN 'consent' THEN (SELECT COALESCE(MAX(l.id), 0) FROM consent_ledger l)
            ELSE COALESCE((SELECT a.changes FROM audience a WHERE a.id = o.source_id), 0) END AS BIGINT)
        FROM segment_source o WHERE o.group_id = $1 ORDER BY o.kind, o.source_id");
    LOOKED = sql!("UPDATE segment SET looked_revision = $2, looked_at = $3, took_ms = $4, turns_at = $5 WHERE group_id = $1 AND revision = $2");
    LOOKED_SOURCE = sql!("UPDATE segment_source SET looked = $4 WHERE group_id = $1 AND kind = $2 AND source_id = $3");
    TAKE = sql!("UPDATE segment SET looked_at = $2 WHERE group_id = $1 AND looked_at = $3");
    DATA_AS_OF = sql!("UPDATE target_group SET data_as_of = $2 WHERE id = $1");
}

/// A segment to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub group_id: i64,
    looked_at: i64,
    /// Another day has come, whatever else has changed.
    pub by_the_day: bool,
}

/// What a segment asked about was like, taken before it is asked. People: the sum of the runs that were applied last to each group, since a
/// slow run may be applied after a newer one of another group.
#[derive(Clone, Debug)]
pub struct Looked {
    revision: i64,
    sources: Vec<(String, i64, i64)>,
    turns_at: Option<Instant>,
}

/// The segment that has waited longest for being asked.
pub async fn due(mut read: Read<'_>, now: Instant) -> Result<Option<Due>, StoreError> {
    let row: Option<(i64, i64, bool)> = read.opt(DUE, args![now]).await?;
    Ok(row.map(|(group_id, looked_at, by_the_day)| Due { group_id, looked_at, by_the_day }))
}

/// The state of what a segment asks about: before it is asked, so that a change meanwhile is seen.
pub async fn state_of(mut read: Read<'_>, group_id: i64, revision: i64, segment: &Segment, today: &Today) -> Result<Looked, StoreError> {
    let sources = read.all(STATE, args![group_id]).await?;
    Ok(Looked { revision, sources, turns_at: segment.moves_with_the_day().then(|| today.ends()) })
}

/// Notes that a segment's people are those of the state that was looked at. `data_as_of`: the age of the oldest data; `None` when unknown.
pub async fn looked(
    tx: &mut Tx,
    group_id: i64,
    state: &Looked,
    took_ms: i64,
    now: Instant,
    data_as_of: Option<Instant>,
) -> Result<(), StoreError> {
    if tx.run(LOOKED, args![group_id, state.revision, now, took_ms, state.turns_at]).await? == 0 {
        // It was edited meanwhile: that run is to come.
        return Ok(());
    }
    for (kind, source, version) in &state.sources {
        tx.run(LOOKED_SOURCE, args![group_id, kind, *source, *version]).await?;
    }
    tx.run(DATA_AS_OF, args![group_id, data_as_of]).await.map(drop)
}

/// Takes a segment that is due; false when another worker has. It is due again after the usual pause unless [`looked`] is told.
pub async fn take(tx: &mut Tx, due: Due, now: Instant) -> Result<bool, StoreError> {
    Ok(tx.run(TAKE, args![due.group_id, now, due.looked_at]).await? == 1)
}
