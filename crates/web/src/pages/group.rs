//! A target group: its head, its tabs, and the counts that add up.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use rialto_core::books::Waterfall;
use rialto_core::permissions::Permission;
use rialto_store::bridges;
use rialto_store::runs::{self, Run};
use rialto_store::views::groups::GroupRow;
use rialto_store::views::runs as view;

use super::group_age::DataAge;
use super::groups_table::actions;
use super::links;
use super::shell::{Page, Reader};
use super::table::Action;
use super::text::{Chip, Here, When, filters};
use crate::error::Error;

/// What stands above every tab of a group.
pub struct Head {
    pub href: String,
    pub name: String,
    pub description: String,
    pub bridge: String,
    pub bridge_href: Option<String>,
    pub folder: String,
    pub chips: Vec<Chip>,
    pub members: i64,
    pub synced: Option<When>,
    pub data: DataAge,
    /// False while they are being counted again.
    pub current: bool,
    pub plan_only: bool,
    pub may_resume: bool,
    /// Why a group made of others keeps its last members.
    pub blocked: String,
    pub menu: Vec<Action>,
    pub running: Option<String>,
    pub held: Option<Held>,
    pub may_sync: bool,
    pub gone: bool,
    pub tabs: Vec<(&'static str, String, bool)>,
    /// Made of other groups.
    pub derived: bool,
}

/// The banner of a run that waits for a decision.
pub struct Held {
    pub href: String,
    pub reason: String,
    pub at: When,
}

impl Head {
    pub async fn of(reader: &Reader, row: &GroupRow, tab: &str) -> Result<Self, Error> {
        let (g, here) = (&row.group, reader.here());
        let href = links::group(g.created_at, g.id);
        let bridge = match g.bridge_id {
            Some(id) => bridges::get(reader.app.db.read(), id).await?,
            None => None,
        };
        let held = match row.held_id {
            Some(id) => runs::get(reader.app.db.read(), id).await?.map(|r| banner(&r, &here)),
            None => None,
        };
        let derived = g.is_derived();
        let mut tabs = vec![("Count Details", ""), ("Subscribers", "/subscribers"), ("Sync runs", "/sync-runs"), ("About", "/about")];
        if derived {
            tabs.insert(1, ("Made of", "/made-of"));
        }
        let tabs = tabs.into_iter().map(|(name, path)| (name, format!("{href}{path}"), name == tab)).collect();
        let ready = derived || bridge.as_ref().is_some_and(|b| b.enabled);
        let mut menu = actions(reader, row, &href);
        // They stand beside the menu, as buttons and as a tab.
        menu.retain(|a| !matches!(a.label.as_str(), "Sync" | "Plan only" | "Subscribers"));
        Ok(Self {
            name: g.name.clone(),
            description: g.description.clone(),
            bridge: row.bridge_name.clone(),
            bridge_href: bridge.as_ref().map(|_| "/admin/bridges".to_owned()),
            folder: g.folder.clone(),
            chips: super::groups_table::chips(row),
            members: g.members,
            synced: here.maybe(g.synced_at),
            data: DataAge::of(g, &here),
            current: g.counts_current(),
            plan_only: g.plan_only,
            may_resume: reader.may(Permission::GroupsApprove),
            blocked: row.blocked.clone(),
            menu,
            running: row.open_run().map(|(id, created_at)| links::run(created_at, id)),
            held,
            may_sync: reader.may(Permission::GroupsSync) && ready,
            gone: g.state == "gone",
            tabs,
            derived,
            href,
        })
    }
}

impl Head {
    pub fn folder_href(&self) -> String {
        format!("/target-groups{}", links::query(&[("folder", &self.folder)]))
    }
}

fn banner(run: &Run, here: &Here) -> Held {
    Held { href: links::run(run.created_at, run.id), reason: run.reason.clone(), at: here.when(run.finished_at.unwrap_or(run.created_at)) }
}

/// One line of the waterfall.
pub struct Line {
    pub sign: &'static str,
    pub label: &'static str,
    pub figure: i64,
    /// To the people or rows behind it.
    pub href: Option<String>,
    pub help: &'static str,
    pub sum: bool,
    /// Share of the whole in percent, for the bar.
    pub share: i64,
}

#[derive(Template)]
#[template(path = "group_counts.html")]
struct Counts {
    page: Page,
    head: Head,
    lines: Vec<Line>,
    counted: Option<When>,
    balances: bool,
}

/// GET /target-groups/{id}
pub async fn show(reader: Reader, Path(id): Path<String>) -> Result<Html<String>, Error> {
    let row = links::find_group(&reader.app, &id).await?;
    let head = Head::of(&reader, &row, "Count Details").await?;
    let waterfall = row.group.waterfall();
    let frame = reader.page(row.group.name.clone());
    let page = Counts {
        page: if head.running.is_some() { frame.refreshing(5) } else { frame },
        lines: lines_of(&reader, &row).await?,
        counted: reader.here().maybe(row.group.waterfall_at),
        balances: waterfall.is_none_or(|w| w.balances()),
        head,
    };
    Ok(Html(page.render()?))
}

/// The lines of a group's counts, each with a link to its people; none before the first sync.
pub async fn lines_of(reader: &Reader, row: &GroupRow) -> Result<Vec<Line>, Error> {
    let last = match row.group.synced_run {
        Some(id) => runs::get(reader.app.db.read(), id).await?,
        None => None,
    };
    let withheld = match &last {
        Some(run) => view::changes(reader.app.db.read(), run.id).await?.withheld != 0,
        None => false,
    };
    let last = last.map(|r| Last { href: links::run(r.created_at, r.id), withheld });
    let href = links::group(row.group.created_at, row.group.id);
    let mut lines = row.group.waterfall().map(|w| lines(&w, &row.group.kind, &href, last.as_ref())).unwrap_or_default();
    if let Some(first) = lines.first_mut().filter(|_| row.group.is_derived()) {
        first.label = "Who belong by its definition";
    }
    Ok(lines)
}

/// The last sync of a group, and whether it names people whose removal waits.
struct Last {
    href: String,
    withheld: bool,
}

/// Who is read and not brought over.
fn left_out(kind: &str) -> &'static str {
    if kind == "interest" {
        "did not choose this interest here, gave it up, or Do Not Email"
    } else {
        "Do Not Email in the remote system: not brought over"
    }
}

fn lines(w: &Waterfall, kind: &str, group: &str, run: Option<&Last>) -> Vec<Line> {
    let whole = w.read.max(w.members).max(1);
    let row = |sign, label, figure: i64, href: Option<String>, help, sum| Line {
        sign,
        label,
        figure,
        href: href.filter(|_| figure != 0),
        help,
        sum,
        share: (figure.abs() * 100 / whole).min(100),
    };
    let noted = |tab: &str| run.map(|r| format!("{}?show={tab}#changes", r.href));
    let on = |line: &str| Some(format!("{group}/subscribers?line={line}"));
    let mut lines = vec![
        row("", "Read from the remote list", w.read, run.map(|r| r.href.clone()), "", true),
        row("−", "Rejected", w.rejected, noted("rejected"), "rows without a readable key", false),
        row("−", "Duplicate", w.duplicate, noted("duplicate"), "the same key twice in one read; the first counts", false),
        // Whoever is left out is not brought over: there is nobody to show.
        row("−", "Left out", w.left_out, None, left_out(kind), false),
    ];
    if w.kept != 0 {
        lines.push(row(
            if w.kept < 0 { "−" } else { "+" },
            "Kept",
            w.kept.abs(),
            // A read that was not complete names nobody.
            run.filter(|r| r.withheld).and_then(|_| noted("withheld")),
            "members the last read did not list; removing them waits",
            false,
        ));
    }
    lines.extend([
        row("=", "Members", w.members, on(""), "", true),
        row("−", "No address", w.no_address, on("no_address"), "", false),
        row("−", "Malformed address", w.malformed, on("malformed"), "", false),
        row("−", "Same address counted already", w.same_address, on("same_address"), "one mail goes to each address", false),
        row("−", "Invalid address", w.invalid, on("invalid"), "mail bounced", false),
        row("−", "Complained", w.complaint, on("complaint"), "", false),
        row("−", "Unsubscribed here", w.unsubscribed_here, on("unsubscribed_here"), "", false),
        row("−", "Blocked or uploaded as unsubscribed", w.admin_or_upload, on("admin_or_upload"), "", false),
        row("−", "Unsubscribed from remote system", w.remote_flag, on("remote_flag"), "", false),
        row("=", "Mailable", w.mailable, on("mailable"), "", true),
    ]);
    lines
        .retain(|l| l.sum || l.figure != 0 || !matches!(l.label, "Rejected" | "Duplicate" | "Left out" | "Invalid address" | "Complained"));
    lines
}
