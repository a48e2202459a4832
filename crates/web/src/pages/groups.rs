//! Target Groups: the list.

use askama::Template;
use axum::extract::Query;
use axum::response::{Html, Response};
use rialto_core::permissions::Permission;
use rialto_core::run::RunKind;
use rialto_core::{Kind, PublicId};
use rialto_store::bridges;
use rialto_store::views::groups::{self as view, Filter, GroupRow, Sort};
use rialto_store::views::runs;
use serde::Deserialize;

use super::links;
use super::shell::{Page, Reader};
use super::table::{Action, Cell, Column, LIMIT, Order, Sorting, Table, chosen, csv};
use super::text::{self, Chip, When, filters};
use crate::error::Error;

const TABLE: &str = "target-groups";

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
    /// The place behind which, or before which, the page stands.
    after: String,
    before: String,
}

impl Asked {
    fn link(&self, path: &str, (sort, dir): (&str, &str), place: (&str, &str)) -> String {
        let pairs = [
            ("q", self.q.as_str()),
            ("bridge", &self.bridge),
            ("folder", &self.folder),
            ("state", &self.state),
            ("sort", sort),
            ("dir", dir),
            place,
        ];
        format!("{path}{}", links::query(&pairs))
    }

    /// The same list, in its order, at a place.
    fn at(&self, name: &str, place: &str) -> String {
        self.link("/target-groups", (&self.sort, &self.dir), (name, place))
    }

    fn filter(&self) -> Filter {
        Filter {
            bridge_id: PublicId::parse(&self.bridge, Kind::Bridge).map_or(0, |id| id.id),
            kind: String::new(),
            folder: (!self.folder.is_empty()).then(|| self.folder.clone()),
            state: STATES.iter().find(|(v, _)| *v == self.state).map_or("", |(v, _)| v).to_string(),
            q: self.q.trim().to_owned(),
        }
    }

    /// Figures and ages begin with the highest and the newest.
    fn order(&self) -> (Sort, Order<'static>) {
        match self.sort.as_str() {
            "members" => (Sort::Members, Order { key: "members", down: self.dir != "up" }),
            "synced" => (Sort::Synced, Order { key: "synced", down: self.dir != "up" }),
            _ => (Sort::Name, Order { key: "name", down: self.dir == "down" }),
        }
    }
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
    table: Table,
    bridges: Vec<Choice>,
    folders: Vec<Choice>,
    states: Vec<Choice>,
    refresh: Vec<Refresh>,
    may_sync: bool,
    has_bridges: bool,
    busy: bool,
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

/// One page of the list, and whether there is more before and behind it.
struct Found {
    rows: Vec<GroupRow>,
    before: bool,
    behind: bool,
}

async fn find(reader: &Reader, asked: &Asked, filter: &Filter) -> Result<Found, Error> {
    let db = reader.app.db.read();
    let (sort, order) = asked.order();
    if let Some(place) = sort.read_place(&asked.before) {
        // Backwards: the same list turned round, read from the place.
        let mut rows = view::page(db, filter, sort, !order.down, Some(&place), LIMIT + 1).await?;
        let before = rows.len() as i64 > LIMIT;
        rows.truncate(LIMIT as usize);
        rows.reverse();
        return Ok(Found { rows, before, behind: true });
    }
    let place = sort.read_place(&asked.after);
    let mut rows = view::page(db, filter, sort, order.down, place.as_ref(), LIMIT + 1).await?;
    let behind = rows.len() as i64 > LIMIT;
    rows.truncate(LIMIT as usize);
    Ok(Found { rows, before: place.is_some(), behind })
}

/// GET /target-groups
pub async fn show(reader: Reader, Query(asked): Query<Asked>) -> Result<Html<String>, Error> {
    let db = &reader.app.db;
    let all_bridges = bridges::list(db.read()).await?;
    crate::api::extract::search(&asked.q)?;
    let folders = view::folders(db.read()).await?;
    let filter = asked.filter();
    let total = view::total(db.read(), &filter).await?;
    let found = find(&reader, &asked, &filter).await?;
    let refresh = refreshes(&reader, &all_bridges).await?;
    let busy = refresh.iter().any(|r| r.running.is_some()) || found.rows.iter().any(|r| r.open_run().is_some());
    let frame = reader.page("Target Groups");
    let page = Groups {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        filtered: !(filter.q.is_empty() && asked.bridge.is_empty() && asked.folder.is_empty() && filter.state.is_empty()),
        total,
        table: table(&reader, &asked, &found, total, (all_bridges.len() > 1, folders.len() > 1)),
        bridges: all_bridges.iter().map(|b| choice(&links::bridge_id(b).to_string(), &b.name, &asked.bridge)).collect(),
        folders: folders.iter().map(|f| choice(f, f, &asked.folder)).collect(),
        states: STATES.iter().map(|(v, l)| choice(v, l, &filter.state)).collect(),
        refresh,
        may_sync: reader.may(Permission::GroupsSync),
        has_bridges: !all_bridges.is_empty(),
        asked,
    };
    Ok(Html(page.render()?))
}

async fn refreshes(reader: &Reader, all: &[bridges::Bridge]) -> Result<Vec<Refresh>, Error> {
    let here = reader.here();
    let open = runs::open_of_bridges(reader.app.db.read()).await?;
    let running = |id: i64| open.iter().find(|r| r.run.kind() == RunKind::Lists && r.run.bridge_id == Some(id));
    Ok(all
        .iter()
        .filter(|b| b.enabled)
        .map(|b| Refresh {
            id: links::bridge_id(b).to_string(),
            name: b.name.clone(),
            running: running(b.id).map(|r| links::run(r.run.created_at, r.run.id)),
            synced: here.maybe(b.lists_synced_at),
        })
        .collect())
}

/// The list as its template shows it. `tells`: whether bridges and folders tell groups apart.
fn table(reader: &Reader, asked: &Asked, found: &Found, total: i64, tells: (bool, bool)) -> Table {
    let (sort, order) = asked.order();
    let by = |o: Order<'_>| {
        let dir = match (o.key, o.down) {
            ("name", true) => "down",
            ("members" | "synced", false) => "up",
            _ => "",
        };
        asked.link("/target-groups", (if o.key == "name" { "" } else { o.key }, dir), ("", ""))
    };
    let may_sync = reader.may(Permission::GroupsSync);
    let mut table = Table::of(TABLE, reader, &columns(reader, tells), &found.rows, Some((order, &by)))
        .with_menus(&found.rows, |r| (r.group.name.clone(), actions(r, may_sync)));
    let place = |row: Option<&GroupRow>| row.map(|r| r.place(sort).to_string()).unwrap_or_default();
    table.csv = Some(asked.link("/target-groups/export.csv", (&asked.sort, &asked.dir), ("", "")));
    table.counted = text::count(total, "target group", "target groups");
    table.back = found.before.then(|| asked.at("before", &place(found.rows.first())));
    table.next = found.behind.then(|| asked.at("after", &place(found.rows.last())));
    // Nothing stands before the place any more: the list begins here.
    if found.rows.is_empty() {
        table.back = None;
        table.first = found.before.then(|| asked.at("", ""));
    }
    table
}

fn actions(r: &GroupRow, may_sync: bool) -> Vec<Action> {
    let href = links::group(r.group.created_at, r.group.id);
    let mut actions =
        vec![Action::link("Subscribers", format!("{href}/subscribers")), Action::link("Sync runs", format!("{href}/sync-runs"))];
    if may_sync && r.group.bridge_id.is_some() && r.open_run().is_none() {
        actions.push(Action::post("Resync", format!("{href}/resync")));
        actions.push(Action::post("Plan only", format!("{href}/plan")));
    }
    actions
}

fn columns(reader: &Reader, (bridges, folders): (bool, bool)) -> Vec<Column<GroupRow>> {
    let (synced, made) = (reader.here(), reader.here());
    let name = |r: &GroupRow| Cell::link(links::group(r.group.created_at, r.group.id), &*r.group.name);
    let both = |first_down| Sorting::Both { first_down };
    let mut columns = vec![
        Column::new("name", "Name", name).always().wide().sorted(both(false)),
        Column::new("members", "Members", |r: &GroupRow| Cell::Number(r.group.members)).number().sorted(both(true)),
        Column::new("mailable", "Mailable", |r: &GroupRow| Cell::number(r.group.waterfall().map(|w| w.mailable))).number(),
        Column::new("synced", "Synced", move |r: &GroupRow| Cell::time(synced.maybe(r.group.synced_at), "never"))
            .short()
            .sorted(both(true)),
        Column::new("made", "List made", move |r: &GroupRow| {
            Cell::time(made.maybe(r.group.remote_refreshed_at.or(r.group.data_as_of)), "unknown")
        })
        .short(),
        Column::new("state", "State", |r: &GroupRow| Cell::Chips(chips(r))),
        Column::new("there", "People there", |r: &GroupRow| Cell::number(r.group.remote_members)).number().on_request(),
        Column::new("code", "Code", |r: &GroupRow| Cell::Code(r.group.code.clone().unwrap_or_default())).on_request(),
        Column::new("description", "Description", |r: &GroupRow| Cell::Text(r.group.description.clone())).wide().on_request(),
    ];
    // Where they tell nothing apart they are there for those who ask.
    let bridge = Column::new("bridge", "Bridge", |r: &GroupRow| Cell::Text(r.bridge_name.clone()));
    let folder = Column::new("folder", "Folder", |r: &GroupRow| Cell::Text(r.group.folder.clone()));
    columns.insert(1, if folders { folder } else { folder.on_request() });
    columns.insert(1, if bridges { bridge } else { bridge.on_request() });
    columns
}

/// GET /target-groups/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let db = &reader.app.db;
    let tells = (bridges::list(db.read()).await?.len() > 1, view::folders(db.read()).await?.len() > 1);
    let columns = chosen(&reader, TABLE, columns(&reader, tells));
    let (app, filter, (sort, order)) = (reader.app.clone(), asked.filter(), asked.order());
    let slices = async_stream::try_stream! {
        let mut place = None;
        loop {
            let rows = view::page(app.db.read(), &filter, sort, order.down, place.as_ref(), csv::SLICE).await?;
            let Some(last) = rows.last() else { break };
            place = Some(last.place(sort));
            yield rows;
        }
    };
    Ok(csv::download("target-groups", columns, slices))
}

fn choice(value: &str, label: &str, chosen: &str) -> Choice {
    Choice { value: value.into(), label: label.into(), chosen: value == chosen }
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
