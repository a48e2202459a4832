//! `/target-groups`: what a mailing is sent to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rialto_core::Kind;
use rialto_core::books::Waterfall;
use rialto_core::compound::{Compound, Definition};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::groups::{self, Group};
use rialto_store::runs::{NewRun, Subject};
use rialto_store::views::{api as views, compound as made_views};
use rialto_store::{bridges, compound, folders};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bridges::filter;
use super::compound::{DefinitionView, SideInput, compound_of, definition_view};
use super::extract::{Body, Faults, Id, List, Paging, Params, Problem, after, found, limit, maybe_time, name, page, public, time};
use super::runs::{self, RunView, Started};
use super::subscribers::{self, SubscriberView};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

#[derive(Serialize, ToSchema)]
pub struct GroupView {
    #[schema(format = "uuid")]
    pub id: String,
    pub kind: String,
    #[schema(format = "uuid")]
    pub bridge: Option<String>,
    /// The remote's key of the list.
    pub code: Option<String>,
    pub name: String,
    pub description: String,
    pub folder: String,
    /// `active`, or `gone` when the remote no longer offers the list.
    pub state: String,
    pub remote_active: bool,
    /// Members here, mailable or not.
    pub members: i64,
    /// Who can be mailed, as of `counts_at`.
    pub mailable: Option<i64>,
    #[schema(format = "date-time")]
    pub counts_at: Option<String>,
    /// False for the moment from a person's consent act until those affected are counted again.
    pub counts_current: bool,
    /// How many people the remote says the list has.
    pub remote_members: Option<i64>,
    #[schema(format = "date-time")]
    pub remote_refreshed_at: Option<String>,
    #[schema(format = "date-time")]
    pub remote_modified_at: Option<String>,
    /// How often the remote makes the list anew, in its words.
    pub regeneration: String,
    /// Automatic syncs only plan until a person presses Resume.
    pub plan_only: bool,
    #[schema(format = "date-time")]
    pub synced_at: Option<String>,
    /// Age of the list's own data.
    #[schema(format = "date-time")]
    pub data_as_of: Option<String>,
    #[schema(format = "date-time")]
    pub created_at: String,
}

/// Kinds of target groups, as stored.
const KINDS: [&str; 6] = ["remote", "compound", "segment", "persona", "interest", "upload"];

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupQuery {
    /// Id of a bridge.
    pub bridge: Option<String>,
    pub kind: Option<String>,
    pub folder: Option<String>,
    /// Part of the name.
    pub q: Option<String>,
    /// 1 to 200, usually 50.
    pub limit: Option<i64>,
    pub cursor: Option<String>,
}

/// One group with what it is made of and what is made of it.
#[derive(Serialize, ToSchema)]
pub struct GroupDetail {
    #[serde(flatten)]
    pub about: GroupView,
    /// Of a compound group or a share; null for other kinds.
    pub definition: Option<DefinitionView>,
    /// Groups that are made of this one.
    pub used_by: Vec<GroupRef>,
}

#[derive(Serialize, ToSchema)]
pub struct GroupRef {
    #[schema(format = "uuid")]
    pub id: String,
    pub name: String,
}

/// What is left out stays. A remote group takes its name and description from the remote system: only the folder may change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupChange {
    /// 1 to 200 characters.
    pub name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A path such as `Spring/Newsletters`, empty for none; folders that are missing are made.
    pub folder: Option<String>,
    /// Of a compound group: who belongs. Given together with `exclude`, which is none when left out.
    pub include: Option<SideInput>,
    pub exclude: Option<SideInput>,
}

impl GroupChange {
    fn checked(&self, remote: bool) -> Result<groups::Edit, Error> {
        let mut faults = Faults::default();
        if remote {
            for (field, given) in [("name", self.name.is_some()), ("description", self.description.is_some())] {
                if given {
                    faults.add(field, "This comes from the remote system; change it there, then refresh the target group list.");
                }
            }
        }
        let edit = groups::Edit {
            name: self.name.as_ref().map(|n| name(n, "name", &mut faults)),
            description: self.description.as_ref().map(|d| text(d, "description", 2_000, &mut faults)),
            folder: self.folder.as_ref().map(|f| folder(f, &mut faults)),
        };
        faults.none_or()?;
        Ok(edit)
    }
}

/// A folder's path as entered, tidied.
pub(crate) fn folder(text: &str, faults: &mut Faults) -> String {
    folders::path(text).unwrap_or_else(|fault| {
        faults.add("folder", fault);
        String::new()
    })
}

/// A text as entered: trimmed, without control characters but line breaks.
pub(crate) fn text(text: &str, field: &str, longest: usize, faults: &mut Faults) -> String {
    let text = text.trim();
    if text.chars().count() > longest || text.chars().any(|c| c.is_control() && !(c == '\n' && longest > 200)) {
        faults.add(field, format!("Enter at most {longest} characters."));
    }
    text.to_owned()
}

#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// Read and plan only; nothing is applied.
    #[serde(default)]
    pub plan_only: bool,
}

#[derive(Serialize, ToSchema)]
pub struct CountsView {
    pub members: i64,
    pub mailable: Option<i64>,
    /// From what was read to who can be mailed; null before the first sync.
    #[schema(value_type = Option<std::collections::BTreeMap<String, i64>>)]
    pub waterfall: Option<Waterfall>,
    #[schema(format = "date-time")]
    pub counts_at: Option<String>,
    /// False for the moment from a person's consent act until those affected are counted again.
    pub counts_current: bool,
    #[schema(format = "date-time")]
    pub synced_at: Option<String>,
    #[schema(format = "date-time")]
    pub data_as_of: Option<String>,
    /// Seconds since the list's own data was made.
    pub data_age_seconds: Option<i64>,
    pub last_run: Option<RunView>,
}

#[derive(Serialize, ToSchema)]
pub struct UseView {
    #[schema(format = "date-time")]
    pub at: String,
}

pub(crate) async fn load(app: &App, id: &Id) -> Result<Group, Error> {
    let id = id.of(Kind::TargetGroup)?;
    found(groups::get(app.db.read(), id.id).await?, id, |g| g.created_at)
}

pub(super) async fn views_of(app: &App, rows: &[Group]) -> Result<Vec<GroupView>, Error> {
    let ids: Vec<i64> = rows.iter().filter_map(|g| g.bridge_id).collect();
    let made = views::made(app.db.read(), views::Made::Bridges, &ids).await?;
    Ok(rows
        .iter()
        .map(|g| GroupView {
            id: public(Kind::TargetGroup, g.created_at, g.id),
            kind: g.kind.clone(),
            bridge: g.bridge_id.and_then(|id| made.get(&id).map(|at| public(Kind::Bridge, *at, id))),
            code: g.code.clone(),
            name: g.name.clone(),
            description: g.description.clone(),
            folder: g.folder.clone(),
            state: g.state.clone(),
            remote_active: g.remote_active,
            members: g.members,
            mailable: g.waterfall().map(|w| w.mailable),
            counts_at: maybe_time(g.waterfall_at),
            counts_current: g.counts_current(),
            remote_members: g.remote_members,
            remote_refreshed_at: maybe_time(g.remote_refreshed_at),
            remote_modified_at: maybe_time(g.remote_modified_at),
            regeneration: g.regeneration.clone(),
            plan_only: g.plan_only,
            synced_at: maybe_time(g.synced_at),
            data_as_of: maybe_time(g.data_as_of),
            created_at: time(g.created_at),
        })
        .collect())
}

pub(super) async fn detail(app: &App, group: Group) -> Result<GroupDetail, Error> {
    let made = made_views::made(&app.db, group.id).await?;
    let users = made_views::users(app.db.read(), group.id).await?;
    let about = views_of(app, &[group]).await?.pop().ok_or(Error::NotFound)?;
    Ok(GroupDetail {
        about,
        definition: made.as_ref().and_then(definition_view),
        used_by: users.into_iter().map(|u| GroupRef { id: public(Kind::TargetGroup, u.created_at, u.id), name: u.name }).collect(),
    })
}

/// A page of groups by name.
pub(super) async fn page_of(
    app: &App,
    filter: &views::GroupFilter,
    asked: Option<i64>,
    cursor: Option<&str>,
) -> Result<Json<List<GroupView>>, Error> {
    let limit = limit(asked)?;
    let (last, id) = after::<(String, i64)>(cursor)?.unwrap_or_default();
    let total = views::count_groups(app.db.read(), filter).await?;
    let rows = views::groups(app.db.read(), filter, (&last, id), limit + 1).await?;
    let shown = views_of(app, &rows).await?;
    let rows = rows.into_iter().zip(shown).collect();
    Ok(Json(page(rows, limit, total, |r: &(Group, GroupView)| (rialto_core::address::canonical(&r.0.name), r.0.id), |r| r.1)))
}

#[utoipa::path(get, path = "/target-groups", tag = "target-groups", params(GroupQuery),
    responses((status = 200, body = List<GroupView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<GroupQuery>) -> Result<Json<List<GroupView>>, Error> {
    let by = views::GroupFilter {
        bridge_id: filter(&app, query.bridge.as_deref()).await?,
        kind: super::extract::one_of(query.kind, "kind", &KINDS)?,
        folder: query.folder,
        q: super::extract::search(query.q.as_deref().unwrap_or_default())?.to_owned(),
    };
    page_of(&app, &by, query.limit, query.cursor.as_deref()).await
}

#[utoipa::path(get, path = "/target-groups/{id}", tag = "target-groups", params(("id" = String, Path)),
    responses((status = 200, body = GroupDetail), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<GroupDetail>, Error> {
    detail(&app, load(&app, &id).await?).await.map(Json)
}

/// Renames a group, moves it to another folder, or gives a compound group another definition; its members follow at once.
#[utoipa::path(patch, path = "/target-groups/{id}", tag = "target-groups", params(("id" = String, Path)), request_body = GroupChange,
    responses((status = 200, body = GroupDetail), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn patch(State(app): State<App>, caller: Caller, id: Id, body: Body<GroupChange>) -> Result<Json<GroupDetail>, Error> {
    caller.require(Permission::ListsEdit)?;
    let change = body.read()?;
    let group = load(&app, &id).await?;
    let edit = change.checked(group.bridge_id.is_some())?;
    let definition = definition_of(&app, &group, &change).await?;
    let who = caller.actor(&app);
    let mut tx = app.db.write().await?;
    if let Some(definition) = &definition {
        compound::redefine(&mut tx, group.id, definition, &who).await?;
        compound::ask(&mut tx, group.id, Trigger::Api, false, &who).await?;
    }
    if edit.name.is_some() || edit.description.is_some() || edit.folder.is_some() {
        groups::edit(&mut tx, group.id, &edit, &who).await?;
    }
    tx.commit().await?;
    app.wake.ring();
    detail(&app, load(&app, &id).await?).await.map(Json)
}

/// The definition that a change brings; only a compound group has one to change.
async fn definition_of(app: &App, group: &Group, change: &GroupChange) -> Result<Option<Compound>, Error> {
    let field = match (&change.include, &change.exclude) {
        (None, None) => return Ok(None),
        (Some(_), _) => "include",
        (None, Some(_)) => "exclude",
    };
    // What a persona's group is made of follows from the order of the personas.
    if group.kind == "persona" || !matches!(compound::definition(app.db.read(), group.id).await?, Some(Definition::Compound(_))) {
        return Err(Error::field(field, "Only a compound group is made of others that can be chosen."));
    }
    let Some(include) = &change.include else { return Err(Error::field("include", "This field is required when exclude is given.")) };
    compound_of(app, include, change.exclude.as_ref()).await.map(Some)
}

/// Deletes a group; its people stay in Rialto and its runs stay readable. A remote group can go once the remote system no longer
/// offers its list.
#[utoipa::path(delete, path = "/target-groups/{id}", tag = "target-groups", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn delete(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let group = load(&app, &id).await?;
    let mut tx = app.db.write().await?;
    groups::delete(&mut tx, group.id, &caller.actor(&app)).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the list's people from the remote system; computes those of a group that is made of others.
#[utoipa::path(post, path = "/target-groups/{id}/sync", tag = "target-groups", params(("id" = String, Path)), request_body = Option<SyncRequest>,
    responses((status = 202, body = Started), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn sync(State(app): State<App>, caller: Caller, id: Id, body: Body<SyncRequest>) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::GroupsSync)?;
    let asked = body.read_or_default()?;
    let group = load(&app, &id).await?;
    if group.is_derived() {
        let mut tx = app.db.write().await?;
        let asked = compound::ask(&mut tx, group.id, Trigger::Api, asked.plan_only, &caller.actor(&app)).await?;
        tx.commit().await?;
        app.wake.ring();
        return runs::accepted(&app, asked.run_id).await;
    }
    let bridge_id = group.bridge_id.ok_or_else(|| Error::Conflict("This target group has no remote list to read.".into()))?;
    match bridges::get(app.db.read(), bridge_id).await? {
        Some(bridge) if bridge.enabled => {}
        _ => return Err(Error::Conflict("The bridge of this target group is switched off.".into())),
    }
    let subject = Subject::Group { group_id: group.id, bridge_id };
    let new = NewRun { plan_only: asked.plan_only, ..NewRun::of(RunKind::People, subject, Trigger::Api) };
    runs::start(&app, &caller, new).await
}

/// The last counts, how old they are, and the last run.
#[utoipa::path(get, path = "/target-groups/{id}/counts", tag = "target-groups", params(("id" = String, Path)),
    responses((status = 200, body = CountsView), (status = 404, body = Problem)))]
pub async fn counts(State(app): State<App>, _: Caller, id: Id) -> Result<Json<CountsView>, Error> {
    let group = load(&app, &id).await?;
    let newest = views::RunFilter { group_id: group.id, ..Default::default() };
    let rows = views::runs(app.db.read(), &newest, i64::MAX, 1).await?;
    let last_run = runs::views_of(&app, &rows).await?.pop();
    let waterfall = group.waterfall();
    let now = app.clock.now();
    Ok(Json(CountsView {
        members: group.members,
        mailable: waterfall.map(|w| w.mailable),
        waterfall,
        counts_at: maybe_time(group.waterfall_at),
        counts_current: group.counts_current(),
        synced_at: maybe_time(group.synced_at),
        data_as_of: maybe_time(group.data_as_of),
        data_age_seconds: group.data_as_of.map(|at| now.seconds_since(rialto_core::Instant(at)).max(0)),
        last_run,
    }))
}

/// The members, mailable or not. A cursor is refused (409) once the list has changed: start again without one.
#[utoipa::path(get, path = "/target-groups/{id}/subscribers", tag = "target-groups", params(("id" = String, Path), Paging),
    responses((status = 200, body = List<SubscriberView>), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn subscribers(
    State(app): State<App>,
    _: Caller,
    id: Id,
    Params(paging): Params<Paging>,
) -> Result<Json<List<SubscriberView>>, Error> {
    let group = load(&app, &id).await?;
    let limit = limit(paging.limit)?;
    let (applied, last) = after::<(i64, i64)>(paging.cursor.as_deref())?.unwrap_or((group.applied_run, 0));
    if applied != group.applied_run {
        return Err(Error::Conflict("The list has changed since the page before. Start again without a cursor.".into()));
    }
    let rows = views::members(app.db.read(), group.id, last, limit + 1).await?;
    subscribers::list_of(&app, rows, limit, group.members, |id| serde_json::json!([applied, id])).await
}

/// Mailings that used this group.
#[utoipa::path(get, path = "/target-groups/{id}/mailings", tag = "target-groups", params(("id" = String, Path), Paging),
    responses((status = 200, body = List<UseView>), (status = 404, body = Problem)))]
pub async fn mailings(State(app): State<App>, _: Caller, id: Id, Params(paging): Params<Paging>) -> Result<Json<List<UseView>>, Error> {
    let group = load(&app, &id).await?;
    let limit = limit(paging.limit)?;
    let last = after::<i64>(paging.cursor.as_deref())?.unwrap_or(0);
    let (rows, total) = views::mailings(app.db.read(), group.id, last, limit + 1).await?;
    Ok(Json(page(rows, limit, total, |r| r.0, |(_, at)| UseView { at: time(at) })))
}
