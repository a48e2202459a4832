//! The job that fetches Rialto's writebacks, set up and started by hand.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Said, Wrong, go, refuse, show, show_with, text};
use crate::membersuite::poller::{Poll, PollFault, PollerSettings};
use crate::membersuite::sandbox::Sandbox;

const HERE: &str = "/membersuite/poller";
/// Most seconds between two polls.
const SLOWEST: u32 = 3_600;

pub(super) fn router() -> Router<Sandbox> {
    Router::new().route(HERE, get(page).post(save)).route("/membersuite/poller/now", post(now)).route("/membersuite/poller/end", post(end))
}

struct Done {
    at: String,
    poll: Poll,
}

#[derive(Template)]
#[template(path = "membersuite/pages/poller.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    given: Fields,
    wrong: Wrong,
    set_up: bool,
    faults: [(PollFault, &'static str, &'static str); 5],
    polls: Vec<Done>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    address: String,
    token: String,
    every: String,
    fault: String,
}

fn name(fault: PollFault) -> &'static str {
    PollFault::ALL.iter().find(|(known, ..)| *known == fault).map_or("", |(_, name, _)| name)
}

fn make(sandbox: &Sandbox, given: Option<Fields>, said: &'static str, wrong: Wrong) -> Page {
    let settings = sandbox.poller();
    let kept = settings.as_ref().map(|s| Fields {
        address: s.address.clone(),
        token: String::new(),
        every: s.every_seconds.map(|n| n.to_string()).unwrap_or_default(),
        fault: s.fault.map(name).unwrap_or_default().to_owned(),
    });
    Page {
        area: "poller",
        said,
        given: given.or(kept).unwrap_or_default(),
        wrong,
        set_up: settings.is_some(),
        faults: PollFault::ALL,
        polls: sandbox.polls().into_iter().map(|poll| Done { at: text::time(poll.at), poll }).collect(),
    }
}

async fn page(State(sandbox): State<Sandbox>, Query(said): Query<Said>) -> Response {
    show(&make(&sandbox, None, said.sentence(), Wrong::default()))
}

/// A token that is left blank stays.
async fn save(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    let address = wrong.needed("address", &given.address, 500);
    let mut token = wrong.text("token", &given.token, 200);
    if token.is_empty() {
        token = sandbox.poller().map(|s| s.token).unwrap_or_default();
    }
    if token.is_empty() {
        wrong.add("token", "This is needed.");
    }
    let every = match given.every.trim() {
        "" => None,
        number => {
            let read = number.parse().ok().filter(|n| (1..=SLOWEST).contains(n));
            if read.is_none() {
                wrong.add("every", "A number from 1 to 3,600, or nothing.");
            }
            read
        }
    };
    let fault = PollFault::ALL.iter().find(|(_, name, _)| *name == given.fault).map(|(fault, ..)| *fault);
    if wrong.none() {
        match sandbox.set_poller(Some(PollerSettings { address, token, every_seconds: every, fault })) {
            Ok(()) => return go("/membersuite/poller?said=saved"),
            Err(why) => wrong.add("address", why),
        }
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &make(&sandbox, Some(Fields { token: String::new(), ..given }), "", wrong))
}

async fn now(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.poll(None).await {
        Some(_) => go(HERE),
        None => refuse(StatusCode::CONFLICT, "Set the job up first."),
    }
}

async fn end(State(sandbox): State<Sandbox>) -> Response {
    match sandbox.set_poller(None) {
        Ok(()) => go(HERE),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}
