//! `/audit`.

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_core::{Kind, PublicId};
use rialto_store::audit;
use rialto_store::views::api as views;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{List, Paging, Params, Problem, after, limit, page, public, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct AuditView {
    #[schema(format = "uuid")]
    pub id: String,
    #[schema(format = "date-time")]
    pub at: String,
    /// `user:<email>`, `token:<name>`, `cli` or `schedule`.
    pub by: String,
    /// E.g. `bridge.create`.
    pub action: String,
    /// What kind of thing it was done to, e.g. `bridge`.
    pub object: String,
    /// Its id; null for what has none, such as a setting.
    #[schema(format = "uuid")]
    pub object_id: Option<String>,
    /// What was done, with the name of the object; never a secret.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    pub request_id: String,
}

/// Every change by a person or a token, newest first.
#[utoipa::path(get, path = "/audit", tag = "administration", params(Paging),
    responses((status = 200, body = List<AuditView>), (status = 403, body = Problem)))]
pub async fn audit(State(app): State<App>, caller: Caller, Params(paging): Params<Paging>) -> Result<Json<List<AuditView>>, Error> {
    caller.require(Permission::AuditRead)?;
    let limit = limit(paging.limit)?;
    let before = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MAX);
    let total = views::count_audit(app.db.read()).await?;
    let rows = audit::page(app.db.read(), before, limit + 1).await?;
    let objects = audit::objects(app.db.read(), &rows).await?;
    let rows: Vec<(audit::AuditRow, Option<PublicId>)> = rows.into_iter().zip(objects).collect();
    let show = |(r, object): (audit::AuditRow, Option<PublicId>)| AuditView {
        id: public(Kind::AuditRow, r.created_at, r.id),
        at: time(r.created_at),
        by: r.actor,
        action: r.action,
        object: r.object,
        object_id: object.map(|id| id.to_string()),
        detail: serde_json::from_str(&r.detail).unwrap_or_default(),
        request_id: r.request_id,
    };
    Ok(Json(page(rows, limit, total, |r| r.0.id, show)))
}
