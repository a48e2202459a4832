//! Properties of a data sync: read-only while it is enabled, a form while it is disabled (LO-05). Another destination has the field matching
//! reviewed (LO-06).

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::DataSync;

use super::carry::carry;
use super::choices::{Choices, check_ends};
use super::form::{Faulty, Sent};
use super::head::{Head, find};
use super::link;
use super::matching::Matching;
use crate::api::data_sync_input::{By, Review, save};
use crate::auth::Form;
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::filters;
use crate::pages::toast::{self, Toast};

/// Fields of the form.
const SHOWN: [&str; 8] = ["name", "folder", "description", "labels", "destination", "source", "mode", "how"];

#[derive(Template)]
#[template(path = "data_exchange/properties.html")]
struct Properties {
    page: Page,
    head: Head,
    sent: Sent,
    faults: Faulty,
    choices: Choices,
    /// How rows meet subscribers, in words.
    how: String,
    /// It was enabled, or changed, while the form was filled in.
    form: bool,
}

/// GET /data-exchange/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let sync = find(&reader, id).await?;
    let sent = Sent::of(&reader.app, &sync).await?;
    page(&reader, &sync, sent, Faulty::default()).await
}

async fn page(reader: &Reader, sync: &DataSync, sent: Sent, faults: Faulty) -> Result<Response, Error> {
    let status = if faults.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let head = Head::of(reader, sync, "").await?;
    let choices = Choices::read(reader, &sent).await?;
    let how = match sent.matched() {
        None if sent.is_delete() => "a delete joins nobody".to_owned(),
        None => "not at all".to_owned(),
        Some(_) => choices.hows.iter().find(|c| c.chosen).map(|c| c.label.clone()).unwrap_or_default(),
    };
    let faults = faults.elsewhere(&SHOWN);
    let page = Properties { page: reader.page(&sync.name), form: head.editable() || faults.any(), head, sent, faults, choices, how };
    Ok((status, Html(page.render()?)).into_response())
}

/// POST /data-exchange/{id}
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(fields): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    let (before, mut sent) = (Sent::of(&reader.app, &sync).await?, Sent::read(fields));
    let mut faults = Faulty::default();
    check_ends(&reader.app, &sent, &mut faults).await?;
    if faults.any() {
        return page(&reader, &sync, sent, faults).await;
    }
    let moved = sent.destination != before.destination;
    let entered_how = sent.how.clone();
    let lost = if moved { carry(&reader.app, &before, &mut sent).await? } else { Vec::new() };
    if !moved {
        sent.pairs.clone_from(&before.pairs);
        sent.field.clone_from(&before.field);
    }
    let matching = Matching::read(&reader, &mut sent, false).await?;
    if sent.matched().is_some() && sent.from(&sent.field).is_empty() {
        let why = "No matched field looks as if it held that. Match one under Field matching first, then choose this.";
        faults.add("how", why);
        return page(&reader, &sync, sent, faults).await;
    }
    let by = By { who: &reader.session.actor(&reader.app), labels: reader.may(Permission::LabelsCreate) };
    let review = if moved { Review::Moved(&lost) } else { Review::Untouched };
    match save(&reader.app, sync.id, sent.input(&matching.fields()), review, by).await {
        Ok(()) if moved => {
            let said = Toast::new("Saved. The destination was changed: look at the field matching, and confirm it.");
            toast::done(&reader, &format!("{}/matching", link(&sync)), &said)
        }
        Ok(()) => toast::done(&reader, &link(&sync), &Toast::new("Saved.")),
        Err(error) => {
            faults.take(error)?;
            sent.how = entered_how;
            page(&reader, &sync, sent, faults).await
        }
    }
}
