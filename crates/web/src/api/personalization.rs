//! `/personalization`: the fields that a text may name, and what a subscriber would read (L7, PZ-01, PZ-02).

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use rialto_core::audience::{FieldType, Stored};
use rialto_core::{Instant, Kind, PublicId};
use rialto_mail::personalize::{self, Fault, Medium, Template, Value};
use rialto_store::personalization::{self as store, Offer};
use rialto_store::views::people;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Body, Faults, Problem, time};
use crate::auth::Caller;
use crate::error::Error;
use crate::state::App;

/// Longest subject, in characters: RFC 5322 allows 998 on a line.
pub(crate) const SUBJECT: usize = 998;

#[derive(Serialize, ToSchema)]
pub struct PersonalizationField {
    /// As a text names it between `{{` and `}}`, e.g. `LOYALTY.points`.
    pub reference: String,
    /// Another name of the same field, which stays the same whatever is added later; null where there is none.
    #[schema(required)]
    pub also: Option<String>,
    pub label: String,
    /// What it belongs to: `Subscriber`, the name of a bridge, of a list or of an extension.
    pub group: String,
    /// `integer`, `long`, `text`, `longtext`, `float`, `datetime`, `date` or `boolean`.
    pub r#type: String,
    /// Stands in for an empty value.
    pub default: String,
    pub description: String,
}

#[derive(Serialize, ToSchema)]
pub struct PersonalizationFields {
    pub items: Vec<PersonalizationField>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewInput {
    /// Who reads.
    #[schema(format = "uuid")]
    pub subscriber: String,
    /// At most 998 characters.
    pub subject: Option<String>,
    /// At most 256 KiB.
    pub html: Option<String>,
    /// At most 256 KiB.
    pub text: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewView {
    /// When the values were read.
    #[schema(format = "date-time")]
    pub as_of: String,
    #[schema(required)]
    pub subject: Option<PreviewText>,
    #[schema(required)]
    pub html: Option<PreviewText>,
    #[schema(required)]
    pub text: Option<PreviewText>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewText {
    /// What the subscriber reads; null while something is wrong with the text.
    #[schema(required)]
    pub rendered: Option<String>,
    pub faults: Vec<PreviewFault>,
}

#[derive(Serialize, ToSchema)]
pub struct PreviewFault {
    /// Beginning with 1.
    pub line: usize,
    pub what: String,
    pub advice: String,
}

impl From<Fault> for PreviewFault {
    fn from(f: Fault) -> Self {
        Self { line: f.line, what: f.what, advice: f.advice }
    }
}

/// The fields that exist, for checking texts and reading their values.
pub(crate) struct Known {
    pub offers: Vec<Offer>,
    /// Under each of their names, with the place among the offers.
    fields: Vec<personalize::Field>,
    places: HashMap<String, usize>,
}

/// What became of a text.
pub(crate) type Rendered = Result<String, Vec<Fault>>;

impl Known {
    pub async fn load(app: &App) -> Result<Self, Error> {
        let offers = store::offered(app.db.read()).await?;
        let mut known = Self { offers, fields: Vec::new(), places: HashMap::new() };
        for (place, offer) in known.offers.iter().enumerate() {
            let kind = offer.kind.into();
            let default = Value::read(&offer.default_value, kind).unwrap_or(Value::Null);
            for reference in std::iter::once(&offer.reference).chain(&offer.also) {
                known.fields.push(personalize::Field { reference: reference.clone(), kind, default: default.clone() });
                known.places.insert(reference.clone(), place);
            }
        }
        Ok(known)
    }

    pub fn read(&self, text: &str) -> Result<Template, Vec<Fault>> {
        Template::new(text, &self.fields)
    }

    fn offer(&self, reference: &str) -> Option<&Offer> {
        self.places.get(reference).and_then(|place| self.offers.get(*place))
    }

    /// The texts as one subscriber reads them. All values are read together.
    pub async fn render(&self, app: &App, subscriber: i64, texts: &[(&str, Medium)]) -> Result<Vec<Rendered>, Error> {
        let read: Vec<(Result<Template, Vec<Fault>>, Medium)> = texts.iter().map(|(text, medium)| (self.read(text), *medium)).collect();
        let mut wanted: Vec<&Offer> = Vec::new();
        for offer in read.iter().filter_map(|(t, _)| t.as_ref().ok()).flat_map(Template::references).filter_map(|r| self.offer(r)) {
            if !wanted.contains(&offer) {
                wanted.push(offer);
            }
        }
        let row = store::values(app.db.read(), &[subscriber], &wanted).await?.remove(&subscriber).ok_or(Error::NotFound)?;
        let value = |reference: &str| {
            let offer = self.offer(reference)?;
            let at = wanted.iter().position(|w| *w == offer)?;
            row.get(at).map(|stored| Value::of(stored.clone(), offer.kind.into()))
        };
        let render = |(template, medium): (Result<Template, Vec<Fault>>, Medium)| {
            let template = template?;
            let values: Vec<Value> = template.references().map(|r| value(r).unwrap_or(Value::Null)).collect();
            template.render(&values, medium).map_err(|stopped| {
                vec![Fault { line: 1, what: stopped.to_string(), advice: "Name long fields less often, or cut the text.".into() }]
            })
        };
        Ok(read.into_iter().map(render).collect())
    }

    /// The value of every field for one subscriber, in the order of the offers, as a text without filters shows it.
    pub async fn samples(&self, app: &App, subscriber: i64) -> Result<Vec<String>, Error> {
        let all: Vec<&Offer> = self.offers.iter().collect();
        let row = store::values(app.db.read(), &[subscriber], &all).await?.remove(&subscriber).unwrap_or_default();
        Ok(self.offers.iter().zip(row).map(|(offer, stored)| shown(stored, offer.kind)).collect())
    }
}

/// A value as a text without filters shows it.
pub(crate) fn shown(stored: Stored, kind: FieldType) -> String {
    Value::of(stored, kind.into()).shown()
}

/// The subscriber with this id.
pub(crate) async fn subscriber(app: &App, id: &str) -> Result<Option<rialto_store::views::members::Member>, Error> {
    let Some(id) = PublicId::parse(id, Kind::Subscriber) else { return Ok(None) };
    Ok(people::one(app.db.read(), id.id).await?.filter(|m| id.fits(Instant(m.created_at))))
}

fn view(rendered: Rendered) -> PreviewText {
    match rendered {
        Ok(text) => PreviewText { rendered: Some(text), faults: Vec::new() },
        Err(faults) => PreviewText { rendered: None, faults: faults.into_iter().map(Into::into).collect() },
    }
}

/// Every field that a text may name.
#[utoipa::path(get, path = "/personalization/fields", tag = "personalization", responses((status = 200, body = PersonalizationFields)))]
pub async fn fields(State(app): State<App>, _: Caller) -> Result<Json<PersonalizationFields>, Error> {
    let show = |o: Offer| PersonalizationField {
        reference: o.reference,
        also: o.also,
        label: o.label,
        group: o.group,
        r#type: o.kind.name().to_owned(),
        default: o.default_value,
        description: o.description,
    };
    let items = store::offered(app.db.read()).await?.into_iter().map(show).collect();
    Ok(Json(PersonalizationFields { items }))
}

/// What a subscriber would read now, or what is wrong with the texts. Nothing is kept, and nothing is sent.
#[utoipa::path(post, path = "/personalization/preview", tag = "personalization", request_body = PreviewInput,
    responses((status = 200, body = PreviewView), (status = 413, body = Problem), (status = 422, body = Problem)))]
pub async fn preview(State(app): State<App>, _: Caller, body: Body<PreviewInput>) -> Result<Json<PreviewView>, Error> {
    let input = body.read()?;
    let mut faults = Faults::default();
    let person = subscriber(&app, &input.subscriber).await?;
    if person.is_none() {
        faults.add("subscriber", "There is no subscriber with this id.");
    }
    if input.subject.as_ref().is_some_and(|s| s.chars().count() > SUBJECT) {
        faults.add("subject", format!("Enter at most {SUBJECT} characters."));
    }
    if input.subject.is_none() && input.html.is_none() && input.text.is_none() {
        faults.add("text", "Send a subject, a text or HTML.");
    }
    faults.none_or()?;
    let person = person.ok_or(Error::NotFound)?;
    let parts = [(&input.subject, Medium::Line), (&input.html, Medium::Html), (&input.text, Medium::Text)];
    let texts: Vec<(&str, Medium)> = parts.iter().filter_map(|(text, medium)| Some((text.as_deref()?, *medium))).collect();
    let as_of = time(app.clock.now().0);
    let mut rendered = Known::load(&app).await?.render(&app, person.id, &texts).await?.into_iter();
    let mut next = |sent: &Option<String>| sent.as_ref().and_then(|_| rendered.next()).map(view);
    let (subject, html, text) = (next(&input.subject), next(&input.html), next(&input.text));
    Ok(Json(PreviewView { as_of, subject, html, text }))
}
