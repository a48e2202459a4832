//! Consent acts: causes opened and lifted, each with a row in the append-only ledger, in one transaction with its audit row.

use rialto_core::consent::{Binding, Cause, Lifter};

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};
use crate::vault::Vault;

statements! {
    PERSON = sql!("SELECT canonical, remote_flag_run FROM subscriber WHERE id = $1");
    /// Held until the end of the transaction: two acts about one person go one after the other.
    PERSON_LOCKED = sql!(
        sqlite "SELECT canonical FROM subscriber WHERE id = $1",
        postgres "SELECT canonical FROM subscriber WHERE id = $1 FOR UPDATE"
    );
    OPEN = sql!("INSERT INTO suppression (id, created_at, cause, subscriber_id, canonical) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (cause, subscriber_id, canonical) DO NOTHING");
    CLOSE = sql!("DELETE FROM suppression WHERE cause = $1 AND (subscriber_id = $2 OR (canonical <> '' AND canonical = $3))");
    LEDGER = sql!("INSERT INTO consent_ledger (id, created_at, act, cause, subscriber_id, address_key, source, actor, reason, evidence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    CAUSES = sql!("SELECT DISTINCT cause FROM suppression WHERE (subscriber_id <> 0 AND subscriber_id = $1)
        OR (canonical <> '' AND canonical = $2) ORDER BY cause");
    OTHERS = sql!("SELECT COUNT(*) FROM subscriber o WHERE o.canonical <> '' AND o.canonical = $2 AND o.id <> $1
        AND (o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id))");
    LEDGER_END = sql!("SELECT COALESCE(MAX(id), 0) FROM consent_ledger");
    /// Groups whose counts are touched: those with a member who is the person or bears the person's address.
    RECOUNT = sql!("UPDATE target_group SET waterfall_basis = $3 WHERE waterfall IS NOT NULL AND deleted_at IS NULL AND EXISTS
        (SELECT 1 FROM membership m WHERE m.group_id = target_group.id AND m.subscriber_id IN
            (SELECT s.id FROM subscriber s WHERE s.id = $1 OR (s.canonical <> '' AND s.canonical = $2)))");
}

/// Why somebody acts, for the ledger.
#[derive(Clone, Debug)]
pub struct Grounds<'a> {
    /// Where the act happened, e.g. `admin page`, `api`.
    pub source: &'a str,
    pub reason: &'a str,
    /// What proves it: a ticket number, a letter, the words of the person.
    pub evidence: &'a str,
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

/// Opens a cause for a person, bound as `rules.md` section 2 says. False when it was open already: then nothing is written.
/// `remote_flag` is the syncs' alone: `Conflict`. Counts of the person's groups are marked to be counted again.
pub async fn open(
    tx: &mut Tx,
    vault: &Vault,
    subscriber_id: i64,
    cause: Cause,
    grounds: &Grounds<'_>,
    who: &Actor,
) -> Result<bool, StoreError> {
    if cause == Cause::RemoteFlag {
        return Err(StoreError::Conflict("Only the remote system itself sets its own flag.".into()));
    }
    let (canonical,): (String,) = tx.one(PERSON_LOCKED, args![subscriber_id]).await?;
    let binding = cause.binding();
    if binding == Binding::Address && canonical.is_empty() {
        return Err(StoreError::Conflict("This person has no e-mail address that it could be about.".into()));
    }
    let mut opened = 0;
    if binding != Binding::Address {
        let id = ids::next(tx, "suppression").await?;
        opened += tx.run(OPEN, args![id, who.at, cause.name(), subscriber_id, ""]).await?;
    }
    if binding != Binding::Record && !canonical.is_empty() {
        let id = ids::next(tx, "suppression").await?;
        opened += tx.run(OPEN, args![id, who.at, cause.name(), 0_i64, &canonical]).await?;
    }
    if opened > 0 {
        entry(tx, vault, "open", cause, subscriber_id, &canonical, grounds, who).await?;
        mark_counts(tx, subscriber_id, &canonical).await?;
    }
    Ok(opened > 0)
}

/// The counts of groups that the act touches are stale from here on (`groups::Group::counts_current`).
async fn mark_counts(tx: &mut Tx, subscriber_id: i64, canonical: &str) -> Result<(), StoreError> {
    let (ledger,): (i64,) = tx.one(LEDGER_END, args![]).await?;
    tx.run(RECOUNT, args![subscriber_id, canonical, crate::groups::stale_basis(ledger)]).await.map(drop)
}

/// Lifts the causes that `lifter` may lift for this person; answers them. Remote flags stay: only their remote lifts them.
pub async fn lift(
    tx: &mut Tx,
    vault: &Vault,
    subscriber_id: i64,
    lifter: Lifter,
    grounds: &Grounds<'_>,
    who: &Actor,
) -> Result<Vec<Cause>, StoreError> {
    let (canonical,): (String,) = tx.one(PERSON_LOCKED, args![subscriber_id]).await?;
    let rows: Vec<(String,)> = tx.all(CAUSES, args![subscriber_id, &canonical]).await?;
    let mut lifted = Vec::new();
    for cause in rows.iter().filter_map(|(name,)| Cause::from_name(name)).filter(|c| c.lifted_by(lifter)) {
        // Another record's act about the same address may have come first.
        if tx.run(CLOSE, args![cause.name(), subscriber_id, &canonical]).await? > 0 {
            entry(tx, vault, "lift", cause, subscriber_id, &canonical, grounds, who).await?;
            lifted.push(cause);
        }
    }
    if !lifted.is_empty() {
        mark_counts(tx, subscriber_id, &canonical).await?;
    }
    Ok(lifted)
}

#[allow(clippy::too_many_arguments)] // one row of the ledger has that many facts
async fn entry(
    tx: &mut Tx,
    vault: &Vault,
    act: &str,
    cause: Cause,
    subscriber_id: i64,
    canonical: &str,
    grounds: &Grounds<'_>,
    who: &Actor,
) -> Result<(), StoreError> {
    let id = ids::next(tx, "consent_ledger").await?;
    let key = (!canonical.is_empty()).then(|| vault.address_key(canonical));
    tx.run(LEDGER, args![id, who.at, act, cause.name(), subscriber_id, key, grounds.source, &who.name, grounds.reason, grounds.evidence])
        .await?;
    let detail = serde_json::json!({"act": act, "cause": cause.name()});
    audit::write(tx, who, &format!("consent.{act}"), "subscriber", Some(subscriber_id), detail).await
}
