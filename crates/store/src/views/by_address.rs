//! Some people in the order of their addresses, members of a target group or those whom a run changed (`docs/adr/0080`, `0103`): one search
//! over any table of people.

use super::Way;
use super::members::Member;
use crate::args;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::{Arg, Sql, sql, statements};

// `$own` says which rows of `$table` (as `x`) are meant; `$at` are the parameters behind those it takes: the place, how many rows, how many
// steps. The way onward or back is a comparison, an order, and whom it leaves out.

/// Walks the index (canonical, id), which holds all that the search needs, and asks the table about each.
macro_rules! asking {
    ($table:literal, $own:literal, ($from:literal, $limit:literal, $steps:literal), ($cmp:literal, $order:literal, $only:literal)) => {
        concat!(
            "SELECT a.canonical, a.id FROM subscriber a WHERE (a.canonical, a.id) ",
            $cmp,
            " ",
            $from,
            " ",
            $only,
            " AND EXISTS (SELECT 1 FROM ",
            $table,
            " x WHERE ",
            $own,
            " AND x.subscriber_id = a.id)
            ORDER BY ",
            $order,
            " LIMIT ",
            $limit
        )
    };
}

/// Walks at most so many steps beside a hash of the people; `IS TRUE` keeps PostgreSQL from making a join of that, which would ask the table
/// at each step again.
macro_rules! walking {
    ($table:literal, $own:literal, ($from:literal, $limit:literal, $steps:literal), ($cmp:literal, $order:literal, $only:literal)) => {
        concat!(
            "SELECT a.canonical, a.id FROM (SELECT a.canonical, a.id FROM subscriber a WHERE (a.canonical, a.id) ",
            $cmp,
            " ",
            $from,
            " ",
            $only,
            " ORDER BY ",
            $order,
            " LIMIT ",
            $steps,
            ") a
            WHERE (a.id IN (SELECT x.subscriber_id FROM ",
            $table,
            " x WHERE ",
            $own,
            ")) IS TRUE ORDER BY ",
            $order,
            " LIMIT ",
            $limit
        )
    };
}

/// Looks everybody up and keeps the first ones. PostgreSQL takes an array, since it would make a hash of everybody behind the place to join
/// the people; SQLite joins in the order in which they are named.
macro_rules! looking_up {
    (sqlite $table:literal, $own:literal, $at:tt, $way:tt) => {
        looking_up!("FROM ", $table, " x CROSS JOIN subscriber a ON a.id = x.subscriber_id WHERE ", $own, "", $at, $way)
    };
    (postgres $table:literal, $own:literal, $at:tt, $way:tt) => {
        looking_up!("FROM subscriber a WHERE a.id = ANY (ARRAY(SELECT x.subscriber_id FROM ", $table, " x WHERE ", $own, "))", $at, $way)
    };
    ($from_people:literal, $table:literal, $where:literal, $own:literal, $end:literal, ($from:literal, $limit:literal, $steps:literal),
        ($cmp:literal, $order:literal, $only:literal)) => {
        concat!(
            "SELECT a.canonical, a.id ",
            $from_people,
            $table,
            $where,
            $own,
            $end,
            " AND (a.canonical, a.id) ",
            $cmp,
            " ",
            $from,
            " ",
            $only,
            " ORDER BY ",
            $order,
            " LIMIT ",
            $limit
        )
    };
}

/// Whether anybody stands further than so many steps.
macro_rules! further {
    (($cmp:literal, $order:literal, $only:literal)) => {
        concat!(
            "SELECT a.id FROM subscriber a WHERE (a.canonical, a.id) ",
            $cmp,
            " ($1, $2) ",
            $only,
            " ORDER BY ",
            $order,
            " LIMIT 1 OFFSET $3"
        )
    };
}

/// The whole rows of those whom a search found.
macro_rules! rows {
    ($found:expr, ($cmp:literal, $order:literal, $only:literal)) => {
        concat!(
            "SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run
            FROM (",
            $found,
            ") a JOIN subscriber s ON s.id = a.id ORDER BY ",
            $order
        )
    };
}

/// Only where they stand.
macro_rules! places {
    ($found:expr, $way:tt) => {
        $found
    };
}

/// The statements of one table of people, in a module of their own. `$only` leaves people out on the way back.
macro_rules! people {
    ($name:ident, $shown:ident, $table:literal, $own:literal, $at:tt, $only:literal) => {
        people!($name, $shown, ($table, $own, $at), (">", "a.canonical, a.id", ""), ("<", "a.canonical DESC, a.id DESC", $only));
    };
    ($name:ident, $shown:ident, ($table:literal, $own:literal, $at:tt), $on:tt, $back:tt) => {
        pub(crate) mod $name {
            use super::*;

            statements! {
                ASK = sql!(text $shown!(asking!($table, $own, $at, $on), $on));
                ASK_BACK = sql!(text $shown!(asking!($table, $own, $at, $back), $back));
                WALK = sql!(text $shown!(walking!($table, $own, $at, $on), $on));
                WALK_BACK = sql!(text $shown!(walking!($table, $own, $at, $back), $back));
                LOOK_UP = Sql {
                    sqlite: $shown!(looking_up!(sqlite $table, $own, $at, $on), $on),
                    postgres: $shown!(looking_up!(postgres $table, $own, $at, $on), $on),
                };
                LOOK_UP_BACK = Sql {
                    sqlite: $shown!(looking_up!(sqlite $table, $own, $at, $back), $back),
                    postgres: $shown!(looking_up!(postgres $table, $own, $at, $back), $back),
                };
                FURTHER = sql!(text further!($on));
                FURTHER_BACK = sql!(text further!($back));
            }

            pub(crate) const PEOPLE: People = People {
                ask: (ASK, ASK_BACK),
                walk: (WALK, WALK_BACK),
                look_up: (LOOK_UP, LOOK_UP_BACK),
                further: (FURTHER, FURTHER_BACK),
            };
        }
    };
}

/// The statements of one table of people, each onward and back.
pub(crate) struct People {
    ask: (Sql, Sql),
    walk: (Sql, Sql),
    look_up: (Sql, Sql),
    further: (Sql, Sql),
}

// Members go back to nobody without an address: they stand behind everybody else.
people!(members, rows, "membership", "x.group_id = $1", ("($2, $3)", "$4", "$5"), "AND a.canonical > ''");
people!(changed_members, places, "membership_change", "x.run_id = $1 AND x.op = $2", ("($3, $4)", "$5", "$6"), "");
people!(changed_flags, places, "flag_change", "x.run_id = $1 AND x.op = $2", ("($3, $4)", "$5", "$6"), "");
people!(changed_values, places, "person_change", "x.run_id = $1", ("($2, $3)", "$4", "$5"), "");

statements! {
    PEOPLE = sql!("SELECT COALESCE(MAX(id), 0) FROM subscriber");
}

/// How a page by address is found. Where people are spread over the alphabet, a walk takes `rows × people ÷ those in the list` steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Search {
    /// Everybody is looked up: dearer than a step, but there are few.
    LookUp,
    /// Walks so many steps beside a hash of the people, and looks them up if that was not enough.
    Walk(i64),
    /// Walks and asks at each step: to hash so many, or to look them up, would cost more than the walk.
    Ask,
}

/// A step beside a hash costs about a sixth of a look-up (SQLite) or a tenth (PostgreSQL). A walk that was too short adds to the look-ups
/// after it, so that it goes twice as far as an even spread needs, no further.
fn search(members: i64, people: i64, rows: i64) -> Search {
    let square = members.saturating_mul(members);
    if square < people.saturating_mul(8) {
        Search::LookUp
    } else if square < people.saturating_mul(200) {
        Search::Walk(2 * rows.saturating_mul(people) / members.max(1))
    } else if square < people.saturating_mul(1_500) {
        Search::Walk(i64::MAX)
    } else {
        Search::Ask
    }
}

/// A page of people from (canonical address, id), nearest first. `own` are the values by which the table's rows are found, `many` how many
/// rows there are, as far as is known.
pub(super) async fn page<T: Row>(
    db: &Db,
    people: &People,
    (own, many): (Vec<Arg>, i64),
    way: Way,
    from: (&str, i64),
    limit: i64,
) -> Result<Vec<T>, StoreError> {
    let (all,): (i64,) = db.read().one(PEOPLE, args![]).await?;
    let with = |more: Vec<Arg>| own.iter().cloned().chain(args![from.0, from.1, limit]).chain(more).collect::<Vec<_>>();
    let of = |(onward, back)| way.pick(onward, back);
    match search(many, all, limit) {
        Search::LookUp => {}
        Search::Ask => return db.read().all(of(people.ask), with(args![])).await,
        Search::Walk(steps) => {
            let found: Vec<T> = db.read().all(of(people.walk), with(args![steps])).await?;
            // A page that is not full at the list's end is whole.
            if steps == i64::MAX || found.len() as i64 == limit || !goes_on(db, of(people.further), from, steps).await? {
                return Ok(found);
            }
        }
    }
    db.read().all(of(people.look_up), with(args![])).await
}

/// Whether anybody stands further than so many steps from a place.
async fn goes_on(db: &Db, further: Sql, from: (&str, i64), steps: i64) -> Result<bool, StoreError> {
    Ok(db.read().opt::<(i64,)>(further, args![from.0, from.1, steps]).await?.is_some())
}

/// Members by address from (canonical address, id). `many` is the group's stored count. Back, members without an address are left
/// out: lists show them behind everybody else.
pub async fn by_address(db: &Db, group_id: i64, many: i64, way: Way, from: (&str, i64), limit: i64) -> Result<Vec<Member>, StoreError> {
    page(db, &members::PEOPLE, (args![group_id], many), way, from, limit).await
}

#[cfg(test)]
mod tests {
    use super::super::tests::{both, fill};
    use super::{Search, changed_members, goes_on, members, search};

    #[tokio::test]
    async fn a_list_ends_where_nobody_stands_further() {
        for (made, db) in both().await {
            fill(&db).await;
            let from = ("dan@x.example", 7);
            let mut asked = Vec::new();
            for (further, steps) in [
                // Eve and an address that is none stand behind; two Anns, Bob, Cee and one without an address before.
                (members::PEOPLE.further.0, 1),
                (members::PEOPLE.further.0, 2),
                (members::PEOPLE.further.1, 3),
                (members::PEOPLE.further.1, 4),
                (changed_members::PEOPLE.further.1, 4),
                (changed_members::PEOPLE.further.1, 5),
            ] {
                asked.push(goes_on(&db, further, from, steps).await.unwrap());
            }
            assert_eq!(asked, [true, false, true, false, true, false], "on {}", made.name);
        }
    }

    #[test]
    fn the_way_follows_what_it_costs() {
        let of = |members| search(members, 1_000_000, 50);
        assert_eq!([of(0), of(2_800), of(5_000)], [Search::LookUp, Search::LookUp, Search::Walk(20_000)]);
        assert_eq!([of(14_000), of(14_200), of(38_700)], [Search::Walk(7_142), Search::Walk(i64::MAX), Search::Walk(i64::MAX)]);
        assert_eq!([of(38_800), of(1_000_000)], [Search::Ask, Search::Ask]);
    }
}
