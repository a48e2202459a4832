//! Faults, switched on and off by hand, with how often each was shown.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{go, missing, refuse, show};
use crate::faults::{Fault, FaultRule};
use crate::membersuite::sandbox::Sandbox;

/// Most rules that may be on at once.
const MOST_RULES: usize = 100;

/// What a fault may be limited to.
const PLACES: &[&str] = &[
    "WhoAmI",
    "ExecuteMSQL",
    "ExecuteMSQL SavedSearch",
    "ExecuteMSQL Activity",
    "ExecuteSearch",
    "Get",
    "Get Individual",
    "Save",
    "Save Individual",
    "Save Activity",
    "DescribeObject",
];

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/membersuite/faults", get(page))
        .route("/membersuite/faults/clear", post(clear))
        .route("/membersuite/faults/{name}/on", post(on))
        .route("/membersuite/faults/{name}/off", post(off))
}

struct Kind {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    make: fn() -> Fault,
}

const fn kind(name: &'static str, title: &'static str, about: &'static str, make: fn() -> Fault) -> Kind {
    Kind { name, title, about, make }
}

const CATALOGUE: &[Kind] = &[
    kind("rate_limited", "Rate limited", "429: asks the caller to wait five seconds.", || Fault::RateLimited { retry_after: "5".into() }),
    kind("server_error", "Server error", "503; nothing is carried out.", || Fault::ServerError { status: 503 }),
    kind("timeout", "Time-out", "Carried out, but the answer is held back for 90 seconds.", || Fault::Timeout { seconds: 90 }),
    kind("cut_body", "Cut body", "Carried out, but the connection breaks within the body.", || Fault::CutBody { after_bytes: 500 }),
    kind("slow_body", "Slow body", "The body trickles: 500 bytes each second.", || Fault::SlowBody { bytes_per_second: 500 }),
    kind("html_page", "Web page", "A maintenance page with status 200.", || Fault::HtmlPage),
    kind("empty_list", "Empty answer", "No rows, with status 200.", || Fault::EmptyList),
    kind("truncated_payload", "Truncated payload", "The answer ends in the middle.", || Fault::TruncatedPayload),
    kind("duplicate_rows", "Duplicate rows", "Each later page repeats a row.", || Fault::DuplicateRows),
    kind("moving_rows", "Moving rows", "Between the pages of a read, one leaves and one joins.", || Fault::MovingRows),
    kind("regenerate_during", "Rows moved back", "Between its pages, somebody who was read leaves and somebody else joins.", || {
        Fault::RegenerateDuring
    }),
    kind("wrong_total", "Wrong total", "Answers announce three rows more.", || Fault::WrongTotal { delta: 3 }),
    kind("renamed_field", "Renamed field", "DoNotEmail is called NoEmail.", || Fault::RenamedField {
        from: "DoNotEmail".into(),
        to: "NoEmail".into(),
    }),
    kind("oversize_value", "Oversize value", "A far too long text in the first row.", || Fault::OversizeValue { bytes: 100_000 }),
    kind("invalid_utf8", "Invalid UTF-8", "Bytes that are no text, in the first row.", || Fault::InvalidUtf8),
    kind("bad_credentials", "Bad credentials", "InvalidAccessKey, as if the key had been withdrawn.", || Fault::BadCredentials),
    kind("validation", "Validation", "ObjectInvalid; nothing is carried out.", || Fault::Validation {
        status: 200,
        message: "A rule of this association forbids it.".into(),
    }),
    kind("empty_body", "Empty body", "Carried out, but nothing comes back.", || Fault::EmptyBody),
    kind("wrong_entity", "Wrong entity", "Carried out, but Save answers with somebody else's.", || Fault::WrongEntity),
    kind("missing_key", "Missing key", "Some rows lack their ID.", || Fault::MissingKey),
];

struct Row {
    kind: &'static Kind,
    /// What the rules that are on are limited to.
    on: Vec<String>,
    shown: u64,
}

#[derive(Template)]
#[template(path = "membersuite/pages/faults.html")]
struct Page {
    area: &'static str,
    rows: Vec<Row>,
    places: &'static [&'static str],
    any: bool,
}

fn words(rule: &FaultRule) -> String {
    let times = rule.times.map_or_else(|| "until switched off".to_owned(), |times| format!("{times} times"));
    format!("{}, {times}", rule.procedure.as_deref().unwrap_or("every call"))
}

async fn page(State(sandbox): State<Sandbox>) -> Response {
    let rules = sandbox.faults();
    let row = |kind: &'static Kind| {
        let same = |fault: &Fault| std::mem::discriminant(fault) == std::mem::discriminant(&(kind.make)());
        let mine: Vec<_> = rules.iter().filter(|status| same(&status.rule.fault)).collect();
        Row { kind, on: mine.iter().map(|status| words(&status.rule)).collect(), shown: mine.iter().map(|status| status.fired).sum() }
    };
    show(&Page { area: "faults", rows: CATALOGUE.iter().map(row).collect(), places: PLACES, any: !rules.is_empty() })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    place: String,
    times: String,
}

fn known(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name)
}

async fn on(State(sandbox): State<Sandbox>, Path(name): Path<String>, Form(wanted): Form<Wanted>) -> Response {
    let Some(kind) = known(&name) else { return missing() };
    if sandbox.faults().len() >= MOST_RULES {
        return refuse(StatusCode::CONFLICT, "100 faults are on already. Switch some off.");
    }
    let place = wanted.place.trim();
    if !place.is_empty() && !PLACES.contains(&place) {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "A fault can be limited to one of the places in the menu.");
    }
    let times = match wanted.times.trim() {
        "" => None,
        text => match text.parse().ok().filter(|times| (1..=100_000).contains(times)) {
            None => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "How often must be between 1 and 100,000."),
            times => times,
        },
    };
    sandbox.inject(FaultRule { procedure: (!place.is_empty()).then(|| place.to_owned()), times, ..FaultRule::always((kind.make)()) });
    go(&format!("/membersuite/faults#{name}"))
}

async fn off(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Response {
    let Some(kind) = known(&name) else { return missing() };
    sandbox.inner.faults.remove(&(kind.make)());
    go(&format!("/membersuite/faults#{name}"))
}

async fn clear(State(sandbox): State<Sandbox>) -> Response {
    sandbox.clear_faults();
    go("/membersuite/faults")
}
