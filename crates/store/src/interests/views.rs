//! Interests as pages, API and people see them.

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    /// A bridge offers as many as its remote has codes: hundreds, never people.
    LIST = sql!("SELECT i.id, i.created_at, i.bridge_id, i.source, i.code, i.subcode, i.name, i.remote_active, i.remote_members, i.gone_at,
        i.group_id, b.name AS bridge_name, b.created_at AS bridge_created_at, g.created_at AS group_created_at, g.members, g.synced_at
        FROM interest i JOIN bridge b ON b.id = i.bridge_id AND b.deleted_at IS NULL LEFT JOIN target_group g ON g.id = i.group_id
        WHERE ($1 = 0 OR i.bridge_id = $1) AND ($2 = FALSE OR i.group_id IS NOT NULL) AND i.id > $3 ORDER BY i.id LIMIT $4");
    TOTAL = sql!("SELECT COUNT(*) FROM interest i JOIN bridge b ON b.id = i.bridge_id AND b.deleted_at IS NULL
        WHERE ($1 = 0 OR i.bridge_id = $1) AND ($2 = FALSE OR i.group_id IS NOT NULL)");
    GET = sql!("SELECT i.id, i.created_at, i.bridge_id, i.source, i.code, i.subcode, i.name, i.remote_active, i.remote_members, i.gone_at,
        i.group_id, b.name AS bridge_name, b.created_at AS bridge_created_at, g.created_at AS group_created_at, g.members, g.synced_at
        FROM interest i JOIN bridge b ON b.id = i.bridge_id AND b.deleted_at IS NULL LEFT JOIN target_group g ON g.id = i.group_id
        WHERE i.id = $1");
    /// What may be chosen: used, offered, and its people read at least once, so that what is shown is known.
    OF_PERSON = sql!("SELECT i.id, i.created_at, i.source, i.name, i.remote_active, g.synced_at,
        EXISTS (SELECT 1 FROM membership m WHERE m.group_id = g.id AND m.subscriber_id = $1) AS has
        FROM subscriber s JOIN interest i ON i.bridge_id = s.bridge_id AND i.gone_at IS NULL
        JOIN target_group g ON g.id = i.group_id AND g.deleted_at IS NULL AND g.synced_at IS NOT NULL
        WHERE s.id = $1 AND (i.remote_active OR EXISTS (SELECT 1 FROM membership m WHERE m.group_id = g.id AND m.subscriber_id = $1))
        ORDER BY i.source, i.name_folded, i.id LIMIT 200");
    READ = sql!("SELECT id, created_at, name, interests_read_at, interests_trouble FROM bridge WHERE deleted_at IS NULL ORDER BY position, id");
    ACTS = sql!("SELECT id, created_at, source, actor, changes FROM interest_act WHERE subscriber_id = $1 ORDER BY id DESC LIMIT $2");
}

/// Which interests to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// 0 for all bridges.
    pub bridge_id: i64,
    /// Only those that are used.
    pub used: bool,
}

/// An interest with its bridge and, when it is used, its target group.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Offered {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub source: String,
    pub code: String,
    pub subcode: String,
    pub name: String,
    pub remote_active: bool,
    pub remote_members: Option<i64>,
    pub gone_at: Option<i64>,
    pub group_id: Option<i64>,
    pub bridge_name: String,
    pub bridge_created_at: i64,
    pub group_created_at: Option<i64>,
    pub members: Option<i64>,
    pub synced_at: Option<i64>,
}

/// An interest that a person may choose.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Of {
    pub id: i64,
    pub created_at: i64,
    pub source: String,
    pub name: String,
    pub remote_active: bool,
    /// When the people of the interest were last read.
    pub synced_at: i64,
    pub has: bool,
}

/// What a person once chose here.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Seen {
    pub id: i64,
    pub created_at: i64,
    pub source: String,
    pub actor: String,
    /// JSON of `rialto_core::writeback::InterestChange`.
    pub changes: String,
}

/// How a bridge's interests were last read.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct LastRead {
    /// The bridge.
    pub id: i64,
    pub created_at: i64,
    pub name: String,
    pub interests_read_at: Option<i64>,
    /// Why the last attempt brought none; else empty.
    pub interests_trouble: String,
}

/// All bridges, in their order.
pub async fn last_reads(mut read: Read<'_>) -> Result<Vec<LastRead>, StoreError> {
    read.all(READ, args![]).await
}

/// Interests behind one, in the order in which Rialto came to know them.
pub async fn list(mut read: Read<'_>, filter: Filter, after: i64, limit: i64) -> Result<Vec<Offered>, StoreError> {
    read.all(LIST, args![filter.bridge_id, filter.used, after, limit]).await
}

pub async fn total(mut read: Read<'_>, filter: Filter) -> Result<i64, StoreError> {
    read.one::<(i64,)>(TOTAL, args![filter.bridge_id, filter.used]).await.map(|(n,)| n)
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Offered>, StoreError> {
    read.opt(GET, args![id]).await
}

/// What a person may choose, and what they have; areas first, each by name.
pub async fn of_person(mut read: Read<'_>, subscriber_id: i64) -> Result<Vec<Of>, StoreError> {
    read.all(OF_PERSON, args![subscriber_id]).await
}

/// What a person chose, the latest first.
pub async fn acts(mut read: Read<'_>, subscriber_id: i64, limit: i64) -> Result<Vec<Seen>, StoreError> {
    read.all(ACTS, args![subscriber_id, limit]).await
}
