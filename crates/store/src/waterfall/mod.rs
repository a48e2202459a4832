//! From the members of a group to those who can be mailed, line by line (`rules.md` section 3).

mod basis;
mod delta;

use std::collections::HashMap;

use rialto_core::books::{Counts, Line, Waterfall};
use rialto_core::consent::{Cause, first_line};

use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::{sql, statements};

#[cfg(test)]
pub(crate) use basis::ALL as BASIS_ALL;
pub use basis::Basis;
#[cfg(test)]
pub(crate) use delta::ALL as DELTA_ALL;
pub use delta::{Delta, advance};

statements! {
    /// Sums instead of GROUP BY: SQLite would sort a million rows in memory for four groups.
    TOTALS = sql!("SELECT CAST(COALESCE(SUM(CASE WHEN s.address_state = 1 THEN 1 ELSE 0 END), 0) AS BIGINT),
        CAST(COALESCE(SUM(CASE WHEN s.address_state = 2 THEN 1 ELSE 0 END), 0) AS BIGINT),
        CAST(COALESCE(SUM(CASE WHEN s.address_state = 0 AND s.remote_flag_run <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
        CAST(COALESCE(SUM(CASE WHEN s.address_state = 0 AND s.remote_flag_run = 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
        FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1");
    /// Every address that several people bear, in the group or not: the index alone answers it. Right when the group holds a good
    /// part of all people.
    SHARED_BIG = sql!("SELECT canonical FROM subscriber WHERE canonical > '' GROUP BY canonical HAVING COUNT(*) > 1");
    SHARED_SMALL = sql!("SELECT s.canonical FROM membership m CROSS JOIN subscriber s
        WHERE m.group_id = $1 AND s.id = m.subscriber_id AND s.canonical > '' GROUP BY s.canonical HAVING COUNT(*) > 1");
    PEOPLE_OF = sql!("SELECT s.id FROM subscriber s WHERE s.canonical IN ", texts 2, " AND EXISTS
        (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = s.id)");
    SUPPRESSED = sql!("SELECT m.subscriber_id, x.cause FROM suppression x JOIN membership m ON m.subscriber_id = x.subscriber_id
        WHERE m.group_id = $1 AND x.subscriber_id <> 0
        UNION SELECT m.subscriber_id, x.cause FROM suppression x JOIN subscriber s ON s.canonical = x.canonical
        JOIN membership m ON m.subscriber_id = s.id WHERE m.group_id = $1 AND x.canonical <> ''");
    DETAILS = sql!("SELECT s.id, s.canonical, s.address_state, s.remote_flag_run, b.position, s.remote_id FROM subscriber s
        JOIN bridge b ON b.id = s.bridge_id WHERE s.id IN ", ids 1, "");
    MEMBERS_AMONG = sql!("SELECT subscriber_id FROM membership WHERE group_id = $1 AND subscriber_id IN ", ids 2, "");
    PEOPLE = sql!("SELECT COALESCE(MAX(id), 0) FROM subscriber");
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct Detail {
    id: i64,
    canonical: String,
    address_state: i16,
    remote_flag_run: i64,
    position: i64,
    remote_id: String,
}

/// Counts the group's members by line. `last` are the counts of the run that last read the whole list.
pub async fn compute(db: &Db, group_id: i64, members: i64, last: Counts) -> Result<Waterfall, StoreError> {
    let (totals, shared, causes) = tokio::try_join!(totals(db, group_id), shared(db, group_id, members), suppressed(db, group_id))?;
    let mut w =
        Waterfall { read: last.read, rejected: last.rejected, duplicate: last.duplicate, left_out: last.left_out, ..Waterfall::default() };
    for (line, count) in totals {
        w.members += count;
        w.add(line, count);
    }
    let mut ids: Vec<i64> = shared.into_iter().chain(causes.keys().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    place_details(&mut w, &details(db, &ids).await?, &causes);
    w.kept = w.members - (w.read - w.rejected - w.duplicate - w.left_out);
    Ok(w)
}

/// The line of somebody whose address nobody shares and about whom no cause but the remote's flag is open.
fn plain_line(state: i16, flagged: bool) -> Line {
    match (state, flagged) {
        (1, _) => Line::NoAddress,
        (2, _) => Line::Malformed,
        (_, true) => Line::RemoteFlag,
        _ => Line::Mailable,
    }
}

/// Moves those who share an address or have other causes from their plain line to the one they stand on.
fn place_details(w: &mut Waterfall, details: &[Detail], causes: &HashMap<i64, Vec<Cause>>) {
    for d in details.iter().filter(|d| d.address_state == 0) {
        w.add(plain_line(d.address_state, d.remote_flag_run != 0), -1);
    }
    let own = |d: &Detail| causes.get(&d.id).cloned().unwrap_or_default();
    lines_of(details.iter().filter(|d| d.address_state == 0), own, |line| w.add(line, 1));
}

/// Calls `put` with the line of each of some members with usable addresses, among them all who share one. `causes` are those open
/// beside the remote's flag.
fn lines_of<'a>(people: impl Iterator<Item = &'a Detail>, causes: impl Fn(&Detail) -> Vec<Cause>, mut put: impl FnMut(Line)) {
    let mut by_address: HashMap<&str, Vec<(&Detail, Line)>> = HashMap::new();
    for d in people {
        let line = first_line(causes(d).into_iter().chain((d.remote_flag_run != 0).then_some(Cause::RemoteFlag)));
        by_address.entry(&d.canonical).or_default().push((d, line));
    }
    for people in by_address.values() {
        // The mailable record with the lowest (bridge order, Remote ID) carries the address; without one, the lowest.
        let carrier = people.iter().min_by_key(|(d, line)| (*line != Line::Mailable, d.position, &d.remote_id)).map(|(d, _)| d.id);
        for (d, line) in people {
            put(if Some(d.id) == carrier { *line } else { Line::SameAddress });
        }
    }
}

/// Members by the line of those whose address nobody shares and about whom no cause but the remote's flag is open.
async fn totals(db: &Db, group_id: i64) -> Result<[(Line, i64); 4], StoreError> {
    let (missing, malformed, flagged, mailable): (i64, i64, i64, i64) = db.read().one(TOTALS, args![group_id]).await?;
    Ok([(Line::NoAddress, missing), (Line::Malformed, malformed), (Line::RemoteFlag, flagged), (Line::Mailable, mailable)])
}

/// Ids of members whose canonical address somebody else bears too.
async fn shared(db: &Db, group_id: i64, members: i64) -> Result<Vec<i64>, StoreError> {
    let (people,): (i64,) = db.read().one(PEOPLE, args![]).await?;
    let big = members.saturating_mul(20) > people;
    let statement = if big { SHARED_BIG } else { SHARED_SMALL };
    let args = if big { args![] } else { args![group_id] };
    let addresses: Vec<(String,)> = db.read().all(statement, args).await?;
    let addresses: Vec<String> = addresses.into_iter().map(|(a,)| a).collect();
    members_with(db, group_id, &addresses).await
}

/// Members who bear one of some canonical addresses.
async fn members_with(db: &Db, group_id: i64, addresses: &[String]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    for some in addresses.chunks(10_000) {
        let list = serde_json::Value::from(some).to_string();
        let rows: Vec<(i64,)> = db.read().all(PEOPLE_OF, args![group_id, list]).await?;
        ids.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(ids)
}

async fn suppressed(db: &Db, group_id: i64) -> Result<HashMap<i64, Vec<Cause>>, StoreError> {
    let rows: Vec<(i64, String)> = db.read().all(SUPPRESSED, args![group_id]).await?;
    let mut causes: HashMap<i64, Vec<Cause>> = HashMap::new();
    for (id, name) in rows {
        causes.entry(id).or_default().extend(Cause::from_name(&name));
    }
    Ok(causes)
}

async fn details(db: &Db, ids: &[i64]) -> Result<Vec<Detail>, StoreError> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(10_000) {
        all.extend(db.read().all::<Detail>(DETAILS, args![serde_json::Value::from(some).to_string()]).await?);
    }
    Ok(all)
}
