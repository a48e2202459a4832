//! New profile enrichment (LO-02): general properties, destination and source, field matching. What was entered travels in the form, so that
//! every step can be gone back to with nothing lost, also without JavaScript.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::permissions::Permission;
use rialto_store::data_syncs;

use super::choices::{self, Choices, check_ends};
use super::form::{Faulty, Sent};
use super::link;
use super::matching::Matching;
use crate::api::data_sync_input::{By, general, make};
use crate::api::extract::Faults;
use crate::auth::Form;
use crate::error::Error;
use crate::pages::shell::{Page, Reader};
use crate::pages::toast::{self, Toast};

/// The steps in their order: name in the form, and what it is called.
const STEPS: [(&str, &str); 3] = [("general", "General"), ("ends", "Destination and source"), ("matching", "Field matching")];

struct Step {
    name: &'static str,
    title: &'static str,
    /// It was gone through, and can be gone back to.
    done: bool,
    current: bool,
}

#[derive(Template)]
#[template(path = "data_exchange/wizard.html")]
struct Wizard {
    page: Page,
    step: &'static str,
    steps: Vec<Step>,
    sent: Sent,
    carried: Vec<(String, String)>,
    faults: Faulty,
    choices: Choices,
    matching: Option<Matching>,
}

fn place(step: &str) -> usize {
    STEPS.iter().position(|(name, _)| *name == step).unwrap_or(0)
}

fn named(step: &str) -> &'static str {
    STEPS[place(step)].0
}

/// Whoever may not make one, or has nothing to read from, is told so.
async fn open(reader: &Reader) -> Result<(), Error> {
    reader.session.require(Permission::DataExchangeEdit)?;
    match choices::closed(reader).await? {
        "" => Ok(()),
        why => Err(Error::Conflict(why.into())),
    }
}

/// GET /data-exchange/new
pub async fn begin(reader: Reader) -> Result<Response, Error> {
    open(&reader).await?;
    // What most want stands there from the start.
    let sent = Sent { mode: "upsert".into(), how: "email".into(), ..Sent::default() };
    show(&reader, "general", sent, Faulty::default(), None).await
}

/// POST /data-exchange/new: a step forward or back, a look at the field matching, or all of it.
pub async fn submit(reader: Reader, Form(fields): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    open(&reader).await?;
    let mut sent = Sent::read(fields);
    let (here, go) = (named(&sent.step), sent.go.clone());
    let mut faults = Faulty::default();
    match go.as_str() {
        "create" => return create(&reader, sent).await,
        "check" | "suggest" => {
            check_ends(&reader.app, &sent, &mut faults).await?;
            if faults.any() {
                return show(&reader, faults.step(), sent, faults, None).await;
            }
            let matching = Matching::read(&reader, &mut sent, go == "suggest").await?;
            return show(&reader, "matching", sent, faults, Some(matching)).await;
        }
        "general" | "ends" if place(&go) < place(here) => return show(&reader, named(&go), sent, faults, None).await,
        _ => {}
    }
    if here == "general" {
        check_general(&sent, &mut faults);
    } else {
        check_ends(&reader.app, &sent, &mut faults).await?;
    }
    if faults.any() {
        return show(&reader, here, sent, faults, None).await;
    }
    let next = STEPS[(place(here) + 1).min(STEPS.len() - 1)].0;
    let matching = if next == "matching" { Some(first_look(&reader, &mut sent).await?) } else { None };
    show(&reader, next, sent, faults, matching).await
}

/// The first time that fields are offered for a destination, equal names are matched.
async fn first_look(reader: &Reader, sent: &mut Sent) -> Result<Matching, Error> {
    let first = sent.offered != sent.destination;
    Matching::read(reader, sent, first).await
}

fn check_general(sent: &Sent, faults: &mut Faulty) {
    let mut found = Faults::default();
    general(&sent.input(&[]), &mut found);
    found.0.into_iter().for_each(|fault| faults.push(fault));
}

async fn create(reader: &Reader, mut sent: Sent) -> Result<Response, Error> {
    let mut faults = Faulty::default();
    check_general(&sent, &mut faults);
    check_ends(&reader.app, &sent, &mut faults).await?;
    if faults.any() {
        return show(reader, faults.step(), sent, faults, None).await;
    }
    let mut matching = Matching::read(reader, &mut sent, false).await?;
    matching.check(&sent, &mut faults);
    if faults.any() {
        return show(reader, "matching", sent, faults, Some(matching)).await;
    }
    let by = By { who: &reader.session.actor(&reader.app), labels: reader.may(Permission::LabelsCreate) };
    match make(&reader.app, sent.input(&matching.fields()), by).await {
        Ok(id) => {
            let sync = data_syncs::get(reader.app.db.read(), id).await?.ok_or(Error::NotFound)?;
            let said = Toast::new(format!("{} is made, and disabled: nothing is written yet. This is what it would do.", sync.name));
            toast::done(reader, &format!("{}/preview", link(&sync)), &said)
        }
        Err(error) => {
            faults.take(error)?;
            show(reader, faults.step(), sent, faults, Some(matching)).await
        }
    }
}

async fn show(reader: &Reader, step: &'static str, mut sent: Sent, faults: Faulty, matching: Option<Matching>) -> Result<Response, Error> {
    let matching = match matching.filter(|_| step == "matching") {
        None if step == "matching" => Some(Matching::read(reader, &mut sent, false).await?),
        other => other,
    };
    let at = place(step);
    let status = if faults.any() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Wizard {
        page: reader.page("New profile enrichment"),
        step,
        steps: STEPS.iter().enumerate().map(|(n, (name, title))| Step { name, title, done: n < at, current: n == at }).collect(),
        carried: sent.carried(step),
        choices: Choices::read(reader, &sent).await?,
        sent,
        faults,
        matching,
    };
    Ok((status, Html(page.render()?)).into_response())
}
