//! What a person takes and gives up: noted, carried over to the target groups, and queued for the remote in one transaction.

use rialto_core::Instant;
use rialto_core::writeback::{InterestChange, InterestSource, Message, What, WritebackKind};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::consent;
use crate::db::Tx;
use crate::error::StoreError;
use crate::groups;
use crate::ids;
use crate::sql::{sql, statements};
use crate::writebacks::{self, Fresh};

statements! {
    PERSON = sql!("SELECT s.bridge_id FROM subscriber s JOIN bridge b ON b.id = s.bridge_id AND b.deleted_at IS NULL WHERE s.id = $1");
    OFFERED = sql!("SELECT i.id, i.source, i.code, i.subcode, i.name, i.remote_active, g.id AS group_id,
        EXISTS (SELECT 1 FROM membership m WHERE m.group_id = g.id AND m.subscriber_id = $2) AS has
        FROM interest i JOIN target_group g ON g.id = i.group_id AND g.deleted_at IS NULL AND g.synced_at IS NOT NULL
        WHERE i.bridge_id = $1 AND i.gone_at IS NULL AND i.id IN ", ids 3, " ORDER BY i.id");
    ACT = sql!("INSERT INTO interest_act (id, created_at, subscriber_id, source, actor, evidence, changes) VALUES ($1, $2, $3, $4, $5, $6, $7)");
    CHOICE = sql!("INSERT INTO interest_choice (interest_id, subscriber_id, act_id, wanted) VALUES ($1, $2, $3, $4)
        ON CONFLICT (interest_id, subscriber_id) DO UPDATE SET act_id = $3, wanted = $4, delivered_at = NULL");
    JOIN = sql!("INSERT INTO membership (group_id, subscriber_id) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    LEAVE = sql!("DELETE FROM membership WHERE group_id = $1 AND subscriber_id = $2");
    COUNT = sql!("UPDATE target_group SET members = members + $2, waterfall_basis = CASE WHEN waterfall IS NULL THEN waterfall_basis ELSE $3 END
        WHERE id = $1");
    /// Groups made of this one follow: its members changed without a run.
    FOLLOW = sql!("UPDATE compound_part SET asked_run = -1 WHERE part_group = $1");
    LEDGER_END = sql!("SELECT COALESCE(MAX(id), 0) FROM consent_ledger");
    DELIVERED = sql!("UPDATE interest_choice SET delivered_at = $2 WHERE delivered_at IS NULL AND act_id IN ", ids 1, "");
    GIVEN_UP = sql!("UPDATE interest_choice SET delivered_at = $2 WHERE delivered_at IS NULL AND act_id IN
        (SELECT cause FROM writeback WHERE id = $1 AND kind = 'interests')");
}

/// What somebody chose: interests by internal id, and whether they are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    pub subscriber_id: i64,
    pub changes: &'a [(i64, bool)],
    /// Where it happened, e.g. `preference page`.
    pub source: &'a str,
    pub evidence: &'a str,
    pub who: &'a Actor,
}

/// What became of a choice. Nothing is written for one that changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Interests that the person has or has not from now on.
    pub changed: usize,
    /// Why it cannot be: nothing was written.
    pub refused: Option<Refused>,
}

/// Why a choice cannot be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// There is no such person any more.
    Unknown,
    /// The bridge does not want to be told of interests (Writeback Settings): what is chosen here would be lost with the next read.
    NotTold,
}

#[derive(sqlx::FromRow)]
struct Offer {
    id: i64,
    source: String,
    code: String,
    subcode: String,
    name: String,
    remote_active: bool,
    group_id: i64,
    has: bool,
}

/// Carries a choice out. What is not offered to the person is passed over; an interest that nobody may take any more can only be given up.
pub async fn choose(tx: &mut Tx, choice: &Choice<'_>) -> Result<Chosen, StoreError> {
    consent::lock(tx, &[choice.subscriber_id]).await?;
    let refused = |why| Ok(Chosen { refused: Some(why), ..Chosen::default() });
    let Some((bridge_id,)) = tx.opt::<(i64,)>(PERSON, args![choice.subscriber_id]).await? else {
        return refused(Refused::Unknown);
    };
    if !writebacks::is_on(tx, bridge_id, WritebackKind::Interests).await? {
        return refused(Refused::NotTold);
    }
    let wanted: std::collections::BTreeMap<i64, bool> = choice.changes.iter().copied().collect();
    let ids = json!(wanted.keys().collect::<Vec<_>>()).to_string();
    let offers: Vec<Offer> = tx.all(OFFERED, args![bridge_id, choice.subscriber_id, ids]).await?;
    let differs = |o: &Offer| wanted.get(&o.id).filter(|w| **w != o.has && (o.remote_active || !**w)).copied();
    let changes: Vec<(Offer, bool)> = offers.into_iter().filter_map(|o| differs(&o).map(|wanted| (o, wanted))).collect();
    if changes.is_empty() {
        return Ok(Chosen::default());
    }
    write(tx, bridge_id, choice, &changes).await?;
    Ok(Chosen { changed: changes.len(), refused: None })
}

async fn write(tx: &mut Tx, bridge_id: i64, choice: &Choice<'_>, changes: &[(Offer, bool)]) -> Result<(), StoreError> {
    let (who, person) = (choice.who, choice.subscriber_id);
    let told: Vec<InterestChange> = changes.iter().filter_map(|(offer, wanted)| change(offer, *wanted)).collect();
    let text = json!(told).to_string();
    let act = ids::next(tx, "interest_act").await?;
    tx.run(ACT, args![act, who.at, person, choice.source, &who.name, choice.evidence, &text]).await?;
    for (offer, wanted) in changes {
        tx.run(CHOICE, args![offer.id, person, act, *wanted]).await?;
    }
    carry_over(tx, person, changes).await?;
    let message = Message { at: who.at, account: String::new(), reason: String::new(), what: What::Interests { changes: told } };
    writebacks::enqueue(tx, &[Fresh { at: who.at, bridge_id, subscriber_id: person, cause: act, message }]).await?;
    let detail = json!({"took": names(changes, true), "gave_up": names(changes, false)});
    audit::write(tx, who, "interests.choose", "subscriber", Some(person), detail).await
}

fn change(offer: &Offer, wanted: bool) -> Option<InterestChange> {
    let source = InterestSource::from_name(&offer.source)?;
    Some(InterestChange { source, code: offer.code.clone(), subcode: offer.subcode.clone(), name: offer.name.clone(), wanted })
}

fn names(changes: &[(Offer, bool)], wanted: bool) -> Vec<&str> {
    changes.iter().filter(|(_, w)| *w == wanted).map(|(o, _)| o.name.as_str()).collect()
}

/// Members first, then the groups' own rows, as a run's plan is carried over: nobody waits in a circle.
async fn carry_over(tx: &mut Tx, person: i64, changes: &[(Offer, bool)]) -> Result<(), StoreError> {
    let mut moved: Vec<(i64, i64)> = Vec::new();
    for (offer, wanted) in changes {
        let sql = if *wanted { JOIN } else { LEAVE };
        let rows = tx.run(sql, args![offer.group_id, person]).await? as i64;
        moved.push((offer.group_id, if *wanted { rows } else { -rows }));
    }
    let (ledger,): (i64,) = tx.one(LEDGER_END, args![]).await?;
    moved.sort_unstable();
    for (group, delta) in moved.into_iter().filter(|(_, delta)| *delta != 0) {
        tx.run(COUNT, args![group, delta, groups::stale_basis(ledger)]).await?;
        tx.run(FOLLOW, args![group]).await?;
    }
    Ok(())
}

/// The remote has acknowledged these acts.
pub(crate) async fn delivered(tx: &mut Tx, acts: &[i64], at: Instant) -> Result<(), StoreError> {
    tx.run(DELIVERED, args![json!(acts).to_string(), at]).await.map(drop)
}

/// A person gave the writeback of an act up: from now on the remote's word counts.
pub(crate) async fn given_up(tx: &mut Tx, writeback_id: i64, at: Instant) -> Result<(), StoreError> {
    tx.run(GIVEN_UP, args![writeback_id, at]).await.map(drop)
}
