//! A data sync as it is entered, by the API or on pages: what it names is looked up, and what cannot be is told with its reason (LO-03, LO-04,
//! LO-09).

use rialto_core::data_sync::{From, MatchBy, Matching, Mode, Pair, Target, Wanted};
use rialto_core::permissions::Permission;
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::audiences::{self, Audience, KEY};
use rialto_store::data_syncs::{self, Entered, Lost, Match};
use rialto_store::streams::{self, Source};
use rialto_store::{Actor, bridges, folders};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::audiences::named;
use super::extract::{Faults, name, short};
use crate::error::Error;
use crate::state::App;

/// Most lines of a field matching, and most labels.
const LINES: usize = 300;
const LABELS: usize = 20;

#[derive(Serialize, Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// `profileAltId`, or a section and a name: `attributes.tier`.
    pub from: String,
    /// API name of the destination's field.
    pub to: String,
}

#[derive(Serialize, Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct MatchInput {
    /// `email` or `remote_id`.
    pub by: String,
    /// The bridge whose Remote IDs are meant.
    #[serde(default)]
    pub bridge: Option<String>,
    /// API name of the destination's field that holds it; the field must be matched.
    pub field: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSyncInput {
    pub name: String,
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub description: String,
    /// Names. A new one is made by whoever may create labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Id of an audience list or extension.
    pub destination: String,
    /// Id of the stream connection.
    pub stream: String,
    /// The business unit; may be left out where the connection has one alone.
    pub source: Option<String>,
    /// `upsert` or `delete`.
    pub mode: String,
    #[serde(default, rename = "match")]
    pub matched: Option<MatchInput>,
    pub mapping: Vec<Line>,
}

/// A data sync as entered, with all that it names.
struct Checked {
    general: General,
    audience: Audience,
    source: Source,
    mode: Mode,
    matched: Option<Match>,
    pairs: Vec<(String, i64)>,
}

impl Checked {
    fn entered<'a>(&'a self, labels: &'a [i64]) -> Entered<'a> {
        Entered {
            name: &self.general.name,
            folder: &self.general.folder,
            description: &self.general.description,
            labels,
            audience_id: self.audience.id,
            source_id: self.source.id,
            mode: self.mode,
            matched: self.matched,
            pairs: &self.pairs,
        }
    }
}

/// What is entered about any data sync.
pub(crate) struct General {
    name: String,
    folder: String,
    description: String,
    labels: Vec<String>,
}

/// Looks at it.
pub(crate) fn general(input: &DataSyncInput, faults: &mut Faults) -> General {
    let name = name(&input.name, "name", faults);
    let folder = folders::path(&input.folder).unwrap_or_else(|why| {
        faults.add("folder", why);
        String::new()
    });
    let description = input.description.trim().to_owned();
    if description.chars().count() > 1_000 || description.contains('\0') {
        faults.add("description", "Enter at most 1000 characters.");
    }
    if input.labels.len() > LABELS {
        faults.add("labels", format!("Give at most {LABELS} labels."));
    }
    let labels = input.labels.iter().enumerate().map(|(at, l)| short(l, &format!("labels[{at}]"), 60, faults)).collect();
    General { name, folder, description, labels }
}

/// The business unit that is meant.
pub(crate) async fn source(app: &App, input: &DataSyncInput) -> Result<Source, Error> {
    let fault = || Error::field("stream", "There is no stream connection with this id.");
    let id = PublicId::parse(&input.stream, Kind::Stream).ok_or_else(fault)?;
    let stream = streams::get(app.db.read(), id.id).await?.filter(|s| id.fits(Instant(s.created_at))).ok_or_else(fault)?;
    let mut sources = streams::sources(app.db.read(), stream.id).await?;
    sources.retain(|s| !s.retired && input.source.as_ref().is_none_or(|wanted| *wanted == s.source));
    match (sources.pop(), sources.is_empty()) {
        (Some(source), true) => Ok(source),
        (Some(_), false) => Err(Error::field("source", "The connection reads several business units: name one.")),
        (None, _) => Err(Error::field("source", "The connection does not read this business unit.")),
    }
}

async fn matched(app: &App, input: &MatchInput, number: impl Fn(&str) -> Option<i64>) -> Result<Match, Error> {
    let by = MatchBy::from_name(&input.by).ok_or_else(|| Error::field("match.by", "Use email or remote_id."))?;
    let field = number(&input.field).ok_or_else(|| Error::field("match.field", "The destination has no such field."))?;
    let bridge = match (by, &input.bridge) {
        (MatchBy::Email, None) => None,
        (MatchBy::Email, Some(_)) => return Err(Error::field("match.bridge", "An address belongs to no bridge: leave it out.")),
        (MatchBy::RemoteId, id) => {
            let fault = || Error::field("match.bridge", "Name the bridge whose Remote IDs are meant.");
            let id = id.as_ref().and_then(|id| PublicId::parse(id, Kind::Bridge)).ok_or_else(fault)?;
            Some(bridges::get(app.db.read(), id.id).await?.filter(|b| id.fits(Instant(b.created_at))).ok_or_else(fault)?.id)
        }
    };
    Ok(Match { by, bridge, field })
}

async fn checked(app: &App, input: DataSyncInput) -> Result<Checked, Error> {
    let mut faults = Faults::default();
    let general = general(&input, &mut faults);
    let mode = Mode::from_name(&input.mode);
    if mode.is_none() {
        faults.add("mode", "Use upsert or delete.");
    }
    if input.mapping.len() > LINES {
        faults.add("mapping", format!("Match at most {LINES} fields."));
    }
    faults.none_or()?;
    let (audience, source) = (named(app, &input.destination, "destination").await?, source(app, &input).await?);
    let fields = audiences::fields(app.db.read(), audience.id).await?;
    let number = |api: &str| fields.iter().find(|f| f.api_name.eq_ignore_ascii_case(api.trim())).map(|f| f.number);
    let link = match &input.matched {
        Some(m) => Some(matched(app, m, number).await?),
        None => None,
    };
    let targets = fields.iter().map(audiences::Field::target).collect::<Result<Vec<Target>, _>>()?;
    let pairs = pairs(&input.mapping, number)?;
    check_matching(app, &source, &targets, &pairs, link).await?;
    let pairs = pairs.into_iter().map(|p| (p.from.to_string(), i64::from(p.to))).collect();
    let mode = mode.unwrap_or(Mode::Upsert);
    Ok(Checked { general, audience, source, mode, matched: link, pairs })
}

fn pairs(lines: &[Line], number: impl Fn(&str) -> Option<i64>) -> Result<Vec<Pair>, Error> {
    let mut faults = Faults::default();
    let mut pairs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match (line.from.parse::<From>(), number(&line.to).and_then(|n| u32::try_from(n).ok())) {
            (Ok(from), Some(to)) => pairs.push(Pair { from, to }),
            (Err(()), _) => faults.add(
                format!("mapping[{at}].from"),
                "Use profileAltId, or attributes, preferences or metrics with a name, such as attributes.tier.",
            ),
            (_, None) => faults.add(format!("mapping[{at}].to"), "The destination has no field with this API name."),
        }
    }
    faults.none_or()?;
    Ok(pairs)
}

async fn check_matching(app: &App, source: &Source, targets: &[Target], pairs: &[Pair], link: Option<Match>) -> Result<(), Error> {
    let seen = streams::seen_of_source(app.db.read(), source.id).await?;
    let link = link.and_then(|m| u32::try_from(m.field).ok());
    let wanted = Wanted { pairs, targets, key: KEY as u32, link };
    let kinds = |from: &From| seen.iter().find(|f| f.name == from.to_string()).map(streams::SeenField::seen).unwrap_or_default();
    let Err(all) = Matching::new(wanted, kinds) else { return Ok(()) };
    let mut faults = Faults::default();
    all.iter().for_each(|fault| faults.add("mapping", fault.to_string()));
    faults.none_or()
}

/// Who enters it, and whether they may create labels by naming them.
#[derive(Clone, Copy)]
pub(crate) struct By<'a> {
    pub who: &'a Actor,
    pub labels: bool,
}

/// Ids of labels by name; new ones are made by whoever may (LO-09).
async fn labels(tx: &mut rialto_store::Tx, names: &[String], by: By<'_>) -> Result<Vec<i64>, Error> {
    let mut ids = Vec::new();
    for label in names {
        let id = match data_syncs::find_label(tx, label).await? {
            Some(id) => id,
            None if by.labels => data_syncs::create_label(tx, label, by.who).await?,
            None => return Err(Error::Lacks(Permission::LabelsCreate)),
        };
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Makes a data sync, disabled; answers its id.
pub(crate) async fn make(app: &App, input: DataSyncInput, by: By<'_>) -> Result<i64, Error> {
    let checked = checked(app, input).await?;
    let mut tx = app.db.write().await?;
    let labels = labels(&mut tx, &checked.general.labels, by).await?;
    let id = data_syncs::create(&mut tx, &checked.entered(&labels), by.who).await?;
    tx.commit().await?;
    Ok(id)
}

/// What a change of a data sync means for the review of its field matching (LO-06).
#[derive(Clone, Copy)]
pub(crate) enum Review<'a> {
    /// What is sent was looked at.
    Done,
    /// Nobody looked at the field matching, and nothing is to be said of it.
    Untouched,
    /// The destination was changed, and these lines are what the new one has no place for.
    Moved(&'a [Lost]),
}

/// Changes all of a disabled data sync.
pub(crate) async fn save(app: &App, id: i64, input: DataSyncInput, review: Review<'_>, by: By<'_>) -> Result<(), Error> {
    let checked = checked(app, input).await?;
    let mut tx = app.db.write().await?;
    let labels = labels(&mut tx, &checked.general.labels, by).await?;
    data_syncs::update(&mut tx, id, &checked.entered(&labels), matches!(review, Review::Done), by.who).await?;
    if let Review::Moved(lost) = review {
        data_syncs::note_lost(&mut tx, id, lost).await?;
    }
    tx.commit().await?;
    Ok(())
}
