//! Members of a target group in the order of their addresses (`docs/adr/0080`).

use super::Way;
use super::members::Member;
use crate::args;
use crate::db::Db;
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};

/// Walks the index (canonical, id), which holds all that the search needs, and asks the index of memberships about each.
macro_rules! asking {
    ($cmp:literal, $dir:literal, $only:literal) => {{
        const TEXT: &str = concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM (SELECT a.canonical, a.id FROM subscriber a WHERE (a.canonical, a.id) ",
            $cmp,
            " ($2, $3) ",
            $only,
            "
                AND EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = a.id)
                ORDER BY a.canonical ",
            $dir,
            ", a.id ",
            $dir,
            " LIMIT $4) p
            JOIN subscriber s ON s.id = p.id ORDER BY s.canonical ",
            $dir,
            ", s.id ",
            $dir
        );
        Sql { sqlite: TEXT, postgres: TEXT }
    }};
}

/// Walks at most `$5` steps beside a hash of the members. `IS TRUE` keeps PostgreSQL from making a join of it, which would ask the
/// index of memberships at each step again; SQLite asks as cheaply as it would hash.
macro_rules! walking {
    ($cmp:literal, $dir:literal, $only:literal) => {
        Sql {
            sqlite: walking!($cmp, $dir, $only, "EXISTS (SELECT 1 FROM membership m WHERE m.group_id = $1 AND m.subscriber_id = a.id)"),
            postgres: walking!($cmp, $dir, $only, "(a.id IN (SELECT m.subscriber_id FROM membership m WHERE m.group_id = $1)) IS TRUE"),
        }
    };
    ($cmp:literal, $dir:literal, $only:literal, $member:literal) => {
        concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM (SELECT a.canonical, a.id FROM (SELECT a.canonical, a.id FROM subscriber a WHERE (a.canonical, a.id) ",
            $cmp,
            " ($2, $3) ",
            $only,
            "
                    ORDER BY a.canonical ",
            $dir,
            ", a.id ",
            $dir,
            " LIMIT $5) a
                WHERE ",
            $member,
            " ORDER BY a.canonical ",
            $dir,
            ", a.id ",
            $dir,
            " LIMIT $4) p
            JOIN subscriber s ON s.id = p.id ORDER BY s.canonical ",
            $dir,
            ", s.id ",
            $dir
        )
    };
}

/// Looks every member up and keeps the first ones.
macro_rules! looking_up {
    ($cmp:literal, $dir:literal, $only:literal) => {{
        const TEXT: &str = concat!(
            "WITH ids AS MATERIALIZED (SELECT subscriber_id FROM membership WHERE group_id = $1)
            SELECT a.id, a.created_at, a.bridge_id, a.remote_id, a.address, a.canonical, a.address_state, a.remote_flag_run
            FROM ids CROSS JOIN subscriber a WHERE a.id = ids.subscriber_id AND (a.canonical, a.id) ",
            $cmp,
            " ($2, $3) ",
            $only,
            "
            ORDER BY a.canonical ",
            $dir,
            ", a.id ",
            $dir,
            " LIMIT $4"
        );
        Sql { sqlite: TEXT, postgres: TEXT }
    }};
}

// Backwards nobody without an address: they stand behind everybody else.
statements! {
    ASK = asking!(">", "", "");
    ASK_BACK = asking!("<", "DESC", "AND a.canonical > ''");
    WALK = walking!(">", "", "");
    WALK_BACK = walking!("<", "DESC", "AND a.canonical > ''");
    LOOK_UP = looking_up!(">", "", "");
    LOOK_UP_BACK = looking_up!("<", "DESC", "AND a.canonical > ''");
    PEOPLE = sql!("SELECT COALESCE(MAX(id), 0) FROM subscriber");
}

/// How a page by address is found. Where members are spread over the alphabet, a walk takes `rows × people ÷ members` steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Search {
    /// Every member is looked up: dearer than a step, but there are few.
    LookUp,
    /// Walks so many steps beside a hash of the members, and looks them up if that was not enough.
    Walk(i64),
    /// Walks and asks at each step: to hash so many, or to look them up, would cost more than the walk.
    Ask,
}

fn search(members: i64, people: i64, rows: i64, sqlite: bool) -> Search {
    let square = members.saturating_mul(members);
    // A step beside a hash costs PostgreSQL a twentieth of a look-up; SQLite asks, which costs it about as much as one.
    if square < people.saturating_mul(if sqlite { 50 } else { 8 }) {
        Search::LookUp
    } else if square < people.saturating_mul(200) {
        Search::Walk(8 * rows.saturating_mul(people) / members.max(1))
    } else if square < people.saturating_mul(1_500) {
        Search::Walk(i64::MAX)
    } else {
        Search::Ask
    }
}

/// Members by address from (canonical address, id). `members` is the group's stored count. Back, members without an address are left
/// out: lists show them behind everybody else.
pub async fn by_address(db: &Db, group_id: i64, members: i64, way: Way, from: (&str, i64), limit: i64) -> Result<Vec<Member>, StoreError> {
    let (people,): (i64,) = db.read().one(PEOPLE, args![]).await?;
    let page = args![group_id, from.0, from.1, limit];
    match search(members, people, limit, db.is_sqlite()) {
        Search::LookUp => {}
        Search::Ask => return db.read().all(way.pick(ASK, ASK_BACK), page).await,
        Search::Walk(steps) => {
            let walk = args![group_id, from.0, from.1, limit, steps];
            let found: Vec<Member> = db.read().all(way.pick(WALK, WALK_BACK), walk).await?;
            if steps == i64::MAX || found.len() as i64 == limit {
                return Ok(found);
            }
        }
    }
    db.read().all(way.pick(LOOK_UP, LOOK_UP_BACK), page).await
}

/// A page by address costs `50 × people ÷ some` probes by walking, `some` probes by looking up: the cheaper one.
fn walks(some: i64, people: i64) -> bool {
    some.saturating_mul(some) >= people.saturating_mul(50)
}

/// Whether some people are read by address faster along the index than by looking each of them up.
pub(super) async fn walks_index(db: &Db, some: i64) -> Result<bool, StoreError> {
    let (people,): (i64,) = db.read().one(PEOPLE, args![]).await?;
    Ok(walks(some, people))
}

#[cfg(test)]
mod tests {
    use super::{Search, search};

    #[test]
    fn the_way_follows_what_it_costs() {
        let of = |members| search(members, 1_000_000, 50, false);
        assert_eq!([of(0), of(2_800), of(5_000)], [Search::LookUp, Search::LookUp, Search::Walk(80_000)]);
        assert_eq!([of(14_000), of(14_200), of(38_700)], [Search::Walk(28_571), Search::Walk(i64::MAX), Search::Walk(i64::MAX)]);
        assert_eq!([of(38_800), of(1_000_000)], [Search::Ask, Search::Ask]);
        assert_eq!((search(7_000, 1_000_000, 50, true), search(7_100, 1_000_000, 50, true)), (Search::LookUp, Search::Walk(56_338)));
    }
}
