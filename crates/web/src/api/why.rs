//! `GET /subscribers/{id}/consent`: why may this person (not) be mailed, in sentences, with what proves it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use rialto_core::consent::Cause;
use rialto_core::{AddressState, Kind};
use rialto_store::views::api::{self as views, Person};
use rialto_store::views::consent::{self as ledger_views, Entry};
use rialto_store::views::members::{self, Member};
use rialto_store::views::people;
use rialto_store::{bridges, consent, households};
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{Id, List, Paging, Params, Problem, after, limit, page, public, time};
use super::subscribers::{Verdict, load, verdict};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct ConsentView {
    pub verdict: Verdict,
    /// The verdict for people: may they be mailed, why not, and who can change that.
    pub sentences: Vec<String>,
    /// Acts about the record and about its address, also by other records that bear it; newest first.
    pub ledger: List<EntryView>,
    /// Other records with the address, at most 20, and what stands for each.
    pub same_address: Vec<OtherView>,
    /// Questions about people who share the address that wait for an answer (`/households`).
    pub households_waiting: i64,
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
    /// What proves it; for an act by a link the mailing that held the link.
    pub evidence: String,
    /// The record it was about; null when it was about the address alone, or when that record is gone.
    #[schema(format = "uuid")]
    pub subscriber: Option<String>,
    pub remote_id: Option<String>,
    /// False for an act of another record, which counts here because of the address.
    pub own: bool,
}

/// Another record with the same address.
#[derive(Serialize, ToSchema)]
pub struct OtherView {
    #[schema(format = "uuid")]
    pub subscriber: String,
    #[schema(format = "uuid")]
    pub bridge: Option<String>,
    pub bridge_name: String,
    pub remote_id: String,
    pub mailable: bool,
    /// Open causes of that record and the address, the strongest first.
    pub causes: Vec<&'static str>,
}

impl OtherView {
    pub async fn of(app: &App, records: Vec<Member>) -> Result<Vec<Self>, Error> {
        let mut causes = members::causes(&app.db, &records).await?;
        let known: HashMap<i64, bridges::Bridge> = bridges::list(app.db.read()).await?.into_iter().map(|b| (b.id, b)).collect();
        let show = |m: Member| {
            let causes = causes.remove(&m.id).unwrap_or_default();
            let bridge = known.get(&m.bridge_id);
            Self {
                subscriber: public(Kind::Subscriber, m.created_at, m.id),
                bridge: bridge.map(|b| public(Kind::Bridge, b.created_at, b.id)),
                bridge_name: bridge.map(|b| b.name.clone()).unwrap_or_default(),
                mailable: causes.is_empty() && AddressState::from_i16(m.address_state) == AddressState::Usable,
                causes: causes.iter().map(|c| c.name()).collect(),
                remote_id: m.remote_id,
            }
        };
        Ok(records.into_iter().map(show).collect())
    }
}

/// Whether this record may be mailed and why not, in sentences and with the acts that led there (of the record and of its address, also
/// by other records), newest first; and who else bears the address.
#[utoipa::path(get, path = "/subscribers/{id}/consent", tag = "subscribers", params(("id" = String, Path), Paging),
    responses((status = 200, body = ConsentView), (status = 404, body = Problem)))]
pub async fn consent(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<ConsentView>, Error> {
    let person = load(&app, &id).await?;
    let limit = limit(paging.limit)?;
    let before = after::<i64>(paging.cursor.as_deref())?.unwrap_or(i64::MAX);
    let causes = consent::open_causes(app.db.read(), person.id).await?;
    let ledger = ledger(&app, &person, before, limit).await?;
    let same_address = OtherView::of(&app, people::same_address(app.db.read(), &person.member()).await?).await?;
    let households_waiting = households::waiting_about(app.db.read(), &person.canonical).await?;
    let sentences = sentences(&app, &person, &causes, same_address.len()).await?;
    Ok(Json(ConsentView { verdict: verdict(&person, causes)?, sentences, ledger, same_address, households_waiting }))
}

async fn ledger(app: &App, person: &Person, before: i64, limit: i64) -> Result<List<EntryView>, Error> {
    let key = if person.canonical.is_empty() { String::new() } else { app.vault.address_key(&person.canonical) };
    let (rows, total) = ledger_views::ledger(app.db.read(), person.id, &key, before, limit + 1).await?;
    let runs: Vec<i64> = rows.iter().filter_map(|e| e.run_id).collect();
    let made = views::made(app.db.read(), views::Made::Runs, &runs).await?;
    let show = |e: Entry| EntryView {
        id: public(Kind::LedgerEntry, e.created_at, e.id),
        at: time(e.created_at),
        act: e.act,
        cause: e.cause,
        source: e.source,
        run: e.run_id.and_then(|id| made.get(&id).map(|at| public(Kind::SyncRun, *at, id))),
        by: e.actor,
        reason: e.reason,
        evidence: e.evidence,
        subscriber: (e.made_at != 0).then(|| public(Kind::Subscriber, e.made_at, e.subscriber_id)),
        remote_id: (e.made_at != 0).then_some(e.remote_id),
        own: e.subscriber_id == person.id,
    };
    Ok(page(rows, limit, total, |e| e.id, show))
}

async fn sentences(app: &App, person: &Person, causes: &[Cause], others: usize) -> Result<Vec<String>, Error> {
    let bridge = bridges::get(app.db.read(), person.bridge_id).await?.map_or_else(|| "the remote system".to_owned(), |b| b.name);
    let mut told: Vec<String> = address_sentence(person.address_state, &bridge).map(|s| format!("No: {s}.")).into_iter().collect();
    for cause in causes {
        let (what, lifted_by) = sentence(*cause, &bridge);
        told.push(format!("No: {what}. {lifted_by}"));
    }
    if told.is_empty() {
        told.push("Yes: nothing stands against it, neither for the record nor for the address.".into());
    }
    match others {
        0 => {}
        1 => told.push("1 other record has the same address; one mail goes to each address.".into()),
        n => told.push(format!("{} other records have the same address; one mail goes to each address.", rialto_core::figure(n as i64))),
    }
    Ok(told)
}

/// Why an address alone keeps mail away, so that it reads on after "because"; `None` for a usable one.
fn address_sentence(state: i16, bridge: &str) -> Option<String> {
    match AddressState::from_i16(state) {
        AddressState::Usable => None,
        AddressState::Missing => Some(format!("{bridge} has no address for this record")),
        AddressState::Malformed => Some("the address is none that mail could reach".into()),
    }
}

/// Why, so that it reads on after "because"; and what changes it.
pub fn sentence(cause: Cause, bridge: &str) -> (String, &'static str) {
    match cause {
        Cause::OwnUnsubscribe => {
            ("they unsubscribed here".into(), "Only they themselves can change that, or an administrator with evidence of their word.")
        }
        Cause::Complaint => ("they reported a mailing as unwanted".into(), "Only an administrator with evidence can change that."),
        Cause::InvalidAddress => ("mail to this address bounced".into(), "A new address changes that, or an administrator."),
        Cause::RemoteFlag => {
            (format!("{bridge} says no to mail for this record"), "Only that system can change it, by saying yes; a sync brings it.")
        }
        Cause::Upload => {
            ("the address was uploaded in a list of people who unsubscribed".into(), "Only an administrator with evidence can change that.")
        }
        Cause::Admin => ("an administrator blocked this person".into(), "An administrator can change that."),
    }
}
