//! `/subscribers`: one person in one remote system, and why they are mailed or not.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use rialto_core::AddressState;
use rialto_core::Kind;
use rialto_core::consent::Cause;
use rialto_store::views::api::{self as views, Person};
use rialto_store::views::{members, people};
use rialto_store::{consent, fields};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Id, List, Paging, Params, Problem, after, found, limit, page, public, time};
use crate::auth::Caller;
use crate::error::Error;
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
}

#[derive(Serialize, ToSchema)]
pub struct ConsentView {
    pub verdict: Verdict,
    pub ledger: List<EntryView>,
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

#[derive(Serialize, ToSchema)]
pub struct EntryView {
    #[schema(format = "uuid")]
    pub id: String,
    #[schema(format = "date-time")]
    pub at: String,
    /// `open` or `lift`.
    pub act: String,
    pub cause: String,
    pub source: String,
    #[schema(format = "uuid")]
    pub run: Option<String>,
    pub by: String,
    pub reason: String,
    pub evidence: String,
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
        id: public(Kind::Subscriber, p.created_at, p.id),
        bridge: made.get(&p.bridge_id).map(|at| public(Kind::Bridge, *at, p.bridge_id)),
        address_state: state_name(p.address_state),
        remote_flag: if p.remote_flag_seen == 1 { "yes" } else { "no" },
        created_at: time(p.created_at),
        remote_id: p.remote_id,
        email: p.address,
    };
    Ok(Json(page(rows, limit, total, |p| end(p.id), show)))
}

pub(super) async fn load(app: &App, id: &Id) -> Result<Person, Error> {
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
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<SubscriberDetail>, Error> {
    let person = load(&app, &id).await?;
    let (person_id, bridge_id) = (person.id, person.bridge_id);
    let known = fields::list(app.db.read(), bridge_id).await?;
    let profile = people::profiles(&app.db, bridge_id, &known, &[person_id]).await?.remove(&person_id).unwrap_or_default();
    let value = |f: &fields::Field| profile.get(&f.number).cloned();
    let values = known.iter().filter(|f| f.gone_at.is_none()).filter_map(|f| Some((f.name.clone(), value(f)?))).collect();
    let Json(mut one) = list_of(&app, vec![person], 1, 1, serde_json::Value::from).await?;
    let about = one.items.pop().ok_or(Error::NotFound)?;
    Ok(Json(SubscriberDetail { about, fields: values }))
}

/// Whether this record may be mailed and why not, and the acts that led there (of the record and of its address), newest first.
#[utoipa::path(get, path = "/subscribers/{id}/consent", tag = "subscribers", params(("id" = String, Path), Paging),
    responses((status = 200, body = ConsentView), (status = 404, body = Problem)))]
pub async fn consent(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<ConsentView>, Error> {
    let person = load(&app, &id).await?;
    let limit = limit(paging.limit)?;
    let before = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MAX);
    let causes = consent::open_causes(app.db.read(), person.id).await?;
    let key = if person.canonical.is_empty() { String::new() } else { app.vault.address_key(&person.canonical) };
    let (rows, total) = views::ledger(app.db.read(), person.id, &key, before, limit + 1).await?;
    let runs: Vec<i64> = rows.iter().filter_map(|e| e.run_id).collect();
    let made = views::made(app.db.read(), views::Made::Runs, &runs).await?;
    let show = |e: views::Entry| EntryView {
        id: public(Kind::LedgerEntry, e.created_at, e.id),
        at: time(e.created_at),
        act: e.act,
        cause: e.cause,
        source: e.source,
        run: e.run_id.and_then(|id| made.get(&id).map(|at| public(Kind::SyncRun, *at, id))),
        by: e.actor,
        reason: e.reason,
        evidence: e.evidence,
    };
    let ledger = page(rows, limit, total, |e| e.id, show);
    Ok(Json(ConsentView { verdict: verdict(&person, causes)?, ledger }))
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
