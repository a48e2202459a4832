//! What remotes are told of personas (UD-03): once a day, about those for whom something else holds than was told last.

use std::collections::HashMap;

use rialto_core::Instant;
use rialto_core::writeback::{Message, PersonaText, What};
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::db::{Db, Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};
use crate::writebacks::{self, Fresh};

/// People looked at in one transaction.
const SLICE: i64 = 5_000;

statements! {
    DAILY = sql!("SELECT d.bridge_id, b.kind, d.settings, d.personas_next_at, d.personas_looked_at, d.personas_last_queued FROM writeback_destination d
        JOIN bridge b ON b.id = d.bridge_id WHERE b.deleted_at IS NULL AND b.enabled ORDER BY d.bridge_id");
    NEXT = sql!("UPDATE writeback_destination SET personas_next_at = $2 WHERE bridge_id = $1 AND personas_next_at = $3");
    NOW = sql!("UPDATE writeback_destination SET personas_next_at = $2 WHERE bridge_id = $1");
    FORGET = sql!("DELETE FROM persona_told WHERE subscriber_id IN (SELECT id FROM subscriber WHERE bridge_id = $1)");
    AT = sql!(
        sqlite "SELECT personas_position FROM writeback_destination WHERE bridge_id = $1 AND personas_next_at = $2",
        postgres "SELECT personas_position FROM writeback_destination WHERE bridge_id = $1 AND personas_next_at = $2 FOR UPDATE"
    );
    /// The plus keeps both databases on the people in the order of their ids.
    LAST = sql!("SELECT COALESCE(MAX(id), 0) FROM (SELECT id FROM subscriber WHERE +bridge_id = $1 AND id > $2 ORDER BY id LIMIT $3) AS slice");
    CHANGED = sql!("SELECT s.id, COALESCE(p.name, '') AS name, COALESCE(p.description, '') AS description
        FROM subscriber s
        LEFT JOIN (SELECT m.subscriber_id, MIN(q.position) AS position FROM persona q JOIN membership m ON m.group_id = q.group_id
            WHERE m.subscriber_id > $2 AND m.subscriber_id <= $3 GROUP BY m.subscriber_id) h ON h.subscriber_id = s.id
        LEFT JOIN persona p ON p.position = h.position
        LEFT JOIN persona_told t ON t.subscriber_id = s.id
        WHERE +s.bridge_id = $1 AND s.id > $2 AND s.id <= $3 AND s.remote_id <> ''
        AND (COALESCE(p.name, '') <> COALESCE(t.name, '') OR COALESCE(p.description, '') <> COALESCE(t.description, '')) ORDER BY s.id");
    /// What may stand there: the last one acknowledged, and all that came after it and may have been tried.
    SAID = sql!("SELECT subscriber_id, state, message FROM writeback WHERE kind = 'persona' AND (state <> 'cancelled' OR tries > 0)
        AND subscriber_id ", among 1, " ORDER BY id");
    TELL = sql!(
        sqlite "INSERT INTO persona_told (subscriber_id, name, description) SELECT value->>'i', value->>'n', value->>'d' FROM json_each($1)
            WHERE true ON CONFLICT (subscriber_id) DO UPDATE SET name = excluded.name, description = excluded.description",
        postgres "INSERT INTO persona_told (subscriber_id, name, description) SELECT i, n, d
            FROM json_to_recordset($1::json) AS r(i bigint, n text, d text)
            ON CONFLICT (subscriber_id) DO UPDATE SET name = excluded.name, description = excluded.description"
    );
    ADVANCE = sql!("UPDATE writeback_destination SET personas_position = $2, personas_queued = personas_queued + $3 WHERE bridge_id = $1");
    DONE = sql!("UPDATE writeback_destination SET personas_position = 0, personas_last_queued = personas_queued, personas_queued = 0,
        personas_looked_at = $2, personas_next_at = $3 WHERE bridge_id = $1");
}

/// The daily look of one bridge that is switched on.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Daily {
    pub bridge_id: i64,
    pub kind: String,
    pub settings: String,
    /// 0 until it was set.
    pub personas_next_at: i64,
    pub personas_looked_at: Option<i64>,
    /// How many writebacks the last look queued.
    pub personas_last_queued: i64,
}

impl Daily {
    /// "Send Persona Activity?" is on.
    pub fn is_on(&self) -> bool {
        serde_json::from_str::<writebacks::Settings>(&self.settings).is_ok_and(|s| s.personas)
    }
}

/// Bridges in use.
pub async fn daily(mut read: Read<'_>) -> Result<Vec<Daily>, StoreError> {
    read.all(DAILY, args![]).await
}

/// Sets when the look is due, unless somebody else has.
pub async fn set_next(tx: &mut Tx, of: &Daily, at: Instant) -> Result<(), StoreError> {
    tx.run(NEXT, args![of.bridge_id, at, of.personas_next_at]).await.map(drop)
}

/// Has the look begin now, on somebody's wish. `everybody`: as if nobody had been told, for a remote that has lost what it was told.
pub async fn send_now(tx: &mut Tx, bridge_id: i64, everybody: bool, who: &Actor) -> Result<(), StoreError> {
    if everybody {
        tx.run(FORGET, args![bridge_id]).await?;
    }
    tx.run(NOW, args![bridge_id, who.at]).await?;
    audit::write(tx, who, "personas.send", "bridge", Some(bridge_id), json!({"everybody": everybody})).await
}

/// What a slice came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// So many writebacks were queued; there are more people.
    More(usize),
    /// Everybody was looked at.
    Through,
    /// Somebody else looks, or it is not due any more.
    Taken,
}

#[derive(sqlx::FromRow)]
struct Changed {
    id: i64,
    name: String,
    description: String,
}

/// Looks at the next slice of a bridge's people in one transaction: whoever has another persona than was told last gets a writeback. `next`:
/// when the look is due again once everybody was looked at.
pub async fn look(db: &Db, of: &Daily, now: Instant, next: Instant) -> Result<Look, StoreError> {
    let mut tx = db.write().await?;
    let at: Option<(i64,)> = tx.opt(AT, args![of.bridge_id, of.personas_next_at]).await?;
    let Some((position,)) = at else { return Ok(Look::Taken) };
    let (last,): (i64,) = tx.one(LAST, args![of.bridge_id, position, SLICE]).await?;
    if last == 0 {
        tx.run(DONE, args![of.bridge_id, now, next]).await?;
        tx.commit().await?;
        return Ok(Look::Through);
    }
    let changed: Vec<Changed> = tx.all(CHANGED, args![of.bridge_id, position, last]).await?;
    queue(&mut tx, of.bridge_id, &changed, now).await?;
    tx.run(ADVANCE, args![of.bridge_id, last, changed.len() as i64]).await?;
    tx.commit().await?;
    Ok(Look::More(changed.len()))
}

async fn queue(tx: &mut Tx, bridge_id: i64, changed: &[Changed], now: Instant) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let people = json!(changed.iter().map(|c| c.id).collect::<Vec<_>>()).to_string();
    let mut said: HashMap<i64, Vec<PersonaText>> = HashMap::new();
    for (person, state, text) in tx.all::<(i64, String, String)>(SAID, args![people]).await? {
        let message: Message = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(format!("a persona's writeback: {e}")))?;
        let before = said.entry(person).or_default();
        if state == "sent" {
            before.clear();
        }
        if let What::Persona { name, description, .. } = message.what
            && !name.is_empty()
        {
            before.push(PersonaText { name, description });
        }
    }
    let cause = ids::next(tx, "persona_look").await?;
    let fresh: Vec<Fresh> = changed
        .iter()
        .map(|c| {
            let before = said.remove(&c.id).unwrap_or_default();
            let what = What::Persona { name: c.name.clone(), description: c.description.clone(), before };
            let message = Message { at: now, account: String::new(), reason: String::new(), what };
            Fresh { at: now, bridge_id, subscriber_id: c.id, cause, message }
        })
        .collect();
    writebacks::enqueue(tx, &fresh).await?;
    let told: Vec<_> = changed.iter().map(|c| json!({"i": c.id, "n": c.name, "d": c.description})).collect();
    tx.run(TELL, args![json!(told).to_string()]).await.map(drop)
}
