//! `/bridges/{id}/fields`: the personalization fields of a bridge, and which of them are offered for use in mailings.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_store::fields as bridge_fields;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bridges::load;
use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, limit, maybe_time, page};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Most fields that one request changes.
const MOST_FIELDS: usize = 300;

#[derive(Serialize, ToSchema)]
pub struct FieldView {
    /// Names the field within its bridge.
    pub number: i64,
    pub name: String,
    pub label: String,
    /// `text`, `integer`, `decimal`, `date_time` or `boolean`.
    pub r#type: String,
    pub length: Option<i64>,
    /// Offered for use in mailings.
    pub shown: bool,
    /// Since when the remote no longer offers it.
    #[schema(format = "date-time")]
    pub gone_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldsChange {
    /// At most 300, each field once. The answer shows all fields of the bridge.
    pub fields: Vec<FieldChange>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    pub number: i64,
    pub shown: bool,
}

/// Personalization fields, also those that the remote no longer offers.
#[utoipa::path(get, path = "/bridges/{id}/fields", tag = "bridges", params(("id" = String, Path), Paging),
    responses((status = 200, body = List<FieldView>), (status = 404, body = Problem)))]
pub async fn fields(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<List<FieldView>>, Error> {
    let limit = limit(paging.limit)?;
    let last = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MIN);
    let bridge = load(&app, &id).await?;
    let all = field_views(&app, bridge.id).await?;
    let total = all.len() as i64;
    let rows = all.into_iter().filter(|f| f.number > last).take(usize::try_from(limit).unwrap_or(0) + 1).collect();
    Ok(Json(page(rows, limit, total, |f: &FieldView| f.number, |f| f)))
}

/// All fields of a bridge by their numbers.
async fn field_views(app: &App, bridge_id: i64) -> Result<Vec<FieldView>, Error> {
    let mut items: Vec<FieldView> = bridge_fields::list(app.db.read(), bridge_id)
        .await?
        .into_iter()
        .map(|f| FieldView {
            number: f.number,
            name: f.name,
            label: f.label,
            r#type: f.kind,
            length: f.length,
            shown: f.shown,
            gone_at: maybe_time(f.gone_at),
        })
        .collect();
    items.sort_by_key(|f| f.number);
    Ok(items)
}

/// Says which fields are offered for use in mailings.
#[utoipa::path(patch, path = "/bridges/{id}/fields", tag = "bridges", params(("id" = String, Path)), request_body = FieldsChange,
    responses((status = 200, body = List<FieldView>), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn patch_fields(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    body: Body<FieldsChange>,
) -> Result<Json<List<FieldView>>, Error> {
    caller.require(Permission::BridgesAdmin)?;
    let change = body.read()?;
    let bridge = load(&app, &id).await?;
    let known = bridge_fields::list(app.db.read(), bridge.id).await?;
    if change.fields.len() > MOST_FIELDS {
        return Err(Error::field("fields", &format!("Send at most {MOST_FIELDS} at once.")));
    }
    let (mut faults, mut named) = (Faults::default(), HashSet::new());
    for (n, field) in change.fields.iter().enumerate() {
        if !named.insert(field.number) {
            faults.add(format!("fields[{n}].number"), "This field stands here twice.");
        } else if !known.iter().any(|k| k.number == field.number) {
            faults.add(format!("fields[{n}].number"), "This bridge has no such field.");
        }
    }
    faults.none_or()?;
    let mut tx = app.db.write().await?;
    for field in &change.fields {
        bridge_fields::show(&mut tx, bridge.id, field.number, field.shown, &caller.actor(&app)).await?;
    }
    tx.commit().await?;
    let items = field_views(&app, bridge.id).await?;
    Ok(Json(List { total: items.len() as i64, items, next_cursor: None }))
}
