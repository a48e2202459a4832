//! Job Scheduling: the jobs, their history with logs, and a new job.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

use super::constituent::Said;
use super::{Wrong, beside, go, missing, show, show_with, text};
use crate::personify360::jobs::{Frequency, Job, JobError, JobRun, NewJob, Pattern, Process};
use crate::personify360::sandbox::Sandbox;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/jobs", get(page))
        .route("/jobs/new", get(form).post(schedule))
        .route("/jobs/{id}/run", post(run))
        .route("/jobs/{id}/delete", post(delete))
        .route("/jobs/runs/{id}", get(log))
}

#[derive(Template)]
#[template(path = "personify360/pages/jobs.html")]
struct Page {
    area: &'static str,
    said: &'static str,
    jobs: Vec<Job>,
    runs: Vec<JobRun>,
    now: Timestamp,
}

impl Page {
    fn time(&self, at: &Timestamp) -> String {
        text::time(*at)
    }

    fn age(&self, at: &Timestamp) -> String {
        text::age(*at, self.now)
    }
}

async fn page(State(sandbox): State<Sandbox>, Query(said): Query<Said>) -> Response {
    beside(move || {
        let now = sandbox.now();
        show(&Page { area: "jobs", said: said.sentence(), jobs: sandbox.jobs(), runs: sandbox.job_runs(), now })
    })
    .await
}

async fn run(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    beside(move || match sandbox.run_job(id) {
        Some(run) => go(&format!("/jobs/runs/{}", run.id)),
        None => missing(),
    })
    .await
}

async fn delete(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    if sandbox.delete_job(id) { go("/jobs?said=deleted") } else { missing() }
}

#[derive(Template)]
#[template(path = "personify360/pages/job_run.html")]
struct RunPage {
    area: &'static str,
    run: JobRun,
    started: String,
}

async fn log(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Response {
    match sandbox.job_run(id) {
        Some(run) => show(&RunPage { area: "jobs", started: text::time(run.started), run }),
        None => missing(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    process: String,
    setup_code: String,
    list_code: String,
    pattern: String,
    minutes: String,
    begin: String,
    end: String,
}

#[derive(Template)]
#[template(path = "personify360/pages/job_new.html")]
struct NewPage {
    area: &'static str,
    given: Fields,
    wrong: Wrong,
    now: String,
}

impl NewPage {
    const CODES: [Frequency; 5] = [Frequency::Always, Frequency::Daily, Frequency::Weekly, Frequency::Monthly, Frequency::Quarterly];
    const PATTERNS: [(&'static str, &'static str); 5] =
        [("once", "Once"), ("minutes", "Every so many minutes"), ("daily", "Daily"), ("weekly", "Weekly"), ("monthly", "Monthly")];

    fn of(sandbox: &Sandbox, given: Fields, wrong: Wrong) -> Self {
        Self { area: "jobs", given, wrong, now: text::time(sandbox.now()) }
    }
}

async fn form(State(sandbox): State<Sandbox>) -> Response {
    let given = Fields {
        process: "MKT600".into(),
        setup_code: "DAILY".into(),
        pattern: "daily".into(),
        minutes: "15".into(),
        begin: text::field(sandbox.now()),
        ..Fields::default()
    };
    show(&NewPage::of(&sandbox, given, Wrong::default()))
}

fn instant(wrong: &mut Wrong, field: &'static str, given: &str) -> Option<Timestamp> {
    let given = given.trim();
    let time = text::parse(given);
    if time.is_none() && !given.is_empty() {
        wrong.add(field, "A date and time between the years 2000 and 2200 is needed, such as 2026-03-02T08:00.");
    }
    time
}

impl Fields {
    fn check(&self, wrong: &mut Wrong) -> Option<NewJob> {
        let list_code = wrong.text("list_code", &self.list_code, 24);
        let process = match (self.process.as_str(), self.setup_code.parse()) {
            ("MKT510", _) => Process::Mkt510 { list_code: wrong.needed("list_code", &list_code, 24) },
            ("MKT600", Ok(setup_code)) => Process::Mkt600 { setup_code, list_code: (!list_code.is_empty()).then_some(list_code) },
            ("MKT600", Err(error)) => {
                wrong.add("setup_code", JobError::to_string(&error));
                return None;
            }
            _ => {
                wrong.add("process", "Choose MKT510 or MKT600.");
                return None;
            }
        };
        let pattern = match self.pattern.as_str() {
            "once" => Pattern::Once,
            "minutes" => Pattern::Minutes(self.minutes.trim().parse().unwrap_or(0)),
            "daily" => Pattern::Daily,
            "weekly" => Pattern::Weekly,
            "monthly" => Pattern::Monthly,
            _ => {
                wrong.add("pattern", "Choose a schedule pattern.");
                return None;
            }
        };
        let (begin, end) = (instant(wrong, "begin", &self.begin), instant(wrong, "end", &self.end));
        Some(NewJob { process, pattern, begin, end })
    }
}

/// The field that an error is about.
fn field(error: &JobError) -> &'static str {
    match error {
        JobError::NoFrequency | JobError::NeverRuns => "setup_code",
        JobError::NoList(_) | JobError::OtherFrequency { .. } => "list_code",
        JobError::Minutes => "minutes",
        JobError::EndsFirst => "end",
        JobError::TooMany => "process",
    }
}

async fn schedule(State(sandbox): State<Sandbox>, Form(given): Form<Fields>) -> Response {
    let mut wrong = Wrong::default();
    if let Some(new) = given.check(&mut wrong).filter(|_| wrong.none()) {
        match sandbox.add_job(new) {
            Ok(_) => return go("/jobs?said=scheduled"),
            Err(error) => wrong.add(field(&error), error.to_string()),
        }
    }
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage::of(&sandbox, given, wrong))
}
