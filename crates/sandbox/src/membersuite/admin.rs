//! The simulator's own routes, in JSON; no part of the product it stands for.

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{FaultRule, FaultStatus};
use crate::journal::Requests;
use crate::membersuite::http::BODY_LIMIT;
use crate::membersuite::people::{Individual, NewIndividual, TEXT};
use crate::membersuite::poller::{Poll, PollFault, PollerSettings};
use crate::membersuite::records::Configurable;
use crate::membersuite::sandbox::{Found, Sandbox};
use crate::personify360::Marked;

/// Marks shown at most, and if nobody says.
const MOST: usize = 100_000;
const USUAL: usize = 1_000;

/// The admin routes.
pub(crate) fn router() -> Router<Sandbox> {
    let below = |path: &str| format!("/membersuite/admin{path}");
    Router::new()
        .route(&below("/people"), post(create_person))
        .route(&below("/people/{id}"), get(person).patch(patch_person).delete(delete_person))
        .route(&below("/searches"), get(searches))
        .route(&below("/searches/{id}"), get(search).patch(patch_search).delete(delete_search))
        .route(&below("/searches/{id}/people"), get(search_people))
        .route(&below("/searches/{id}/add"), post(add))
        .route(&below("/searches/{id}/remove"), post(remove))
        .route(&below("/activities"), get(activities))
        .route(&below("/activity-types/{code}"), put(add_type).delete(remove_type))
        .route(&below("/categories"), get(categories))
        .route(&below("/categories/{code}"), put(add_category).delete(remove_category))
        .route(&below("/poller"), get(poller).put(set_poller).delete(end_poller))
        .route(&below("/poller/poll"), post(poll))
        .route(&below("/sessions"), axum::routing::delete(expire))
        .route(&below("/faults"), get(faults).post(inject).delete(clear_faults))
        .route(&below("/requests"), get(requests).delete(clear_requests))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
}

type Answer<T> = Result<Json<T>, StatusCode>;

fn found<T>(value: Option<T>) -> Answer<T> {
    value.map(Json).ok_or(StatusCode::NOT_FOUND)
}

fn done(found: bool) -> StatusCode {
    if found { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn create_person(
    State(sandbox): State<Sandbox>,
    Json(new): Json<NewIndividual>,
) -> Result<(StatusCode, Json<Individual>), StatusCode> {
    if !new.fits() {
        return Err(StatusCode::BAD_REQUEST);
    }
    sandbox.create_person(new).map(|person| (StatusCode::CREATED, Json(person))).ok_or(StatusCode::CONFLICT)
}

async fn person(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Answer<Individual> {
    found(sandbox.person(&id))
}

/// Changes to an individual; what is absent stays. An address that is null is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonPatch {
    #[serde(default, deserialize_with = "present")]
    email: Option<Option<String>>,
    do_not_email: Option<bool>,
    first_name: Option<String>,
    last_name: Option<String>,
    region: Option<String>,
    newsletter: Option<bool>,
    opt_outs: Option<Vec<String>>,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl PersonPatch {
    fn fits(&self) -> bool {
        let texts = [self.email.as_ref().and_then(Option::as_ref), self.first_name.as_ref(), self.last_name.as_ref(), self.region.as_ref()];
        texts.into_iter().flatten().all(|text| text.chars().count() <= TEXT) && self.opt_outs.as_ref().is_none_or(|ids| ids.len() <= 200)
    }

    fn apply(self, person: &mut Individual) {
        fn set<T>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        set(&mut person.email, self.email);
        set(&mut person.do_not_email, self.do_not_email);
        set(&mut person.first_name, self.first_name);
        set(&mut person.last_name, self.last_name);
        set(&mut person.region, self.region.map(Some));
        set(&mut person.newsletter, self.newsletter);
        set(&mut person.opt_outs, self.opt_outs);
    }
}

async fn patch_person(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(patch): Json<PersonPatch>) -> Answer<Individual> {
    if !patch.fits() {
        return Err(StatusCode::BAD_REQUEST);
    }
    found(sandbox.edit_person(&id, |person| patch.apply(person)))
}

async fn delete_person(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> StatusCode {
    done(sandbox.delete_person(&id))
}

async fn searches(State(sandbox): State<Sandbox>) -> Json<Vec<Found>> {
    Json(sandbox.searches())
}

async fn search(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Answer<Found> {
    found(sandbox.search(&id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchPatch {
    name: Option<String>,
    public: Option<bool>,
    active: Option<bool>,
}

async fn patch_search(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(patch): Json<SearchPatch>) -> Answer<Found> {
    if patch.name.as_ref().is_some_and(|name| name.trim().is_empty() || name.chars().count() > TEXT) {
        return Err(StatusCode::BAD_REQUEST);
    }
    found(sandbox.edit_search(&id, patch.name.as_deref(), patch.public, patch.active))
}

async fn delete_search(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> StatusCode {
    done(sandbox.delete_search(&id))
}

#[derive(Deserialize)]
struct Slice {
    #[serde(default)]
    offset: usize,
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

async fn search_people(State(sandbox): State<Sandbox>, Path(id): Path<String>, Query(slice): Query<Slice>) -> Answer<Vec<Individual>> {
    if sandbox.search(&id).is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    let people = sandbox.search_people(&id);
    Ok(Json(people.into_iter().skip(slice.offset).take(slice.limit.min(10_000)).collect()))
}

/// `{"ids": [...]}`, or `{"count": 5}` for the first that this changes.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Chosen {
    Count(u64),
    Ids(Vec<String>),
}

fn pin(sandbox: &Sandbox, id: &str, chosen: Chosen, member: bool) -> Option<u64> {
    sandbox.search(id)?;
    let ids = match chosen {
        Chosen::Ids(ids) => ids,
        Chosen::Count(count) => {
            let there: std::collections::BTreeSet<String> = sandbox.search_people(id).into_iter().map(|person| person.id).collect();
            let all = (1..=sandbox.people_count()).map(|number| sandbox.id(number));
            all.filter(|id| there.contains(id) != member).take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
        }
    };
    sandbox.pin(id, &ids, member)
}

async fn add(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(chosen): Json<Chosen>) -> Answer<Value> {
    found(pin(&sandbox, &id, chosen, true).map(|changed| json!({ "added": changed })))
}

async fn remove(State(sandbox): State<Sandbox>, Path(id): Path<String>, Json(chosen): Json<Chosen>) -> Answer<Value> {
    found(pin(&sandbox, &id, chosen, false).map(|changed| json!({ "removed": changed })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// One individual.
    remote_id: Option<String>,
    /// Only marks that stand there more than once.
    #[serde(default)]
    twice: bool,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

async fn activities(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>) -> Answer<Value> {
    if let Some(id) = &asked.remote_id {
        let shown = |person: Individual| {
            json!({ "remote_id": person.id, "do_not_email": person.do_not_email, "opt_outs": person.opt_outs,
                    "activities": sandbox.activities(id) })
        };
        return found(sandbox.person(id).map(shown));
    }
    let marked = sandbox.marked();
    let many = |m: &&Marked| m.activities.len() > 1;
    let shown = marked.iter().filter(|m| !asked.twice || many(m));
    let shown: Vec<&Marked> = shown.skip(asked.offset).take(asked.limit.unwrap_or(USUAL).min(MOST)).collect();
    Ok(Json(json!({
        "activities": sandbox.activity_count(),
        "with_marker": marked.iter().map(|m| m.activities.len()).sum::<usize>(),
        "markers": marked.len(),
        "markers_twice": marked.iter().filter(many).count(),
        "items": shown,
    })))
}

/// Codes are short words.
fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= 40 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

async fn add_type(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    if !is_code(&code) || sandbox.activity_types().len() >= 1_000 {
        return StatusCode::BAD_REQUEST;
    }
    sandbox.set_activity_type(&code, true);
    StatusCode::NO_CONTENT
}

async fn remove_type(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    sandbox.set_activity_type(&code, false);
    StatusCode::NO_CONTENT
}

async fn categories(State(sandbox): State<Sandbox>) -> Json<Vec<Configurable>> {
    Json(sandbox.categories())
}

async fn add_category(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    done(sandbox.set_category(&code, true))
}

async fn remove_category(State(sandbox): State<Sandbox>, Path(code): Path<String>) -> StatusCode {
    done(sandbox.set_category(&code, false))
}

/// The job's settings without its token, and its last polls.
async fn poller(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(json!({ "settings": sandbox.poller(), "polls": sandbox.polls() }))
}

async fn set_poller(
    State(sandbox): State<Sandbox>,
    Json(settings): Json<PollerSettings>,
) -> Result<StatusCode, (StatusCode, &'static str)> {
    sandbox.set_poller(Some(settings)).map(|()| StatusCode::NO_CONTENT).map_err(|why| (StatusCode::BAD_REQUEST, why))
}

async fn end_poller(State(sandbox): State<Sandbox>) -> StatusCode {
    done(sandbox.set_poller(None).is_ok())
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HowToPoll {
    /// How it misbehaves this once; as it is set up when left out.
    fault: Option<PollFault>,
}

/// Polls once, now.
async fn poll(State(sandbox): State<Sandbox>, Json(how): Json<HowToPoll>) -> Answer<Poll> {
    found(sandbox.poll(how.fault).await)
}

async fn expire(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.expire_sessions();
    StatusCode::NO_CONTENT
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Vec<FaultStatus>> {
    Json(sandbox.faults())
}

async fn inject(State(sandbox): State<Sandbox>, Json(rule): Json<FaultRule>) -> StatusCode {
    sandbox.inject(rule);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_faults();
    StatusCode::NO_CONTENT
}

async fn requests(State(sandbox): State<Sandbox>) -> Json<Requests> {
    Json(sandbox.requests())
}

async fn clear_requests(State(sandbox): State<Sandbox>) -> StatusCode {
    sandbox.clear_requests();
    StatusCode::NO_CONTENT
}
