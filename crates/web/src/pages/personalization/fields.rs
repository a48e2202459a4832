//! The fields that a text can name, by what they belong to, with the chosen subscriber's values.

use askama::Template;
use rialto_store::personalization::Offer;
use rialto_store::views::members::Member;

use super::filters;
use crate::api::extract::search;
use crate::api::personalization::Known;
use crate::error::Error;
use crate::state::App;

/// Fields shown at once; a search finds the others.
const SHOWN: usize = 100;
/// Longest sample, in characters.
const SAMPLE: usize = 60;

struct Field {
    label: String,
    /// As the text writes it.
    tag: String,
    kind: &'static str,
    sample: String,
    /// What the sample is: `default` where it stands in for an empty value, `empty` where nothing does, else nothing.
    note: &'static str,
    description: String,
}

struct Group {
    name: String,
    fields: Vec<Field>,
}

#[derive(Template)]
#[template(path = "personalization/fields.html")]
pub struct Fields {
    /// What was searched for.
    pub q: String,
    groups: Vec<Group>,
    found: i64,
    more: bool,
}

impl Fields {
    pub async fn of(app: &App, known: &Known, chosen: Option<&Member>, q: &str) -> Result<Self, Error> {
        let q = search(q)?;
        let samples = match chosen {
            Some(person) => known.samples(app, person.id).await?.into_iter().map(Some).collect(),
            None => vec![None; known.offers.len()],
        };
        let needle = q.to_lowercase();
        let all: Vec<(&Offer, Option<String>)> = known.offers.iter().zip(samples).filter(|(offer, _)| has(offer, &needle)).collect();
        let (found, more) = (all.len() as i64, all.len() > SHOWN);
        let mut groups: Vec<Group> = Vec::new();
        for (offer, sample) in all.into_iter().take(SHOWN) {
            match groups.last_mut() {
                Some(group) if group.name == offer.group => group.fields.push(field(offer, sample)),
                _ => groups.push(Group { name: offer.group.clone(), fields: vec![field(offer, sample)] }),
            }
        }
        Ok(Self { q: q.to_owned(), groups, found, more })
    }
}

fn has(offer: &Offer, needle: &str) -> bool {
    [&offer.reference, &offer.label, &offer.group].iter().any(|text| text.to_lowercase().contains(needle))
}

fn field(offer: &Offer, sample: Option<String>) -> Field {
    let (sample, note) = match sample {
        None => (String::new(), ""),
        Some(value) if !value.is_empty() => (value, ""),
        Some(_) if offer.default_value.is_empty() => (String::new(), "empty"),
        Some(_) => (offer.default_value.clone(), "default"),
    };
    let more = if sample.chars().nth(SAMPLE).is_some() { "…" } else { "" };
    Field {
        label: offer.label.clone(),
        tag: format!("{{{{ {} }}}}", offer.reference),
        kind: offer.kind.title(),
        sample: format!("{}{more}", sample.chars().take(SAMPLE).collect::<String>()),
        note,
        description: offer.description.clone(),
    }
}
