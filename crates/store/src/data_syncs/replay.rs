//! Asking for rejected events to be taken once more (I18); the engine does it.

use serde_json::json;

use super::{DataSync, TO_REPLAY};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ASK_ALL = sql!("UPDATE data_sync SET replay = TRUE WHERE id = $1 AND deleted_at IS NULL");
    ASK_CHOSEN = sql!("UPDATE data_sync SET replay_chosen = TRUE WHERE id = $1 AND deleted_at IS NULL");
    CHOOSE = sql!("UPDATE stream_rejected SET chosen = TRUE WHERE sync_id = $2 AND state = 'open' AND id ", among 1, "");
    DONE_ALL = sql!("UPDATE data_sync SET replay = FALSE, replay_chosen = FALSE WHERE id = $1");
    DONE_CHOSEN = sql!("UPDATE data_sync SET replay_chosen = FALSE WHERE id = $1");
    UNCHOOSE = sql!("UPDATE stream_rejected SET chosen = FALSE WHERE sync_id = $1 AND state = 'open' AND chosen");
}

/// Which of a data sync's open rejected events are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    All,
    /// Their ids; those of other data syncs, and those that are not open any more, are passed over.
    These(&'a [i64]),
}

/// Asks for open rejected events to be taken once more. `NotFound` for a data sync that is not there, or where nothing of what was chosen is
/// open.
pub async fn ask(tx: &mut Tx, id: i64, which: Which<'_>, who: &Actor) -> Result<(), StoreError> {
    let (statement, detail) = match which {
        Which::All => (ASK_ALL, json!({})),
        Which::These(ids) => {
            if tx.run(CHOOSE, args![json!(ids).to_string(), id]).await? == 0 {
                return Err(StoreError::NotFound);
            }
            (ASK_CHOSEN, json!({"rejected": ids}))
        }
    };
    if tx.run(statement, args![id]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    audit::write(tx, who, "data_sync.replay", "data_sync", Some(id), detail).await
}

/// Those whose rejected events are to be taken once more.
pub async fn waiting(mut read: Read<'_>) -> Result<Vec<DataSync>, StoreError> {
    read.all(TO_REPLAY, args![]).await
}

/// It is done, as the data sync asked for it when it was read: what was asked for meanwhile still waits.
pub async fn done(tx: &mut Tx, sync: &DataSync) -> Result<(), StoreError> {
    tx.run(UNCHOOSE, args![sync.id]).await?;
    tx.run(if sync.replay { DONE_ALL } else { DONE_CHOSEN }, args![sync.id]).await.map(drop)
}
