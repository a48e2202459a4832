//! Members of a target group, page by page (`docs/adr/0003`), as a whole or standing on one line of the waterfall.

use std::collections::HashMap;

use rialto_core::books::Line;
use rialto_core::consent::Cause;

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BY_ID = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM (SELECT subscriber_id FROM membership WHERE group_id = $1 AND subscriber_id > $2 ORDER BY subscriber_id LIMIT $3) p
        JOIN subscriber s ON s.id = p.subscriber_id ORDER BY s.id");
    /// Walks the index (canonical, id), which holds all that the search needs, and asks the index of memberships about each.
    BY_ADDRESS_BIG = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM (SELECT a.canonical, a.id FROM subscriber a WHERE (a.canonical, a.id) > ($2, $3)
            AND EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = a.id)
            ORDER BY a.canonical, a.id LIMIT $4) p
        JOIN subscriber s ON s.id = p.id ORDER BY s.canonical, s.id");
    /// Walks at most `$5` steps beside a hash of the members. `IS TRUE` keeps PostgreSQL from making a join of it, which would ask the
    /// index of memberships at each step again; SQLite asks as cheaply as it would hash.
    BY_ADDRESS_MIDDLE = sql!(
        sqlite "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM (SELECT a.canonical, a.id FROM (SELECT canonical, id FROM subscriber WHERE (canonical, id) > ($2, $3)
                ORDER BY canonical, id LIMIT $5) a
            WHERE EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = a.id)
            ORDER BY a.canonical, a.id LIMIT $4) p
        JOIN subscriber s ON s.id = p.id ORDER BY s.canonical, s.id",
        postgres "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM (SELECT a.canonical, a.id FROM (SELECT canonical, id FROM subscriber WHERE (canonical, id) > ($2, $3)
                ORDER BY canonical, id LIMIT $5) a
            WHERE (a.id IN (SELECT m.subscriber_id FROM membership m WHERE m.group_id = $1)) IS TRUE
            ORDER BY a.canonical, a.id LIMIT $4) p
        JOIN subscriber s ON s.id = p.id ORDER BY s.canonical, s.id"
    );
    /// Looks every member up and keeps the first ones.
    BY_ADDRESS_SMALL = sql!("WITH ids AS MATERIALIZED (SELECT subscriber_id FROM membership WHERE group_id = $1)
        SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM ids CROSS JOIN subscriber s WHERE s.id = ids.subscriber_id AND (s.canonical, s.id) > ($2, $3)
        ORDER BY s.canonical, s.id LIMIT $4");
    FIND = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM subscriber s WHERE s.id IN (SELECT a.id FROM subscriber a WHERE a.canonical = $2
            UNION SELECT r.id FROM bridge b JOIN subscriber r ON r.bridge_id = b.id AND r.remote_id = $3)
        AND EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = s.id) ORDER BY s.canonical, s.id LIMIT $4");
    BY_STATE = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM membership m JOIN subscriber s ON s.id = m.subscriber_id
        WHERE m.group_id = $1 AND m.subscriber_id > $2 AND s.address_state = $3 ORDER BY m.subscriber_id LIMIT $4");
    /// Members whose first cause is `$3` (9 for none) and who carry their address.
    ON_LINE = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM membership m JOIN subscriber s ON s.id = m.subscriber_id JOIN bridge b ON b.id = s.bridge_id
        WHERE m.group_id = $1 AND m.subscriber_id > $2 AND s.address_state = 0
        AND COALESCE((SELECT MIN(CASE x.cause WHEN 'invalid_address' THEN 4 WHEN 'complaint' THEN 5 WHEN 'own_unsubscribe' THEN 6 ELSE 7 END)
            FROM suppression x WHERE x.subscriber_id = s.id OR x.canonical = s.canonical),
            CASE WHEN s.remote_flag_run <> 0 THEN 8 ELSE 9 END) = $3
        AND NOT EXISTS (SELECT 1 FROM subscriber o JOIN bridge ob ON ob.id = o.bridge_id
            WHERE o.canonical = s.canonical AND o.id <> s.id AND o.address_state = 0
            AND EXISTS (SELECT 1 FROM membership om WHERE om.group_id = $1 AND om.subscriber_id = o.id)
            AND (CASE WHEN o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id OR x.canonical = o.canonical)
                THEN 1 ELSE 0 END, ob.position, o.remote_id) < (CASE WHEN $3 < 9 THEN 1 ELSE 0 END, b.position, s.remote_id))
        ORDER BY m.subscriber_id LIMIT $4");
    /// Members whose address another member of the group carries.
    SAME_ADDRESS = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
        FROM membership m JOIN subscriber s ON s.id = m.subscriber_id JOIN bridge b ON b.id = s.bridge_id
        WHERE m.group_id = $1 AND m.subscriber_id > $2 AND s.address_state = 0
        AND EXISTS (SELECT 1 FROM subscriber o JOIN bridge ob ON ob.id = o.bridge_id
            WHERE o.canonical = s.canonical AND o.id <> s.id AND o.address_state = 0
            AND EXISTS (SELECT 1 FROM membership om WHERE om.group_id = $1 AND om.subscriber_id = o.id)
            AND (CASE WHEN o.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = o.id OR x.canonical = o.canonical)
                THEN 1 ELSE 0 END, ob.position, o.remote_id)
              < (CASE WHEN s.remote_flag_run <> 0 OR EXISTS (SELECT 1 FROM suppression x WHERE x.subscriber_id = s.id OR x.canonical = s.canonical)
                THEN 1 ELSE 0 END, b.position, s.remote_id))
        ORDER BY m.subscriber_id LIMIT $3");
    CAUSES_OF_RECORDS = sql!("SELECT subscriber_id, cause FROM suppression WHERE subscriber_id <> 0 AND subscriber_id IN ", ids 1, "");
    CAUSES_OF_ADDRESSES = sql!("SELECT canonical, cause FROM suppression WHERE canonical <> '' AND canonical IN ", texts 1, "");
    PEOPLE = sql!("SELECT COALESCE(MAX(id), 0) FROM subscriber");
}

/// A person of a list. `canonical` is where the next page by address begins.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Member {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub remote_id: String,
    pub address: String,
    pub canonical: String,
    pub address_state: i16,
    /// The run that opened the remote system's own "no"; 0 when none is open.
    pub remote_flag_run: i64,
}

/// How a page by address is found (`docs/adr/0080`). Where members are spread over the alphabet, a walk takes
/// `rows × people ÷ members` steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Every member is looked up: dearer than a step, but there are few.
    LookUp,
    /// Walks so many steps beside a hash of the members, and looks them up if that was not enough.
    Walk(i64),
    /// Walks and asks at each step: to hash so many, or to look them up, would cost more than the walk.
    Ask,
}

fn way(members: i64, people: i64, rows: i64, sqlite: bool) -> Way {
    let square = members.saturating_mul(members);
    // A step beside a hash costs PostgreSQL a twentieth of a look-up; SQLite asks, which costs it about as much as one.
    if square < people.saturating_mul(if sqlite { 50 } else { 8 }) {
        Way::LookUp
    } else if square < people.saturating_mul(200) {
        Way::Walk(8 * rows.saturating_mul(people) / members.max(1))
    } else if square < people.saturating_mul(1_500) {
        Way::Walk(i64::MAX)
    } else {
        Way::Ask
    }
}

/// Members by address after (canonical address, id). `members` is the group's stored count.
pub async fn by_address(db: &Db, group_id: i64, members: i64, after: (&str, i64), limit: i64) -> Result<Vec<Member>, StoreError> {
    let (people,): (i64,) = db.read().one(PEOPLE, args![]).await?;
    let page = args![group_id, after.0, after.1, limit];
    match way(members, people, limit, db.is_sqlite()) {
        Way::LookUp => {}
        Way::Ask => return db.read().all(BY_ADDRESS_BIG, page).await,
        Way::Walk(steps) => {
            let found: Vec<Member> = db.read().all(BY_ADDRESS_MIDDLE, args![group_id, after.0, after.1, limit, steps]).await?;
            if steps == i64::MAX || found.len() as i64 == limit {
                return Ok(found);
            }
        }
    }
    db.read().all(BY_ADDRESS_SMALL, page).await
}

/// Members after a subscriber id.
pub async fn by_id(mut read: Read<'_>, group_id: i64, after: i64, limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(BY_ID, args![group_id, after, limit]).await
}

/// Members with this address or Remote ID.
pub async fn find(mut read: Read<'_>, group_id: i64, q: &str, limit: i64) -> Result<Vec<Member>, StoreError> {
    read.all(FIND, args![group_id, rialto_core::address::canonical(q), q.trim(), limit]).await
}

/// Members who stand on one line of the waterfall, after a subscriber id. Reads members until the page is full.
pub async fn on_line(mut read: Read<'_>, group_id: i64, line: Line, after: i64, limit: i64) -> Result<Vec<Member>, StoreError> {
    let first_cause = match line {
        Line::NoAddress => return read.all(BY_STATE, args![group_id, after, 1_i64, limit]).await,
        Line::Malformed => return read.all(BY_STATE, args![group_id, after, 2_i64, limit]).await,
        Line::SameAddress => return read.all(SAME_ADDRESS, args![group_id, after, limit]).await,
        Line::Invalid => 4_i64,
        Line::Complaint => 5,
        Line::UnsubscribedHere => 6,
        Line::AdminOrUpload => 7,
        Line::RemoteFlag => 8,
        Line::Mailable => 9,
    };
    read.all(ON_LINE, args![group_id, after, first_cause, limit]).await
}

/// Open causes of some people, the remote system's flag included, each person's in the order of the waterfall.
pub async fn causes(db: &Db, people: &[Member]) -> Result<HashMap<i64, Vec<Cause>>, StoreError> {
    let ids = serde_json::Value::from(people.iter().map(|m| m.id).collect::<Vec<_>>()).to_string();
    let addresses: Vec<&str> = people.iter().map(|m| m.canonical.as_str()).filter(|c| !c.is_empty()).collect();
    let addresses = serde_json::Value::from(addresses).to_string();
    let of_records: Vec<(i64, String)> = db.read().all(CAUSES_OF_RECORDS, args![ids]).await?;
    let of_addresses: Vec<(String, String)> = db.read().all(CAUSES_OF_ADDRESSES, args![addresses]).await?;
    let mut found: HashMap<i64, Vec<Cause>> = HashMap::new();
    for m in people {
        let record = of_records.iter().filter(|(id, _)| *id == m.id).map(|(_, c)| c);
        let address = of_addresses.iter().filter(|(a, _)| *a == m.canonical).map(|(_, c)| c);
        let mut causes: Vec<Cause> = record.chain(address).filter_map(|c| Cause::from_name(c)).collect();
        if m.remote_flag_run != 0 {
            causes.push(Cause::RemoteFlag);
        }
        causes.sort_by_key(|c| (c.line(), c.name()));
        causes.dedup();
        if !causes.is_empty() {
            found.insert(m.id, causes);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Way, way};

    #[test]
    fn the_way_follows_what_it_costs() {
        let of = |members| way(members, 1_000_000, 50, false);
        assert_eq!([of(0), of(2_800), of(5_000)], [Way::LookUp, Way::LookUp, Way::Walk(80_000)]);
        assert_eq!([of(14_000), of(14_200), of(38_700)], [Way::Walk(28_571), Way::Walk(i64::MAX), Way::Walk(i64::MAX)]);
        assert_eq!([of(38_800), of(1_000_000)], [Way::Ask, Way::Ask]);
        assert_eq!((way(7_000, 1_000_000, 50, true), way(7_100, 1_000_000, 50, true)), (Way::LookUp, Way::Walk(56_338)));
    }
}
