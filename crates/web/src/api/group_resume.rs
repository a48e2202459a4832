//! `/target-groups/{id}/resume`: syncs that only planned since an undo change the group again.

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_store::groups;

use super::extract::{Id, Problem};
use super::groups::{GroupDetail, detail, load};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Lets automatic syncs of a group change it again; until then they only plan (`plan_only`). Refused (409) where they are not paused.
#[utoipa::path(post, path = "/target-groups/{id}/resume", tag = "target-groups", params(("id" = String, Path)),
    responses((status = 200, body = GroupDetail), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn resume(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<GroupDetail>, Error> {
    caller.require(Permission::GroupsApprove)?;
    let group = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    groups::resume(&mut tx, group.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    detail(&app, load(&app, &id).await?).await.map(Json)
}
