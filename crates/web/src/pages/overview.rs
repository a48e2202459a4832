//! The Overview: the loop as a bridge, what needs a person, what happened lately.

use askama::Template;
use axum::response::Html;
use rialto_store::bridges;
use rialto_store::runs::Run;
use rialto_store::views::overview::{self, Figures};
use rialto_store::views::runs::{self, RunFilter, RunRow};

use super::links;
use super::shell::{Page, Reader};
use super::text::{self, Chip, Here, When};
use crate::error::Error;

/// A pier of the bridge.
struct Station {
    name: &'static str,
    /// Empty when there is nothing to go to yet.
    href: &'static str,
    figure: String,
    unit: &'static str,
    age: Option<When>,
    note: String,
    chip: Option<Chip>,
    x: u32,
    y: u32,
}

/// One line of "Needs you".
struct Need {
    chip: Chip,
    what: String,
    why: String,
    href: String,
    action: &'static str,
    at: When,
}

/// One line of "Lately".
pub struct Recent {
    pub chip: Chip,
    pub href: String,
    pub what: String,
    pub outcome: String,
    pub at: When,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    page: Page,
    stations: Vec<Station>,
    needs: Vec<Need>,
    recent: Vec<Recent>,
    has_bridges: bool,
    figures: Figures,
}

pub async fn show(reader: Reader) -> Result<Html<String>, Error> {
    let (db, here) = (&reader.app.db, reader.here());
    let figures = overview::figures(db).await?;
    let bridges = bridges::list(db.read()).await?;
    let held = overview::held(db.read()).await?;
    let failed = overview::failed(db.read()).await?;
    let recent = runs::page(db.read(), &RunFilter::default(), i64::MAX, 8).await?;
    let page = Overview {
        page: reader.page("Overview"),
        stations: stations(&figures, &bridges, held.len(), &here),
        needs: needs(&held, &failed, &bridges, &here),
        recent: recent.iter().map(|r| entry(r, &here)).collect(),
        has_bridges: !bridges.is_empty(),
        figures,
    };
    Ok(Html(page.render()?))
}

fn stations(f: &Figures, bridges: &[bridges::Bridge], held: usize, here: &Here) -> Vec<Station> {
    let broken = bridges.iter().filter(|b| b.test_ok == Some(false)).count();
    let remote_chip = match (bridges.len(), broken) {
        (0, _) => Some(Chip::off("None yet")),
        (_, 0) => Some(Chip::ok("Connected")),
        _ => Some(Chip::stop("Test failed")),
    };
    let audience_chip = if held > 0 { Some(Chip::look("Decision waits")) } else { (f.groups_synced > 0).then_some(Chip::ok("In order")) };
    let looked_at = bridges.iter().filter_map(|b| b.lists_synced_at).max();
    let later = |name, note: &str, x, y| Station {
        name,
        href: "",
        figure: String::new(),
        unit: "",
        age: None,
        note: note.into(),
        chip: None,
        x,
        y,
    };
    vec![
        Station {
            name: "Remote systems",
            href: "/admin/bridges",
            figure: text::num(bridges.len() as i64),
            unit: if bridges.len() == 1 { "bridge" } else { "bridges" },
            age: here.maybe(looked_at),
            note: "lists read".into(),
            chip: remote_chip,
            x: 100,
            y: 110,
        },
        Station {
            name: "Profiles",
            href: "/subscribers",
            figure: text::num(f.people),
            unit: if f.people == 1 { "subscriber" } else { "subscribers" },
            age: here.maybe(f.last_synced_at),
            note: "last sync".into(),
            chip: None,
            x: 300,
            y: 56,
        },
        Station {
            name: "Audience",
            href: "/target-groups",
            figure: text::num(f.groups),
            unit: if f.groups == 1 { "target group" } else { "target groups" },
            age: None,
            note: audience(f),
            chip: audience_chip,
            x: 500,
            y: 28,
        },
        later("Mailings", "Comes with mailings", 700, 28),
        later("Activity", "Comes with mailings", 900, 56),
        later("Writebacks", "Comes with mailings", 1100, 110),
    ]
}

/// A person in two groups can be mailed through both: the sum over groups says so.
fn audience(f: &Figures) -> String {
    if f.groups_synced == 0 {
        return "none synced yet".into();
    }
    format!("{} synced, together {} mailable", text::num(f.groups_synced), text::num(f.mailable))
}

fn needs(held: &[RunRow], failed: &[RunRow], bridges: &[bridges::Bridge], here: &Here) -> Vec<Need> {
    let at = |r: &Run| here.when(r.finished_at.unwrap_or(r.created_at));
    let of_run = |r: &RunRow, chip, action| Need {
        chip,
        what: if r.group_name.is_empty() { r.bridge_name.clone() } else { r.group_name.clone() },
        why: format!("{} {}", r.run.reason, if action == "Decide" { "" } else { r.run.advice.as_str() }).trim().to_owned(),
        href: links::run(r.run.created_at, r.run.id),
        action,
        at: at(&r.run),
    };
    let untested = bridges.iter().filter(|b| b.test_ok == Some(false)).map(|b| Need {
        chip: Chip::stop("Test failed"),
        what: b.name.clone(),
        why: b.test_message.clone(),
        href: "/admin/bridges".into(),
        action: "Look",
        at: here.when(b.tested_at.unwrap_or(b.created_at)),
    });
    held.iter()
        .map(|r| of_run(r, Chip::look("Held"), "Decide"))
        .chain(untested)
        .chain(failed.iter().map(|r| of_run(r, Chip::stop("Failed"), "Look")))
        .collect()
}

/// A run as a line of a list.
pub fn entry(r: &RunRow, here: &Here) -> Recent {
    Recent {
        chip: Chip::of_run(r.run.state(), r.run.plan_only),
        href: links::run(r.run.created_at, r.run.id),
        what: what(r),
        outcome: r.run.reason.clone(),
        at: here.when(r.run.finished_at.or(r.run.started_at).unwrap_or(r.run.created_at)),
    }
}

/// What a run is about, in words.
pub fn what(r: &RunRow) -> String {
    use rialto_core::run::RunKind;
    let group = &r.group_name;
    match r.run.kind() {
        RunKind::Lists => format!("Lists of {}", r.bridge_name),
        RunKind::Test => format!("Test of {}", r.bridge_name),
        RunKind::Approval => format!("Approved changes to {group}"),
        RunKind::Undo => format!("Undo in {group}"),
        RunKind::People | RunKind::Upload if r.run.plan_only => format!("Plan for {group}"),
        RunKind::People | RunKind::Upload => format!("People of {group}"),
    }
}
