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

use super::folders::{NOWHERE, Tree};
use super::groups_table::{actions, columns};
use super::links;
use super::shell::{Page, Reader};
use super::table::{LIMIT, Order, Table, chosen, csv};
use super::text::{self, When, filters};
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
            folder: match self.folder.as_str() {
                "" => None,
                NOWHERE => Some(String::new()),
                path => Some(path.to_owned()),
            },
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
    /// The path of its own folder.
    folder: String,
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
    tree: Tree,
    states: Vec<Choice>,
    refresh: Vec<Refresh>,
    may_sync: bool,
    may_edit: bool,
    has_bridges: bool,
    /// Of all folders and states.
    total_of_all: i64,
    /// Query that makes a new group stand in the folder shown.
    new_in: Option<String>,
    /// The same folder without filters.
    clear: String,
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
    let filter = asked.filter();
    let tree = Tree::read(&reader, &asked.folder).await?;
    let total = view::total(db.read(), &filter).await?;
    let found = find(&reader, &asked, &filter).await?;
    let refresh = refreshes(&reader, &all_bridges, &tree).await?;
    let busy = refresh.iter().any(|r| r.running.is_some()) || found.rows.iter().any(|r| r.open_run().is_some());
    let frame = reader.page("Target Groups");
    let page = Groups {
        page: if busy { frame.refreshing(5) } else { frame },
        busy,
        filtered: !(filter.q.is_empty() && asked.bridge.is_empty() && filter.state.is_empty()),
        total,
        table: table(&reader, &asked, &found, total, tree.several(&asked.folder)),
        bridges: all_bridges.iter().map(|b| choice(&links::bridge_id(b).to_string(), &b.name, &asked.bridge)).collect(),
        may_edit: reader.may(Permission::ListsEdit),
        states: STATES.iter().map(|(v, l)| choice(v, l, &filter.state)).collect(),
        refresh,
        may_sync: reader.may(Permission::GroupsSync),
        has_bridges: !all_bridges.is_empty(),
        total_of_all: tree.all,
        new_in: tree.shown.as_ref().map(|_| links::query(&[("folder", &asked.folder)])),
        clear: format!("/target-groups{}", links::query(&[("folder", &asked.folder)])),
        tree,
        asked,
    };
    Ok(Html(page.render()?))
}

/// The bridges whose lists stand in what is shown.
async fn refreshes(reader: &Reader, all: &[bridges::Bridge], tree: &Tree) -> Result<Vec<Refresh>, Error> {
    let here = reader.here();
    let open = runs::open_of_bridges(reader.app.db.read()).await?;
    let running = |id: i64| open.iter().find(|r| r.run.kind() == RunKind::Lists && r.run.bridge_id == Some(id));
    Ok(all
        .iter()
        .filter(|b| b.enabled && tree.shows_bridge(b.id))
        .map(|b| Refresh {
            id: links::bridge_id(b).to_string(),
            name: b.name.clone(),
            folder: tree.own_folder(b.id).unwrap_or_else(|| b.name.clone()),
            running: running(b.id).map(|r| links::run(r.run.created_at, r.run.id)),
            synced: here.maybe(b.lists_synced_at),
        })
        .collect())
}

/// The list as its template shows it. `noted`: groups of several folders stand in it.
fn table(reader: &Reader, asked: &Asked, found: &Found, total: i64, noted: bool) -> Table {
    let (sort, order) = asked.order();
    let by = |o: Order<'_>| {
        let dir = match (o.key, o.down) {
            ("name", true) => "down",
            ("members" | "synced", false) => "up",
            _ => "",
        };
        asked.link("/target-groups", (if o.key == "name" { "" } else { o.key }, dir), ("", ""))
    };
    let mut table = Table::of(TABLE, reader, &columns(reader, noted), &found.rows, Some((order, &by)))
        .with_menus(&found.rows, |r| (r.group.name.clone(), actions(reader, r, reader.address())));
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

/// GET /target-groups/export.csv
pub async fn export(reader: Reader, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let columns = chosen(&reader, TABLE, columns(&reader, false));
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
