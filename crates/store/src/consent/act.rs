//! Acts in sets: what many people decided, in one transaction with its ledger, audit rows, writebacks and household questions.

use rialto_core::consent::{Cause, Lifter};
use rialto_core::writeback::{AddressFault, Message};
use serde_json::json;

use super::book::{Book, Bound as Key, Entry, Household, Told};
use crate::args;
use crate::audit::{self, Actor};
use crate::db::Tx;
use crate::error::StoreError;
use crate::groups;
use crate::people::{Bound, Rows, insert_together};
use crate::sql::{sql, statements};
use crate::vault::Vault;
use crate::writebacks::{self, Fresh};

statements! {
    CLOSE = sql!("DELETE FROM suppression WHERE id ", among 1, "");
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
    let mut book = Book::read(tx, &people).await?;
    let done: Vec<Done> = acts.iter().enumerate().map(|(number, a)| book.take(number, a)).collect();
    write(tx, vault, &book, acts).await?;
    Ok(done)
}

/// All tables are written by one statement where the database can.
async fn write(tx: &mut Tx, vault: &Vault, book: &Book, acts: &[Act<'_>]) -> Result<(), StoreError> {
    if book.entries.is_empty() {
        return Ok(());
    }
    let closed = book.closed();
    if !closed.is_empty() {
        tx.run(CLOSE, args![json!(closed).to_string()]).await?;
    }
    let opened = book.opened();
    let wanted = [
        ("suppression", opened.len()),
        ("consent_ledger", book.entries.len()),
        ("audit", book.entries.len()),
        ("writeback", book.told.len()),
        ("household", book.households.len()),
    ];
    let keys: Vec<Option<String>> =
        book.entries.iter().map(|e| book.canonical(acts[e.act].subscriber_id).map(|c| vault.address_key(c))).collect();
    let changes = audited(book, acts);
    let fresh = told(book, acts);
    let messages = writebacks::messages(&fresh)?;
    let rows = vec![
        // Whoever opened the same in between, by another record with this address, opened it.
        Rows { table: "suppression", columns: &CAUSES, cells: causes(&opened, acts), or_nothing: true, fresh: &[(0, "suppression")] },
        Rows {
            table: "consent_ledger",
            columns: &LEDGER,
            cells: entries(book, acts, &keys),
            or_nothing: false,
            fresh: &[(0, "consent_ledger")],
        },
        Rows { table: "audit", columns: &audit::COLUMNS, cells: audit::cells(&changes), or_nothing: false, fresh: &[(0, "audit")] },
        Rows {
            table: "writeback",
            columns: &writebacks::COLUMNS,
            cells: writebacks::cells(0, &fresh, &messages, &book.dates),
            or_nothing: false,
            fresh: &[(0, "writeback"), (writebacks::CAUSE, "consent_ledger")],
        },
        Rows {
            table: "household",
            columns: &HOUSEHOLDS,
            cells: households(book, acts),
            or_nothing: false,
            fresh: &[(0, "household"), (2, "consent_ledger")],
        },
    ];
    insert_together(tx, rows, &wanted).await
}

// Ids of the rows and of the ledger's entries are counted from 0 here; the insert numbers them.

const CAUSES: [&str; 5] = ["id", "created_at", "cause", "subscriber_id", "canonical"];

fn causes<'a>(opened: &'a [(Cause, Key, usize)], acts: &[Act<'_>]) -> Vec<Bound<'a>> {
    let row = |(id, (cause, key, act)): (i64, &'a (Cause, Key, usize))| {
        let (record, address) = match key {
            Key::Record(id) => (*id, ""),
            Key::Address(address) => (0, address.as_str()),
        };
        [Bound::Int(id), Bound::Int(acts[*act].who.at.0), Bound::Text(cause.name()), Bound::Int(record), Bound::Text(address)]
    };
    (0..).zip(opened).flat_map(row).collect()
}

const LEDGER: [&str; 10] = ["id", "created_at", "act", "cause", "subscriber_id", "address_key", "source", "actor", "reason", "evidence"];

fn entries<'a>(book: &Book, acts: &'a [Act<'_>], keys: &'a [Option<String>]) -> Vec<Bound<'a>> {
    let row = |(id, (entry, key)): (i64, (&Entry, &'a Option<String>))| {
        let a = &acts[entry.act];
        [
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
        ]
    };
    (0..).zip(book.entries.iter().zip(keys)).flat_map(row).collect()
}

fn audited<'a>(book: &Book, acts: &[Act<'a>]) -> Vec<audit::Change<'a>> {
    let change = |e: &Entry| audit::Change {
        who: acts[e.act].who,
        action: if e.verb == "open" { "consent.open" } else { "consent.lift" },
        object: "subscriber",
        object_id: acts[e.act].subscriber_id,
        detail: json!({"act": e.verb, "cause": e.cause.name()}).to_string(),
    };
    book.entries.iter().map(change).collect()
}

fn told(book: &Book, acts: &[Act<'_>]) -> Vec<Fresh> {
    let fresh = |t: &Told| {
        let a = &acts[t.act];
        // Cut to what a remote is told.
        let reason = a.grounds.reason.chars().take(rialto_core::writeback::LONGEST_REASON).collect();
        let message = Message { at: a.who.at, account: String::new(), reason, what: t.what.clone() };
        Fresh { at: a.who.at, bridge_id: t.bridge_id, subscriber_id: t.subscriber_id, cause: t.entry as i64, message }
    };
    book.told.iter().map(fresh).collect()
}

const HOUSEHOLDS: [&str; 5] = ["id", "created_at", "entry_id", "subscriber_id", "bridge_id"];

fn households(book: &Book, acts: &[Act<'_>]) -> Vec<Bound<'static>> {
    let row =
        |(id, h): (i64, &Household)| [id, acts[h.act].who.at.0, h.entry as i64, acts[h.act].subscriber_id, h.bridge_id].map(Bound::Int);
    (0..).zip(&book.households).flat_map(row).collect()
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
