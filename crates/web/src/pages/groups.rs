//! Target Groups: the list.

use askama::Template;
use axum::extract::Query;
use axum::response::Html;
use rialto_core::permissions::Permission;
use rialto_core::run::RunKind;
use rialto_core::{Kind, PublicId};
use rialto_store::bridges;
use rialto_store::views::groups::{self as view, Filter, GroupRow, Sort};
use rialto_store::views::runs;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::text::{self, Chip, Here, When, filters};
use crate::error::Error;

const LIMIT: i64 = 50;

/// The filters, as they stand in the URL.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Asked {
    q: String,
    bridge: String,
    folder: String,
    state: String,
    sort: String,
    dir: String,
    page: String,
}

impl Asked {
    fn with(&self, sort: &str, dir: &str, page: &str) -> String {
        let pairs = [
            ("q", self.q.as_str()),
            ("bridge", &self.bridge),
            ("folder", &self.folder),
            ("state", &self.state),
            ("sort", sort),
            ("dir", dir),
            ("page", page),
        ];
        format!("/target-groups{}", links::query(&pairs))
    }
}

struct Line {
    href: String,
    name: String,
    /// Bridge and folder, where these tell groups apart.
    origin: String,
    members: i64,
    mailable: Option<i64>,
    synced: Option<When>,
    data: Option<When>,
    chips: Vec<Chip>,
}

struct Heading {
    label: &'static str,
    href: String,
    /// `ascending`, `descending`, `none`.
    order: &'static str,
    number: bool,
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A bridge whose lists can be read anew.
struct Refresh {
    id: String,
    name: String,
    running: Option<String>,
    synced: Option<When>,
}

#[derive(Template)]
#[template(path = "groups.html")]
struct Groups {
    page: Page,
    asked: Asked,
    filtered: bool,
    total: i64,
    lines: Vec<Line>,
    headings: Vec<Heading>,
    bridges: Vec<Choice>,
    folders: Vec<Choice>,
    states: Vec<Choice>,
    refresh: Vec<Refresh>,
    may_sync: bool,
    has_bridges: bool,
    busy: bool,
    back: Option<String>,
    forward: Option<String>,
}

const STATES: [(&str, &str); 7] = [
    ("", "Any state"),
    ("synced", "Synced"),
    ("never", "Never synced"),
    ("running", "Sync under way"),
    ("held", "Held"),
    ("failed", "Last sync failed"),
    ("gone", "Gone from the remote system"),
];

pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let all_bridges = bridges::list(db.read()).await?;
    let bridge_id = PublicId::parse(&asked.bridge, Kind::Bridge).map_or(0, |id| id.id);
    let state = STATES.iter().find(|(v, _)| *v == asked.state).map_or("", |(v, _)| v);
    let filter = Filter {
        bridge_id,
        kind: String::new(),
        folder: (!asked.folder.is_empty()).then(|| asked.folder.clone()),
        state: state.into(),
        q: crate::api::extract::search(&asked.q)?.to_owned(),
    };
    let (sort, down) = order(&asked);
    let number = asked.page.parse::<i64>().unwrap_or(1).clamp(1, 100_000);
    let total = view::total(db.read(), &filter).await?;
    let rows = view::page(db.read(), &filter, sort, down, LIMIT, (number - 1) * LIMIT).await?;
    let open = runs::open_of_bridges(db.read()).await?;
    let refresh: Vec<Refresh> = all_bridges
        .iter()
        .filter(|b| b.enabled)
        .map(|b| Refresh {
            id: links::bridge_id(b).to_string(),
            name: b.name.clone(),
            running: open
                .iter()
                .find(|r| r.run.kind() == RunKind::Lists && r.run.bridge_id == Some(b.id))
                .map(|r| links::run(r.run.created_at, r.run.id)),
            synced: here.maybe(b.lists_synced_at),
        })
        .collect();
    let folders = view::folders(db.read()).await?;
    let frame = reader.page("Target Groups");
    let busy = refresh.iter().any(|r| r.running.is_some()) || rows.iter().any(|r| r.open_run().is_some());
    let turn = |n: i64| asked.with(&asked.sort, &asked.dir, &n.to_string());
    let page = Groups {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        filtered: !(asked.q.is_empty() && asked.bridge.is_empty() && asked.folder.is_empty() && state.is_empty()),
        total,
        lines: rows.iter().map(|r| line(r, &here, all_bridges.len() > 1, folders.len() > 1)).collect(),
        headings: headings(&asked, sort, down),
        bridges: all_bridges.iter().map(|b| choice(&links::bridge_id(b).to_string(), &b.name, &asked.bridge)).collect(),
        folders: folders.iter().map(|f| choice(f, f, &asked.folder)).collect(),
        states: STATES.iter().map(|(v, l)| choice(v, l, state)).collect(),
        refresh,
        may_sync: reader.may(Permission::GroupsSync),
        has_bridges: !all_bridges.is_empty(),
        back: (number > 1).then(|| turn(number - 1)),
        forward: (number * LIMIT < total).then(|| turn(number + 1)),
        asked,
    };
    Ok(Html(page.render()?))
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice { value: value.into(), label: label.into(), chosen: value == chosen }
}

/// Figures and ages begin with the highest and the newest.
fn order(asked: &Asked) -> (Sort, bool) {
    match asked.sort.as_str() {
        "members" => (Sort::Members, asked.dir != "up"),
        "synced" => (Sort::Synced, asked.dir != "up"),
        _ => (Sort::Name, asked.dir == "down"),
    }
}

fn headings(asked: &Asked, sort: Sort, down: bool) -> Vec<Heading> {
    [("Name", "", Sort::Name), ("Members", "members", Sort::Members), ("Synced", "synced", Sort::Synced)]
        .into_iter()
        .map(|(label, key, of)| {
            let here = of == sort;
            let next_down = if here { !down } else { of != Sort::Name };
            let dir = match (of == Sort::Name, next_down) {
                (true, true) => "down",
                (false, false) => "up",
                _ => "",
            };
            Heading {
                label,
                href: asked.with(key, dir, ""),
                order: match (here, down) {
                    (false, _) => "none",
                    (true, true) => "descending",
                    (true, false) => "ascending",
                },
                number: of == Sort::Members,
            }
        })
        .collect()
}

/// The states of a group, most urgent first; never empty.
pub fn chips(r: &GroupRow) -> Vec<Chip> {
    let mut chips = Vec::new();
    if r.group.state == "gone" {
        chips.push(Chip::stop("Gone"));
    }
    if r.held_id.is_some() {
        chips.push(Chip::look("Held"));
    }
    match r.last_state.as_deref() {
        Some("queued") => chips.push(Chip::go("Queued")),
        Some("running") => chips.push(Chip::go("Running")),
        Some("failed") => chips.push(Chip::stop("Failed")),
        Some("incomplete") => chips.push(Chip::look("Incomplete")),
        _ => {}
    }
    if !r.group.remote_active {
        chips.push(Chip::off("Inactive there"));
    }
    if chips.is_empty() {
        chips.push(if r.group.synced_at.is_some() { Chip::ok("Synced") } else { Chip::off("Never synced") });
    }
    chips
}

fn line(r: &GroupRow, here: &Here, bridges: bool, folders: bool) -> Line {
    let g = &r.group;
    let origin = [(bridges, &r.bridge_name), (folders, &g.folder)];
    Line {
        href: links::group(g.created_at, g.id),
        name: g.name.clone(),
        origin: origin
            .iter()
            .filter(|(tells, name)| *tells && !name.is_empty())
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(" · "),
        members: g.members,
        mailable: g.waterfall().map(|w| w.mailable),
        synced: here.maybe(g.synced_at),
        data: here.maybe(g.remote_refreshed_at.or(g.data_as_of)),
        chips: chips(r),
    }
}

impl Groups {
    fn counted(&self) -> String {
        text::count(self.total, "target group", "target groups")
    }
}
