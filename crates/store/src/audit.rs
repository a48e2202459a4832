//! The audit trail: every change by a person or a token leaves a row in the change's own transaction.

use rialto_core::{Instant, Kind, PublicId};

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::people::Bound;
use crate::sql::{Sql, sql, statements};
use crate::views::Way;

statements! {
    INSERT = sql!("INSERT INTO audit (id, created_at, actor, action, object, object_id, detail, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    PAGE = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE id < $1 ORDER BY id DESC LIMIT $2");
    MADE_USERS = sql!("SELECT id, created_at FROM app_user WHERE id IN ", ids 1, "");
    MADE_TOKENS = sql!("SELECT id, created_at FROM api_token WHERE id IN ", ids 1, "");
    MADE_BRIDGES = sql!("SELECT id, created_at FROM bridge WHERE id IN ", ids 1, "");
    MADE_GROUPS = sql!("SELECT id, created_at FROM target_group WHERE id IN ", ids 1, "");
    MADE_RUNS = sql!("SELECT id, created_at FROM sync_run WHERE id IN ", ids 1, "");
    MADE_SUBSCRIBERS = sql!("SELECT id, created_at FROM subscriber WHERE id IN ", ids 1, "");
    BY_ACTOR = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE actor = $3 AND id < $1 AND ($4 = '' OR object = $4) ORDER BY id DESC LIMIT $2");
    BY_OBJECT = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE object = $3 AND id < $1 ORDER BY id DESC LIMIT $2");
    // The same back towards the newest.
    PAGE_BACK = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE id > $1 ORDER BY id LIMIT $2");
    BY_ACTOR_BACK = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE actor = $3 AND id > $1 AND ($4 = '' OR object = $4) ORDER BY id LIMIT $2");
    BY_OBJECT_BACK = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE object = $3 AND id > $1 ORDER BY id LIMIT $2");
    /// One look into the index a value, however many rows there are.
    OBJECTS = sql!("WITH RECURSIVE kinds(object) AS (SELECT MIN(object) FROM audit
        UNION ALL SELECT (SELECT MIN(a.object) FROM audit a WHERE a.object > kinds.object) FROM kinds WHERE kinds.object IS NOT NULL)
        SELECT object FROM kinds WHERE object IS NOT NULL");
    ACTORS = sql!("WITH RECURSIVE kinds(actor) AS (SELECT MIN(actor) FROM audit
        UNION ALL SELECT (SELECT MIN(a.actor) FROM audit a WHERE a.actor > kinds.actor) FROM kinds WHERE kinds.actor IS NOT NULL)
        SELECT actor FROM kinds WHERE actor IS NOT NULL LIMIT 200");
}

/// Who does something, when, on behalf of which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// `user:<email>`, `token:<name>`, `cli`, or `schedule` for what happens by the clock.
    pub name: String,
    pub request_id: String,
    pub at: Instant,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AuditRow {
    pub id: i64,
    pub created_at: i64,
    pub actor: String,
    pub action: String,
    pub object: String,
    pub object_id: Option<i64>,
    pub detail: String,
    pub request_id: String,
}

/// Writes one row. `action` is a verb such as `bridge.create`; `detail` is a JSON object without secrets.
pub async fn write(
    tx: &mut Tx,
    who: &Actor,
    action: &str,
    object: &str,
    object_id: Option<i64>,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let id = ids::next(tx, "audit").await?;
    tx.run(INSERT, args![id, who.at, &who.name, action, object, object_id, detail.to_string(), &who.request_id]).await?;
    Ok(())
}

/// One change about one object, in a set of them.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    pub who: &'a Actor,
    pub action: &'static str,
    pub object: &'static str,
    pub object_id: i64,
    pub detail: String,
}

/// Columns of rows made by `cells`.
pub(crate) const COLUMNS: [&str; 8] = ["id", "created_at", "actor", "action", "object", "object_id", "detail", "request_id"];

/// Rows for many changes, numbered from 0, as `write` writes one.
pub(crate) fn cells<'a>(changes: &'a [Change<'_>]) -> Vec<Bound<'a>> {
    let row = |(id, c): (i64, &'a Change<'_>)| {
        [
            Bound::Int(id),
            Bound::Int(c.who.at.0),
            Bound::Text(&c.who.name),
            Bound::Text(c.action),
            Bound::Text(c.object),
            Bound::Int(c.object_id),
            Bound::Text(&c.detail),
            Bound::Text(&c.who.request_id),
        ]
    };
    (0..).zip(changes).flat_map(row).collect()
}

/// Which rows: empty for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub actor: String,
    pub object: String,
}

/// Rows of a filter older than the place (`i64::MAX` for the newest), newest first; back, those newer than it, oldest first. Along the
/// index by actor or by object.
pub async fn filtered(mut read: Read<'_>, filter: &Filter, way: Way, from: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    let Filter { actor, object } = filter;
    match (actor.is_empty(), object.is_empty()) {
        (false, _) => read.all(way.pick(BY_ACTOR, BY_ACTOR_BACK), args![from, limit, actor, object]).await,
        (true, false) => read.all(way.pick(BY_OBJECT, BY_OBJECT_BACK), args![from, limit, object]).await,
        (true, true) => read.all(way.pick(PAGE, PAGE_BACK), args![from, limit]).await,
    }
}

/// What there is to filter by: who acted (the first 200 in order), and on what.
pub async fn choices(mut read: Read<'_>) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let only = |rows: Vec<(String,)>| rows.into_iter().map(|(text,)| text).collect();
    Ok((only(read.all(ACTORS, args![]).await?), only(read.all(OBJECTS, args![]).await?)))
}

/// The newest rows before `before` (`i64::MAX` for the first page).
pub async fn page(mut read: Read<'_>, before: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    read.all(PAGE, args![before, limit]).await
}

/// What `object` names, and where such rows stand.
fn table(object: &str) -> Option<(Kind, Sql)> {
    Some(match object {
        "user" => (Kind::User, MADE_USERS),
        "token" => (Kind::Token, MADE_TOKENS),
        "bridge" => (Kind::Bridge, MADE_BRIDGES),
        "target_group" => (Kind::TargetGroup, MADE_GROUPS),
        "sync_run" => (Kind::SyncRun, MADE_RUNS),
        "subscriber" => (Kind::Subscriber, MADE_SUBSCRIBERS),
        _ => return None,
    })
}

/// The public ids of the rows' objects, in the rows' order; `None` for what has none or is gone for good.
pub async fn objects(mut read: Read<'_>, rows: &[AuditRow]) -> Result<Vec<Option<PublicId>>, StoreError> {
    let mut found = vec![None; rows.len()];
    let mut names: Vec<&str> = rows.iter().map(|r| r.object.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for (object, (kind, sql)) in names.into_iter().filter_map(|object| Some((object, table(object)?))) {
        let ids: Vec<i64> = rows.iter().filter(|r| r.object == object).filter_map(|r| r.object_id).collect();
        let made: Vec<(i64, i64)> = read.all(sql, args![serde_json::json!(ids).to_string()]).await?;
        for (row, found) in rows.iter().zip(&mut found).filter(|(row, _)| row.object == object) {
            let at = made.iter().find(|(id, _)| row.object_id == Some(*id));
            *found = at.map(|(id, at)| PublicId::new(kind, Instant(*at), *id));
        }
    }
    Ok(found)
}
