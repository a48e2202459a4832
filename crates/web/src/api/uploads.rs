//! `/uploads` and `/unsubscriber-uploads`: a file comes as multipart, is planned as a run, and applied as a run once somebody says so.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use rialto_connectors::upload::{Format, Found};
use rialto_core::permissions::Permission;
use rialto_core::run::{RunState, Trigger};
use rialto_core::upload::{Mapping, UploadKind, UploadMode, Use};
use rialto_core::{Kind, PublicId};
use rialto_store::Actor;
use rialto_store::runs::Run;
use rialto_store::uploads::{self, For, New, Upload};
use rialto_store::views::api as views;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Id, List, Paging, Params, Problem, after, found, limit, page, public, time};
use super::runs::{RunView, Started, accepted, views_of};
use crate::auth::Caller;
use crate::error::Error;
use crate::receive::{self, Form};
use crate::state::App;

/// What one column is used for.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnUse {
    /// `ignore`, `address`, `id` (the column Rialto ID of an export) or `field`.
    pub r#use: String,
    /// Of a field: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub name: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingInput {
    /// One for each column of the file, in its order.
    pub columns: Vec<ColumnUse>,
    /// An empty cell clears what an earlier upload stored; else it leaves it.
    #[serde(default)]
    pub empty_clears: bool,
}

#[derive(Serialize, ToSchema)]
pub struct UploadView {
    #[schema(format = "uuid")]
    pub id: String,
    /// `people` or `unsubscribers`.
    pub kind: String,
    /// `receiving`, `mapping` (say what the columns are), `planning`, `planned`, `plan_failed`, `applying`, `applied`, `held`, `failed`,
    /// `discarded` or `expired`.
    pub state: String,
    pub by: String,
    pub file_name: String,
    pub bytes: i64,
    /// `text` or `xlsx`; empty while the file comes.
    pub format: String,
    pub encoding: String,
    /// The separator's name, such as `comma`.
    pub separator: String,
    /// The first line names the columns.
    pub header: bool,
    pub columns: Vec<String>,
    /// The first rows.
    pub samples: Vec<Vec<String>>,
    pub warnings: Vec<String>,
    pub mapping: Option<MappingInput>,
    #[schema(format = "uuid")]
    pub target_group: Option<String>,
    /// Of a group that is made when the upload is applied.
    pub new_group: String,
    /// `add`, or `replace`: who is not in the file leaves the group, past the trust gate.
    pub mode: String,
    pub evidence: String,
    #[schema(format = "date-time")]
    pub created_at: String,
    /// When the file goes.
    #[schema(format = "date-time")]
    pub expires_at: String,
    /// The newest plan; its rows are under `sync-runs/{id}/changes`.
    pub plan: Option<RunView>,
    /// The newest run that applied it, or tried to.
    pub run: Option<RunView>,
}

impl From<Mapping> for MappingInput {
    fn from(m: Mapping) -> Self {
        let column = |c: Use| match c {
            Use::Ignore => ColumnUse { r#use: "ignore".into(), name: None },
            Use::Address => ColumnUse { r#use: "address".into(), name: None },
            Use::Id => ColumnUse { r#use: "id".into(), name: None },
            Use::Field { name } => ColumnUse { r#use: "field".into(), name: Some(name) },
        };
        Self { columns: m.columns.into_iter().map(column).collect(), empty_clears: m.empty_clears }
    }
}

impl MappingInput {
    fn checked(self, upload: &Upload) -> Result<Mapping, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (n, c) in self.columns.into_iter().enumerate() {
            columns.push(match (c.r#use.as_str(), c.name) {
                ("ignore", None) => Use::Ignore,
                ("address", None) => Use::Address,
                ("id", None) => Use::Id,
                ("field", Some(name)) => Use::Field { name },
                _ => return Err(Error::field(&format!("columns.{n}.use"), "Send ignore, address, id, or field with a name.")),
            });
        }
        check(Mapping { columns, empty_clears: self.empty_clears }, upload)
    }
}

/// A mapping that fits the file.
pub fn check(mapping: Mapping, upload: &Upload) -> Result<Mapping, Error> {
    let found: Found = serde_json::from_str(&upload.found).map_err(|_| Error::Conflict("The file has not come yet.".into()))?;
    mapping.check(found.columns.len()).map_err(|e| {
        let field = if e.column == 0 { "columns".to_owned() } else { format!("columns.{}", e.column - 1) };
        Error::field(&field, &e.detail)
    })?;
    if upload.kind() == UploadKind::Unsubscribers && mapping.address().is_none() {
        return Err(Error::field("columns", "Choose the column that holds the e-mail addresses."));
    }
    Ok(mapping)
}

/// Where an upload stands, by its own state and its runs.
pub fn state(upload: &Upload, plan: Option<&Run>, run: Option<&Run>) -> &'static str {
    match upload.state.as_str() {
        "receiving" => return "receiving",
        "discarded" => return "discarded",
        _ => {}
    }
    let of = |run: &Run| run.state();
    match run.map(of) {
        Some(RunState::Queued | RunState::Running) => return "applying",
        Some(RunState::Held) => return "held",
        Some(RunState::Failed | RunState::Superseded) if run.is_some_and(|r| r.applied_at.is_none()) => {
            return if upload.state == "expired" { "expired" } else { "failed" };
        }
        Some(_) => return "applied",
        None => {}
    }
    match plan.map(of) {
        _ if upload.state == "expired" => "expired",
        Some(RunState::Queued | RunState::Running) => "planning",
        Some(RunState::Succeeded) => "planned",
        Some(_) => "plan_failed",
        None => "mapping",
    }
}

async fn view(app: &App, u: Upload) -> Result<UploadView, Error> {
    let (plan, run) = uploads::last_runs(&app.db, u.id).await?;
    let shown = views_of(app, &plan.iter().chain(&run).cloned().collect::<Vec<_>>()).await?;
    let mut shown = shown.into_iter();
    let groups = views::made(app.db.read(), views::Made::Groups, &u.group_id.into_iter().collect::<Vec<_>>()).await?;
    let file: Option<Found> = serde_json::from_str(&u.found).ok();
    let (format, encoding, separator, header) = file.as_ref().map_or(("", "", "", false), |f| {
        (if f.shape.format == Format::Xlsx { "xlsx" } else { "text" }, f.shape.encoding.name(), f.shape.separator_name(), f.shape.header)
    });
    Ok(UploadView {
        id: public(Kind::Upload, u.created_at, u.id),
        kind: u.kind().name().into(),
        state: state(&u, plan.as_ref(), run.as_ref()).into(),
        by: u.actor.clone(),
        file_name: u.file_name.clone(),
        bytes: u.bytes,
        format: format.into(),
        encoding: encoding.into(),
        separator: separator.into(),
        header,
        mapping: u.mapping().map(Into::into),
        target_group: u.group_id.and_then(|id| groups.get(&id).map(|at| public(Kind::TargetGroup, *at, id))),
        new_group: u.group_name.clone(),
        mode: u.mode().name().into(),
        evidence: u.evidence.clone(),
        created_at: time(u.created_at),
        expires_at: time(u.expires_at),
        plan: plan.and_then(|_| shown.next()),
        run: run.and_then(|_| shown.next()),
        warnings: file.as_ref().map(|f| f.warnings.clone()).unwrap_or_default(),
        samples: file.as_ref().map(|f| f.samples.clone()).unwrap_or_default(),
        columns: file.map(|f| f.columns).unwrap_or_default(),
    })
}

pub async fn load(app: &App, id: &Id) -> Result<Upload, Error> {
    let id = id.of(Kind::Upload)?;
    found(uploads::get(app.db.read(), id.id).await?, id, |u| u.created_at)
}

/// Keeps the file of a form for whom it is, as the fields `target_group` or `name`, and `mode`, say.
pub async fn keep_people(app: &App, mut form: Form, who: &Actor) -> Result<i64, Error> {
    let (group, name) = (form.text("target_group").to_owned(), form.text("name").to_owned());
    let mode = match form.text("mode") {
        "" => UploadMode::Add,
        text => UploadMode::from_name(text).ok_or_else(|| Error::field("mode", "Send add or replace."))?,
    };
    let whom = match (group.as_str(), name.chars().count()) {
        ("", 1..=120) if !name.chars().any(char::is_control) => For::NewGroup(&name),
        ("", _) => {
            return Err(Error::field("name", "Give the new target group a name of 1 to 120 characters, or choose one that is there."));
        }
        (text, _) => For::Group(
            PublicId::parse(text, Kind::TargetGroup).ok_or_else(|| Error::field("target_group", "Send the id of a target group."))?.id,
        ),
    };
    let (file_name, pieces) = (form.file_name.clone(), form.bytes());
    let id = receive::file(&app.db, &app.clock, New { file_name: &file_name, whom, mode }, who, pieces).await?;
    app.wake.ring();
    Ok(id)
}

/// Keeps the file of a form whose addresses are to be silenced, on the evidence of the field of that name.
pub async fn keep_unsubscribers(app: &App, mut form: Form, who: &Actor) -> Result<i64, Error> {
    let evidence = form.text("evidence").to_owned();
    if !(1..=500).contains(&evidence.chars().count()) {
        return Err(Error::field("evidence", "Say in 1 to 500 characters where this list comes from; it is kept as the proof."));
    }
    let (file_name, pieces) = (form.file_name.clone(), form.bytes());
    let new = New { file_name: &file_name, whom: For::Silence(&evidence), mode: UploadMode::Add };
    let id = receive::file(&app.db, &app.clock, new, who, pieces).await?;
    app.wake.ring();
    Ok(id)
}

async fn created(app: &App, id: i64) -> Result<(StatusCode, Json<UploadView>), Error> {
    let upload = uploads::get(app.db.read(), id).await?.ok_or(Error::NotFound)?;
    Ok((StatusCode::CREATED, Json(view(app, upload).await?)))
}

/// Brings a file of people. The form's fields come before its file: `target_group` (id) or `name` (of a new one), and `mode`. Where the
/// columns explain themselves, the plan begins at once; else send a mapping.
#[utoipa::path(post, path = "/uploads", tag = "uploads", request_body(content_type = "multipart/form-data", content = String),
    responses((status = 201, body = UploadView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub async fn create(State(app): State<App>, caller: Caller, request: Request) -> Result<(StatusCode, Json<UploadView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let id = keep_people(&app, form, &caller.actor(&app)).await?;
    created(&app, id).await
}

/// Brings a file of addresses that are to get no mail any more, one a line. The field `evidence` comes before the file.
#[utoipa::path(post, path = "/unsubscriber-uploads", tag = "uploads", request_body(content_type = "multipart/form-data", content = String),
    responses((status = 201, body = UploadView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem)))]
pub async fn create_unsubscribers(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<UploadView>), Error> {
    caller.require(Permission::ListsEdit)?;
    let (parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let id = keep_unsubscribers(&app, form, &caller.actor(&app)).await?;
    created(&app, id).await
}

/// Uploads of both kinds, newest first.
#[utoipa::path(get, path = "/uploads", tag = "uploads", params(Paging),
    responses((status = 200, body = List<UploadView>), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, _: Caller, Params(query): Params<Paging>) -> Result<Json<List<UploadView>>, Error> {
    let limit = limit(query.limit)?;
    let before = after::<i64>(query.cursor.as_deref())?.unwrap_or(i64::MAX);
    let rows = uploads::list(app.db.read(), before, limit + 1).await?;
    let total = uploads::total(app.db.read()).await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push((row.id, view(&app, row).await?));
    }
    Ok(Json(page(shown, limit, total, |(id, _)| *id, |(_, view)| view)))
}

#[utoipa::path(get, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, body = UploadView), (status = 404, body = Problem)))]
pub async fn get(State(app): State<App>, _: Caller, id: Id) -> Result<Json<UploadView>, Error> {
    Ok(Json(view(&app, load(&app, &id).await?).await?))
}

/// Says what the columns are used for, which is remembered for files with the same heads; plans anew.
#[utoipa::path(put, path = "/uploads/{id}/mapping", tag = "uploads", params(("id" = String, Path)), request_body = MappingInput,
    responses((status = 202, body = Started), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn map(State(app): State<App>, caller: Caller, id: Id, body: Body<MappingInput>) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::ListsEdit)?;
    let upload = load(&app, &id).await?;
    let mapping = body.read()?.checked(&upload)?;
    let run = do_map(&app, &upload, &mapping, &caller.actor(&app)).await?;
    accepted(&app, run).await
}

pub async fn do_map(app: &App, upload: &Upload, mapping: &Mapping, who: &Actor) -> Result<i64, Error> {
    let mut tx = app.db.write().await?;
    let asked = uploads::map(&mut tx, upload.id, mapping, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(asked.run_id)
}

/// Applies an upload as it was planned.
#[utoipa::path(post, path = "/uploads/{id}/apply", tag = "uploads", params(("id" = String, Path)),
    responses((status = 202, body = Started), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn apply(State(app): State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<Started>), Error> {
    caller.require(Permission::ListsEdit)?;
    let upload = load(&app, &id).await?;
    let run = do_apply(&app, &upload, &caller.actor(&app)).await?;
    accepted(&app, run).await
}

pub async fn do_apply(app: &App, upload: &Upload, who: &Actor) -> Result<i64, Error> {
    let mut tx = app.db.write().await?;
    let asked = uploads::apply(&mut tx, upload.id, Trigger::Upload, who).await?;
    tx.commit().await?;
    app.wake.ring();
    Ok(asked.run_id)
}

/// Gives an upload up that was not applied.
#[utoipa::path(delete, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn discard(State(app): State<App>, caller: Caller, id: Id) -> Result<StatusCode, Error> {
    caller.require(Permission::ListsEdit)?;
    let upload = load(&app, &id).await?;
    do_discard(&app, &upload, &caller.actor(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn do_discard(app: &App, upload: &Upload, who: &Actor) -> Result<(), Error> {
    let mut tx = app.db.write().await?;
    uploads::discard(&mut tx, upload.id, who).await?;
    tx.commit().await?;
    Ok(())
}

/// As `GET /uploads/{id}`.
#[utoipa::path(get, path = "/unsubscriber-uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, body = UploadView), (status = 404, body = Problem)))]
pub async fn get_unsubscribers(app: State<App>, caller: Caller, id: Id) -> Result<Json<UploadView>, Error> {
    get(app, caller, id).await
}

/// As `POST /uploads/{id}/apply`.
#[utoipa::path(post, path = "/unsubscriber-uploads/{id}/apply", tag = "uploads", params(("id" = String, Path)),
    responses((status = 202, body = Started), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn apply_unsubscribers(app: State<App>, caller: Caller, id: Id) -> Result<(StatusCode, Json<Started>), Error> {
    apply(app, caller, id).await
}
