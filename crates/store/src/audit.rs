//! The audit trail: every change by a person or a token leaves a row in the change's own transaction.

use rialto_core::Instant;

use crate::args;
use crate::db::{Read, Tx};
use crate::error::StoreError;
use crate::ids;
use crate::sql::{sql, statements};

statements! {
    INSERT = sql!("INSERT INTO audit (id, created_at, actor, action, object, object_id, detail, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    PAGE = sql!("SELECT id, created_at, actor, action, object, object_id, detail, request_id FROM audit
        WHERE id < $1 ORDER BY id DESC LIMIT $2");
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

/// The newest rows before `before` (`i64::MAX` for the first page).
pub async fn page(mut read: Read<'_>, before: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
    read.all(PAGE, args![before, limit]).await
}
