//! MKT510 and MKT600 in JSON.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::personify360::jobs::{Job, JobRun, NewJob, Process};
use crate::personify360::sandbox::Sandbox;

type Answer<T> = Result<T, (StatusCode, Json<Value>)>;

pub(super) fn router() -> Router<Sandbox> {
    Router::new()
        .route("/admin/jobs", get(jobs).post(add))
        .route("/admin/jobs/{id}", delete(remove))
        .route("/admin/jobs/{id}/run", post(run))
        .route("/admin/jobs/run", post(run_process))
        .route("/admin/job-runs", get(runs))
        .route("/admin/job-runs/{id}", get(one_run))
}

fn missing(what: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "error": format!("There is no such {what}.") })))
}

async fn jobs(State(sandbox): State<Sandbox>) -> Json<Vec<Job>> {
    Json(sandbox.jobs())
}

async fn add(State(sandbox): State<Sandbox>, Json(new): Json<NewJob>) -> Answer<(StatusCode, Json<Job>)> {
    match sandbox.add_job(new) {
        Ok(job) => Ok((StatusCode::CREATED, Json(job))),
        Err(error) => Err((StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() })))),
    }
}

async fn remove(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> StatusCode {
    if sandbox.delete_job(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let failed = |_| (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "The run broke off." })));
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

async fn run(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Answer<Json<JobRun>> {
    let run = blocking(move || sandbox.run_job(id)).await?;
    run.map(Json).ok_or_else(|| missing("job"))
}

async fn run_process(State(sandbox): State<Sandbox>, Json(process): Json<Process>) -> Answer<Json<JobRun>> {
    blocking(move || sandbox.run_process(process)).await.map(Json)
}

async fn runs(State(sandbox): State<Sandbox>) -> Json<Vec<JobRun>> {
    Json(sandbox.job_runs())
}

async fn one_run(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Answer<Json<JobRun>> {
    sandbox.job_run(id).map(Json).ok_or_else(|| missing("run"))
}
