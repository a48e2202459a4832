//! The builder: a segment made and changed, and counted while it is.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rialto_core::Kind;
use rialto_core::permissions::Permission;
use rialto_store::groups::Group;
use rialto_store::segments::Context;
use serde_json::Value;

use super::choices::{self, Heading, Line};
use super::form::Sent;
use super::{HERE, href, load};
use crate::api::extract::public;
use crate::api::segment_answers::{SegmentCount, counted};
use crate::api::segments::{self as api, SegmentInput, SegmentPatch};
use crate::auth::Form;
use crate::error::{Error, FieldError};
use crate::pages::folders;
use crate::pages::shell::{Page, Reader};
use crate::pages::text::filters;
use crate::pages::toast::{self, Toast};

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
        let figures = match rule(sent).and_then(|rule| api::read(&rule, context)) {
            Ok(segment) => counted(&reader.app, &segment, context).await,
            Err(error) => Err(error),
        };
        match figures {
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
pub async fn new(reader: Reader) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    editor(&reader, None, Sent::default(), None).await
}

/// POST /subscribers/segments/new: does what a button of the builder says, or makes the segment.
pub async fn create(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
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

/// GET /subscribers/segments/{id}/edit
pub async fn edit(reader: Reader, Path(id): Path<String>) -> Result<Response, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let (group, kept) = load(&reader, id).await?;
    let context = api::context(&reader.app).await?;
    let root = kept.segment.root.try_map(&mut |of| Ok::<_, Error>(api::public_of(&context, of)))?;
    let (name, description, folder) = (group.name.clone(), group.description.clone(), group.folder.clone());
    let sent = Sent { name, description, folder, ..Sent::of(&rialto_core::segment::Segment { root }) };
    editor(&reader, Some(&group), sent, None).await
}

/// POST /subscribers/segments/{id}/edit
pub async fn update(reader: Reader, Path(id): Path<String>, Form(pairs): Form<Vec<(String, String)>>) -> Result<Response, Error> {
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
pub async fn build(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let mut sent = Sent::read(pairs);
    sent.build();
    let context = api::context(&reader.app).await?;
    let counted = Counted::of(&reader, &sent, &context).await?;
    Ok(Html(Builder { lines: choices::lines(&sent, &context, &[]), subjects: choices::subjects(&context), counted }.render()?))
}

/// POST /subscribers/segments/count: the figures alone, while conditions are edited.
pub async fn count(reader: Reader, Form(pairs): Form<Vec<(String, String)>>) -> Result<Html<String>, Error> {
    reader.session.require(Permission::ListsEdit)?;
    let context = api::context(&reader.app).await?;
    let counted = Counted::of(&reader, &Sent::read(pairs), &context).await?;
    Ok(Html(CountPart { counted }.render()?))
}
