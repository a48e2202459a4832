//! What segments answer: how many people a rule would find, and why somebody is in a segment: `/segments/count`, `/segments/{id}/explain`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use rialto_core::permissions::Permission;
use rialto_core::segment::{Answer, Segment};
use rialto_core::{Kind, PublicId};
use rialto_store::groups::Group;
use rialto_store::segments::{self, Context, Counted, Kept};
use rialto_store::{people, views};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, Id, Params, Problem};
use super::segments::{context, load, read};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentCountRequest {
    #[schema(value_type = Object)]
    pub rule: Value,
}

#[derive(Serialize, ToSchema)]
pub struct SegmentCount {
    /// Records that are in it now.
    pub people: i64,
    /// Of those, addresses that a mailing would go to now: usable, held back by nothing, each once.
    pub mailable: i64,
    /// All records there are.
    pub of: i64,
    pub took_ms: i64,
    #[schema(format = "date-time")]
    pub counted_at: String,
    /// What stands against relying on the figures: sentences for people.
    pub notes: Vec<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// Id of the subscriber.
    pub subscriber: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Explanation {
    /// Whether the segment holds for the person now.
    pub holds: bool,
    /// Whether the person is a member of the target group; it follows within seconds.
    pub member: bool,
    /// The rule line by line, as it stands.
    pub lines: Vec<ExplainedLine>,
}

#[derive(Serialize, ToSchema)]
pub struct ExplainedLine {
    /// 0 for the outermost group.
    pub depth: usize,
    pub group: bool,
    pub words: String,
    pub holds: bool,
}

/// How many people a rule would find, without saving it.
#[utoipa::path(post, path = "/segments/count", tag = "segments", request_body = SegmentCountRequest,
    responses((status = 200, body = SegmentCount), (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub async fn count(State(app): State<App>, caller: Caller, body: Body<SegmentCountRequest>) -> Result<Json<SegmentCount>, Error> {
    caller.require(Permission::ListsEdit)?;
    let asked = body.read()?;
    let context = context(&app).await?;
    let segment = read(&asked.rule, &context)?;
    counted(&app, &segment, &context).await.map(Json)
}

/// Counts of this process at a time. People who build a segment ask after each change, and every count reads all profiles: more of them side by
/// side take longer, and the connections of everybody else.
static COUNTS: Semaphore = Semaphore::const_new(2);
/// Longest wait for a turn.
const TURN: Duration = Duration::from_secs(10);

/// The figures, for API and page.
pub async fn counted(app: &App, segment: &Segment, context: &Context) -> Result<SegmentCount, Error> {
    let _turn = timeout(TURN, COUNTS.acquire()).await.map_err(|_| Error::Busy)?;
    let began = tokio::time::Instant::now();
    let Counted { people, mailable } = segments::count(&app.db, segment, context).await?;
    let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    let groups: Vec<i64> = segment.sets().into_iter().map(|set| context.group_of(set)).collect::<Result<_, _>>()?;
    let notes = super::compound::notes(&views::compound::states(&app.db, &groups).await?);
    let of = people::counted(app.db.read()).await?.max(people);
    Ok(SegmentCount { people, mailable, of, took_ms, counted_at: app.clock.now().to_string(), notes })
}

/// Why a person is in a segment, or is not: the answer to each of its conditions.
#[utoipa::path(get, path = "/segments/{id}/explain", tag = "segments", params(("id" = String, Path), ExplainQuery),
    responses((status = 200, body = Explanation), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn explain(State(app): State<App>, _: Caller, id: Id, Params(query): Params<ExplainQuery>) -> Result<Json<Explanation>, Error> {
    let (group, kept) = load(&app, &id).await?;
    let person = query
        .subscriber
        .and_then(|text| PublicId::parse(&text, Kind::Subscriber))
        .ok_or_else(|| Error::field("subscriber", "Send the id of a subscriber."))?;
    let person = super::subscribers::load(&app, &Id(person.to_string())).await?;
    explained(&app, &group, &kept, person.id).await.map(Json)
}

/// The answers, for API and page. `Conflict` when it cannot be asked now.
pub async fn explained(app: &App, group: &Group, kept: &Kept, subscriber_id: i64) -> Result<Explanation, Error> {
    let context = context(app).await?;
    let faults = context.check(&kept.segment);
    if let Some(first) = faults.first() {
        return Err(Error::Conflict(first.message.clone()));
    }
    let person = segments::person(&app.db, &kept.segment, &context, subscriber_id).await?.ok_or(Error::NotFound)?;
    let answer = rialto_core::segment::explain(&kept.segment, &person, &context.today);
    let mut lines = Vec::new();
    flatten(&answer, 0, &context, &mut lines);
    let member = rialto_store::membership::contains(app.db.read(), group.id, subscriber_id).await?;
    Ok(Explanation { holds: answer.holds(), member, lines })
}

fn flatten(answer: &Answer<'_>, depth: usize, context: &Context, into: &mut Vec<ExplainedLine>) {
    let parts: &[Answer<'_>] = if let Answer::Group { parts, .. } = answer { parts } else { &[] };
    into.push(ExplainedLine {
        depth,
        group: matches!(answer, Answer::Group { .. }),
        words: answer.words(&context.vocabulary),
        holds: answer.holds(),
    });
    parts.iter().for_each(|part| flatten(part, depth + 1, context, into));
}
