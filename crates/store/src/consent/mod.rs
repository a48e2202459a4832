//! Consent: which causes are open, and the acts that open and lift them. Each act leaves its rows of the append-only ledger, its audit
//! rows and its writebacks in one transaction.

mod act;
mod book;

use rialto_core::consent::{Cause, Lifter};

use crate::args;
use crate::audit::Actor;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{sql, statements};
use crate::vault::Vault;

pub use act::{Act, Done, Grounds, Step, act, mark_counts};
pub(crate) use book::lock;
#[cfg(test)]
pub(crate) use {act::ALL as ACT_ALL, book::ALL as BOOK_ALL};

statements! {
    PERSON = sql!("SELECT canonical, remote_flag_run FROM subscriber WHERE id = $1");
    CAUSES = sql!("SELECT DISTINCT cause FROM suppression WHERE (subscriber_id <> 0 AND subscriber_id = $1)
        OR (canonical <> '' AND canonical = $2) ORDER BY cause");
    OTHERS = sql!("SELECT COUNT(*) FROM subscriber o WHERE o.canonical <> '' AND o.canonical = $2 AND o.id <> $1
        AND (o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id))");
}

/// Causes that are open for a record or its address.
pub async fn open_causes(mut read: Read<'_>, subscriber_id: i64) -> Result<Vec<Cause>, StoreError> {
    let (canonical, flag_run): (String, i64) = read.one(PERSON, args![subscriber_id]).await?;
    let rows: Vec<(String,)> = read.all(CAUSES, args![subscriber_id, canonical]).await?;
    let mut causes: Vec<Cause> = rows.iter().filter_map(|(name,)| Cause::from_name(name)).collect();
    if flag_run != 0 {
        causes.push(Cause::RemoteFlag);
    }
    Ok(causes)
}

/// How many other records with the person's address stay silent by themselves, whatever is done about the address.
pub async fn silent_neighbours(mut read: Read<'_>, subscriber_id: i64) -> Result<i64, StoreError> {
    let (canonical, _): (String, i64) = read.one(PERSON, args![subscriber_id]).await?;
    read.one::<(i64,)>(OTHERS, args![subscriber_id, canonical]).await.map(|(n,)| n)
}

/// Opens a cause for one person, as [`act`] does for many; false when it was open already. What cannot be is `Conflict`: a cause about
/// an address for a record without one, and `remote_flag`, which only syncs set.
pub async fn open(
    tx: &mut Tx,
    vault: &Vault,
    subscriber_id: i64,
    cause: Cause,
    grounds: &Grounds<'_>,
    who: &Actor,
) -> Result<bool, StoreError> {
    one(tx, vault, Act { subscriber_id, step: Step::Open(cause), grounds: *grounds, who }).await.map(|causes| !causes.is_empty())
}

/// Lifts the causes that `lifter` may lift for one person; answers them. Remote flags stay: only their remote lifts them.
pub async fn lift(
    tx: &mut Tx,
    vault: &Vault,
    subscriber_id: i64,
    lifter: Lifter,
    grounds: &Grounds<'_>,
    who: &Actor,
) -> Result<Vec<Cause>, StoreError> {
    one(tx, vault, Act { subscriber_id, step: Step::Lift(lifter), grounds: *grounds, who }).await
}

async fn one(tx: &mut Tx, vault: &Vault, what: Act<'_>) -> Result<Vec<Cause>, StoreError> {
    let done = act(tx, vault, &[what]).await?.pop().ok_or_else(|| StoreError::Corrupt("an act without an answer".into()))?;
    if let Some(refused) = done.refused {
        return Err(StoreError::Conflict(refused.into()));
    }
    if !done.causes.is_empty() {
        mark_counts(tx, &[what.subscriber_id]).await?;
    }
    Ok(done.causes)
}
