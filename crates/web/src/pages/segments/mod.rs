//! Segments: rules over profiles, and who is in them (`docs/adr/0152`).

mod choices;
mod form;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::groups::{self, Group};
use rialto_store::segments::{self as store, Context, Kept, Record};
use serde::Deserialize;
use serde_json::Value;

use self::choices::{Heading, Line};
use self::form::Sent;
use super::shell::{Page, Reader};
use super::text::{Chip, When, filters};
use super::toast::{self, Toast};
use super::{folders, links};
use crate::api::extract::{Id, public};
use crate::api::segments::{self as api, ExplainedLine, SegmentCount, SegmentInput, SegmentPatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};

const HERE: &str = "/subscribers/segments";
/// People named on the page of a segment; its target group has all.
const NAMED: i64 = 20;

pub fn router() -> Router<crate::state::App> {
    Router::new()
        .route("/subscribers/segments", get(list))
        .route("/subscribers/segments/new", get(new).post(create))
        .route("/subscribers/segments/build", post(build))
        .route("/subscribers/segments/count", post(count))
        .route("/subscribers/segments/{id}", get(show))
        .route("/subscribers/segments/{id}/edit", get(edit).post(update))
        .route("/subscribers/segments/{id}/explain", get(explain))
        .route("/subscribers/segments/{id}/delete", get(ask_delete).post(delete))
}

fn href(group: &Group) -> String {
    format!("{HERE}/{}", public(Kind::TargetGroup, group.created_at, group.id))
}

fn chip(state: &str) -> Option<Chip> {
    match state {
        "blocked" => Some(Chip::look("Needs something")),
        "following" => Some(Chip::go("Being found")),
        _ => None,
    }
}

struct Row {
    href: String,
    name: String,
    people: i64,
    mailable: Option<i64>,
    asked: Option<When>,
    chip: Option<Chip>,
    why: String,
    used: Vec<(String, String)>,
}

async fn used(reader: &Reader, group_id: i64) -> Result<Vec<(String, String)>, Error> {
    let all = store::used_by(reader.app.db.read(), group_id).await?;
    Ok(all.into_iter().map(|u| (u.name, links::group(u.created_at, u.id))).collect())
}

#[derive(Template)]
#[template(path = "segments/list.html")]
struct List {
    page: Page,
    may: bool,
    rows: Vec<Row>,
}

/// GET /subscribers/segments
async fn list(reader: Reader) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let mut rows = Vec::new();
    for kept in store::list(db.read()).await? {
        let Some(group) = groups::get(db.read(), kept.group_id).await? else { continue };
        let why = rialto_store::compound::blocked(db.read(), group.id).await?;
        rows.push(Row {
            href: href(&group),
            people: group.members,
            mailable: group.waterfall().map(|w| w.mailable),
            asked: reader.here().maybe((kept.looked_at > 0).then_some(kept.looked_at)),
            chip: chip(api::state(&group, &kept, &why)),
            why,
            used: used(&reader, group.id).await?,
            name: group.name,
        });
    }
    Ok(Html(List { page: reader.page("Segments"), may: reader.may(Permission::ListsEdit), rows }.render()?))
}

/// The figures of a rule, or why there are none.
#[derive(Default)]
struct Counted {
    figures: Option<SegmentCount>,
    fault: String,
}

impl Counted {
    async fn of(reader: &Reader, sent: &Sent, context: &Context) -> Result<Self, Error> {
        if sent.is_empty() {
            return Ok(Self::default());
        }
        let counted = match rule(sent).and_then(|rule| api::read(&rule, context)) {
            Ok(segment) => api::counted(&reader.app, &segment, context).await,
            Err(error) => Err(error),
        };
        match counted {
            Ok(figures) => Ok(Self { figures: Some(figures), fault: String::new() }),
            Err(Error::Invalid(_)) => Ok(Self { figures: None, fault: "Counted as soon as every condition is complete.".to_owned() }),
            Err(Error::Conflict(fault)) => Ok(Self { figures: None, fault }),
            Err(Error::Busy) => {
                Ok(Self { figures: None, fault: "Others are counting just now. It is counted with your next change.".to_owned() })
            }
            Err(other) => Err(other),
        }
    }
}

#[derive(Template)]
#[template(path = "segments/count.html")]
struct CountPart {
    counted: Counted,
}

#[derive(Template)]
#[template(path = "segments/builder.html")]
struct Builder {
    lines: Vec<Line>,
    subjects: Vec<Heading>,
    counted: Counted,
}

#[derive(Template)]
#[template(path = "segments/form.html")]
struct Editor {
    page: Page,
    action: String,
    back: String,
    edit: bool,
    sent: Sent,
    lines: Vec<Line>,
    subjects: Vec<Heading>,
    counted: Counted,
    places: Vec<String>,
    faults: Vec<FieldError>,
    /// What is amiss with the whole.
    whole: String,
}

impl Editor {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.iter().find(|f| f.field == field).map(|f| f.detail.as_str())
    }
}

fn rule(sent: &Sent) -> Result<Value, Error> {
    let segment = sent.segment().map_err(Error::Invalid)?;
    serde_json::to_value(segment).map_err(|e| Error::BadRequest(e.to_string()))
}

async fn editor(reader: &Reader, edited: Option<&Group>, sent: Sent, error: Option<Error>) -> Result<Response, Error> {
    let (faults, whole) = match error {
        None => (Vec::new(), String::new()),
        Some(Error::Invalid(faults)) => (faults, String::new()),
        Some(Error::Conflict(why)) => (Vec::new(), why),
        Some(other) => return Err(other),
    };
    let context = api::context(&reader.app).await?;
    let page = Editor {
        page: reader.page(edited.map_or_else(|| "New segment".to_owned(), |g| format!("Edit {}", g.name))),
        action: edited.map_or_else(|| format!("{HERE}/new"), |g| format!("{}/edit", href(g))),
        back: edited.map_or_else(|| HERE.to_owned(), href),
        edit: edited.is_some(),
        lines: choices::lines(&sent, &context, &faults),
        subjects: choices::subjects(&context),
        counted: Counted::of(reader, &sent, &context).await?,
        places: folders::paths(reader).await?,
        sent,
        faults,
        whole,
    };
    let status = if page.faults.is_empty() && page.whole.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, Html(page.render()?)).into_response())
}

/// GET /subscribers/segments/new
async fn new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    editor(&reader, None, Sent::default(), None).await
}

/// POST /subscribers/segments/new: does what a button of the builder says, or makes the segment.
async fn create(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let mut sent = Sent::read(pairs);
    if sent.build() {
        return editor(&reader, None, sent, None).await;
    }
    let who = reader.session.actor(&reader.app);
    let context = api::context(&reader.app).await?;
    let made = match input(&sent) {
        Ok(input) => api::make(&reader.app, &input, &context, &who).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => {
            let to = format!("{HERE}/{}", public(Kind::TargetGroup, who.at.0, id));
            toast::done(&reader, &to, &Toast::new(format!("{} is made; its people are being found.", sent.name.trim())))
        }
        Err(error) => editor(&reader, None, sent, Some(error)).await,
    }
}

fn input(sent: &Sent) -> Result<SegmentInput, Error> {
    let Sent { name, description, folder, .. } = sent.clone();
    Ok(SegmentInput { name, description, folder, rule: rule(sent)? })
}

async fn load(reader: &Reader, id: String) -> Result<(Group, Kept), Error> {
    api::load(&reader.app, &Id(id)).await
}

/// GET /subscribers/segments/{id}/edit
async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, kept) = load(&reader, id).await?;
    let context = api::context(&reader.app).await?;
    let root = kept.segment.root.try_map(&mut |of| Ok::<_, Error>(api::public_of(&context, of)))?;
    let (name, description, folder) = (group.name.clone(), group.description.clone(), group.folder.clone());
    let sent = Sent { name, description, folder, ..Sent::of(&rialto_core::segment::Segment { root }) };
    editor(&reader, Some(&group), sent, None).await
}

/// POST /subscribers/segments/{id}/edit
async fn update(reader: Reader, Path(id): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, kept) = load(&reader, id).await?;
    let mut sent = Sent::read(pairs);
    if sent.build() {
        return editor(&reader, Some(&group), sent, None).await;
    }
    let saved = match input(&sent) {
        Ok(SegmentInput { name, description, folder, rule }) => {
            let change = SegmentPatch { name: Some(name), description: Some(description), folder: Some(folder), rule: Some(rule) };
            api::save(&reader.app, group.id, &kept, &change, &reader.session.actor(&reader.app)).await
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => toast::done(&reader, &href(&group), &Toast::new(format!("{} is saved.", sent.name.trim()))),
        Err(error) => editor(&reader, Some(&group), sent, Some(error)).await,
    }
}

/// POST /subscribers/segments/build: the builder alone, after one of its buttons.
async fn build(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let mut sent = Sent::read(pairs);
    sent.build();
    let context = api::context(&reader.app).await?;
    let counted = Counted::of(&reader, &sent, &context).await?;
    Ok(Html(Builder { lines: choices::lines(&sent, &context, &[]), subjects: choices::subjects(&context), counted }.render()?))
}

/// POST /subscribers/segments/count: the figures alone, while conditions are edited.
async fn count(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let context = api::context(&reader.app).await?;
    let counted = Counted::of(&reader, &Sent::read(pairs), &context).await?;
    Ok(Html(CountPart { counted }.render()?))
}

struct Named {
    address: String,
    remote_id: String,
    why: String,
    href: String,
}

fn named(group: &Group, of: &Record) -> Named {
    let id = public(Kind::Subscriber, of.created_at, of.id);
    Named {
        address: of.address.clone(),
        remote_id: of.remote_id.clone(),
        why: format!("{}/explain?subscriber={id}", href(group)),
        href: links::person(of.created_at, of.id),
    }
}

#[derive(Template)]
#[template(path = "segments/show.html")]
struct Show {
    page: Page,
    may: bool,
    href: String,
    group_href: String,
    description: String,
    chip: Option<Chip>,
    why: String,
    /// The rule in words, without answers.
    rule: Vec<(usize, String)>,
    people: i64,
    mailable: Option<i64>,
    asked: Option<When>,
    took_ms: i64,
    relative: bool,
    used: Vec<(String, String)>,
    some: Vec<Named>,
}

/// The rule line by line: the depth and the words of each.
fn in_words(group: &rialto_core::segment::Group, depth: usize, context: &Context, into: &mut Vec<(usize, String)>) {
    use rialto_core::segment::{Node, answer_words, test_words};
    into.push((depth, format!("{}:", answer_words(group))));
    for part in group.parts() {
        match part {
            Node::Group(group) => in_words(group, depth + 1, context, into),
            Node::Test(test) => into.push((depth + 1, test_words(test, &context.vocabulary))),
        }
    }
}

/// GET /subscribers/segments/{id}
async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let (group, kept) = load(&reader, id).await?;
    let db = &reader.app.db;
    let why = rialto_store::compound::blocked(db.read(), group.id).await?;
    let context = api::context(&reader.app).await?;
    let mut rule = Vec::new();
    in_words(&kept.segment.root, 0, &context, &mut rule);
    let some = store::some_people(db.read(), group.id, NAMED).await?;
    let following = api::state(&group, &kept, &why) == "following";
    let page = reader.page(group.name.clone());
    let page = Show {
        page: if following { page.refreshing(3) } else { page },
        may: reader.may(Permission::ListsEdit),
        href: href(&group),
        group_href: links::group(group.created_at, group.id),
        chip: chip(api::state(&group, &kept, &why)),
        why,
        rule,
        people: group.members,
        mailable: group.waterfall().map(|w| w.mailable),
        asked: reader.here().maybe((kept.looked_at > 0).then_some(kept.looked_at)),
        took_ms: kept.took_ms,
        relative: kept.segment.moves_with_the_day(),
        used: used(&reader, group.id).await?,
        some: some.iter().map(|record| named(&group, record)).collect(),
        description: group.description,
    };
    Ok(Html(page.render()?))
}

/// Whose membership is asked about: an id, or an address that several records may have.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Whose {
    subscriber: String,
    address: String,
}

#[derive(Template)]
#[template(path = "segments/explain.html")]
struct Explain {
    page: Page,
    name: String,
    href: String,
    asked: String,
    person: Option<Named>,
    holds: bool,
    member: bool,
    lines: Vec<ExplainedLine>,
    /// Records with the address that was asked for.
    found: Vec<Named>,
}

/// GET /subscribers/segments/{id}/explain
async fn explain(reader: Reader, Path(id): Path<String>, Query(whose): Query<Whose>) -> Result<Html<String>, Error> {
    let (group, kept) = load(&reader, id).await?;
    let found = store::with_address(reader.app.db.read(), &whose.address, NAMED).await?;
    let subscriber = match (whose.subscriber.is_empty(), found.as_slice()) {
        (true, [one]) => public(Kind::Subscriber, one.created_at, one.id),
        _ => whose.subscriber.clone(),
    };
    let mut page = Explain {
        page: reader.page_under(HERE, format!("Why in {}?", group.name)),
        name: group.name.clone(),
        href: href(&group),
        asked: whose.address,
        person: None,
        holds: false,
        member: false,
        lines: Vec::new(),
        found: found.iter().map(|record| named(&group, record)).collect(),
    };
    if !subscriber.is_empty() {
        let person = crate::api::subscribers::load(&reader.app, &Id(subscriber)).await?;
        let told = api::explained(&reader.app, &group, &kept, person.id).await?;
        let record = Record { id: person.id, created_at: person.created_at, address: person.address, remote_id: person.remote_id };
        page.person = Some(named(&group, &record));
        (page.holds, page.member, page.lines) = (told.holds, told.member, told.lines);
    }
    Ok(Html(page.render()?))
}

#[derive(Template)]
#[template(path = "segments/delete.html")]
struct Delete {
    page: Page,
    href: String,
    name: String,
    people: i64,
    used: Vec<(String, String)>,
}

/// GET /subscribers/segments/{id}/delete: what it means, before it is done.
async fn ask_delete(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, _) = load(&reader, id).await?;
    let page = reader.page(format!("Delete {}", group.name));
    let used = used(&reader, group.id).await?;
    Ok(Html(Delete { page, href: href(&group), people: group.members, used, name: group.name }.render()?))
}

/// POST /subscribers/segments/{id}/delete
async fn delete(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, _) = load(&reader, id).await?;
    api::remove(&reader.app, group.id, &reader.session.actor(&reader.app)).await?;
    toast::done(&reader, HERE, &Toast::new(format!("{} is deleted. Its people stay.", group.name)))
}
