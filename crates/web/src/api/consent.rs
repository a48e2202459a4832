//! Consent acts of an administrator on a person's word: `/subscribers/{id}/unsubscribe` and `/resubscribe` (`docs/adr/0011`).

use axum::Json;
use axum::extract::State;
use rialto_core::consent::{Cause, Lifter};
use rialto_core::permissions::Permission;
use rialto_store::consent::{self, Grounds};
use rialto_store::views::api::Person;
use rialto_store::{Actor, bridges};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem};
use super::subscribers::{CauseView, Verdict, load, verdict};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

const LONGEST: usize = 1_000;

/// Who lifts by a resubscribe.
pub const BY_ADMIN: Lifter = Lifter::Admin { with_evidence: true };

/// Why, and what proves it. Both go into the ledger for good: name no other person in them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// 1 to 1,000 characters, e.g. `Asked on the phone`.
    pub reason: String,
    /// 1 to 1,000 characters, e.g. `Ticket 4711`.
    pub evidence: String,
}

#[derive(Serialize, ToSchema)]
pub struct ActView {
    /// False when it was so already: then nothing was written.
    pub changed: bool,
    /// Causes that this act opened or lifted.
    pub causes: Vec<CauseView>,
    /// What was done and what still stands against mailing, in sentences for people.
    pub sentences: Vec<String>,
    pub verdict: Verdict,
}

impl Act {
    /// Trimmed; faults name `reason` and `evidence`.
    pub fn checked(self) -> Result<Self, Error> {
        let mut faults = Faults::default();
        for (field, text) in [("reason", &self.reason), ("evidence", &self.evidence)] {
            let length = text.trim().chars().count();
            if length == 0 || length > LONGEST || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r')) {
                faults.add(field, format!("Enter 1 to {LONGEST} characters."));
            }
        }
        faults.none_or()?;
        Ok(Self { reason: self.reason.trim().to_owned(), evidence: self.evidence.trim().to_owned() })
    }

    fn grounds<'a>(&'a self, source: &'a str) -> Grounds<'a> {
        Grounds { source, reason: &self.reason, evidence: &self.evidence }
    }
}

/// Unsubscribes a person on their word: binds the record and its address, in every source. Doing it again changes nothing.
#[utoipa::path(post, path = "/subscribers/{id}/unsubscribe", tag = "subscribers", params(("id" = String, Path)), request_body = Act,
    responses((status = 200, body = ActView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn unsubscribe(State(app): State<App>, caller: Caller, id: Id, body: Body<Act>) -> Result<Json<ActView>, Error> {
    caller.require(Permission::ListsEdit)?;
    let act = body.read()?;
    let person = load(&app, &id).await?;
    let act = act.checked()?;
    do_unsubscribe(&app, person, &act, "api", &caller.actor(&app)).await.map(Json)
}

/// The act itself, for API and page: `act` was checked, the permission asked for. `source` says where it was done.
pub async fn do_unsubscribe(app: &App, person: Person, act: &Act, source: &str, who: &Actor) -> Result<ActView, Error> {
    let mut tx = app.db.write().await?;
    let changed = consent::open(&mut tx, &app.vault, person.id, Cause::OwnUnsubscribe, &act.grounds(source), who).await?;
    tx.commit().await?;
    app.wake.ring();
    let told = if !changed {
        "Was unsubscribed already; nothing was written."
    } else if person.canonical.is_empty() {
        "Unsubscribed. The record has no address; the decision goes with the record."
    } else {
        "Unsubscribed: this record and its address, in every source."
    };
    let causes = if changed { vec![Cause::OwnUnsubscribe] } else { Vec::new() };
    answer(app, person, changed, causes, told.to_owned()).await
}

/// Lifts everything that Rialto holds against mailing this record, on evidence. A remote system's own no stays, and is told.
#[utoipa::path(post, path = "/subscribers/{id}/resubscribe", tag = "subscribers", params(("id" = String, Path)), request_body = Act,
    responses((status = 200, body = ActView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn resubscribe(State(app): State<App>, caller: Caller, id: Id, body: Body<Act>) -> Result<Json<ActView>, Error> {
    caller.require(Permission::UsersAdmin)?;
    let act = body.read()?;
    let person = load(&app, &id).await?;
    let act = act.checked()?;
    do_resubscribe(&app, person, &act, "api", &caller.actor(&app)).await.map(Json)
}

/// As `do_unsubscribe`, the other way.
pub async fn do_resubscribe(app: &App, person: Person, act: &Act, source: &str, who: &Actor) -> Result<ActView, Error> {
    let mut tx = app.db.write().await?;
    let lifted = consent::lift(&mut tx, &app.vault, person.id, BY_ADMIN, &act.grounds(source), who).await?;
    tx.commit().await?;
    app.wake.ring();
    let told = if lifted.is_empty() {
        "There was nothing of Rialto's own to lift; nothing was written.".to_owned()
    } else {
        format!("Lifted: {}.", lifted.iter().map(|c| c.label()).collect::<Vec<_>>().join(", "))
    };
    answer(app, person, !lifted.is_empty(), lifted, told).await
}

async fn answer(app: &App, person: Person, changed: bool, causes: Vec<Cause>, told: String) -> Result<ActView, Error> {
    let open = consent::open_causes(app.db.read(), person.id).await?;
    let mut sentences = vec![told];
    for cause in open.iter().filter(|c| !causes.contains(c)) {
        sentences.push(still_open(app, &person, *cause).await?);
    }
    let neighbours = if open.is_empty() { consent::silent_neighbours(app.db.read(), person.id).await? } else { 0 };
    if neighbours > 0 {
        sentences.push(neighbours_told(neighbours));
    }
    let verdict = verdict(&person, open)?;
    match (verdict.mailable, verdict.address_state) {
        (true, _) => sentences.push("May be mailed.".to_owned()),
        (false, "missing") => sentences.push("Has no address, so no mail goes out.".to_owned()),
        (false, "malformed") => sentences.push("The address is malformed, so no mail goes out.".to_owned()),
        _ => {}
    }
    Ok(ActView { changed, causes: causes.into_iter().map(CauseView::from).collect(), sentences, verdict })
}

/// Records that stay silent by their own word, whatever was done about the address.
pub fn neighbours_told(n: i64) -> String {
    if n == 1 {
        "1 other record with this address stays unsubscribed by itself.".to_owned()
    } else {
        format!("{} other records with this address stay unsubscribed by themselves.", rialto_core::figure(n))
    }
}

/// A cause that still stands, and who may lift it.
async fn still_open(app: &App, person: &Person, cause: Cause) -> Result<String, Error> {
    Ok(match cause {
        Cause::RemoteFlag => {
            let bridge = bridges::get(app.db.read(), person.bridge_id).await?.map_or_else(|| "the remote system".to_owned(), |b| b.name);
            format!("Still open: {bridge} says no for {}. Only its own later yes lifts this.", person.remote_id)
        }
        other => format!("Still open: {}.", other.label()),
    })
}
