//! Personas as pages and API show them.

use super::Persona;
use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

macro_rules! shown {
    ($tail:literal) => {
        sql!(join "SELECT p.*, g.created_at AS group_created_at, g.members, g.synced_at, s.name AS source_name, s.created_at AS source_created_at,
            s.members AS source_members, s.synced_at AS source_synced_at, s.data_as_of AS source_as_of, COALESCE(c.blocked, '') AS blocked,
            CAST(CASE WHEN EXISTS (SELECT 1 FROM sync_run r WHERE r.subject = 'g' || CAST(p.group_id AS TEXT) AND r.state IN ('queued', 'running'))
                OR EXISTS (SELECT 1 FROM compound_part a JOIN target_group t ON t.id = a.part_group
                    WHERE a.group_id = p.group_id AND t.applied_run <> a.asked_run) THEN 1 ELSE 0 END AS SMALLINT) AS following,
            CAST(CASE WHEN EXISTS (SELECT 1 FROM sync_run r WHERE r.group_id = p.group_id AND r.state = 'held') THEN 1 ELSE 0 END AS SMALLINT) AS held
            FROM persona p JOIN target_group g ON g.id = p.group_id JOIN target_group s ON s.id = p.source_group
            LEFT JOIN compound c ON c.group_id = p.group_id ", $tail)
    };
}

statements! {
    LIST = shown!("ORDER BY p.position");
    ONE = shown!("WHERE p.id = $1");
    OF_PERSON = sql!("SELECT p.* FROM persona p JOIN membership m ON m.group_id = p.group_id AND m.subscriber_id = $1 ORDER BY p.position LIMIT 1");
}

#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Shown {
    #[sqlx(flatten)]
    pub persona: Persona,
    pub group_created_at: i64,
    /// Who have it.
    pub members: i64,
    /// When its people were last made; `None` until then.
    pub synced_at: Option<i64>,
    pub source_name: String,
    pub source_created_at: i64,
    /// Who match it, also those who get an earlier one.
    pub source_members: i64,
    pub source_synced_at: Option<i64>,
    /// How old the list's own data is, where its remote tells.
    pub source_as_of: Option<i64>,
    /// Why its people are kept as they were; empty when they follow.
    pub blocked: String,
    /// 1 while its people are about to be made anew.
    pub following: i16,
    /// 1 while a run of it waits for a decision.
    pub held: i16,
}

impl Shown {
    /// Who match it and get an earlier persona; `None` while its people are being made.
    pub fn overlap(&self) -> Option<i64> {
        (self.synced_at.is_some() && self.following == 0 && self.held == 0 && self.blocked.is_empty())
            .then(|| (self.source_members - self.members).max(0))
    }
}

/// All personas, the first one first.
pub async fn list(mut read: Read<'_>) -> Result<Vec<Shown>, StoreError> {
    read.all(LIST, args![]).await
}

pub async fn get(mut read: Read<'_>, id: i64) -> Result<Option<Shown>, StoreError> {
    read.opt(ONE, args![id]).await
}

/// The persona that a person has.
pub async fn of_person(mut read: Read<'_>, subscriber_id: i64) -> Result<Option<Persona>, StoreError> {
    read.opt(OF_PERSON, args![subscriber_id]).await
}
