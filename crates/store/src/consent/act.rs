//! Acts in sets: what many people decided, in one transaction with its ledger, audit rows, writebacks and household questions.

use rialto_core::consent::{Cause, Lifter};
use rialto_core::writeback::{AddressFault, Message};
use serde_json::json;

use super::book::{Book, Bound as Key};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::Tx;
use crate::error::StoreError;
use crate::people::{Bound, insert_few};
use crate::sql::{sql, statements};
use crate::vault::Vault;
use crate::writebacks::{self, Fresh};
use crate::{groups, ids};

statements! {
    OPEN = sql!(
        sqlite "INSERT INTO suppression (id, created_at, cause, subscriber_id, canonical)
            SELECT value->>'i', value->>'t', value->>'c', value->>'s', value->>'a' FROM json_each($1)
            WHERE true ON CONFLICT (cause, subscriber_id, canonical) DO NOTHING",
        postgres "INSERT INTO suppression (id, created_at, cause, subscriber_id, canonical)
            SELECT i, t, c, s, a FROM json_to_recordset($1::json) AS r(i bigint, t bigint, c text, s bigint, a text)
            ON CONFLICT (cause, subscriber_id, canonical) DO NOTHING"
    );
    CLOSE = sql!("DELETE FROM suppression WHERE id IN ", ids 1, "");
    LEDGER_END = sql!("SELECT COALESCE(MAX(id), 0) FROM consent_ledger");
    /// Groups whose counts are touched: those with a member among these.
    RECOUNT = sql!("UPDATE target_group SET waterfall_basis = $2 WHERE waterfall IS NOT NULL AND deleted_at IS NULL AND EXISTS
        (SELECT 1 FROM membership m WHERE m.group_id = target_group.id AND m.subscriber_id IN ", ids 1, ")");
    /// Everybody who bears an address of these people; an address that thousands share is a fault of the remote's data.
    BEARERS = sql!("SELECT DISTINCT o.id FROM subscriber s JOIN subscriber o ON o.canonical = s.canonical WHERE s.canonical <> ''
        AND s.id IN ", ids 1, " LIMIT 5000");
}

/// Why somebody acts, for the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Grounds<'a> {
    /// Where the act happened, e.g. `admin page`, `api`.
    pub source: &'a str,
    pub reason: &'a str,
    /// What proves it: a ticket number, a letter, the words of the person.
    pub evidence: &'a str,
}

/// What is done about a person.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Opens a cause, bound as `rules.md` section 2 says. Not `remote_flag`: the syncs alone set that.
    Open(Cause),
    /// Opens `invalid_address`, and says how the address is bad.
    Invalid(AddressFault),
    /// Lifts every cause that this one may lift.
    Lift(Lifter),
}

/// One act about one person.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    pub subscriber_id: i64,
    pub step: Step,
    pub grounds: Grounds<'a>,
    pub who: &'a Actor,
}

/// What became of an act. Nothing is written for one that changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Causes that the act opened or lifted; empty when it was so already.
    pub causes: Vec<Cause>,
    /// Why it cannot be: nothing was written for it.
    pub refused: Option<&'static str>,
    /// Writebacks that the act put into the queue.
    pub writebacks: usize,
}

/// Carries out acts one after another, as if each had a transaction of its own; answers in their order. The counts of groups are not
/// marked: see [`mark_counts`].
pub async fn act(tx: &mut Tx, vault: &Vault, acts: &[Act<'_>]) -> Result<Vec<Done>, StoreError> {
    let people: Vec<i64> = acts.iter().map(|a| a.subscriber_id).collect();
    let mut book = Book::read(tx, vault, &people).await?;
    let done: Vec<Done> = acts.iter().enumerate().map(|(number, a)| book.take(number, a)).collect();
    write(tx, vault, &book, acts).await?;
    Ok(done)
}

async fn write(tx: &mut Tx, vault: &Vault, book: &Book, acts: &[Act<'_>]) -> Result<(), StoreError> {
    if book.entries.is_empty() {
        return Ok(());
    }
    let closed = book.closed();
    if !closed.is_empty() {
        tx.run(CLOSE, args![json!(closed).to_string()]).await?;
    }
    let opened = book.opened();
    if !opened.is_empty() {
        let first = ids::take(tx, "suppression", opened.len() as i64).await?;
        let rows: Vec<_> = (first..)
            .zip(&opened)
            .map(|(id, (cause, key, act))| {
                let (record, address) = match key {
                    Key::Record(id) => (*id, ""),
                    Key::Address(address) => (0, address.as_str()),
                };
                json!({"i": id, "t": acts[*act].who.at.0, "c": cause.name(), "s": record, "a": address})
            })
            .collect();
        tx.run(OPEN, args![json!(rows).to_string()]).await?;
    }
    let first_entry = ids::take(tx, "consent_ledger", book.entries.len() as i64).await?;
    write_entries(tx, vault, book, acts, first_entry).await?;
    let fresh: Vec<Fresh> = book
        .told
        .iter()
        .map(|t| {
            let a = &acts[t.act];
            let message = Message { at: a.who.at, account: String::new(), reason: told_reason(a.grounds.reason), what: t.what.clone() };
            Fresh { at: a.who.at, bridge_id: t.bridge_id, subscriber_id: t.subscriber_id, cause: first_entry + t.entry as i64, message }
        })
        .collect();
    writebacks::enqueue(tx, &fresh).await?;
    write_households(tx, book, acts, first_entry).await
}

/// Cut to what a remote is told.
fn told_reason(reason: &str) -> String {
    reason.chars().take(rialto_core::writeback::LONGEST_REASON).collect()
}

async fn write_entries(tx: &mut Tx, vault: &Vault, book: &Book, acts: &[Act<'_>], first: i64) -> Result<(), StoreError> {
    const LEDGER: [&str; 10] =
        ["id", "created_at", "act", "cause", "subscriber_id", "address_key", "source", "actor", "reason", "evidence"];
    let keys: Vec<Option<String>> =
        book.entries.iter().map(|e| book.canonical(acts[e.act].subscriber_id).map(|c| vault.address_key(c))).collect();
    let mut ledger = Vec::with_capacity(book.entries.len() * LEDGER.len());
    for ((id, entry), key) in (first..).zip(&book.entries).zip(&keys) {
        let a = &acts[entry.act];
        ledger.extend([
            Bound::Int(id),
            Bound::Int(a.who.at.0),
            Bound::Text(entry.verb),
            Bound::Text(entry.cause.name()),
            Bound::Int(a.subscriber_id),
            key.as_deref().map_or(Bound::NullText, Bound::Text),
            Bound::Text(a.grounds.source),
            Bound::Text(&a.who.name),
            Bound::Text(a.grounds.reason),
            Bound::Text(a.grounds.evidence),
        ]);
    }
    insert_few(tx, "consent_ledger", &LEDGER.map(str::to_owned), &ledger).await?;
    let changes: Vec<audit::Change<'_>> = book
        .entries
        .iter()
        .map(|e| audit::Change {
            who: acts[e.act].who,
            action: if e.verb == "open" { "consent.open" } else { "consent.lift" },
            object: "subscriber",
            object_id: acts[e.act].subscriber_id,
            detail: json!({"act": e.verb, "cause": e.cause.name()}).to_string(),
        })
        .collect();
    audit::write_many(tx, &changes).await
}

async fn write_households(tx: &mut Tx, book: &Book, acts: &[Act<'_>], first_entry: i64) -> Result<(), StoreError> {
    if book.households.is_empty() {
        return Ok(());
    }
    let columns = ["id", "created_at", "entry_id", "subscriber_id", "bridge_id"].map(str::to_owned);
    let first = ids::take(tx, "household", book.households.len() as i64).await?;
    let cells: Vec<Bound<'_>> = (first..)
        .zip(&book.households)
        .flat_map(|(id, h)| [id, acts[h.act].who.at.0, first_entry + h.entry as i64, acts[h.act].subscriber_id, h.bridge_id])
        .map(Bound::Int)
        .collect();
    insert_few(tx, "household", &columns, &cells).await
}

/// The counts of groups that acts about these people touch are stale from here on (`groups::Group::counts_current`). In the acts' own
/// transaction, or soon after it: a count kept in between has looked into the ledger.
pub async fn mark_counts(tx: &mut Tx, people: &[i64]) -> Result<(), StoreError> {
    let bearers: Vec<(i64,)> = tx.all(BEARERS, args![json!(people).to_string()]).await?;
    let mut touched: Vec<i64> = bearers.into_iter().map(|(id,)| id).chain(people.iter().copied()).collect();
    touched.sort_unstable();
    touched.dedup();
    let (ledger,): (i64,) = tx.one(LEDGER_END, args![]).await?;
    tx.run(RECOUNT, args![json!(touched).to_string(), groups::stale_basis(ledger)]).await.map(drop)
}
