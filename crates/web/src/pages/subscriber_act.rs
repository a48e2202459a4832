//! Unsubscribe and Resubscribe on a person's word: a page that says what will happen asks for reason and evidence (`docs/adr/0011`).

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_connectors::FieldError;
use rialto_core::consent::Cause;
use rialto_core::permissions::Permission;
use rialto_store::views::api as views;
use rialto_store::views::people as person_views;
use rialto_store::{bridges, consent, fields};
use serde::Deserialize;

use super::shell::{Page, Reader};
use super::toast::{self, Toast};
use super::{links, subscriber, text};
use crate::api::consent::{self as acts, Act, BY_ADMIN};
use crate::api::subscribers::preference_link;
use crate::api::why;
use crate::auth::Form;
use crate::error::Error;
use crate::public;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    reason: String,
    evidence: String,
}

#[derive(Template)]
#[template(path = "subscriber_act.html")]
struct Ask {
    page: Page,
    href: String,
    address: String,
    /// `unsubscribe` or `resubscribe`.
    act: &'static str,
    button: String,
    /// What will happen, in sentences; what stays as it is.
    will: Vec<String>,
    stays: Vec<String>,
    /// There is nothing to do: why.
    nothing: Option<&'static str>,
    entered: Entered,
    reason_fault: Option<String>,
    evidence_fault: Option<String>,
}

/// What an act would do.
#[derive(Default)]
struct Preview {
    will: Vec<String>,
    stays: Vec<String>,
    nothing: Option<&'static str>,
}

/// GET /subscribers/{id}/unsubscribe
pub async fn ask_unsubscribe(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    ask(&reader, &id, "unsubscribe", Entered::default(), &[]).await
}

/// GET /subscribers/{id}/resubscribe
pub async fn ask_resubscribe(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    ask(&reader, &id, "resubscribe", Entered::default(), &[]).await
}

/// POST /subscribers/{id}/unsubscribe
pub async fn unsubscribe(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    submit(&reader, &id, "unsubscribe", entered).await
}

/// POST /subscribers/{id}/resubscribe
pub async fn resubscribe(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::UsersAdmin)?;
    submit(&reader, &id, "resubscribe", entered).await
}

/// POST /subscribers/{id}/preference-page: gives out the person's own link, which lets its holder act as they would; audited.
pub async fn preference_page(reader: Reader, Path(id): Path<String>) -> Result<Redirect, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let person = subscriber::find(&reader, &id).await?;
    let link = preference_link(&reader.app, person.id, &reader.session.actor(&reader.app)).await?;
    Ok(Redirect::to(&public::path(&reader.app, link)))
}

async fn submit(reader: &Reader, id: &str, act: &'static str, entered: Entered) -> Result<Response, Error> {
    let person = person(reader, id).await?;
    let checked = Act { reason: entered.reason.clone(), evidence: entered.evidence.clone() }.checked();
    let grounds = match checked {
        Ok(grounds) => grounds,
        Err(Error::Invalid(faults)) => return ask(reader, id, act, entered, &faults).await,
        Err(other) => return Err(other),
    };
    let href = links::person(person.created_at, person.id);
    let who = reader.session.actor(&reader.app);
    let done = if act == "unsubscribe" {
        acts::do_unsubscribe(&reader.app, person, &grounds, "page", &who).await?
    } else {
        acts::do_resubscribe(&reader.app, person, &grounds, "page", &who).await?
    };
    toast::done(reader, &href, &Toast::new(done.sentences.join(" ")))
}

async fn person(reader: &Reader, id: &str) -> Result<views::Person, Error> {
    let found = subscriber::find(reader, id).await?;
    views::person(reader.app.db.read(), found.id).await?.ok_or(Error::NotFound)
}

async fn ask(reader: &Reader, id: &str, act: &'static str, entered: Entered, faults: &[FieldError]) -> Result<Response, Error> {
    let person = person(reader, id).await?;
    let db = &reader.app.db;
    let known = fields::list(db.read(), person.bridge_id).await?;
    let values = person_views::profiles(db, person.bridge_id, &known, &[person.id]).await?.remove(&person.id).unwrap_or_default();
    let (name, _) = subscriber::names(&known, &values);
    let who = match (name.is_empty(), person.address.is_empty()) {
        (false, _) => name,
        (true, false) => person.address.clone(),
        (true, true) => person.remote_id.clone(),
    };
    let preview =
        if act == "unsubscribe" { before_unsubscribe(reader, &person).await? } else { before_resubscribe(reader, &person).await? };
    let fault = |field: &str| faults.iter().find(|f| f.field == field).map(|f| f.detail.clone());
    let verb = if act == "unsubscribe" { "Unsubscribe" } else { "Resubscribe" };
    let page = Ask {
        page: reader.page(format!("{verb} {who}?")),
        href: links::person(person.created_at, person.id),
        address: person.address,
        act,
        button: format!("{verb} {who}"),
        will: preview.will,
        stays: preview.stays,
        nothing: preview.nothing,
        entered,
        reason_fault: fault("reason"),
        evidence_fault: fault("evidence"),
    };
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

async fn before_unsubscribe(reader: &Reader, person: &views::Person) -> Result<Preview, Error> {
    let db = &reader.app.db;
    let open = consent::open_causes(db.read(), person.id).await?;
    if open.contains(&Cause::OwnUnsubscribe) {
        return Ok(Preview { nothing: Some("They are unsubscribed already."), ..Preview::default() });
    }
    let member = person.member();
    let others = person_views::same_address(db.read(), &member).await?.len() as i64;
    let groups = person_views::groups(db.read(), person.id).await?.len() as i64;
    let mut preview = Preview::default();
    if person.canonical.is_empty() {
        preview.will.push("No mail goes to this record any more. It has no address; the decision goes with the record.".into());
    } else {
        preview.will.push(format!("No mail goes to this record any more, and none to {}, whichever source it came from.", person.address));
    }
    if others > 0 {
        let others = text::count(others, "other record has", "other records have");
        preview.will.push(format!("{others} this address, and get no mail there either."));
    }
    preview.will.push("The reason and the evidence go into the consent ledger for good, with your name and the time.".into());
    if groups > 0 {
        preview
            .stays
            .push(format!("They stay in {}, and count there as unsubscribed.", text::count(groups, "target group", "target groups")));
    }
    preview.stays.push("It can be taken back by themselves, or by an administrator with evidence of their word.".into());
    Ok(preview)
}

async fn before_resubscribe(reader: &Reader, person: &views::Person) -> Result<Preview, Error> {
    let db = &reader.app.db;
    let open = consent::open_causes(db.read(), person.id).await?;
    let (lifted, kept): (Vec<Cause>, Vec<Cause>) = open.into_iter().partition(|c| c.lifted_by(BY_ADMIN));
    let bridge = bridges::get(db.read(), person.bridge_id).await?.map_or_else(|| "The remote system".to_owned(), |b| b.name);
    let mut preview = Preview::default();
    for cause in &kept {
        let (what, how) = why::sentence(*cause, &bridge);
        preview.stays.push(format!("{}: {what}. {how}", cause.label()));
    }
    if lifted.is_empty() {
        preview.nothing = Some("Nothing of Rialto's own stands against mailing them, so there is nothing to lift.");
        return Ok(preview);
    }
    for cause in &lifted {
        preview.will.push(format!("Lifted, for the record and its address: {}.", cause.label()));
    }
    let silent = consent::silent_neighbours(db.read(), person.id).await?;
    if silent > 0 {
        preview.stays.push(acts::neighbours_told(silent));
    }
    preview.will.push(match (kept.is_empty(), person.address_state) {
        (true, 0) => "Afterwards they may be mailed.".into(),
        (true, _) => "Afterwards they still get no mail, because there is no address that mail could reach.".into(),
        (false, _) => "Afterwards they still get no mail, because of what stays.".into(),
    });
    preview.will.push("The reason and the evidence go into the consent ledger for good, with your name and the time.".into());
    Ok(preview)
}
