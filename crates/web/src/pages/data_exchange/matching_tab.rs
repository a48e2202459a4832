//! Field matching of a data sync: read-only while it is enabled. After another destination it shows what no longer fits, and saving it is the
//! review (LO-06).

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::data_syncs::{DataSync, Lost};

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

#[derive(Template)]
#[template(path = "data_exchange/matching_tab.html")]
struct Tab {
    page: Page,
    head: Head,
    lost: Vec<Lost>,
    m: Matching,
    faults: Faulty,
    form: bool,
    /// Where lines are looked at.
    check: String,
}

/// GET /data-exchange/{id}/matching
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    let sync = find(&reader, id).await?;
    let mut sent = Sent::of(&reader.app, &sync).await?;
    let matching = Matching::read(&reader, &mut sent, false).await?;
    page(&reader, &sync, matching, Faulty::default()).await
}

async fn page(reader: &Reader, sync: &DataSync, m: Matching, faults: Faulty) -> Result<Response, Error> {
    let status = if faults.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let head = Head::of(reader, sync, "matching").await?;
    let page = Tab {
        page: reader.page(format!("{}: field matching", sync.name)),
        lost: sync.lost(),
        form: head.editable() || faults.any(),
        check: format!("{}/matching", head.href),
        head,
        m,
        faults: faults.elsewhere(&["field"]),
    };
    Ok((status, Html(page.render()?)).into_response())
}

/// POST /data-exchange/{id}/matching: a look at the lines, more of them by equal names, or saving them.
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(fields): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    let sync = find(&reader, id).await?;
    let entered = Sent::read(fields);
    let mut sent = Sent { pairs: entered.pairs, field: entered.field, ..Sent::of(&reader.app, &sync).await? };
    let mut matching = Matching::read(&reader, &mut sent, entered.go == "suggest").await?;
    let mut faults = Faulty::default();
    if entered.go != "save" {
        return page(&reader, &sync, matching, faults).await;
    }
    matching.check(&sent, &mut faults);
    if faults.any() {
        return page(&reader, &sync, matching, faults).await;
    }
    let by = By { who: &reader.session.actor(&reader.app), labels: reader.may(Permission::LabelsCreate) };
    match save(&reader.app, sync.id, sent.input(&matching.fields()), Review::Done, by).await {
        Ok(()) => {
            let said = Toast::new("The field matching is saved. This is what the next events would change.");
            toast::done(&reader, &format!("{}/preview", link(&sync)), &said)
        }
        Err(error) => {
            faults.take(error)?;
            page(&reader, &sync, matching, faults).await
        }
    }
}
