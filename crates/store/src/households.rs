//! Households: several records of one bridge share the address about which one person decided. The others are silent here, and whether
//! their remote is told is for a person to say (`rules.md` section 2).

use rialto_core::writeback::{Message, What};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};
use crate::views::members::Member;
use crate::writebacks::{self, Fresh};

/// Records of one household that are shown and may be told; an address that more share is a fault of the remote's data.
pub const MOST: i64 = 200;

/// What a remote is told as the reason: never the words of the one who decided.
const REASON: &str = "Shares its address with somebody who unsubscribed";

macro_rules! household {
    ($behind:literal) => {
        sql!(join "SELECT h.id, h.created_at, h.entry_id, h.bridge_id, h.decided_at, h.decided_by, h.decision, l.cause, l.source, l.actor,
            s.id AS subscriber_id, s.created_at AS made_at, s.bridge_id AS own_bridge_id, s.remote_id, s.address, s.canonical,
            b.name AS bridge_name, b.created_at AS bridge_made_at,
            EXISTS (SELECT 1 FROM suppression x WHERE x.canonical <> '' AND x.canonical = s.canonical AND x.cause = l.cause) AS standing
            FROM household h JOIN consent_ledger l ON l.id = h.entry_id JOIN subscriber s ON s.id = h.subscriber_id
            JOIN bridge b ON b.id = h.bridge_id WHERE ", $behind)
    };
}

statements! {
    WAITING = household!("h.decided_at IS NULL AND h.id > $1 ORDER BY h.id LIMIT $2");
    DECIDED = household!("h.decided_at IS NOT NULL AND h.id < $1 ORDER BY h.id DESC LIMIT $2");
    ONE = household!("h.id = $1");
    COUNT_WAITING = sql!("SELECT COUNT(*) FROM household WHERE decided_at IS NULL");
    COUNT_DECIDED = sql!("SELECT COUNT(*) FROM household WHERE decided_at IS NOT NULL");
    OF_PERSON = sql!("SELECT COUNT(*) FROM household h JOIN subscriber s ON s.id = h.subscriber_id WHERE h.decided_at IS NULL
        AND s.canonical <> '' AND s.canonical = $1");
    RECORDS = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_run FROM subscriber
        WHERE canonical <> '' AND canonical = $1 AND bridge_id = $2 AND id <> $3 ORDER BY id LIMIT $4");
    DECIDE = sql!("UPDATE household SET decided_at = $2, decided_by = $3, decision = $4 WHERE id = $1 AND decided_at IS NULL");
}

/// One question: who decided what, and in which bridge others bear the address.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Household {
    pub id: i64,
    pub created_at: i64,
    pub entry_id: i64,
    pub bridge_id: i64,
    pub decided_at: Option<i64>,
    pub decided_by: String,
    /// Empty while it waits, then `left` or `told`.
    pub decision: String,
    pub cause: String,
    pub source: String,
    pub actor: String,
    pub subscriber_id: i64,
    pub made_at: i64,
    pub own_bridge_id: i64,
    pub remote_id: String,
    pub address: String,
    pub canonical: String,
    pub bridge_name: String,
    pub bridge_made_at: i64,
    /// What was decided still holds for the address.
    pub standing: bool,
}

/// Which questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// The oldest first, after an id.
    Waiting,
    /// The newest first, before an id.
    Decided,
}

impl State {
    fn statements(self) -> (Sql, Sql) {
        match self {
            Self::Waiting => (WAITING, COUNT_WAITING),
            Self::Decided => (DECIDED, COUNT_DECIDED),
        }
    }
}

/// A page of questions from a place on, and how many there are.
pub async fn list(mut read: Read<'_>, state: State, place: i64, limit: i64) -> Result<(Vec<Household>, i64), StoreError> {
    let (page, count) = state.statements();
    let (total,): (i64,) = read.one(count, args![]).await?;
    Ok((read.all(page, args![place, limit]).await?, total))
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Household>, StoreError> {
    read.opt(ONE, args![id]).await
}

/// The other records of the bridge with the address, at most [`MOST`].
pub async fn records(mut read: Read<'_>, household: &Household) -> Result<Vec<Member>, StoreError> {
    read.all(RECORDS, args![&household.canonical, household.bridge_id, household.subscriber_id, MOST]).await
}

/// How many questions about an address wait.
pub async fn waiting_about(mut read: Read<'_>, canonical: &str) -> Result<i64, StoreError> {
    read.one::<(i64,)>(OF_PERSON, args![canonical]).await.map(|(n,)| n)
}

/// Answers a question, once. The remote is told "unsubscribe" for the records in `tell`, in this transaction; with nobody in it
/// the others are left as they are: silent here, and not told. `Conflict` when the question was answered, when what was decided no longer
/// holds, or when one of them does not bear the address.
pub async fn decide(tx: &mut Tx, id: i64, tell: &[i64], who: &Actor) -> Result<(), StoreError> {
    let decision = if tell.is_empty() { "left" } else { "told" };
    if tx.run(DECIDE, args![id, who.at, &who.name, decision]).await? == 0 {
        return match tx.opt::<Household>(ONE, args![id]).await? {
            Some(_) => Err(StoreError::Conflict("Somebody has answered this question already.".into())),
            None => Err(StoreError::NotFound),
        };
    }
    let household: Household = tx.one(ONE, args![id]).await?;
    if !tell.is_empty() && !household.standing {
        let text = "What was decided has been taken back since, so there is nothing to tell. Leave the others as they are.";
        return Err(StoreError::Conflict(text.into()));
    }
    let place = args![&household.canonical, household.bridge_id, household.subscriber_id, MOST];
    let records: Vec<Member> = tx.all(RECORDS, place).await?;
    let mut chosen: Vec<i64> = tell.to_vec();
    chosen.sort_unstable();
    chosen.dedup();
    if chosen.iter().any(|id| !records.iter().any(|r| r.id == *id)) {
        return Err(StoreError::Conflict("Somebody chosen does not bear this address any more. Look again.".into()));
    }
    let message = Message { at: who.at, account: String::new(), reason: REASON.into(), what: What::Unsubscribe };
    let fresh: Vec<Fresh> = chosen
        .iter()
        .map(|id| Fresh {
            at: who.at,
            bridge_id: household.bridge_id,
            subscriber_id: *id,
            cause: household.entry_id,
            message: message.clone(),
        })
        .collect();
    writebacks::enqueue(tx, &fresh).await?;
    let detail = json!({"decision": decision, "bridge": household.bridge_name, "told": chosen});
    audit::write(tx, who, "household.decide", "subscriber", Some(household.subscriber_id), detail).await
}
