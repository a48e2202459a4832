//! The people behind a run's figures, page by page, each with what the run did to them and what stood there before.

use crate::args;
use crate::db::{Db, Read};
use crate::error::StoreError;
use crate::sql::{sql, statements};

use super::Way;
use super::api::ChangeKind;
use super::by_address;
use super::members::Member;

/// Along the key of a table of changes. `$op`: which of its rows; `$2` is bound even where every row is meant.
macro_rules! by_id {
    ($table:literal, $op:literal, $cmp:literal, $dir:literal) => {
        sql!(text concat!(
            "SELECT c.subscriber_id AS id, '' AS canonical FROM ", $table, " c WHERE c.run_id = $1 AND ", $op, " AND c.subscriber_id ", $cmp,
            " $3 ORDER BY c.subscriber_id ", $dir, " LIMIT $4"
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
    if by == By::Came {
        let op = match kind {
            ChangeKind::Member(op) | ChangeKind::Flag(op) => op,
            ChangeKind::Person => 0,
        };
        let sql = match kind {
            ChangeKind::Member(_) => way.pick(MEMBERS, MEMBERS_BACK),
            ChangeKind::Flag(_) => way.pick(FLAGS, FLAGS_BACK),
            ChangeKind::Person => way.pick(VALUES, VALUES_BACK),
        };
        return db.read().all(sql, args![run_id, op, from.id, limit]).await;
    }
    let (people, own) = match kind {
        ChangeKind::Member(op) => (&by_address::changed_members::PEOPLE, args![run_id, op]),
        ChangeKind::Flag(op) => (&by_address::changed_flags::PEOPLE, args![run_id, op]),
        ChangeKind::Person => (&by_address::changed_values::PEOPLE, args![run_id]),
    };
    by_address::page(db, people, (own, many), way, (&from.canonical, from.id), limit).await
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
