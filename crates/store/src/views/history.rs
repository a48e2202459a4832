//! What runs did to one person.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{Sql, statements};

use super::members::Member;

/// Runs of a person's bridge that a look at their history goes through. The change tables have no index by person
/// (`docs/adr/0003`): one key probe a run and table.
pub const WINDOW: i64 = 1_000;

/// What a change table says of a person in the window.
macro_rules! in_window {
    ($op:literal, $before:literal, $table:literal) => {
        Sql { sqlite: in_window!(text $op, $before, $table), postgres: in_window!(text $op, $before, $table) }
    };
    (text $op:literal, $before:literal, $table:literal) => {
        concat!(
            "SELECT r.id AS run_id, r.created_at AS run_created_at, COALESCE(r.finished_at, r.created_at) AS at,
            COALESCE(g.name, '') AS group_name, ", $op, " AS op, ", $before, " AS before_values
            FROM (SELECT id, created_at, finished_at, group_id FROM sync_run WHERE bridge_id = $1 AND id < $3 ORDER BY id DESC LIMIT $4) r
            JOIN ", $table, " c ON c.run_id = r.id AND c.subscriber_id = $2 LEFT JOIN target_group g ON g.id = r.group_id ORDER BY r.id DESC"
        )
    };
}

statements! {
    MEMBERS = in_window!("c.op", "''", "membership_change");
    FLAGS = in_window!("c.op", "''", "flag_change");
    VALUES = in_window!("CAST(0 AS SMALLINT)", "c.before_values", "person_change");
}

/// What one run did.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Event {
    pub run_id: i64,
    pub run_created_at: i64,
    /// When the run ended, or was asked for when it has not.
    pub at: i64,
    pub group_name: String,
    /// Of `membership_change` or `flag_change`; 0 for changed values.
    pub op: i16,
    /// JSON: `address`, `flag` and `profile` as they stood before; empty but for changed values.
    pub before_values: String,
}

/// A person's history, newest first each.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub members: Vec<Event>,
    pub flags: Vec<Event>,
    pub values: Vec<Event>,
}

/// What the last `WINDOW` runs of the person's bridge before `before` did (`i64::MAX` for the newest).
pub async fn of(mut read: Read<'_>, person: &Member, before: i64) -> Result<History, StoreError> {
    let args = || args![person.bridge_id, person.id, before, WINDOW];
    Ok(History {
        members: read.all(MEMBERS, args()).await?,
        flags: read.all(FLAGS, args()).await?,
        values: read.all(VALUES, args()).await?,
    })
}
