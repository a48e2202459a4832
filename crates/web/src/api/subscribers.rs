//! `/subscribers`: one person in one remote system, and why they are mailed or not.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use rialto_core::AddressState;
use rialto_core::Kind;
use rialto_core::consent::Cause;
use rialto_core::permissions::Permission;
use rialto_core::preference::Link;
use rialto_store::views::api::{self as views, Person};
use rialto_store::views::{members, people};
use rialto_store::{Actor, audit, fields};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Id, List, Params, Problem, after, found, limit, page, public as public_id, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::public;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct SubscriberView {
    #[schema(format = "uuid")]
    pub id: String,
    #[schema(format = "uuid")]
    pub bridge: Option<String>,
    /// The key in the remote system.
    pub remote_id: String,
    /// As the remote system writes it; empty when there is none.
    pub email: String,
    /// `usable`, `missing` or `malformed`.
    pub address_state: &'static str,
    /// The remote system's last word: `yes` or `no`.
    pub remote_flag: &'static str,
    /// Nothing stands against mailing this record: a usable address and no open cause.
    pub mailable: bool,
    /// Open causes of the record and its address, the strongest first.
    pub causes: Vec<&'static str>,
    #[schema(format = "date-time")]
    pub created_at: String,
}

#[derive(Serialize, ToSchema)]
pub struct SubscriberDetail {
    #[serde(flatten)]
    pub about: SubscriberView,
    /// Personalization fields that hold something, by the remote's name.
    #[schema(value_type = Object)]
    pub fields: BTreeMap<String, serde_json::Value>,
    /// The person's own preference page, for those who may edit lists; that it was given out is audited. Null for others.
    #[schema(format = "uri")]
    pub preference_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Verdict {
    /// Nothing stands against mailing this record: a usable address and no open cause.
    pub mailable: bool,
    /// Line of the waterfall on which the record stands by itself, e.g. `remote_flag`, `mailable`.
    pub line: String,
    pub address_state: &'static str,
    pub causes: Vec<CauseView>,
}

#[derive(Serialize, ToSchema)]
pub struct CauseView {
    /// `own_unsubscribe`, `complaint`, `invalid_address`, `remote_flag`, `upload` or `admin`.
    pub cause: &'static str,
    /// As the pages say it.
    pub label: &'static str,
}

impl From<Cause> for CauseView {
    fn from(c: Cause) -> Self {
        Self { cause: c.name(), label: c.label() }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubscriberQuery {
    pub email: Option<String>,
    pub remote_id: Option<String>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

fn state_name(state: i16) -> &'static str {
    match AddressState::from_i16(state) {
        AddressState::Usable => "usable",
        AddressState::Missing => "missing",
        AddressState::Malformed => "malformed",
    }
}

/// A page of people; `end` makes the cursor from the last one's internal id.
pub(super) async fn list_of(
    app: &App,
    rows: Vec<Person>,
    limit: i64,
    total: i64,
    end: impl Fn(i64) -> serde_json::Value,
) -> Result<Json<List<SubscriberView>>, Error> {
    let mut bridges: Vec<i64> = rows.iter().map(|p| p.bridge_id).collect();
    bridges.sort_unstable();
    bridges.dedup();
    let made = views::made(app.db.read(), views::Made::Bridges, &bridges).await?;
    let members: Vec<members::Member> = rows.iter().map(Person::member).collect();
    let causes = members::causes(&app.db, &members).await?;
    let causes_of = |p: &Person| causes.get(&p.id).map(Vec::as_slice).unwrap_or_default();
    let show = |p: Person| SubscriberView {
        mailable: AddressState::from_i16(p.address_state) == AddressState::Usable && causes_of(&p).is_empty(),
        causes: causes_of(&p).iter().map(|c| c.name()).collect(),
        id: public_id(Kind::Subscriber, p.created_at, p.id),
        bridge: made.get(&p.bridge_id).map(|at| public_id(Kind::Bridge, *at, p.bridge_id)),
        address_state: state_name(p.address_state),
        remote_flag: if p.remote_flag_seen == 1 { "yes" } else { "no" },
        created_at: time(p.created_at),
        remote_id: if p.bridge_id == rialto_core::upload::SOURCE { String::new() } else { p.remote_id },
        email: p.address,
    };
    Ok(Json(page(rows, limit, total, |p| end(p.id), show)))
}

pub(crate) async fn load(app: &App, id: &Id) -> Result<Person, Error> {
    let id = id.of(Kind::Subscriber)?;
    found(views::person(app.db.read(), id.id).await?, id, |p| p.created_at)
}

/// By address, by Remote ID, or all.
#[utoipa::path(get, path = "/subscribers", tag = "subscribers", params(SubscriberQuery),
    responses((status = 200, body = List<SubscriberView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<SubscriberQuery>) -> Result<Json<List<SubscriberView>>, Error> {
    let limit = limit(query.limit)?;
    let last = after::<i64>(query.cursor.as_deref())?.unwrap_or(0);
    let (email, remote_id) = (query.email.unwrap_or_default(), query.remote_id.unwrap_or_default());
    let (rows, total) = views::people(app.db.read(), email.trim(), remote_id.trim(), last, limit + 1).await?;
    list_of(&app, rows, limit, total, serde_json::Value::from).await
}

#[utoipa::path(get, path = "/subscribers/{id}", tag = "subscribers", params(("id" = String, Path)),
    responses((status = 200, body = SubscriberDetail), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, caller: Caller, id: Id) -> Result<Json<SubscriberDetail>, Error> {
    let person = load(&app, &id).await?;
    let (person_id, bridge_id) = (person.id, person.bridge_id);
    let known = fields::list(app.db.read(), bridge_id).await?;
    let profile = people::profiles(&app.db, bridge_id, &known, &[person_id]).await?.remove(&person_id).unwrap_or_default();
    let value = |f: &fields::Field| profile.get(&f.number).cloned();
    let values = known.iter().filter(|f| f.gone_at.is_none()).filter_map(|f| Some((f.name.clone(), value(f)?))).collect();
    let Json(mut one) = list_of(&app, vec![person], 1, 1, serde_json::Value::from).await?;
    let about = one.items.pop().ok_or(Error::NotFound)?;
    let preference_url = if caller.allows(Permission::ListsEdit) { given_out(&app, person_id, &caller).await } else { None };
    Ok(Json(SubscriberDetail { about, fields: values, preference_url }))
}

/// A link with which its holder acts as the person; not without its audit row (`docs/adr/0090`).
async fn given_out(app: &App, subscriber_id: i64, caller: &Caller) -> Option<String> {
    match preference_link(app, subscriber_id, &caller.actor(app)).await {
        Ok(link) => Some(public::url(app, link)),
        Err(error) => {
            tracing::warn!(%error, "a preference link was not given out, as that could not be audited");
            None
        }
    }
}

/// Gives out a person's link, and leaves the audit row that says so.
pub async fn preference_link(app: &App, subscriber_id: i64, who: &Actor) -> Result<Link, Error> {
    let mut tx = app.db.write().await?;
    audit::write(&mut tx, who, "subscriber.preference_link", "subscriber", Some(subscriber_id), serde_json::json!({})).await?;
    tx.commit().await?;
    Ok(Link { subscriber_id, mailing_id: 0 })
}

pub(super) fn verdict(person: &Person, causes: Vec<Cause>) -> Result<Verdict, Error> {
    use rialto_core::books::Line;
    let line = match AddressState::from_i16(person.address_state) {
        AddressState::Missing => Line::NoAddress,
        AddressState::Malformed => Line::Malformed,
        AddressState::Usable => rialto_core::consent::first_line(causes.iter().copied()),
    };
    let name = serde_json::to_value(line).map_err(Error::internal)?;
    Ok(Verdict {
        mailable: line == Line::Mailable,
        line: name.as_str().unwrap_or_default().to_owned(),
        address_state: state_name(person.address_state),
        causes: causes.into_iter().map(CauseView::from).collect(),
    })
}
