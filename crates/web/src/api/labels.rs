//! `/labels`: words by which data syncs are found again (LO-09).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::{self, Label};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem, found, public, short};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct LabelView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    /// How many data syncs have it.
    pub used: i64,
}

#[derive(Serialize, ToSchema)]
pub struct LabelList {
    pub items: Vec<LabelView>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelInput {
    pub name: String,
}

fn view(label: Label) -> LabelView {
    LabelView { id: public(Kind::Label, label.created_at, label.id), name: label.name, used: label.used }
}

#[utoipa::path(get, path = "/labels", tag = "data syncs", responses((status = 200, body = LabelList)))]
pub async fn list(State(app): State<App>, _: Caller) -> Result<Json<LabelList>, Error> {
    Ok(Json(LabelList { items: data_syncs::labels(app.db.read()).await?.into_iter().map(view).collect() }))
}

/// Makes a label; the one with this name where there is one.
#[utoipa::path(post, path = "/labels", tag = "data syncs", request_body = LabelInput,
    responses((status = 201, body = LabelView), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<LabelInput>) -> Result<(StatusCode, Json<LabelView>), Error> {
    caller.require(Permission::LabelsCreate)?;
    let mut faults = Faults::default();
    let name = short(&body.read()?.name, "name", 60, &mut faults);
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    let id = data_syncs::create_label(&mut tx, &name, &caller.actor(&app)).await?;
    tx.commit().await?;
    let label = data_syncs::labels(app.db.read()).await?.into_iter().find(|l| l.id == id).ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(view(label))))
}

/// Deletes a label; whoever has it loses it.
#[utoipa::path(delete, path = "/labels/{id}", tag = "data syncs", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::LabelsCreate)?;
    let id = id.of(Kind::Label)?;
    let label = found(data_syncs::labels(app.db.read()).await?.into_iter().find(|l| l.id == id.id), id, |l| l.created_at)?;
    let mut tx = app.db.write().await?;
    data_syncs::remove_label(&mut tx, label.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
