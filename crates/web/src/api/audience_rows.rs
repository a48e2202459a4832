//! `/audience-lists/{id}/rows` and `/usage`: what stands in a list, and who depends on it (LO-07).

use axum::Json;
use axum::extract::State;
use rialto_core::Kind;
use rialto_store::audiences::{self, Field, Page};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audiences::load;
use super::extract::{Id, Params, Problem, limit, public};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RowsQuery {
    /// Keys that begin so, or the address or Remote ID of the subscriber.
    pub q: Option<String>,
    pub limit: Option<i64>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RowView {
    pub key: String,
    /// Whom it meets; null for nobody, or while no data sync has said how rows meet subscribers.
    #[schema(format = "uuid")]
    pub subscriber: Option<String>,
    /// Values by API name, as text; null where empty.
    #[schema(value_type = Object)]
    pub values: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize, ToSchema)]
pub struct Rows {
    pub items: Vec<RowView>,
    /// Send it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// Rows of the whole list.
    pub total: i64,
    /// Rows that meet a subscriber.
    pub matched: i64,
}

#[derive(Serialize, ToSchema)]
pub struct UseView {
    /// `data_sync` or `segment`.
    pub kind: String,
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub enabled: bool,
}

#[derive(Serialize, ToSchema)]
pub struct Usage {
    pub items: Vec<UseView>,
}

/// Whether a page can begin behind this key; it can where it is empty.
pub(crate) fn is_place(fields: &[Field], after: &str) -> bool {
    let numeric = fields.iter().any(|f| f.is_key() && f.kind != "text");
    !after.contains('\0') && (!numeric || after.is_empty() || after.parse::<i64>().is_ok())
}

/// Rows in the order of their keys.
#[utoipa::path(get, path = "/audience-lists/{id}/rows", tag = "audience lists", params(("id" = String, Path), RowsQuery),
    responses((status = 200, body = Rows), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn rows(State(app): State<App>, _: Caller, id: Id, Params(query): Params<RowsQuery>) -> Result<Json<Rows>, Error> {
    let audience = load(&app, &id).await?;
    let limit = limit(query.limit)?;
    let search = super::extract::search(query.q.as_deref().unwrap_or_default())?;
    let all = audiences::fields(app.db.read(), audience.id).await?;
    let fields: Vec<&Field> = all.iter().filter(|f| f.retired_at.is_none()).collect();
    let after = query.cursor.unwrap_or_default();
    if !is_place(&all, &after) {
        return Err(Error::field("cursor", "Use the next_cursor of the page before."));
    }
    let mut rows = audiences::page(app.db.read(), audience.id, &fields, Page { after: &after, search, limit: limit + 1 }).await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    let (total, matched) = audiences::count(app.db.read(), &audience).await?;
    let met = audiences::met(app.db.read(), &audience, &rows).await?;
    let next_cursor = rows.last().filter(|_| more).map(|row| row.key.clone());
    let items = rows.into_iter().map(|row| {
        let values = fields.iter().zip(row.values).map(|(f, v)| (f.api_name.clone(), v.map_or(serde_json::Value::Null, Into::into)));
        let subscriber = row.link.and_then(|link| met.get(&link)).map(|m| public(Kind::Subscriber, m.created_at, m.id));
        RowView { values: values.collect(), key: row.key, subscriber }
    });
    Ok(Json(Rows { items: items.collect(), next_cursor, total, matched }))
}

/// What depends on the list or extension.
#[utoipa::path(get, path = "/audience-lists/{id}/usage", tag = "audience lists", params(("id" = String, Path)),
    responses((status = 200, body = Usage), (status = 404, body = Problem)))]
pub async fn usage(State(app): State<App>, _: Caller, id: Id) -> Result<Json<Usage>, Error> {
    let audience = load(&app, &id).await?;
    let items = audiences::usage(app.db.read(), audience.id).await?;
    let kind = |u: &audiences::Use| if u.kind == "segment" { Kind::TargetGroup } else { Kind::DataSync };
    let view = |u: audiences::Use| UseView { id: public(kind(&u), u.created_at, u.id), kind: u.kind, name: u.name, enabled: u.enabled };
    Ok(Json(Usage { items: items.into_iter().map(view).collect() }))
}
