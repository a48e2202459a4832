//! Target groups made of others: made, counted before they are saved, split off (`docs/adr/0013`, `0014`).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::compound::{self as rules, Compound, Definition, Fault, Mode, Shares, SplitFault};
use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_core::{Kind, PublicId};
use rialto_store::compound::{self, New, Part};
use rialto_store::groups::{self, Group};
use rialto_store::views::compound::{self as views, Made};
use rialto_store::{Actor, membership, runs as store_runs};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Id, Problem, found, maybe_time, name, public};
use super::groups::{GroupDetail, GroupView, detail, folder, load, text, views_of};
use super::runs::{self, RunView};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// One side of a compound group.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SideInput {
    /// `all` (in every one of the groups) or `any` (in one or more).
    #[schema(value_type = String)]
    pub mode: Mode,
    /// Ids of target groups of any kind.
    pub groups: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// `compound`.
    pub kind: String,
    /// 1 to 200 characters.
    pub name: String,
    /// A path such as `Spring/Newsletters`; folders that are missing are made.
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub description: String,
    pub include: SideInput,
    pub exclude: Option<SideInput>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountRequest {
    pub include: SideInput,
    pub exclude: Option<SideInput>,
}

/// Left out: the saved definition.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    pub include: Option<SideInput>,
    pub exclude: Option<SideInput>,
}

#[derive(Serialize, ToSchema)]
pub struct CountAnswer {
    /// Different people who would be in the group, mailable or not.
    pub people: u64,
    /// What stands against relying on the figure: sentences for people.
    pub notes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewAnswer {
    /// Different people who would be in the group, mailable or not.
    pub people: u64,
    pub joins: u64,
    pub leaves: u64,
    /// What stands against relying on the figure: sentences for people.
    pub notes: Vec<String>,
}

/// Either `parts` or `percentages`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRequest {
    /// So many parts of one size: 2 to 20.
    pub parts: Option<usize>,
    /// Whole per cent of each part, 1 to 99; together at most 100. What is left goes to none.
    pub percentages: Option<Vec<u32>>,
    /// Where the parts go; left out: where the split group is.
    pub folder: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct MadeGroup {
    #[serde(flatten)]
    pub group: GroupDetail,
    /// The run that computes its members.
    pub run: RunView,
}

#[derive(Serialize, ToSchema)]
pub struct SplitAnswer {
    pub items: Vec<GroupView>,
    /// One run for each part, in the same order.
    pub runs: Vec<RunView>,
}

/// What a group is made of.
#[derive(Serialize, ToSchema)]
pub struct DefinitionView {
    /// `compound`, or `share` for a part of a split.
    pub form: &'static str,
    pub include: Option<SideView>,
    pub exclude: Option<SideView>,
    pub share: Option<ShareView>,
    /// All its parts may be relied on.
    pub ready: bool,
    /// Why the last run kept the members as they were; empty when it made them anew.
    pub blocked: String,
}

#[derive(Serialize, ToSchema)]
pub struct SideView {
    #[schema(value_type = String)]
    pub mode: Mode,
    pub groups: Vec<PartView>,
}

#[derive(Serialize, ToSchema)]
pub struct ShareView {
    /// The group that was split.
    pub parent: PartView,
    /// About so many per cent of it.
    pub percent: f64,
}

#[derive(Serialize, ToSchema)]
pub struct PartView {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
    pub kind: String,
    /// `ready`, `never_synced`, `held`, `gone` or `blocked`.
    pub state: &'static str,
    pub members: i64,
    #[schema(format = "date-time")]
    pub synced_at: Option<String>,
    /// The run that waits for a decision.
    #[schema(format = "uuid")]
    pub held_run: Option<String>,
}

fn part_view(p: &Part) -> PartView {
    PartView {
        id: public(Kind::TargetGroup, p.created_at, p.id),
        name: p.name.clone(),
        kind: p.kind.clone(),
        state: p.state().name(),
        members: p.members,
        synced_at: maybe_time(p.synced_at),
        held_run: p.held_id.zip(p.held_created_at).map(|(id, at)| public(Kind::SyncRun, at, id)),
    }
}

pub(super) fn definition_view(made: &Made) -> Option<DefinitionView> {
    let side = |mode, name| SideView { mode, groups: made.side(name).map(part_view).collect() };
    let (mut include, mut exclude, mut share) = (None, None, None);
    let form = match &made.definition {
        Definition::Compound(c) => {
            include = Some(side(c.include().mode(), "include"));
            exclude = c.exclude().map(|e| side(e.mode(), "exclude"));
            "compound"
        }
        Definition::Share(s) => {
            let (of, from, to) = s.buckets();
            share =
                Some(ShareView { parent: part_view(made.side("parent").next()?), percent: f64::from((to - from) * 100) / f64::from(of) });
            "share"
        }
    };
    Some(DefinitionView { form, include, exclude, share, ready: made.ready(), blocked: made.blocked.clone() })
}

/// Resolves the ids of a side; faults name the one.
async fn resolve(app: &App, field: &str, side: &SideInput, faults: &mut Faults) -> Result<Vec<i64>, Error> {
    if side.groups.len() > rules::MAX_PARTS {
        faults.add(format!("{field}.groups"), Fault::TooMany.to_string());
        return Ok(Vec::new());
    }
    let mut ids = Vec::with_capacity(side.groups.len());
    for (n, text) in side.groups.iter().enumerate() {
        let group = match PublicId::parse(text, Kind::TargetGroup) {
            Some(id) => found(groups::get(app.db.read(), id.id).await?, id, |g| g.created_at).ok(),
            None => None,
        };
        match group {
            Some(group) => ids.push(group.id),
            None => faults.add(format!("{field}.groups[{n}]"), "There is no such target group."),
        }
    }
    Ok(ids)
}

/// A definition as entered; faults stand at the fields that are to be mended.
pub(crate) async fn compound_of(app: &App, include: &SideInput, exclude: Option<&SideInput>) -> Result<Compound, Error> {
    let mut faults = Faults::default();
    let included = resolve(app, "include", include, &mut faults).await?;
    let excluded = match exclude {
        Some(side) => Some((side.mode, resolve(app, "exclude", side, &mut faults).await?)),
        None => None,
    };
    faults.none_or()?;
    Compound::new((include.mode, included), excluded.clone()).map_err(|fault| {
        let field = match fault {
            Fault::NothingIncluded | Fault::TooMany => "include.groups".to_owned(),
            Fault::OnBothSides(id) => {
                let at = excluded.iter().flat_map(|(_, ids)| ids).position(|g| *g == id).unwrap_or_default();
                format!("exclude.groups[{at}]")
            }
        };
        Error::field(&field, &fault.to_string())
    })
}

/// Makes a group of others: include and exclude, each in all or in one or more. Its members are computed at once, and again after every
/// applied run of one of its parts.
#[utoipa::path(post, path = "/target-groups", tag = "target-groups", request_body = NewGroup,
    responses((status = 201, body = MadeGroup), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, body: Body<NewGroup>) -> Result<(StatusCode, Json<MadeGroup>), Error> {
    caller.require(Permission::ListsEdit)?;
    let new = body.read()?;
    let mut faults = Faults::default();
    if new.kind != "compound" {
        faults.add("kind", "Only compound groups are made here; remote groups come from their bridge.");
    }
    let label = name(&new.name, "name", &mut faults);
    let description = text(&new.description, "description", 2_000, &mut faults);
    let folder = folder(&new.folder, &mut faults);
    faults.none_or()?;
    let definition = Definition::Compound(compound_of(&app, &new.include, new.exclude.as_ref()).await?);
    let who = caller.actor(&app);
    let mut tx = app.db.write().await?;
    let new = New { name: &label, description: &description, folder: &folder };
    let id = compound::create(&mut tx, &new, &definition, &who).await?;
    let asked = compound::ask(&mut tx, id, Trigger::Api, false, &who).await?;
    tx.commit().await?;
    app.wake.ring();
    let group = groups::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    let run = run_views(&app, &[asked.run_id]).await?.pop().ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(MadeGroup { group: detail(&app, group).await?, run })))
}

async fn run_views(app: &App, ids: &[i64]) -> Result<Vec<RunView>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    for id in ids {
        rows.extend(store_runs::get(app.db.read(), *id).await?);
    }
    runs::views_of(app, &rows).await
}

/// How many people a compound group would have, before it is saved.
#[utoipa::path(post, path = "/target-groups/count", tag = "target-groups", request_body = CountRequest,
    responses((status = 200, body = CountAnswer), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn count(State(app): State<App>, caller: Caller, body: Body<CountRequest>) -> Result<Json<CountAnswer>, Error> {
    caller.require(Permission::ListsEdit)?;
    let asked = body.read()?;
    let compound = compound_of(&app, &asked.include, asked.exclude.as_ref()).await?;
    let people = compound::evaluate(&app.db, &compound).await?.len();
    let notes = notes(&views::states(&app.db, &Definition::Compound(compound).parts()).await?);
    Ok(Json(CountAnswer { people, notes }))
}

pub(crate) fn notes(parts: &[Part]) -> Vec<String> {
    parts.iter().filter_map(|p| p.state().sentence(&p.name)).collect()
}

/// Who would join and leave a group that is made of others, by its saved definition or by another one.
#[utoipa::path(post, path = "/target-groups/{id}/preview", tag = "target-groups", params(("id" = String, Path)),
    request_body = Option<PreviewRequest>,
    responses((status = 200, body = PreviewAnswer), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn preview(State(app): State<App>, caller: Caller, id: Id, body: Body<PreviewRequest>) -> Result<Json<PreviewAnswer>, Error> {
    caller.require(Permission::ListsEdit)?;
    let asked = body.read_or_default()?;
    let group = load(&app, &id).await?;
    let saved = compound::definition(app.db.read(), group.id).await?;
    let saved = saved.ok_or_else(|| Error::Conflict("This target group is not made of others.".into()))?;
    let definition = match (&asked.include, &asked.exclude) {
        (Some(include), exclude) => Definition::Compound(compound_of(&app, include, exclude.as_ref()).await?),
        (None, Some(_)) => return Err(Error::field("include", "This field is required when exclude is given.")),
        (None, None) => saved,
    };
    let members = membership::members(&app.db, group.id).await?;
    let belong = match &definition {
        Definition::Compound(c) => compound::evaluate(&app.db, c).await?,
        Definition::Share(s) => compound::share_of(&app.db, s, group.id, &members).await?,
    };
    let notes = notes(&views::states(&app.db, &definition.parts()).await?);
    Ok(Json(PreviewAnswer { people: belong.len(), joins: (&belong - &members).len(), leaves: (&members - &belong).len(), notes }))
}

/// Splits a group at random into parts that stay the same: nobody is in two of them, and newcomers are shared out likewise.
#[utoipa::path(post, path = "/target-groups/{id}/split", tag = "target-groups", params(("id" = String, Path)), request_body = SplitRequest,
    responses((status = 201, body = SplitAnswer), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn split(
    State(app): State<App>,
    caller: Caller,
    id: Id,
    body: Body<SplitRequest>,
) -> Result<(StatusCode, Json<SplitAnswer>), Error> {
    caller.require(Permission::ListsEdit)?;
    let asked = body.read()?;
    let group = load(&app, &id).await?;
    let shares = shares(&asked)?;
    let mut faults = Faults::default();
    let folder = folder(asked.folder.as_deref().unwrap_or(&group.folder), &mut faults);
    faults.none_or()?;
    let made = make_parts(&app, &caller.actor(&app), &group, &shares, (&folder, Trigger::Api)).await?;
    let (made, started): (Vec<i64>, Vec<i64>) = made.into_iter().unzip();
    let mut rows = Vec::with_capacity(made.len());
    for part in made {
        rows.extend(groups::get(app.db.read(), part).await?);
    }
    let (items, runs) = (views_of(&app, &rows).await?, run_views(&app, &started).await?);
    Ok((StatusCode::CREATED, Json(SplitAnswer { items, runs })))
}

/// Makes the groups of a split in `folder` and asks for their runs; answers (group, run) of each. A fault stands at `parts` or
/// `percentages`.
pub(crate) async fn make_parts(
    app: &App,
    who: &Actor,
    group: &Group,
    shares: &Shares,
    (folder, trigger): (&str, Trigger),
) -> Result<Vec<(i64, i64)>, Error> {
    let seed = i64::from_le_bytes(app.random.bytes());
    let parts = rules::split(group.id, seed, shares).map_err(split_fault)?;
    let mut made = Vec::with_capacity(parts.len());
    let mut tx = app.db.write().await?;
    for (n, share) in parts.iter().enumerate() {
        let label = part_name(group, shares, n, parts.len());
        let description = format!("Part {} of {} of {}.", n + 1, parts.len(), group.name);
        let new = New { name: &label, description: &description, folder };
        let part = compound::create(&mut tx, &new, &Definition::Share(*share), who).await?;
        made.push((part, compound::ask(&mut tx, part, trigger, false, who).await?.run_id));
    }
    tx.commit().await?;
    app.wake.ring();
    Ok(made)
}

pub(crate) fn split_fault(fault: SplitFault) -> Error {
    Error::field(if fault == SplitFault::Parts { "parts" } else { "percentages" }, &fault.to_string())
}

fn shares(asked: &SplitRequest) -> Result<Shares, Error> {
    match (asked.parts, &asked.percentages) {
        (Some(n), None) => Ok(Shares::Equal(n)),
        (None, Some(sizes)) => Ok(Shares::Percent(sizes.clone())),
        _ => Err(Error::field("parts", "Give either parts or percentages.")),
    }
}

pub(crate) fn part_name(group: &Group, shares: &Shares, n: usize, of: usize) -> String {
    let base: String = group.name.chars().take(170).collect();
    match shares {
        Shares::Equal(_) => format!("{base} ({} of {of})", n + 1),
        Shares::Percent(sizes) => format!("{base} ({} of {of}: {} %)", n + 1, sizes.get(n).copied().unwrap_or_default()),
    }
}
