//! Sync runs as lines of a list.

use rialto_core::run::{RunKind, RunState};
use rialto_store::views::runs::RunRow;

use super::links;
use super::shell::Reader;
use super::table::{Cell, Column};
use super::text::{self, Chip};

/// What a run is about, in words.
pub fn what(r: &RunRow) -> String {
    let group = &r.group_name;
    match r.run.kind() {
        RunKind::Lists => format!("Lists of {}", r.bridge_name),
        RunKind::Test => format!("Test of {}", r.bridge_name),
        RunKind::Approval => format!("Approved changes to {group}"),
        RunKind::Undo if r.run.plan_only => format!("Plan of an undo in {group}"),
        RunKind::Undo => format!("Undo in {group}"),
        RunKind::People | RunKind::Upload if r.run.plan_only => format!("Plan for {group}"),
        RunKind::People | RunKind::Upload => format!("People of {group}"),
    }
}

/// How the run ended, in a sentence; what there is to say of one under way.
fn outcome(r: &RunRow) -> Cell {
    match (r.run.state(), r.run.reason.is_empty()) {
        (_, false) => Cell::Text(r.run.reason.clone()),
        (RunState::Queued, _) => Cell::None("waits for its turn"),
        (RunState::Running, _) => Cell::None("under way"),
        _ => Cell::None(""),
    }
}

pub fn columns(reader: &Reader) -> Vec<Column<RunRow>> {
    let (here, begun) = (reader.here(), reader.here());
    let took = |r: &RunRow| r.run.started_at.zip(r.run.finished_at).map_or(Cell::None("–"), |(a, b)| Cell::Text(text::span(b - a)));
    vec![
        Column::new("what", "What", |r: &RunRow| Cell::link(links::run(r.run.created_at, r.run.id), what(r))).always(),
        Column::new("state", "State", |r: &RunRow| Cell::Chips(vec![Chip::of_run(r.run.state(), r.run.plan_only)])).short(),
        Column::new("outcome", "Outcome", outcome).wide(),
        Column::new("bridge", "Bridge", |r: &RunRow| Cell::Text(r.bridge_name.clone())).on_request(),
        Column::new("trigger", "Set off by", |r: &RunRow| Cell::Text(text::trigger(r.run.trigger()).to_owned())).on_request(),
        Column::new("by", "By", |r: &RunRow| Cell::Text(text::actor(&r.run.actor))).on_request(),
        Column::new("asked", "Asked for", move |r: &RunRow| Cell::Time(begun.when(r.run.created_at))).short().on_request(),
        Column::new("took", "Took", took).short().on_request(),
        Column::new("when", "When", move |r: &RunRow| {
            Cell::Time(here.when(r.run.finished_at.or(r.run.started_at).unwrap_or(r.run.created_at)))
        })
        .short(),
    ]
}
