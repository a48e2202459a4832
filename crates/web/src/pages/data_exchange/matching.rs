//! The field matching: for each field of the destination, what of the source goes into it (LO-04). The source's fields are offered by their
//! section, with the types and the newest values that were seen on the stream.

use rialto_core::audience::{FieldType, Seen};
use rialto_core::data_sync::{From, MatchBy, PROFILE_ALT_ID};
use rialto_core::event::Section;
use rialto_store::audiences::{self, Audience, Field};
use rialto_store::streams::{self, SeenField};

use super::choices::unit;
use super::form::{Faulty, Sent};
use crate::api::audiences::named;
use crate::error::Error;
use crate::pages::shell::Reader;
use crate::pages::text::When;

/// Choices on one page; where there would be more, names are typed and a browser's list helps.
const MOST_CHOICES: usize = 6_000;
/// Longest sample that stands in a choice, in characters.
const SAMPLE: usize = 24;

/// A field of the source.
pub struct Offer {
    /// `attributes.tier`.
    pub name: String,
    /// `tier · text · “Gold”`.
    pub label: String,
    pub types: String,
    pub sample: String,
    seen_at: When,
    seen: Seen,
    /// Its name without what is spelled differently here and there.
    plain: String,
}

/// A field of the destination.
pub struct Row {
    pub api_name: String,
    pub name: String,
    /// `text(20)`.
    pub kind: String,
    pub key: bool,
    /// What goes into it; empty for nothing.
    pub from: String,
    /// Types, sample and age of what goes into it.
    pub chosen: Option<(String, String, When)>,
    /// It is not among what was seen on the stream.
    pub unseen: bool,
    /// Its name was the reason, not a person.
    pub suggested: bool,
    pub fault: String,
}

/// What a page of the field matching shows.
pub struct Matching {
    pub destination: String,
    pub source: String,
    pub rows: Vec<Row>,
    /// Section and what it has.
    pub sections: Vec<(&'static str, Vec<Offer>)>,
    /// Choices rather than names to type.
    pub picks: bool,
    /// Nothing of the source was seen yet.
    pub none_seen: bool,
    /// What says whose row it is: a word for it, and the fields that may hold it. Empty word for nothing.
    pub link: &'static str,
    pub links: Vec<(String, String, bool)>,
    /// A delete takes the whole row: there is nothing to match but the key.
    pub only_key: bool,
    /// A delete clears what is matched.
    pub clears: bool,
    /// Pairs that equal names would give.
    pub suggestions: usize,
}

impl Matching {
    /// Whether a line cannot be.
    pub fn faulty(&self) -> bool {
        self.rows.iter().any(|r| !r.fault.is_empty())
    }

    /// API names of the destination's fields.
    pub fn fields(&self) -> Vec<String> {
        self.rows.iter().map(|r| r.api_name.clone()).collect()
    }

    /// Reads what can be matched, and presets the key. With `suggest`, empty lines get the field of the source that has the same name. What
    /// cannot be is said beside its line.
    pub async fn read(reader: &Reader, sent: &mut Sent, suggest: bool) -> Result<Self, Error> {
        let app = &reader.app;
        let audience = named(app, &sent.destination, "destination").await?;
        let unit = unit(app, sent).await?;
        let mut fields = audiences::fields(app.db.read(), audience.id).await?;
        fields.retain(|f| f.retired_at.is_none());
        let only_key = sent.is_delete() && audience.is_extension();
        let seen = streams::seen_of_source(app.db.read(), unit.id).await?;
        let sections = offers(reader, seen);
        let shown: Vec<&Field> = fields.iter().filter(|f| f.is_key() || !only_key).collect();
        let (mut rows, mut suggestions) = (Vec::new(), 0);
        for field in shown {
            if field.is_key() {
                sent.set(&field.api_name, PROFILE_ALT_ID);
            }
            let same = if sent.from(&field.api_name).is_empty() { same_name(field, &sections)? } else { None };
            suggestions += usize::from(same.is_some());
            let taken = same.filter(|_| suggest);
            if let Some(offer) = taken {
                sent.set(&field.api_name, &offer.name);
            }
            rows.push(row(field, sent.from(&field.api_name), taken.is_some(), &sections)?);
        }
        let link = link(sent);
        preset_link(sent, &fields, &rows);
        let holds = |f: &&Field| f.field_type().is_ok_and(|kind| matches!(kind, FieldType::Text | FieldType::Integer | FieldType::Long));
        let links = fields.iter().filter(holds).map(|f| (f.api_name.clone(), f.name.clone(), f.api_name == sent.field)).collect();
        let offered: usize = sections.iter().map(|(_, all)| all.len()).sum();
        sent.offered.clone_from(&sent.destination);
        Ok(Self {
            destination: title(&audience),
            source: unit.source,
            picks: offered > 0 && offered * rows.len() <= MOST_CHOICES,
            none_seen: offered == 0,
            clears: sent.is_delete() && !only_key,
            suggestions: if suggest { 0 } else { suggestions },
            link,
            links: if link.is_empty() { Vec::new() } else { links },
            rows,
            sections,
            only_key,
        })
    }

    /// Says beside the lines and fields what stands against saving it.
    pub fn check(&mut self, sent: &Sent, faults: &mut Faulty) {
        if self.faulty() {
            faults.add("mapping", "Some lines cannot be: the reason stands beside them.");
        }
        if self.link.is_empty() {
            return;
        }
        match self.rows.iter_mut().find(|r| r.api_name == sent.field) {
            None => faults.add("field", "Choose the field that says whose row it is."),
            Some(row) if row.from.is_empty() => {
                row.fault = "It says whose row it is, so something has to go into it.".into();
                faults.add("mapping", "The field that says whose row it is must be matched.");
            }
            Some(_) => {}
        }
    }
}

/// A destination as people call it.
pub fn title(audience: &Audience) -> String {
    if audience.is_extension() { format!("{} ({})", audience.name, audience.scope) } else { audience.name.clone() }
}

/// What says whose row it is, in words.
fn link(sent: &Sent) -> &'static str {
    match sent.matched().and_then(|(by, _)| MatchBy::from_name(by)) {
        Some(MatchBy::Email) => "e-mail address",
        Some(MatchBy::RemoteId) => "Remote ID",
        None => "",
    }
}

/// Chooses the field that says whose row it is by its name, where nobody has: the field of the form is empty, or of another destination.
fn preset_link(sent: &mut Sent, fields: &[Field], rows: &[Row]) {
    if link(sent).is_empty() || fields.iter().any(|f| f.api_name == sent.field) {
        return;
    }
    let part = if sent.how == MatchBy::Email.name() { "mail" } else { "remote" };
    let fits = |f: &&Field| plain(&f.api_name).contains(part) || plain(&f.name).contains(part);
    let matched = |f: &&Field| rows.iter().any(|r| r.api_name == f.api_name && !r.from.is_empty());
    let found = fields.iter().filter(fits).find(matched).or_else(|| fields.iter().find(fits));
    sent.field = found.map(|f| f.api_name.clone()).unwrap_or_default();
}

fn offers(reader: &Reader, seen: Vec<SeenField>) -> Vec<(&'static str, Vec<Offer>)> {
    let here = reader.here();
    let mut sections: Vec<(&'static str, Vec<Offer>)> = Vec::new();
    for (section, title) in [(Section::Attributes, "Attributes"), (Section::Preferences, "Preferences"), (Section::Metrics, "Metrics")] {
        let prefix = format!("{}.", section.name());
        let of = |f: &SeenField| {
            let short = f.name.strip_prefix(&prefix)?;
            let types = f.seen().words();
            let cut: String = f.sample.chars().take(SAMPLE).collect();
            let dots = if f.sample.chars().nth(SAMPLE).is_some() { "…" } else { "" };
            let sample = if cut.is_empty() { String::new() } else { format!(" · “{cut}{dots}”") };
            let label = format!("{short} · {types}{sample}");
            Some(Offer {
                name: f.name.clone(),
                label,
                types,
                sample: f.sample.clone(),
                seen_at: here.when(f.seen_at),
                seen: f.seen(),
                plain: plain(short),
            })
        };
        let all: Vec<Offer> = seen.iter().filter_map(of).collect();
        if !all.is_empty() {
            sections.push((title, all));
        }
    }
    sections
}

fn row(field: &Field, from: &str, suggested: bool, sections: &[(&'static str, Vec<Offer>)]) -> Result<Row, Error> {
    let offer = sections.iter().flat_map(|(_, all)| all).find(|o| o.name == from);
    let parsed = from.parse::<From>();
    let fault = match (parsed, offer) {
        _ if from.is_empty() => String::new(),
        (Err(()), _) => "Use attributes, preferences or metrics with a name, such as attributes.tier.".into(),
        (Ok(From::ProfileAltId), _) if !field.is_key() => "profileAltId goes into the unique key, and into no other field.".into(),
        (Ok(_), Some(offer)) => offer.seen.refused_by(field.field_type()?).unwrap_or_default(),
        (Ok(_), None) => String::new(),
    };
    Ok(Row {
        api_name: field.api_name.clone(),
        name: field.name.clone(),
        kind: field.type_words(),
        key: field.is_key(),
        from: from.to_owned(),
        chosen: offer.map(|o| (o.types.clone(), o.sample.clone(), o.seen_at.clone())),
        unseen: !from.is_empty() && offer.is_none() && !field.is_key(),
        suggested,
        fault,
    })
}

/// The field of the source that is called as the destination's, and whose values can go into it.
fn same_name<'a>(field: &Field, sections: &'a [(&'static str, Vec<Offer>)]) -> Result<Option<&'a Offer>, Error> {
    let kind = field.field_type()?;
    let names = [plain(&field.api_name), plain(&field.name)];
    let fits = |o: &&Offer| !o.plain.is_empty() && names.contains(&o.plain) && o.seen.refused_by(kind).is_none();
    Ok(sections.iter().flat_map(|(_, all)| all).find(fits))
}

/// A name without what is spelled differently here and there: `tierSince` and `Tier since` are the same.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
