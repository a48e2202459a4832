//! What the editor of compound groups holds: what was entered, the groups to choose from, how many people it would be.

use rialto_core::compound::{Definition, MAX_PARTS, Mode};
use rialto_core::{Instant, Kind, PublicId};
use rialto_store::views::compound as views;
use rialto_store::views::groups::{self as view, Filter, Sort};
use rialto_store::{compound, membership};

use super::shell::Reader;
use super::text::{Chip, count};
use crate::api::compound::{SideInput, compound_of, notes};
use crate::error::{Error, FieldError};
use crate::state::App;

/// Groups offered at once; a search finds the others.
const OFFERED: usize = 20;
/// Fields of a form that are looked at.
const FIELDS: usize = 400;

/// The form as the browser sends it. A group's side stands in a field `g-<id>`.
#[derive(Clone)]
pub struct Sent {
    pub name: String,
    pub description: String,
    pub folder: String,
    pub include_mode: Mode,
    pub exclude_mode: Mode,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Part of the name of groups to offer.
    pub q: String,
    /// `find`, `count` or `save`.
    pub act: String,
    /// Public id of the group that is edited; empty for a new one.
    pub group: String,
}

impl Default for Sent {
    fn default() -> Self {
        let none = String::new;
        Self {
            name: none(),
            description: none(),
            folder: none(),
            include_mode: Mode::Any,
            exclude_mode: Mode::Any,
            include: Vec::new(),
            exclude: Vec::new(),
            q: none(),
            act: none(),
            group: none(),
        }
    }
}

impl Sent {
    pub fn read(pairs: Vec<(String, String)>) -> Self {
        let mut sent = Self::default();
        let mode = |value: &str| Mode::from_name(value).unwrap_or(Mode::Any);
        for (name, value) in pairs.into_iter().take(FIELDS) {
            match (name.as_str(), name.strip_prefix("g-")) {
                (_, Some(id)) if value == "include" => sent.include.push(id.to_owned()),
                (_, Some(id)) if value == "exclude" => sent.exclude.push(id.to_owned()),
                ("name", _) => sent.name = value,
                ("description", _) => sent.description = value,
                ("folder", _) => sent.folder = value,
                ("include_mode", _) => sent.include_mode = mode(&value),
                ("exclude_mode", _) => sent.exclude_mode = mode(&value),
                ("q", _) => sent.q = value,
                ("act", _) => sent.act = value,
                ("group", _) => sent.group = value,
                _ => {}
            }
        }
        sent
    }

    pub fn sides(&self) -> (SideInput, Option<SideInput>) {
        let side = |mode, groups: &Vec<String>| SideInput { mode, groups: groups.clone() };
        (side(self.include_mode, &self.include), (!self.exclude.is_empty()).then(|| side(self.exclude_mode, &self.exclude)))
    }
}

/// A group that can be chosen.
pub struct Choice {
    pub id: String,
    pub name: String,
    pub note: String,
    pub chip: Option<Chip>,
    /// `include`, `exclude` or empty.
    pub side: &'static str,
}

/// The groups that were chosen, and some that can be.
pub struct Picker {
    pub chosen: Vec<Choice>,
    pub found: Vec<Choice>,
    /// There are more than are offered.
    pub more: bool,
    pub q: String,
}

impl Picker {
    pub async fn read(reader: &Reader, sent: &Sent) -> Result<Self, Error> {
        let db = &reader.app.db;
        let own = parse(&sent.group);
        let ids: Vec<i64> = sent.include.iter().chain(&sent.exclude).take(MAX_PARTS + 1).filter_map(|id| parse(id)).collect();
        let include: Vec<i64> = sent.include.iter().filter_map(|id| parse(id)).collect();
        let q: String = sent.q.trim().chars().take(200).collect();
        let filter = Filter { q: q.clone(), ..Filter::default() };
        let limit = OFFERED + ids.len() + 2;
        let rows = view::page(db.read(), &filter, Sort::Name, false, None, i64::try_from(limit).unwrap_or(i64::MAX)).await?;
        let mut others: Vec<i64> = rows.iter().map(|r| r.group.id).filter(|id| !ids.contains(id) && Some(*id) != own).collect();
        let more = others.len() > OFFERED;
        others.truncate(OFFERED);
        let choice = |p: compound::Part, side| Choice {
            id: PublicId::new(Kind::TargetGroup, Instant(p.created_at), p.id).to_string(),
            note: count(p.members, "member", "members"),
            chip: chip(&p),
            name: p.name,
            side,
        };
        let side = |id: i64| if include.contains(&id) { "include" } else { "exclude" };
        Ok(Self {
            chosen: views::states(db, &ids).await?.into_iter().map(|p| (side(p.id), p)).map(|(s, p)| choice(p, s)).collect(),
            found: views::states(db, &others).await?.into_iter().map(|p| choice(p, "")).collect(),
            more,
            q,
        })
    }
}

fn parse(id: &str) -> Option<i64> {
    PublicId::parse(id, Kind::TargetGroup).map(|id| id.id)
}

/// Why a part cannot be relied on, as a state.
pub fn chip(p: &compound::Part) -> Option<Chip> {
    use rialto_core::compound::PartState;
    match p.state() {
        PartState::Ready => None,
        PartState::NeverSynced => Some(Chip::off("Never synced")),
        PartState::Held => Some(Chip::look("Held")),
        PartState::Gone => Some(Chip::stop("Gone")),
        PartState::Blocked => Some(Chip::look("Waits for its parts")),
    }
}

/// How many people a definition would give.
#[derive(Default)]
pub struct Counted {
    pub people: Option<i64>,
    /// Who would come and go, for a group that has members.
    pub change: Option<(i64, i64)>,
    /// What stands against relying on the figure.
    pub notes: Vec<String>,
    pub fault: String,
}

impl Counted {
    pub async fn of(app: &App, sent: &Sent) -> Result<Self, Error> {
        if sent.include.is_empty() && sent.exclude.is_empty() {
            return Ok(Self::default());
        }
        let (include, exclude) = sent.sides();
        let compound = match compound_of(app, &include, exclude.as_ref()).await {
            Ok(compound) => compound,
            Err(Error::Invalid(faults)) => return Ok(Self { fault: words(&faults), ..Self::default() }),
            Err(other) => return Err(other),
        };
        let belong = match compound::evaluate(&app.db, &compound).await {
            Ok(belong) => belong,
            Err(rialto_store::StoreError::Conflict(fault)) => return Ok(Self { fault, ..Self::default() }),
            Err(other) => return Err(other.into()),
        };
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let change = match parse(&sent.group) {
            Some(id) => {
                let members = membership::members(&app.db, id).await?;
                Some((whole((&belong - &members).len()), whole((&members - &belong).len())))
            }
            None => None,
        };
        let notes = notes(&views::states(&app.db, &Definition::Compound(compound).parts()).await?);
        Ok(Self { people: Some(whole(belong.len())), change, notes, fault: String::new() })
    }
}

/// Faults of a definition, each once.
pub fn words(faults: &[FieldError]) -> String {
    let mut all: Vec<&str> = faults.iter().map(|f| f.detail.as_str()).collect();
    all.dedup();
    all.join(" ")
}
