//! What the HTTP API lists: keyset pages in one direction, and totals.

use std::collections::HashMap;

use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::groups::Group;
use crate::runs::Run;
use crate::sql::{Sql, sql, statements};

use super::members::Member;

statements! {
    OPEN_RUNS = sql!("SELECT state, COUNT(*) FROM sync_run WHERE state IN ('queued', 'running', 'held') GROUP BY state ORDER BY state");
    GROUPS = sql!("SELECT * FROM target_group WHERE deleted_at IS NULL AND ($1 = 0 OR bridge_id = $1) AND ($2 = '' OR kind = $2)
        AND ($3 = FALSE OR folder = $4) AND ($5 = '' OR name_folded LIKE $5 ESCAPE '\\') AND (name_folded, id) > ($6, $7)
        ORDER BY name_folded, id LIMIT $8");
    COUNT_GROUPS = sql!("SELECT COUNT(*) FROM target_group WHERE deleted_at IS NULL AND ($1 = 0 OR bridge_id = $1)
        AND ($2 = '' OR kind = $2) AND ($3 = FALSE OR folder = $4) AND ($5 = '' OR name_folded LIKE $5 ESCAPE '\\')");
    RUNS = sql!("SELECT * FROM sync_run WHERE id < $1 AND ($2 = 0 OR bridge_id = $2) AND ($3 = 0 OR group_id = $3)
        AND ($4 = '' OR state = $4) AND ($5 = '' OR kind = $5) ORDER BY id DESC LIMIT $6");
    COUNT_RUNS = sql!("SELECT COUNT(*) FROM sync_run WHERE ($1 = 0 OR bridge_id = $1) AND ($2 = 0 OR group_id = $2)
        AND ($3 = '' OR state = $3) AND ($4 = '' OR kind = $4)");
    PERSON = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, remote_flag_run
        FROM subscriber WHERE id = $1");
    PEOPLE = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, remote_flag_run
        FROM subscriber WHERE id > $1 ORDER BY id LIMIT $2");
    COUNT_PEOPLE = sql!("SELECT COUNT(*) FROM subscriber");
    PEOPLE_BY_ADDRESS = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, remote_flag_run
        FROM subscriber WHERE canonical = $1 AND ($2 = '' OR remote_id = $2) AND id > $3 ORDER BY id LIMIT $4");
    COUNT_BY_ADDRESS = sql!("SELECT COUNT(*) FROM subscriber WHERE canonical = $1 AND ($2 = '' OR remote_id = $2)");
    PEOPLE_BY_REMOTE_ID = sql!("SELECT id, created_at, bridge_id, remote_id, address, canonical, address_state, remote_flag_seen, remote_flag_run
        FROM subscriber WHERE bridge_id IN (SELECT id FROM bridge) AND remote_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    COUNT_BY_REMOTE_ID = sql!("SELECT COUNT(*) FROM subscriber WHERE bridge_id IN (SELECT id FROM bridge) AND remote_id = $1");
    MEMBERS = sql!("SELECT s.id, s.created_at, s.bridge_id, s.remote_id, s.address, s.canonical, s.address_state, s.remote_flag_seen, s.remote_flag_run
        FROM membership m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = $1 AND m.subscriber_id > $2
        ORDER BY m.subscriber_id LIMIT $3");
    MAILINGS = sql!("SELECT mailing_id, at FROM target_group_use WHERE group_id = $1 AND mailing_id > $2 ORDER BY mailing_id LIMIT $3");
    COUNT_MAILINGS = sql!("SELECT COUNT(*) FROM target_group_use WHERE group_id = $1");
    COUNT_AUDIT = sql!("SELECT COUNT(*) FROM audit");
    CHANGED_MEMBERS = sql!("SELECT c.subscriber_id AS number, s.created_at,
        CASE WHEN s.bridge_id = 0 THEN '' ELSE s.remote_id END AS remote_id, s.address, '' AS detail FROM membership_change c
        JOIN subscriber s ON s.id = c.subscriber_id WHERE c.run_id = $1 AND c.op = $2 AND c.subscriber_id > $3
        ORDER BY c.subscriber_id LIMIT $4");
    COUNT_CHANGED_MEMBERS = sql!("SELECT COUNT(*) FROM membership_change WHERE run_id = $1 AND op = $2");
    CHANGED_FLAGS = sql!("SELECT c.subscriber_id AS number, s.created_at,
        CASE WHEN s.bridge_id = 0 THEN '' ELSE s.remote_id END AS remote_id, s.address, '' AS detail FROM flag_change c
        JOIN subscriber s ON s.id = c.subscriber_id WHERE c.run_id = $1 AND c.op = $2 AND c.subscriber_id > $3
        ORDER BY c.subscriber_id LIMIT $4");
    COUNT_CHANGED_FLAGS = sql!("SELECT COUNT(*) FROM flag_change WHERE run_id = $1 AND op = $2");
    CHANGED_PEOPLE = sql!("SELECT c.subscriber_id AS number, s.created_at,
        CASE WHEN s.bridge_id = 0 THEN '' ELSE s.remote_id END AS remote_id, s.address, c.before_values AS detail FROM person_change c
        JOIN subscriber s ON s.id = c.subscriber_id WHERE c.run_id = $1 AND $2 = 0 AND c.subscriber_id > $3
        ORDER BY c.subscriber_id LIMIT $4");
    COUNT_CHANGED_PEOPLE = sql!("SELECT COUNT(*) FROM person_change WHERE run_id = $1 AND $2 = 0");
    // When rows were made: the other half of their public ids.
    MADE_BRIDGES = sql!("SELECT id, created_at FROM bridge WHERE id > 0 AND id IN ", ids 1, "");
    MADE_GROUPS = sql!("SELECT id, created_at FROM target_group WHERE id IN ", ids 1, "");
    MADE_RUNS = sql!("SELECT id, created_at FROM sync_run WHERE id IN ", ids 1, "");
    MADE_PEOPLE = sql!("SELECT id, created_at FROM subscriber WHERE id IN ", ids 1, "");
    TRIGGERS = sql!("SELECT run_id, run_trigger, actor, at FROM sync_run_trigger WHERE run_id IN ", ids 1, " ORDER BY run_id, number");
    NOTES = sql!("SELECT number, kind, remote_id, detail FROM sync_run_note WHERE run_id = $1 AND number > $2 ORDER BY number LIMIT $3");
    COUNT_NOTES = sql!("SELECT COUNT(*) FROM sync_run_note WHERE run_id = $1");
}

async fn count(mut read: Read<'_>, sql: Sql, args: Vec<crate::sql::Arg>) -> Result<i64, StoreError> {
    read.one::<(i64,)>(sql, args).await.map(|(n,)| n)
}

/// How many runs are queued, running or held.
pub async fn open_runs(mut read: Read<'_>) -> Result<Vec<(String, i64)>, StoreError> {
    read.all(OPEN_RUNS, args![]).await
}

/// Which target groups to list. 0, empty and `None` mean all.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    pub bridge_id: i64,
    pub kind: String,
    pub folder: Option<String>,
    /// Part of the name.
    pub q: String,
}

impl GroupFilter {
    fn args(&self) -> Vec<crate::sql::Arg> {
        let mut like = String::new();
        if !self.q.is_empty() {
            let escaped = rialto_core::address::canonical(&self.q).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            like = format!("%{escaped}%");
        }
        args![self.bridge_id, &self.kind, self.folder.is_some(), self.folder.clone().unwrap_or_default(), like]
    }
}

/// Groups by name after (folded name, id).
pub async fn groups(mut read: Read<'_>, filter: &GroupFilter, after: (&str, i64), limit: i64) -> Result<Vec<Group>, StoreError> {
    let mut args = filter.args();
    args.extend(args![after.0, after.1, limit]);
    read.all(GROUPS, args).await
}

pub async fn count_groups(read: Read<'_>, filter: &GroupFilter) -> Result<i64, StoreError> {
    count(read, COUNT_GROUPS, filter.args()).await
}

/// Which runs to list. 0 and empty mean all.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub bridge_id: i64,
    pub group_id: i64,
    pub state: String,
    pub kind: String,
}

impl RunFilter {
    fn args(&self) -> Vec<crate::sql::Arg> {
        args![self.bridge_id, self.group_id, &self.state, &self.kind]
    }
}

/// Runs, newest first, older than `before`.
pub async fn runs(mut read: Read<'_>, filter: &RunFilter, before: i64, limit: i64) -> Result<Vec<Run>, StoreError> {
    let mut args = args![before];
    args.extend(filter.args());
    args.extend(args![limit]);
    read.all(RUNS, args).await
}

pub async fn count_runs(read: Read<'_>, filter: &RunFilter) -> Result<i64, StoreError> {
    count(read, COUNT_RUNS, filter.args()).await
}

/// One person in one remote system.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Person {
    pub id: i64,
    pub created_at: i64,
    pub bridge_id: i64,
    pub remote_id: String,
    pub address: String,
    pub canonical: String,
    pub address_state: i16,
    /// 1 yes, 2 no.
    pub remote_flag_seen: i16,
    pub remote_flag_run: i64,
}

impl Person {
    /// As `views::members` and `views::people` take a person.
    pub fn member(&self) -> Member {
        Member {
            id: self.id,
            created_at: self.created_at,
            bridge_id: self.bridge_id,
            remote_id: self.remote_id.clone(),
            address: self.address.clone(),
            canonical: self.canonical.clone(),
            address_state: self.address_state,
            remote_flag_run: self.remote_flag_run,
        }
    }
}

pub async fn person(mut read: Read<'_>, id: i64) -> Result<Option<Person>, StoreError> {
    read.opt(PERSON, args![id]).await
}

/// People with an address, a Remote ID, both, or all, after an id; and how many there are.
pub async fn people(mut read: Read<'_>, email: &str, remote_id: &str, after: i64, limit: i64) -> Result<(Vec<Person>, i64), StoreError> {
    if !email.is_empty() {
        let canonical = rialto_core::address::canonical(email);
        let total = count(read, COUNT_BY_ADDRESS, args![&canonical, remote_id]).await?;
        return Ok((read.all(PEOPLE_BY_ADDRESS, args![canonical, remote_id, after, limit]).await?, total));
    }
    if !remote_id.is_empty() {
        let total = count(read, COUNT_BY_REMOTE_ID, args![remote_id]).await?;
        return Ok((read.all(PEOPLE_BY_REMOTE_ID, args![remote_id, after, limit]).await?, total));
    }
    let total = count(read, COUNT_PEOPLE, args![]).await?;
    Ok((read.all(PEOPLE, args![after, limit]).await?, total))
}

/// Members of a group after a subscriber id.
pub async fn members(mut read: Read<'_>, group_id: i64, after: i64, limit: i64) -> Result<Vec<Person>, StoreError> {
    read.all(MEMBERS, args![group_id, after, limit]).await
}

/// Mailings that used a group: id and time; and how many there are.
pub async fn mailings(mut read: Read<'_>, group_id: i64, after: i64, limit: i64) -> Result<(Vec<(i64, i64)>, i64), StoreError> {
    let total = count(read, COUNT_MAILINGS, args![group_id]).await?;
    Ok((read.all(MAILINGS, args![group_id, after, limit]).await?, total))
}

pub async fn count_audit(read: Read<'_>) -> Result<i64, StoreError> {
    count(read, COUNT_AUDIT, args![]).await
}

/// One kind of change that a run made or would make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeKind {
    Member(i64),
    Person,
    Flag(i64),
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Changed {
    /// The subscriber's internal id; also where the next page begins.
    pub number: i64,
    pub created_at: i64,
    pub remote_id: String,
    pub address: String,
    /// Before-values (JSON) of an updated person, else empty.
    pub detail: String,
}

impl ChangeKind {
    fn statements(self) -> (Sql, Sql, i64) {
        match self {
            Self::Member(op) => (CHANGED_MEMBERS, COUNT_CHANGED_MEMBERS, op),
            Self::Person => (CHANGED_PEOPLE, COUNT_CHANGED_PEOPLE, 0),
            Self::Flag(op) => (CHANGED_FLAGS, COUNT_CHANGED_FLAGS, op),
        }
    }
}

pub async fn changes(mut read: Read<'_>, run_id: i64, kind: ChangeKind, after: i64, limit: i64) -> Result<Vec<Changed>, StoreError> {
    let (list, _, op) = kind.statements();
    read.all(list, args![run_id, op, after, limit]).await
}

pub async fn count_changes(read: Read<'_>, run_id: i64, kind: ChangeKind) -> Result<i64, StoreError> {
    let (_, total, op) = kind.statements();
    count(read, total, args![run_id, op]).await
}

/// Notes of a run after a number: number, kind, Remote ID, detail; and how many there are.
pub async fn notes(
    mut read: Read<'_>,
    run_id: i64,
    after: i64,
    limit: i64,
) -> Result<(Vec<(i64, String, String, String)>, i64), StoreError> {
    let total = count(read, COUNT_NOTES, args![run_id]).await?;
    Ok((read.all(NOTES, args![run_id, after, limit]).await?, total))
}

/// Tables whose rows others refer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Made {
    Bridges,
    Groups,
    Runs,
    Subscribers,
}

/// When rows were made, by internal id; deleted ones too.
pub async fn made(mut read: Read<'_>, table: Made, ids: &[i64]) -> Result<HashMap<i64, i64>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = match table {
        Made::Bridges => MADE_BRIDGES,
        Made::Groups => MADE_GROUPS,
        Made::Runs => MADE_RUNS,
        Made::Subscribers => MADE_PEOPLE,
    };
    let rows: Vec<(i64, i64)> = read.all(sql, args![serde_json::json!(ids).to_string()]).await?;
    Ok(rows.into_iter().collect())
}

/// A trigger that made or joined a run.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Triggered {
    pub run_id: i64,
    pub run_trigger: String,
    pub actor: String,
    pub at: i64,
}

/// Triggers of several runs, in their order.
pub async fn triggers(mut read: Read<'_>, runs: &[i64]) -> Result<Vec<Triggered>, StoreError> {
    read.all(TRIGGERS, args![serde_json::json!(runs).to_string()]).await
}
