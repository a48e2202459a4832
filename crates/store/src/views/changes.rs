//! The people behind a run's figures, page by page, each with what the run did to them and what stood there before.

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{Sql, sql, statements};

use super::Way;
use super::api::ChangeKind;
use super::by_address::walks_index;
use super::members::Member;

/// Along the key of a table of changes. `$op`: which of its rows; `$2` is bound even where every row is meant.
macro_rules! by_id {
    ($table:literal, $op:literal, $cmp:literal, $dir:literal) => {
        by_id!(text concat!(
            "SELECT c.subscriber_id AS id, '' AS canonical FROM ", $table, " c WHERE c.run_id = $1 AND ", $op, " AND c.subscriber_id ", $cmp,
            " $3 ORDER BY c.subscriber_id ", $dir, " LIMIT $4"
        ))
    };
    (text $text:expr) => {
        Sql { sqlite: $text, postgres: $text }
    };
}

/// Along the index (canonical, id): right where the run changed a good part of all people.
macro_rules! by_name_big {
    ($table:literal, $op:literal, $cmp:literal, $dir:literal) => {
        by_id!(text concat!(
            "SELECT s.id, s.canonical FROM subscriber s CROSS JOIN ", $table, " c WHERE c.run_id = $1 AND ", $op,
            " AND c.subscriber_id = s.id AND (s.canonical, s.id) ", $cmp, " ($3, $4) ORDER BY s.canonical ", $dir, ", s.id ", $dir, " LIMIT $5"
        ))
    };
}

/// Looks everybody up whom the run changed, and keeps the first ones.
macro_rules! by_name_small {
    ($table:literal, $op:literal, $cmp:literal, $dir:literal) => {
        by_id!(text concat!(
            "WITH ids AS MATERIALIZED (SELECT c.subscriber_id FROM ", $table, " c WHERE c.run_id = $1 AND ", $op, ")
            SELECT s.id, s.canonical FROM ids CROSS JOIN subscriber s WHERE s.id = ids.subscriber_id
            AND (s.canonical, s.id) ", $cmp, " ($3, $4) ORDER BY s.canonical ", $dir, ", s.id ", $dir, " LIMIT $5"
        ))
    };
}

statements! {
    MEMBERS = by_id!("membership_change", "c.op = $2", ">", "");
    MEMBERS_BACK = by_id!("membership_change", "c.op = $2", "<", "DESC");
    FLAGS = by_id!("flag_change", "c.op = $2", ">", "");
    FLAGS_BACK = by_id!("flag_change", "c.op = $2", "<", "DESC");
    VALUES = by_id!("person_change", "$2 = 0", ">", "");
    VALUES_BACK = by_id!("person_change", "$2 = 0", "<", "DESC");
    MEMBERS_BIG = by_name_big!("membership_change", "c.op = $2", ">", "");
    MEMBERS_BIG_BACK = by_name_big!("membership_change", "c.op = $2", "<", "DESC");
    FLAGS_BIG = by_name_big!("flag_change", "c.op = $2", ">", "");
    FLAGS_BIG_BACK = by_name_big!("flag_change", "c.op = $2", "<", "DESC");
    VALUES_BIG = by_name_big!("person_change", "$2 = 0", ">", "");
    VALUES_BIG_BACK = by_name_big!("person_change", "$2 = 0", "<", "DESC");
    MEMBERS_SMALL = by_name_small!("membership_change", "c.op = $2", ">", "");
    MEMBERS_SMALL_BACK = by_name_small!("membership_change", "c.op = $2", "<", "DESC");
    FLAGS_SMALL = by_name_small!("flag_change", "c.op = $2", ">", "");
    FLAGS_SMALL_BACK = by_name_small!("flag_change", "c.op = $2", "<", "DESC");
    VALUES_SMALL = by_name_small!("person_change", "$2 = 0", ">", "");
    VALUES_SMALL_BACK = by_name_small!("person_change", "$2 = 0", "<", "DESC");
    /// Key probes only: one a person and table.
    REVIEW = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_run,
        s.remote_flag_seen, s.created_run, COALESCE(m.op, CAST(0 AS SMALLINT)) AS member_op, COALESCE(f.op, CAST(0 AS SMALLINT)) AS flag_op,
        COALESCE(p.before_values, '') AS before_values,
        CAST(CASE WHEN EXISTS (SELECT 1 FROM membership x WHERE x.group_id = $2 AND x.subscriber_id = s.id) THEN 1 ELSE 0 END AS SMALLINT) AS member_now
        FROM subscriber s LEFT JOIN membership_change m ON m.run_id = $1 AND m.subscriber_id = s.id
        LEFT JOIN flag_change f ON f.run_id = $1 AND f.subscriber_id = s.id
        LEFT JOIN person_change p ON p.run_id = $1 AND p.subscriber_id = s.id WHERE s.id IN ", ids 3, "");
}

/// What the people are sorted by: as their records came to Rialto, or by address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum By {
    #[default]
    Came,
    Address,
}

/// A place between two people: where a page begins or ends.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Place {
    pub id: i64,
    /// Empty where people are not sorted by address.
    pub canonical: String,
}

impl Place {
    /// Before everybody, or behind everybody.
    fn end(way: Way) -> Self {
        match way {
            Way::Onward => Self { id: 0, canonical: String::new() },
            Way::Back => Self { id: i64::MAX, canonical: '\u{10FFFF}'.to_string() },
        }
    }

    /// The place that a URL names: `<id>~<canonical address>`.
    pub fn read(text: &str) -> Option<Self> {
        let (id, canonical) = text.split_once('~')?;
        Some(Self { id: id.parse().ok()?, canonical: canonical.to_owned() })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}", self.id, self.canonical)
    }
}

/// Where people changed so stand, from a place (`None` for the end where reading begins), nearest first. `many`: how many there are, by
/// `views::runs::changes`; it decides how a page by address is read.
pub async fn places(
    db: &Db,
    run_id: i64,
    (kind, many): (ChangeKind, i64),
    by: By,
    way: Way,
    from: Option<Place>,
    limit: i64,
) -> Result<Vec<Place>, StoreError> {
    let from = from.unwrap_or_else(|| Place::end(way));
    let op = match kind {
        ChangeKind::Member(op) | ChangeKind::Flag(op) => op,
        ChangeKind::Person => 0,
    };
    if by == By::Came {
        let sql = match kind {
            ChangeKind::Member(_) => way.pick(MEMBERS, MEMBERS_BACK),
            ChangeKind::Flag(_) => way.pick(FLAGS, FLAGS_BACK),
            ChangeKind::Person => way.pick(VALUES, VALUES_BACK),
        };
        return db.read().all(sql, args![run_id, op, from.id, limit]).await;
    }
    let sql = match (kind, walks_index(db, many).await?) {
        (ChangeKind::Member(_), true) => way.pick(MEMBERS_BIG, MEMBERS_BIG_BACK),
        (ChangeKind::Member(_), false) => way.pick(MEMBERS_SMALL, MEMBERS_SMALL_BACK),
        (ChangeKind::Flag(_), true) => way.pick(FLAGS_BIG, FLAGS_BIG_BACK),
        (ChangeKind::Flag(_), false) => way.pick(FLAGS_SMALL, FLAGS_SMALL_BACK),
        (ChangeKind::Person, true) => way.pick(VALUES_BIG, VALUES_BIG_BACK),
        (ChangeKind::Person, false) => way.pick(VALUES_SMALL, VALUES_SMALL_BACK),
    };
    db.read().all(sql, args![run_id, op, from.canonical, from.id, limit]).await
}

/// A person as they stand now, and all that one run did to them.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Review {
    #[sqlx(flatten)]
    pub person: Member,
    /// 1 yes, 2 no, 0 never read.
    pub remote_flag_seen: i16,
    pub created_run: i64,
    /// Of `membership_change`: 1 joined, 2 left, 3 would leave, 4 was seen again; 0 for nothing.
    pub member_op: i16,
    /// Of `flag_change`: 1 suppressed, 2 lifted, 3 lift withheld; 0 for nothing.
    pub flag_op: i16,
    /// JSON: `address`, `flag` and `profile` as they stood before; empty when the run did not write the record.
    pub before_values: String,
    /// 1 when the person is in the run's group now.
    pub member_now: i16,
}

/// What a run of a group (0 for none) did to some people. In no order.
pub async fn review(mut read: Read<'_>, run_id: i64, group_id: i64, ids: &[i64]) -> Result<Vec<Review>, StoreError> {
    read.all(REVIEW, args![run_id, group_id, serde_json::json!(ids).to_string()]).await
}
