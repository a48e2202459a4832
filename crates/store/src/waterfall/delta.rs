//! A waterfall carried on by what one run changed, instead of counting a large group anew.

use std::collections::{HashMap, HashSet};

use rialto_core::address::{Address, AddressState};
use rialto_core::books::{Counts, Line, Waterfall};
use rialto_core::consent::Cause;
use roaring::RoaringTreemap;

use super::{Detail, details, lines_of, members_with};
use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BEFORE = sql!(
        sqlite "SELECT subscriber_id, COALESCE(before_values->>'address', '') FROM person_change WHERE run_id = $1 LIMIT $2",
        postgres "SELECT subscriber_id, COALESCE(before_values::json->>'address', '') FROM person_change WHERE run_id = $1 LIMIT $2"
    );
    FLAGS = sql!("SELECT subscriber_id, op FROM flag_change WHERE run_id = $1 AND op IN (1, 2)");
    CAUSES_OF_RECORDS = sql!("SELECT subscriber_id, cause FROM suppression WHERE subscriber_id <> 0 AND subscriber_id IN ", ids 1, "");
    CAUSES_OF_ADDRESSES = sql!("SELECT canonical, cause FROM suppression WHERE canonical <> '' AND canonical IN ", texts 1, "");
}

/// One part in this many may have been touched; beyond it a whole count is cheaper.
const WORTH_WHILE: i64 = 8;

/// What a run did to a group.
#[derive(Clone, Copy, Debug)]
pub struct Delta<'a> {
    pub run_id: i64,
    pub group_id: i64,
    pub joins: &'a RoaringTreemap,
    pub leaves: &'a RoaringTreemap,
    pub counts: Counts,
}

/// A member before or after the run, with the causes that are open now: the run itself opens and lifts remote flags only.
struct Causes {
    records: HashMap<i64, Vec<Cause>>,
    addresses: HashMap<String, Vec<Cause>>,
}

/// `last`, carried on by what the run changed: the people it wrote, let in or took out, and all members who bear one of their
/// addresses. Only right when `Basis::holds` for this run and `last` was counted with `members_before` members. `None` when so many
/// were touched that a whole count is cheaper.
pub async fn advance(db: &Db, last: Waterfall, delta: Delta<'_>) -> Result<Option<Waterfall>, StoreError> {
    let most = delta.counts.members_after / WORTH_WHILE;
    let before: HashMap<i64, String> = db.read().all::<(i64, String)>(BEFORE, args![delta.run_id, most + 1]).await?.into_iter().collect();
    let flags: HashMap<i64, i16> = db.read().all::<(i64, i16)>(FLAGS, args![delta.run_id]).await?.into_iter().collect();
    let mut touched: RoaringTreemap = delta.joins | delta.leaves;
    touched.extend(before.keys().chain(flags.keys()).map(|id| *id as u64));
    if touched.len() > most.unsigned_abs() {
        return Ok(None);
    }
    let ids: Vec<i64> = touched.iter().map(|id| id as i64).collect();
    let mut now = details(db, &ids).await?;
    let mut addresses: HashSet<String> = now.iter().map(|d| d.canonical.clone()).collect();
    addresses.extend(before.values().map(|a| Address::read(Some(a)).canonical));
    addresses.remove("");
    let addresses: Vec<String> = addresses.into_iter().collect();
    let others: Vec<i64> =
        members_with(db, delta.group_id, &addresses).await?.into_iter().filter(|id| !touched.contains(*id as u64)).collect();
    now.extend(details(db, &others).await?);
    let members = members_among(db, delta.group_id, &ids).await?;
    let is_member = |id: i64| !touched.contains(id as u64) || members.contains(id as u64);
    let was_member = |id: i64| {
        let id = id as u64;
        !delta.joins.contains(id) && (delta.leaves.contains(id) || is_member(id as i64))
    };
    let causes = causes(db, &now, &addresses).await?;
    let then: Vec<Detail> =
        now.iter().filter(|d| was_member(d.id)).map(|d| earlier(d, before.get(&d.id), flags.get(&d.id).copied())).collect();
    now.retain(|d| is_member(d.id));
    let mut w = last;
    count(&mut w, &then, &causes, -1);
    count(&mut w, &now, &causes, 1);
    let c = delta.counts;
    (w.read, w.rejected, w.duplicate, w.left_out) = (c.read, c.rejected, c.duplicate, c.left_out);
    w.members = c.members_after;
    w.kept = w.members - (w.read - w.rejected - w.duplicate - w.left_out);
    Ok(Some(w))
}

/// Who stood there before the run.
fn earlier(now: &Detail, address: Option<&String>, flag: Option<i16>) -> Detail {
    let mut then = now.clone();
    if let Some(address) = address {
        let address = Address::read(Some(address));
        then.canonical = address.canonical;
        then.address_state = address.state as i16;
    }
    match flag {
        Some(1) => then.remote_flag_run = 0,
        Some(_) => then.remote_flag_run = 1,
        None => {}
    }
    then
}

fn count(w: &mut Waterfall, people: &[Detail], causes: &Causes, sign: i64) {
    let usable = AddressState::Usable as i16;
    for d in people.iter().filter(|d| d.address_state != usable) {
        w.add(if d.address_state == AddressState::Missing as i16 { Line::NoAddress } else { Line::Malformed }, sign);
    }
    let own = |d: &Detail| {
        let of_record = causes.records.get(&d.id).into_iter().flatten();
        of_record.chain(causes.addresses.get(&d.canonical).into_iter().flatten()).copied().collect()
    };
    lines_of(people.iter().filter(|d| d.address_state == usable), own, |line| w.add(line, sign));
}

async fn members_among(db: &Db, group_id: i64, ids: &[i64]) -> Result<RoaringTreemap, StoreError> {
    let mut all = RoaringTreemap::new();
    for some in ids.chunks(10_000) {
        let rows: Vec<(i64,)> = db.read().all(super::MEMBERS_AMONG, args![group_id, serde_json::Value::from(some).to_string()]).await?;
        all.extend(rows.into_iter().map(|(id,)| id as u64));
    }
    Ok(all)
}

async fn causes(db: &Db, people: &[Detail], addresses: &[String]) -> Result<Causes, StoreError> {
    let ids: Vec<i64> = people.iter().map(|d| d.id).collect();
    let mut causes = Causes { records: HashMap::new(), addresses: HashMap::new() };
    for some in ids.chunks(10_000) {
        let rows: Vec<(i64, String)> = db.read().all(CAUSES_OF_RECORDS, args![serde_json::Value::from(some).to_string()]).await?;
        for (id, name) in rows {
            causes.records.entry(id).or_default().extend(Cause::from_name(&name));
        }
    }
    for some in addresses.chunks(10_000) {
        let rows: Vec<(String, String)> = db.read().all(CAUSES_OF_ADDRESSES, args![serde_json::Value::from(some).to_string()]).await?;
        for (address, name) in rows {
            causes.addresses.entry(address).or_default().extend(Cause::from_name(&name));
        }
    }
    Ok(causes)
}
