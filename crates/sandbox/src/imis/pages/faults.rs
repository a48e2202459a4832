//! Faults: each of the catalogue switched on and off by hand, with how often it was shown.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{go, missing, refuse, show};
use crate::faults::{Fault, FaultRule};
use crate::imis::sandbox::Sandbox;

/// Most rules that may be on at once.
const MOST_RULES: usize = 100;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/imis/faults", get(page))
        .route("/imis/faults/clear", post(clear))
        .route("/imis/faults/{name}/on", post(on))
        .route("/imis/faults/{name}/off", post(off))
}

/// A number that a fault takes.
struct Number {
    label: &'static str,
    usual: i64,
    least: i64,
    most: i64,
}

/// A fault of the catalogue.
struct Kind {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    number: Option<Number>,
    make: fn(i64) -> Fault,
}

const fn plain(name: &'static str, title: &'static str, about: &'static str, make: fn(i64) -> Fault) -> Kind {
    Kind { name, title, about, number: None, make }
}

const fn with(mut kind: Kind, label: &'static str, usual: i64, least: i64, most: i64) -> Kind {
    kind.number = Some(Number { label, usual, least, most });
    kind
}

fn whole<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

const CATALOGUE: &[Kind] = &[
    with(
        plain("rate_limited", "Rate limited", "429: asks the caller to wait.", |n| Fault::RateLimited { retry_after: n.to_string() }),
        "Retry after (s)",
        5,
        0,
        3_600,
    ),
    with(
        plain("server_error", "Server error", "An error of the server; nothing is carried out.", |n| Fault::ServerError {
            status: whole(n),
        }),
        "Status",
        503,
        500,
        599,
    ),
    with(
        plain("timeout", "Time-out", "Carried out, but the answer is held back.", |n| Fault::Timeout { seconds: whole(n) }),
        "Seconds",
        90,
        1,
        600,
    ),
    with(
        plain("cut_body", "Cut body", "Carried out, but the connection breaks within the body.", |n| Fault::CutBody {
            after_bytes: whole(n),
        }),
        "After bytes",
        500,
        0,
        1 << 20,
    ),
    with(
        plain("slow_body", "Slow body", "The body trickles.", |n| Fault::SlowBody { bytes_per_second: whole(n) }),
        "Bytes/s",
        500,
        1,
        1 << 20,
    ),
    plain("html_page", "Web page", "A maintenance page with status 200.", |_| Fault::HtmlPage),
    plain("empty_list", "Empty answer", "No rows, with status 200.", |_| Fault::EmptyList),
    plain("truncated_payload", "Truncated payload", "The answer ends in the middle.", |_| Fault::TruncatedPayload),
    plain("duplicate_rows", "Duplicate rows", "Each later page repeats a row.", |_| Fault::DuplicateRows),
    plain("moving_rows", "Moving rows", "Between the pages of a read, one leaves and one joins.", |_| Fault::MovingRows),
    with(
        plain("wrong_total", "Wrong total", "Answers announce so many rows more, or fewer.", |n| Fault::WrongTotal { delta: n }),
        "Difference",
        3,
        -1_000_000,
        1_000_000,
    ),
    plain("renamed_field", "Renamed column", "Email is called EmailAddress.", |_| Fault::RenamedField {
        from: "Email".into(),
        to: "EmailAddress".into(),
    }),
    with(
        plain("oversize_value", "Oversize value", "A far too long text in the first row.", |n| Fault::OversizeValue { bytes: whole(n) }),
        "Characters",
        100_000,
        1,
        1 << 24,
    ),
    plain("invalid_utf8", "Invalid UTF-8", "Bytes that are no text, in the first row.", |_| Fault::InvalidUtf8),
    plain("bad_credentials", "Bad credentials", "401, and 400 from the token service, as if the password had been changed.", |_| {
        Fault::BadCredentials
    }),
    with(
        plain("validation", "Validation", "What is sent is refused with the objections of a validation.", |n| Fault::Validation {
            status: whole(n),
            message: "A rule of this organisation forbids it.".into(),
        }),
        "Status",
        400,
        200,
        599,
    ),
    plain("empty_body", "Empty body", "Carried out, but nothing comes back.", |_| Fault::EmptyBody),
    plain("wrong_entity", "Wrong entity", "Carried out, but the answer is somebody else's.", |_| Fault::WrongEntity),
    plain("missing_key", "Missing key", "Some rows lack the ID.", |_| Fault::MissingKey),
];

struct Row {
    kind: &'static Kind,
    /// What the rules that are on are limited to.
    on: Vec<String>,
    shown: u64,
}

#[derive(Template)]
#[template(path = "imis/pages/faults.html")]
struct Page {
    area: &'static str,
    rows: Vec<Row>,
    places: Vec<String>,
    any: bool,
}

fn same(rule: &FaultRule, kind: &Kind) -> bool {
    std::mem::discriminant(&rule.fault) == std::mem::discriminant(&(kind.make)(0))
}

fn words(rule: &FaultRule) -> String {
    let times = rule.times.map_or_else(|| "until switched off".to_owned(), |times| format!("{times} times"));
    format!("{}, {times}", rule.procedure.as_deref().unwrap_or("every request"))
}

/// What a fault may be limited to.
fn places() -> Vec<String> {
    let all = [
        "POST token",
        "GET query",
        "GET iqa",
        "FindDocumentsInFolder",
        "QueryDefinition",
        "GET Party",
        "PUT Party",
        "GET Activity",
        "POST Activity",
        "BoEntityDefinition",
        "GET INFORMZ_PERSONA",
        "POST INFORMZ_PERSONA",
        "PUT INFORMZ_PERSONA",
        "DELETE INFORMZ_PERSONA",
    ];
    all.map(str::to_owned).into()
}

async fn page(State(sandbox): State<Sandbox>) -> Response {
    let rules = sandbox.faults();
    let row = |kind: &'static Kind| {
        let mine: Vec<_> = rules.iter().filter(|status| same(&status.rule, kind)).collect();
        Row { kind, on: mine.iter().map(|status| words(&status.rule)).collect(), shown: mine.iter().map(|status| status.fired).sum() }
    };
    show(&Page { area: "faults", rows: CATALOGUE.iter().map(row).collect(), places: places(), any: !rules.is_empty() })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    number: String,
    place: String,
    times: String,
}

fn kind(name: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|kind| kind.name == name)
}

impl Wanted {
    fn rule(&self, kind: &Kind, places: &[String]) -> Result<FaultRule, String> {
        let number = match &kind.number {
            None => 0,
            Some(number) => {
                let given = self.number.trim().parse().ok().filter(|given| (number.least..=number.most).contains(given));
                given.ok_or_else(|| format!("{} must be between {} and {}.", number.label, number.least, number.most))?
            }
        };
        let place = self.place.trim();
        if !place.is_empty() && !places.iter().any(|known| known == place) {
            return Err("A fault can be limited to one of the places in the menu.".into());
        }
        let times = match self.times.trim() {
            "" => None,
            text => {
                Some(text.parse().ok().filter(|times| (1..=100_000).contains(times)).ok_or("How often must be between 1 and 100,000.")?)
            }
        };
        Ok(FaultRule { procedure: (!place.is_empty()).then(|| place.to_owned()), times, ..FaultRule::always((kind.make)(number)) })
    }
}

async fn on(State(sandbox): State<Sandbox>, Path(name): Path<String>, Form(wanted): Form<Wanted>) -> Response {
    let Some(kind) = kind(&name) else {
        return missing();
    };
    if sandbox.faults().len() >= MOST_RULES {
        return refuse(StatusCode::CONFLICT, "100 faults are on already. Switch some off.");
    }
    match wanted.rule(kind, &places()) {
        Ok(rule) => {
            sandbox.inject(rule);
            go(&format!("/imis/faults#{name}"))
        }
        Err(text) => refuse(StatusCode::UNPROCESSABLE_ENTITY, text),
    }
}

async fn off(State(sandbox): State<Sandbox>, Path(name): Path<String>) -> Response {
    let Some(kind) = kind(&name) else {
        return missing();
    };
    sandbox.inner.faults.remove(&(kind.make)(0));
    go(&format!("/imis/faults#{name}"))
}

async fn clear(State(sandbox): State<Sandbox>) -> Response {
    sandbox.clear_faults();
    go("/imis/faults")
}
