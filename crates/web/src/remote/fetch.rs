//! GET: a batch of writebacks, leased.

use axum::Json;
use axum::extract::State;
use rialto_core::Kind;
use rialto_core::writeback::{What, marker};
use rialto_core::{Instant, PublicId};
use rialto_store::writebacks::{self, Claimed, Fetched};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::MOST;
use super::door::Visitor;
use crate::api::extract::{Faults, Params, Problem, time};
use crate::error::Error;
use crate::state::App;

const USUAL: i64 = 100;
const USUAL_LEASE: i64 = 600;
/// Shortest and longest lease, in seconds.
const LEASES: std::ops::RangeInclusive<i64> = 5..=3_600;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Writebacks at most: 1 to 500, 100 when not said.
    limit: Option<i64>,
    /// How long to acknowledge them: 5 to 3,600 seconds, 600 when not said.
    lease_seconds: Option<i64>,
}

/// Writebacks to be done, and until when to say that they are.
#[derive(Serialize, ToSchema)]
pub(super) struct BatchView {
    /// Goes into the answer; null when nothing is due.
    batch: Option<String>,
    /// What is not acknowledged by then comes again.
    #[schema(format = "date-time")]
    lease_until: Option<String>,
    /// Consent first, then the oldest; never two of one person that must go one after the other.
    items: Vec<ItemView>,
    /// There may be more: fetch again after acknowledging these.
    more: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ItemView {
    /// The same with every try.
    #[schema(format = "uuid")]
    id: String,
    /// A mark to leave beside what is done, if something is left.
    marker: String,
    /// Which try this is, from 1.
    attempt: i64,
    /// It was fetched before and may be done already.
    again: bool,
    /// `unsubscribe`, `resubscribe`, `invalid_email` or `interests`.
    kind: String,
    /// Whom it is about: the record's ID.
    remote_id: String,
    #[schema(format = "date-time")]
    decided_at: String,
    /// Whose mailings it is about.
    account: String,
    /// In the words of who decided; empty when none were given.
    reason: String,
    /// What Do Not Email is to be; null leaves it as it is.
    do_not_email: Option<bool>,
    /// Why the address takes no mail; null where that is not what is told.
    address_fault: Option<String>,
    /// What the person takes and gives up; empty where that is not what is told.
    interests: Vec<InterestView>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InterestView {
    code: String,
    name: String,
    wanted: bool,
}

fn item(row: &Claimed, account: &str) -> Result<ItemView, Error> {
    let message = row.read_message()?;
    let id = PublicId::new(Kind::Writeback, Instant(row.created_at), row.id);
    let mut item = ItemView {
        id: id.to_string(),
        marker: marker(id),
        attempt: row.tries,
        again: row.maybe_there,
        kind: row.kind.clone(),
        remote_id: row.remote_id.clone(),
        decided_at: message.at.to_string(),
        account: account.to_owned(),
        reason: message.reason,
        do_not_email: None,
        address_fault: None,
        interests: Vec::new(),
    };
    match message.what {
        What::Unsubscribe => item.do_not_email = Some(true),
        What::Resubscribe { say_yes } => item.do_not_email = say_yes.then_some(false),
        What::InvalidEmail { fault } => item.address_fault = Some(fault.words().to_owned()),
        What::Interests { changes } => {
            item.interests = changes.into_iter().map(|c| InterestView { code: c.code, name: c.name, wanted: c.wanted }).collect();
        }
        What::Persona { .. } => {}
    }
    Ok(item)
}

fn bounds(asked: &Asked) -> Result<(i64, i64), Error> {
    let mut faults = Faults::default();
    let limit = asked.limit.unwrap_or(USUAL);
    if !(1..=MOST as i64).contains(&limit) {
        faults.add("limit", "Ask for 1 to 500.");
    }
    let lease = asked.lease_seconds.unwrap_or(USUAL_LEASE);
    if !LEASES.contains(&lease) {
        faults.add("lease_seconds", "Ask for 5 to 3,600 seconds.");
    }
    faults.none_or()?;
    Ok((limit, lease))
}

/// Leases what is due. Opened by the bridge's own token for fetching, which opens nothing else.
#[utoipa::path(get, path = "/remote/{bridge}/writebacks", tag = "remote", params(("bridge" = String, Path), Asked),
    responses((status = 200, body = BatchView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 500, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn fetch(State(app): State<App>, Visitor(door): Visitor, Params(asked): Params<Asked>) -> Result<Json<BatchView>, Error> {
    let (limit, lease) = bounds(&asked)?;
    let batch = app.random.hex::<16>();
    let now = app.clock.now();
    let until = now.plus_seconds(lease);
    let (rows, more) = match writebacks::fetch(&app.db, door.bridge_id, &batch, now, until, limit).await? {
        Fetched::Batch { rows, more } => (rows, more),
        Fetched::Off => return Err(Error::Conflict(format!("The bridge {} is switched off: nothing goes out to it.", door.name))),
        Fetched::Pushed => {
            return Err(Error::Conflict(format!(
                "Rialto delivers the writebacks of {} itself. Choose in its Writeback Settings that the remote system fetches them.",
                door.name
            )));
        }
    };
    let items = rows.iter().map(|row| item(row, &app.settings.account_name)).collect::<Result<Vec<_>, _>>()?;
    let any = !items.is_empty();
    Ok(Json(BatchView { batch: any.then_some(batch), lease_until: any.then(|| time(until.0)), items, more }))
}
