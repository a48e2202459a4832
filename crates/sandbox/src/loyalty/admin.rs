//! The simulator's own routes, in JSON; no part of the product it stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::loyalty::acts::Refused;
use crate::loyalty::catalogue::CATALOGUE;
use crate::loyalty::event::Published;
use crate::loyalty::load::Load;
use crate::loyalty::members::{Member, NewMember, UNITS};
use crate::loyalty::on_demand::OnDemand;
use crate::loyalty::publish::Target;
use crate::loyalty::sandbox::Sandbox;
use crate::loyalty::stream::StreamStatus;
use crate::loyalty::truth::Expected;

/// Largest body.
const BODY_LIMIT: usize = 256 << 10;
/// Rows of an answer at most, and if nobody says.
const MOST: usize = 10_000;
const USUAL: usize = 100;

/// The admin routes.
pub(crate) fn router() -> Router<Sandbox> {
    let below = |path: &str| format!("/loyalty/admin{path}");
    Router::new()
        .route(&below("/members"), get(members).post(add_member))
        .route(&below("/members/{id}"), get(member).patch(patch_member).delete(delete_member))
        .route(&below("/members/{id}/earn"), post(earn))
        .route(&below("/catalogue"), get(catalogue))
        .route(&below("/shared"), get(shared).put(share))
        .route(&below("/send-all"), post(send_all))
        .route(&below("/load"), get(load).post(start_load).delete(stop_load))
        .route(&below("/target"), get(target).put(set_target).delete(end_target))
        .route(&below("/stream"), get(stream))
        .route(&below("/events"), get(events))
        .route(&below("/expected"), get(expected))
        .route(&below("/on-demand"), post(on_demand))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

impl Refused {
    /// How HTTP says it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoMember => StatusCode::NOT_FOUND,
            Self::NoField(_) | Self::BadValue { .. } | Self::NoUnit | Self::Range(_) | Self::Target(_) => StatusCode::BAD_REQUEST,
            Self::TooMany | Self::Full | Self::Busy => StatusCode::CONFLICT,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({ "error": self.to_string() }))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Refused>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slice {
    #[serde(default)]
    offset: usize,
    #[serde(default = "usual")]
    limit: usize,
}

fn usual() -> usize {
    USUAL
}

async fn members(State(sandbox): State<Sandbox>, Query(slice): Query<Slice>) -> Json<Value> {
    let total = sandbox.member_count();
    let items: Vec<Member> = {
        let state = sandbox.state();
        let all = (1..=state.end).filter(|number| state.exists(*number)).skip(slice.offset).take(slice.limit.min(MOST));
        all.filter_map(|number| state.member(number)).collect()
    };
    Json(json!({ "total": total, "items": items }))
}

async fn add_member(State(sandbox): State<Sandbox>, Json(new): Json<NewMember>) -> Result<(StatusCode, Json<Member>), Refused> {
    sandbox.add_member(&new).map(|member| (StatusCode::CREATED, Json(member)))
}

async fn member(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Answer<Value> {
    let member = sandbox.member(&id).ok_or(Refused::NoMember)?;
    Ok(Json(json!({ "sequence": sandbox.sequence(&id).unwrap_or_default().to_string(), "member": member })))
}

/// Fields by name, whatever their section; null clears. All in one event.
async fn patch_member(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Json(fields): Json<BTreeMap<String, Value>>,
) -> Answer<Member> {
    sandbox.set_all(&id, fields.iter().map(|(name, value)| (name.as_str(), value))).map(Json)
}

async fn delete_member(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    sandbox.delete_member(&id).map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Earned {
    points: u32,
}

async fn earn(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(earned): Json<Earned>) -> Answer<Member> {
    sandbox.earn(&id, earned.points).map(Json)
}

async fn catalogue() -> Json<Value> {
    Json(json!({ "units": UNITS, "fields": CATALOGUE }))
}

async fn shared(State(sandbox): State<Sandbox>) -> Json<Vec<&'static str>> {
    Json(sandbox.shared())
}

/// The names of all that is to be shared.
async fn share(State(sandbox): State<Sandbox>, Json(fields): Json<Vec<String>>) -> Answer<Vec<&'static str>> {
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    sandbox.share(&fields)?;
    Ok(Json(sandbox.shared()))
}

/// Begins; the stream's `sending_all` says whether it goes on.
async fn send_all(State(sandbox): State<Sandbox>) -> Result<(StatusCode, Json<Value>), Refused> {
    sandbox.begin_send_all()?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "members": sandbox.member_count() }))))
}

async fn load(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "load": sandbox.load() }))
}

async fn start_load(State(sandbox): State<Sandbox>, Json(load): Json<Load>) -> Result<StatusCode, Refused> {
    sandbox.start_load(load).map(|()| StatusCode::ACCEPTED)
}

async fn stop_load(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.stop_load();
    StatusCode::NO_CONTENT
}

/// The target without its token.
async fn target(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "target": sandbox.target() }))
}

async fn set_target(State(sandbox): State<Sandbox>, Json(target): Json<Target>) -> Result<StatusCode, Refused> {
    sandbox.set_target(Some(target)).map(|()| StatusCode::NO_CONTENT)
}

async fn end_target(State(sandbox): State<Sandbox>) -> Result<StatusCode, Refused> {
    sandbox.set_target(None).map(|()| StatusCode::NO_CONTENT)
}

#[derive(serde::Serialize)]
struct Standing {
    sending_all: bool,
    #[serde(flatten)]
    stream: StreamStatus,
}

async fn stream(State(sandbox): State<Sandbox>) -> Json<Standing> {
    Json(Standing { sending_all: sandbox.is_sending_all(), stream: sandbox.stream() })
}

/// The last events, oldest first, without those that are no JSON or of 20 MiB.
async fn events(State(sandbox): State<Sandbox>, Query(slice): Query<Slice>) -> Json<Vec<Published>> {
    let last = sandbox.published_last(slice.limit.min(MOST) + slice.offset.min(MOST));
    let shown = last.len().saturating_sub(slice.offset);
    Json(last.into_iter().take(shown).map(Arc::unwrap_or_clone).filter(|event| !event.travels_alone()).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    source: String,
}

async fn expected(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Json<BTreeMap<String, Expected>> {
    Json(sandbox.expected(&asked.source))
}

async fn on_demand(State(sandbox): State<Sandbox>, Json(what): Json<OnDemand>) -> Answer<Value> {
    sandbox.carry_out(&what).map(|member| Json(json!({ "member": member })))
}
