//! Fields and addresses as they were before a run. A value goes back only where it is still the run's: what the run left is what the
//! first later change found, or, without one, what stands today.

use std::collections::{HashMap, HashSet};

use rialto_core::Address;
use rialto_core::address::AddressState;
use serde_json::{Map, Value as Json, json};

use super::{Undo, mine};
use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::fields::{listed_ids, profile_object, table, typed};
use crate::people::{before_text, upsert_json};
use crate::sql::{sql, statements};

statements! {
    LOG = sql!("SELECT subscriber_id, before_values FROM person_change WHERE run_id = $1 AND subscriber_id > $2 ORDER BY subscriber_id LIMIT $3");
    LATER = sql!("SELECT subscriber_id, before_values FROM person_change WHERE run_id = $2 AND subscriber_id IN ", ids 1, "");
    SILENT = sql!("SELECT DISTINCT canonical FROM suppression WHERE canonical <> '' AND canonical ", among texts 1, "");
    OWN = sql!("SELECT DISTINCT subscriber_id FROM suppression WHERE subscriber_id <> 0 AND subscriber_id IN ", ids 1, "");
    /// A changed hash: somebody wrote there meanwhile. Without the hash, the next sync writes the remote's values again.
    BACK = sql!(
        sqlite "UPDATE subscriber SET address = COALESCE(r.a, address), canonical = COALESCE(r.c, canonical),
                address_state = COALESCE(r.s, address_state), hash = 0
            FROM (SELECT value->>'i' AS i, value->>'a' AS a, value->>'c' AS c, value->>'s' AS s, value->>'h' AS h FROM json_each($1)) AS r
            WHERE subscriber.id = r.i AND subscriber.hash = r.h",
        postgres "UPDATE subscriber SET address = COALESCE(r.a, address), canonical = COALESCE(r.c, canonical),
                address_state = COALESCE(r.s, address_state), hash = 0
            FROM json_to_recordset($1::json) AS r(i bigint, a text, c text, s smallint, h bigint)
            WHERE subscriber.id = r.i AND subscriber.hash = r.h"
    );
}

/// One person whose values the run had changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    pub id: i64,
    pub remote_id: String,
    /// Today's.
    pub address: String,
    /// The earlier address, where it goes back.
    pub address_back: Option<Address>,
    /// Earlier values that go back, by `f<number>`.
    pub values: Map<String, Json>,
    /// Names of fields that stay as they are, because they were changed since.
    pub newer: Vec<String>,
    /// The earlier address stays away: with it they would be mailable again.
    pub would_mail: bool,
    /// Tells whether somebody has been written since.
    hash: i64,
}

impl Person {
    pub fn goes_back(&self) -> bool {
        self.address_back.is_some() || !self.values.is_empty()
    }

    pub fn has_conflict(&self) -> bool {
        self.would_mail || !self.newer.is_empty()
    }
}

/// People of the log, in the order of their ids; those whose values need nothing are left out.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub people: Vec<Person>,
    /// The last person of the log looked at; `None` at its end.
    pub last: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Today {
    id: i64,
    remote_id: String,
    address: String,
    canonical: String,
    address_state: i16,
    remote_flag_run: i64,
    hash: i64,
    profile: Option<String>,
}

/// Looks at so many people of the run's log behind `after`. `later`: see [`super::later_values`].
pub async fn page(db: &Db, undo: &Undo<'_>, later: &[i64], after: i64, limit: i64) -> Result<Page, StoreError> {
    let log: Vec<(i64, String)> = db.read().all(LOG, args![undo.of.id, after, limit]).await?;
    let Some((last, _)) = log.last() else { return Ok(Page::default()) };
    let last = Some(*last);
    let ids = Json::from(log.iter().map(|(id, _)| *id).collect::<Vec<_>>()).to_string();
    let mut left: HashMap<i64, Map<String, Json>> = HashMap::new();
    for run in later {
        for (id, text) in db.read().all::<(i64, String)>(LATER, args![&ids, *run]).await? {
            let found = left.entry(id).or_default();
            // The first later change found what the run had left.
            for (key, value) in stood(&text, undo)? {
                found.entry(key).or_insert(value);
            }
        }
    }
    let today = today(db, undo, &ids).await?;
    let mut people = Vec::new();
    for (id, text) in &log {
        let Some(now) = today.get(id) else { continue };
        people.push(compare(undo, now, stood(text, undo)?, left.remove(id).unwrap_or_default())?);
    }
    keep_silent(db, &today, &mut people, &ids).await?;
    people.retain(|p| p.goes_back() || p.has_conflict());
    Ok(Page { people, last })
}

/// The values of a log entry by key: `address`, and `f<number>` of every field that it speaks of.
fn stood(text: &str, undo: &Undo<'_>) -> Result<Map<String, Json>, StoreError> {
    let mut entry: Map<String, Json> = serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    let adopted = entry.contains_key("adopted");
    let mut found = match entry.remove("profile") {
        Some(Json::Object(profile)) if !adopted => profile,
        // There was no profile of this source: none of its fields had a value.
        _ => undo.fields.iter().map(|f| (format!("f{}", f.number), Json::Null)).collect(),
    };
    found.remove("subscriber_id");
    if let Some(address) = entry.remove("address") {
        found.insert("address".into(), address);
    }
    Ok(found)
}

async fn today(db: &Db, undo: &Undo<'_>, ids: &str) -> Result<HashMap<i64, Today>, StoreError> {
    let object = profile_object(db.is_sqlite(), undo.fields.iter().map(typed));
    let (profile, list) = (table(undo.source()), listed_ids(db.is_sqlite(), 1));
    let text = format!(
        "SELECT s.id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run, s.hash, CAST({object} AS TEXT) AS profile
        FROM subscriber s LEFT JOIN {profile} p ON p.subscriber_id = s.id WHERE s.id IN {list}"
    );
    let rows: Vec<Today> = db.read().all_built(text, args![ids]).await?;
    Ok(rows.into_iter().map(|t| (t.id, t)).collect())
}

fn compare(undo: &Undo<'_>, now: &Today, before: Map<String, Json>, left: Map<String, Json>) -> Result<Person, StoreError> {
    let profile: Option<Map<String, Json>> = match now.profile.as_deref() {
        Some(text) => serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))?,
        None => None,
    };
    let mut person = Person {
        id: now.id,
        remote_id: if undo.source() == 0 { String::new() } else { now.remote_id.clone() },
        address: now.address.clone(),
        address_back: None,
        values: Map::new(),
        newer: Vec::new(),
        would_mail: false,
        hash: now.hash,
    };
    // Uploads find people by their address and change none.
    let address = before.get("address").and_then(Json::as_str).filter(|_| undo.source() != 0);
    if let Some(was) = address {
        let ran = left.get("address").and_then(Json::as_str).unwrap_or(&now.address);
        if was != ran && was != now.address {
            if ran == now.address {
                person.address_back = Some(Address::read(Some(was)));
            } else {
                person.newer.push("Address".into());
            }
        }
    }
    for field in undo.fields {
        let key = format!("f{}", field.number);
        let Some(was) = before.get(&key) else { continue };
        let here = profile.as_ref().and_then(|p| p.get(&key)).unwrap_or(&Json::Null);
        let ran = left.get(&key).unwrap_or(here);
        if was == ran || was == here {
            continue;
        }
        if ran == here {
            person.values.insert(key, was.clone());
        } else {
            person.newer.push(field.name.clone());
        }
    }
    Ok(person)
}

/// An undo makes nobody mailable: whoever is silent only through today's address keeps it, unless the earlier one is silent too.
async fn keep_silent(db: &Db, today: &HashMap<i64, Today>, people: &mut [Person], ids: &str) -> Result<(), StoreError> {
    let moving = || people.iter().filter_map(|p| Some((p.address_back.as_ref()?, today.get(&p.id)?)));
    let both: HashSet<&str> =
        moving().flat_map(|(was, now)| [was.canonical.as_str(), now.canonical.as_str()]).filter(|c| !c.is_empty()).collect();
    if moving().next().is_none() {
        return Ok(());
    }
    let list = Json::from(both.into_iter().collect::<Vec<_>>()).to_string();
    let silent: HashSet<String> = db.read().all::<(String,)>(SILENT, args![list]).await?.into_iter().map(|(c,)| c).collect();
    let own: HashSet<i64> = db.read().all::<(i64,)>(OWN, args![ids]).await?.into_iter().map(|(id,)| id).collect();
    for person in people {
        let (Some(was), Some(now)) = (&person.address_back, today.get(&person.id)) else { continue };
        let mailable = |state: i16, canonical: &str| state == AddressState::Usable as i16 && !silent.contains(canonical);
        let by_itself = now.remote_flag_run != 0 || own.contains(&person.id);
        if !by_itself && mailable(was.state as i16, &was.canonical) && !mailable(now.address_state, &now.canonical) {
            (person.address_back, person.would_mail) = (None, true);
        }
    }
    Ok(())
}

/// Writes what goes back, with what stood there before, whole or not at all. `Conflict` when a sync of another list
/// changed somebody meanwhile: look at the page again. `TakenOver` when the run is no longer the worker's.
pub async fn restore(db: &Db, undo: &Undo<'_>, people: &[Person]) -> Result<(), StoreError> {
    let back: Vec<&Person> = people.iter().filter(|p| p.goes_back()).collect();
    if back.is_empty() {
        return Ok(());
    }
    let mut tx = mine(db, undo).await?;
    let ids = Json::from(back.iter().map(|p| p.id).collect::<Vec<_>>()).to_string();
    tx.run_built(before_text(tx.is_sqlite(), undo.source(), undo.fields), args![undo.run_id, ids]).await?;
    if undo.source() != 0 {
        let rows: Vec<Json> = back
            .iter()
            .map(|p| {
                let was = p.address_back.as_ref();
                let state = was.map(|a| a.state as i16);
                json!({"i": p.id, "a": was.map(|a| &a.written), "c": was.map(|a| &a.canonical), "s": state, "h": p.hash})
            })
            .collect();
        if tx.run(BACK, args![Json::from(rows).to_string()]).await? != back.len() as u64 {
            return Err(StoreError::Conflict("One of these people was changed at the same moment. Undo again.".into()));
        }
    }
    let mut by_fields: HashMap<Vec<u32>, Vec<Json>> = HashMap::new();
    for person in back.iter().filter(|p| !p.values.is_empty()) {
        let numbers = undo.fields.iter().map(|f| f.number).filter(|n| person.values.contains_key(&format!("f{n}"))).collect();
        let mut row = person.values.clone();
        row.insert("i".into(), json!(person.id));
        by_fields.entry(numbers).or_default().push(row.into());
    }
    for (numbers, rows) in by_fields {
        let fields: Vec<_> = undo.fields.iter().filter(|f| numbers.contains(&f.number)).collect();
        upsert_json(&mut tx, undo.source(), &fields, rows).await?;
    }
    tx.commit().await
}
