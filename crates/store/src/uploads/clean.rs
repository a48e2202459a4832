//! The night's clean-up of doubles (ID-05), off unless somebody switches it on: a record that only uploads know, whose address a bridge
//! bears as well, is silenced. The block is bound to that record alone, never to the address (`docs/adr/0137`).

use rialto_core::Instant;
use serde_json::json;

use crate::args;
use crate::audit::{self, Actor};
use crate::consent;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::ids;
use crate::people::{Bound, Rows, insert_few};
use crate::sql::{sql, statements};

statements! {
    /// Along the key of the source's records; whoever is blocked already is passed over.
    DOUBLES = sql!("SELECT u.id, u.remote_id FROM (SELECT id, remote_id, canonical FROM subscriber WHERE bridge_id = 0 AND remote_id > $1
        ORDER BY remote_id LIMIT 2000) u WHERE EXISTS (SELECT 1 FROM subscriber s JOIN bridge b ON b.id = s.bridge_id AND b.deleted_at IS NULL
            WHERE s.canonical = u.canonical AND s.id <> u.id)
        AND NOT EXISTS (SELECT 1 FROM suppression x WHERE x.cause = 'admin' AND x.subscriber_id = u.id AND x.canonical = '') ORDER BY u.remote_id");
    FIRST = sql!("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING");
    AGAIN = sql!("UPDATE setting SET value = $2 WHERE name = $1 AND value = $3");
    END = sql!("SELECT COALESCE(MAX(remote_id), '') FROM (SELECT remote_id FROM subscriber WHERE bridge_id = 0 AND remote_id > $1
        ORDER BY remote_id LIMIT 2000) u");
}

/// Name of the switch among the settings: there when it is on.
pub const CLEAN_SETTING: &str = "uploads.clean_doubles";

/// Name of the setting that holds when the last clean-up began (microseconds since 1970).
pub const CLEANED_AT: &str = "uploads.cleaned_at";

const REASON: &str = "Double: a bridge has a record with this address";

/// Takes this clean-up upon itself; false when another node has.
pub async fn begin_clean(db: &Db, last: Option<Instant>, now: Instant) -> Result<bool, StoreError> {
    let mut tx = db.write().await?;
    let taken = match last {
        Some(last) => tx.run(AGAIN, args![CLEANED_AT, now.0.to_string(), last.0.to_string()]).await?,
        None => tx.run(FIRST, args![CLEANED_AT, now.0.to_string()]).await?,
    };
    tx.commit().await?;
    Ok(taken == 1)
}

/// Doubles among some of the source's records from a key on, and where the next part begins; `None` behind the last.
async fn part(mut read: Read<'_>, after: &str) -> Result<(Vec<i64>, Option<String>), StoreError> {
    let rows: Vec<(i64, String)> = read.all(DOUBLES, args![after]).await?;
    let (end,): (String,) = read.one(END, args![after]).await?;
    Ok((rows.into_iter().map(|(id, _)| id).collect(), Some(end).filter(|e| !e.is_empty())))
}

/// Blocks every double, part by part; answers how many.
pub async fn silence_doubles(db: &Db, who: &Actor) -> Result<i64, StoreError> {
    let (mut after, mut silenced) = (String::new(), 0);
    loop {
        let (found, next) = part(db.read(), &after).await?;
        if !found.is_empty() {
            block(db, &found, who).await?;
            silenced += found.len() as i64;
        }
        let Some(next) = next else { return Ok(silenced) };
        after = next;
    }
}

const CAUSES: [&str; 5] = ["id", "created_at", "cause", "subscriber_id", "canonical"];
const LEDGER: [&str; 8] = ["id", "created_at", "act", "cause", "subscriber_id", "source", "actor", "reason"];

async fn block(db: &Db, people: &[i64], who: &Actor) -> Result<(), StoreError> {
    let mut tx = db.write().await?;
    let first = ids::take(&mut tx, "suppression", people.len() as i64).await?;
    let cells: Vec<Bound<'_>> = (first..)
        .zip(people)
        .flat_map(|(n, id)| [Bound::Int(n), Bound::Int(who.at.0), Bound::Text("admin"), Bound::Int(*id), Bound::Text("")])
        .collect();
    insert_few(&mut tx, Rows { table: "suppression", columns: &CAUSES, cells, or_nothing: false, fresh: &[] }).await?;
    let first = ids::take(&mut tx, "consent_ledger", people.len() as i64).await?;
    let cells: Vec<Bound<'_>> = (first..)
        .zip(people)
        .flat_map(|(n, id)| {
            let words = ["open", "admin"].map(Bound::Text);
            let source = [Bound::Text("clean-up of doubles"), Bound::Text(&who.name), Bound::Text(REASON)];
            [Bound::Int(n), Bound::Int(who.at.0)].into_iter().chain(words).chain([Bound::Int(*id)]).chain(source)
        })
        .collect();
    insert_few(&mut tx, Rows { table: "consent_ledger", columns: &LEDGER, cells, or_nothing: false, fresh: &[] }).await?;
    audit::write(&mut tx, who, "uploads.clean_doubles", "setting", None, json!({"records": people.len()})).await?;
    consent::mark_counts(&mut tx, people).await?;
    tx.commit().await
}
