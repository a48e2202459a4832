//! Interests: what remote systems offer, which of it is used, and what people choose (`docs/adr/0120`). Those who have an interest are the
//! members of its target group; a person's own word stands over what the remote shows until the remote has acknowledged it.

mod choose;
mod views;

use rialto_core::Instant;
use rialto_core::writeback::{InterestKey, InterestSource};
use roaring::RoaringTreemap;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::groups::{self, fold};
use crate::sql::{sql, statements};
use crate::{folders, ids};

pub use choose::{Choice, Chosen, Refused, choose};
pub(crate) use choose::{delivered, given_up};
pub use views::{Filter, LastRead, Of, Offered, Seen, acts, get, last_reads, list, of_person, total};
#[cfg(test)]
pub(crate) use {choose::ALL as CHOOSE_ALL, views::ALL as VIEWS_ALL};

statements! {
    OF_BRIDGE = sql!("SELECT * FROM interest WHERE bridge_id = $1 ORDER BY id");
    ONE = sql!("SELECT * FROM interest WHERE id = $1");
    OF_GROUP = sql!("SELECT * FROM interest WHERE group_id = $1");
    INSERT = sql!("INSERT INTO interest (id, created_at, bridge_id, source, code, subcode, name, name_folded, remote_active, remote_members)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    UPDATE = sql!("UPDATE interest SET name = $2, name_folded = $3, remote_active = $4, remote_members = $5, gone_at = NULL WHERE id = $1");
    GONE = sql!("UPDATE interest SET gone_at = $2 WHERE id = $1");
    UPDATE_GROUP = sql!("UPDATE target_group SET name = $2, name_folded = $3, remote_active = $4, remote_members = $5, state = 'active' WHERE id = $1");
    GROUP_GONE = sql!("UPDATE target_group SET state = 'gone' WHERE id = $1");
    INSERT_GROUP = sql!("INSERT INTO target_group (id, created_at, kind, bridge_id, name, name_folded, folder, state, remote_active, remote_members)
        VALUES ($1, $2, 'interest', $3, $4, $5, $6, 'active', $7, $8)");
    USE = sql!("UPDATE interest SET group_id = $2 WHERE id = $1 AND group_id IS NULL");
    STOP = sql!("UPDATE interest SET group_id = NULL WHERE id = $1");
    FORGET = sql!("DELETE FROM interest_choice WHERE interest_id = $1");
    READ = sql!("UPDATE bridge SET interests_read_at = $2, interests_trouble = '' WHERE id = $1");
    TROUBLE = sql!("UPDATE bridge SET interests_trouble = $2 WHERE id = $1");
    OWN_WORDS = sql!("SELECT subscriber_id, wanted FROM interest_choice WHERE interest_id = $1 AND (delivered_at IS NULL OR delivered_at >= $2)");
    SETTLED = sql!("DELETE FROM interest_choice WHERE interest_id = $1 AND delivered_at < $2");
}

/// Folder in which the target groups of interests land.
const FOLDER: &str = "Interests";

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Interest {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub source: String,
    pub code: String,
    pub subcode: String,
    pub name: String,
    pub remote_active: bool,
    pub remote_members: Option<i64>,
    pub gone_at: Option<i64>,
    /// The target group of those who have it, when it is used.
    pub group_id: Option<i64>,
}

impl Interest {
    pub fn key(&self) -> Result<InterestKey, StoreError> {
        let source = InterestSource::from_name(&self.source).ok_or_else(|| StoreError::Corrupt(format!("interest {}", self.id)))?;
        Ok(InterestKey { source, code: self.code.clone(), subcode: self.subcode.clone() })
    }
}

/// An interest as its remote describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub key: InterestKey,
    pub name: String,
    pub active: bool,
    pub members: Option<i64>,
}

/// Keeps what a remote offers. What is missing is marked gone, unless nothing at all was offered: that is more likely a fault. Answers
/// how many there are now.
pub async fn mirror(tx: &mut Tx, bridge_id: i64, offered: &[Described], now: Instant) -> Result<usize, StoreError> {
    let mut known: std::collections::HashMap<InterestKey, Interest> = std::collections::HashMap::new();
    for interest in tx.all::<Interest>(OF_BRIDGE, args![bridge_id]).await? {
        known.insert(interest.key()?, interest);
    }
    for one in offered {
        match known.remove(&one.key) {
            Some(old) if is_as_described(&old, one) => {}
            Some(old) => change(tx, &old, one).await?,
            None => {
                let id = ids::next(tx, "interest").await?;
                let key = &one.key;
                let row = args![
                    id,
                    now,
                    bridge_id,
                    key.source.name(),
                    &key.code,
                    &key.subcode,
                    &one.name,
                    fold(&one.name),
                    one.active,
                    one.members
                ];
                tx.run(INSERT, row).await?;
            }
        }
    }
    if !offered.is_empty() {
        for old in known.into_values().filter(|i| i.gone_at.is_none()) {
            tx.run(GONE, args![old.id, now]).await?;
            if let Some(group) = old.group_id {
                tx.run(GROUP_GONE, args![group]).await?;
            }
        }
    }
    tx.run(READ, args![bridge_id, now]).await?;
    Ok(offered.len())
}

fn is_as_described(old: &Interest, new: &Described) -> bool {
    old.name == new.name && old.remote_active == new.active && old.remote_members == new.members && old.gone_at.is_none()
}

async fn change(tx: &mut Tx, old: &Interest, new: &Described) -> Result<(), StoreError> {
    tx.run(UPDATE, args![old.id, &new.name, fold(&new.name), new.active, new.members]).await?;
    if let Some(group) = old.group_id {
        tx.run(UPDATE_GROUP, args![group, &new.name, fold(&new.name), new.active, new.members]).await?;
    }
    Ok(())
}

/// Notes why the interests of a bridge could not be read; what is known of them stays.
pub async fn not_read(tx: &mut Tx, bridge_id: i64, why: &str) -> Result<(), StoreError> {
    tx.run(TROUBLE, args![bridge_id, why]).await.map(drop)
}

/// Has an interest used: it gets a target group, and is offered on preference pages once that was read. Answers the group; one that is
/// used already has one.
pub async fn make_used(tx: &mut Tx, id: i64, who: &Actor) -> Result<i64, StoreError> {
    let interest: Interest = tx.one(ONE, args![id]).await?;
    if let Some(group) = interest.group_id {
        return Ok(group);
    }
    if interest.gone_at.is_some() {
        return Err(StoreError::Conflict("The remote system no longer offers this interest.".into()));
    }
    let group = ids::next(tx, "target_group").await?;
    let folder = folders::ensure(tx, FOLDER, who).await?;
    let row = args![
        group,
        who.at,
        interest.bridge_id,
        &interest.name,
        fold(&interest.name),
        folder,
        interest.remote_active,
        interest.remote_members
    ];
    tx.run(INSERT_GROUP, row).await?;
    if tx.run(USE, args![id, group]).await? == 0 {
        return Err(StoreError::Conflict("Somebody else has just taken this interest into use.".into()));
    }
    audit::write(tx, who, "interest.use", "interest", Some(id), serde_json::json!({"name": interest.name})).await?;
    Ok(group)
}

/// Takes an interest out of use: it is no longer offered, and its target group is deleted, as `groups::delete` does and refuses. What
/// people have at the remote stays there.
pub async fn stop_using(tx: &mut Tx, id: i64, who: &Actor) -> Result<(), StoreError> {
    let interest: Interest = tx.one(ONE, args![id]).await?;
    let Some(group) = interest.group_id else { return Ok(()) };
    tx.run(STOP, args![id]).await?;
    tx.run(FORGET, args![id]).await?;
    tx.run(GROUP_GONE, args![group]).await?;
    groups::delete(tx, group, who).await?;
    audit::write(tx, who, "interest.stop", "interest", Some(id), serde_json::json!({"name": interest.name})).await
}

/// The interest whose people a target group holds.
pub async fn of_group(mut read: Read<'_>, group_id: i64) -> Result<Option<Interest>, StoreError> {
    read.opt(OF_GROUP, args![group_id]).await
}

/// Own words that stand over what a read that begins at `since` shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnWords {
    pub yes: RoaringTreemap,
    pub no: RoaringTreemap,
}

/// Those that the remote had not acknowledged before `since`.
pub async fn own_words(db: &Db, interest_id: i64, since: Instant) -> Result<OwnWords, StoreError> {
    let mut words = OwnWords::default();
    for (person, wanted) in db.read().all::<(i64, bool)>(OWN_WORDS, args![interest_id, since]).await? {
        let side = if wanted { &mut words.yes } else { &mut words.no };
        side.insert(person as u64);
    }
    Ok(words)
}

/// After a whole read that began at `since`: what had been acknowledged before it is the remote's to say from now on.
pub async fn settle(tx: &mut Tx, interest_id: i64, since: Instant) -> Result<(), StoreError> {
    tx.run(SETTLED, args![interest_id, since]).await.map(drop)
}
