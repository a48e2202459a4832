//! What depends on a list or extension (LO-07).

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::segments;
use crate::sql::{sql, statements};

statements! {
    SYNCS = sql!("SELECT 'data_sync' AS kind, id, created_at, name, enabled FROM data_sync
        WHERE audience_id = $1 AND deleted_at IS NULL ORDER BY name_folded, id");
}

/// One that depends on the list.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Use {
    /// `data_sync` or `segment`.
    pub kind: String,
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub enabled: bool,
}

pub async fn usage(mut read: Read<'_>, audience_id: i64) -> Result<Vec<Use>, StoreError> {
    let syncs = read.all(SYNCS, args![audience_id]).await?;
    Ok(with_segments(syncs, segments::users_of_audience_read(read, audience_id).await?))
}

pub(super) async fn in_tx(tx: &mut Tx, audience_id: i64) -> Result<Vec<Use>, StoreError> {
    let syncs = tx.all(SYNCS, args![audience_id]).await?;
    Ok(with_segments(syncs, segments::users_of_audience(tx, audience_id).await?))
}

fn with_segments(mut all: Vec<Use>, segments: Vec<segments::User>) -> Vec<Use> {
    all.extend(segments.into_iter().map(|(id, created_at, name, _)| Use {
        kind: "segment".to_owned(),
        id,
        created_at,
        name,
        enabled: true,
    }));
    all
}
