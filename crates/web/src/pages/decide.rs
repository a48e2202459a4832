//! A person's decision on a held run: first asked for with the numbers, then confirmed, then carried out.

use askama::Template;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Redirect, Response};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, RunState, Trigger};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::runs::{self, NewRun, Subject};
use rialto_store::views::runs::{self as view, RunRow};
use serde::Deserialize;

use super::links;
use super::run::{Decision, decision, group_link};
use super::shell::{Page, Reader};
use super::text;
use crate::auth::Form;
use crate::error::Error;

#[derive(Deserialize)]
pub struct Entered {
    /// `approve` or `discard`.
    decision: String,
    /// Set by the confirmation: how many people it named.
    #[serde(default)]
    sure: Option<i64>,
}

#[derive(Template)]
#[template(path = "decide.html")]
struct Confirm {
    page: Page,
    href: String,
    group: String,
    approve: bool,
    decision: Decision,
    total: i64,
}

/// POST /sync-runs/{id}/decide
pub async fn submit(reader: Reader, Path(id): Path<String>, Form(entered): Form<Entered>) -> Result<Response, Error> {
    reader.session.require(Permission::GroupsApprove)?;
    let row = links::find_run(&reader.app, &id).await?;
    let changes = view::changes(reader.app.db.read(), row.run.id).await?;
    let over = || Error::Conflict("This run does not wait for a decision any more.".into());
    let decision = decision(&reader, &row.run, &changes).ok_or_else(over)?;
    let approve = match entered.decision.as_str() {
        "approve" => true,
        "discard" => false,
        _ => return Err(Error::BadRequest("Decide to approve or to discard.".into())),
    };
    let total = decision.withheld + decision.lifts;
    match entered.sure {
        // Later reads may have brought somebody back between the question and the answer: then ask anew.
        Some(sure) if sure == total => carry_out(&reader, &row, approve).await,
        _ => {
            let page = Confirm {
                page: reader.page(if approve { decision.approve() } else { decision.discard().to_owned() }),
                href: links::run(row.run.created_at, row.run.id),
                group: row.group_name.clone(),
                approve,
                decision,
                total,
            };
            Ok(Html(page.render()?).into_response())
        }
    }
}

async fn carry_out(reader: &Reader, row: &RunRow, approve: bool) -> Result<Response, Error> {
    let app = &reader.app;
    let who = reader.session.actor(app);
    let mut tx = app.db.write().await?;
    if !approve {
        runs::decide(&mut tx, row.run.id, RunState::Discarded, &who).await?;
        tx.commit().await?;
        let to = group_link(row).unwrap_or_else(|| "/sync-runs".into());
        return Ok(Redirect::to(&to).into_response());
    }
    let none = || Error::Conflict("This run is about no target group.".into());
    let group_id = row.run.group_id.ok_or_else(none)?;
    runs::decide(&mut tx, row.run.id, RunState::Approved, &who).await?;
    let new = NewRun::of(RunKind::Approval, Subject::of_group(group_id, row.run.bridge_id), Trigger::Resync);
    let asked = runs::request(&mut tx, NewRun { parent_run: Some(row.run.id), ..new }, &who).await?;
    tx.commit().await?;
    app.wake.ring();
    let run = PublicId::new(Kind::SyncRun, Instant(asked.created_at), asked.run_id);
    Ok(Redirect::to(&format!("/sync-runs/{run}")).into_response())
}

impl Confirm {
    fn withheld(&self) -> String {
        text::people(self.decision.withheld)
    }

    fn lifts(&self) -> String {
        text::people(self.decision.lifts)
    }
}
