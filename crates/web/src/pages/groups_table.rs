//! Target groups as lines of a list: columns, states, and what can be done with each.

use rialto_core::permissions::Permission;
use rialto_core::run::Trigger;
use rialto_store::views::groups::GroupRow;

use super::group_age::DataAge;
use super::links;
use super::shell::Reader;
use super::table::{Action, Cell, Column, Sorting};
use super::text::Chip;

/// `noted`: the folder stands below the name, for lists of several folders.
pub fn columns(reader: &Reader, noted: bool) -> Vec<Column<GroupRow>> {
    let (synced, made, states) = (reader.here(), reader.here(), reader.here());
    let name = move |r: &GroupRow| Cell::Link {
        href: links::group(r.group.created_at, r.group.id),
        text: r.group.name.clone(),
        note: if noted { r.group.folder.clone() } else { String::new() },
    };
    let both = |first_down| Sorting::Both { first_down };
    vec![
        Column::new("name", "Name", name).always().wide().sorted(both(false)),
        Column::new("bridge", "Bridge", |r: &GroupRow| Cell::Text(r.bridge_name.clone())).on_request(),
        Column::new("folder", "Folder", |r: &GroupRow| Cell::Text(r.group.folder.clone())).on_request(),
        Column::new("members", "Members", |r: &GroupRow| Cell::Number(r.group.members)).number().sorted(both(true)),
        Column::new("mailable", "Mailable", |r: &GroupRow| Cell::number(r.group.waterfall().map(|w| w.mailable))).number(),
        Column::new("synced", "Synced", move |r: &GroupRow| Cell::time(synced.maybe(r.group.synced_at), "never"))
            .short()
            .sorted(both(true)),
        Column::new("made", "List made", move |r: &GroupRow| Cell::time(DataAge::of(&r.group, &made).made, "unknown")).short(),
        Column::new("state", "State", move |r: &GroupRow| {
            let mut all = chips(r);
            all.extend(DataAge::of(&r.group, &states).chip);
            Cell::Chips(all)
        }),
        Column::new("there", "People there", |r: &GroupRow| Cell::number(r.group.remote_members)).number().on_request(),
        Column::new("code", "Code", |r: &GroupRow| Cell::Code(r.group.code.clone().unwrap_or_default())).on_request(),
        Column::new("regeneration", "Regenerated", |r: &GroupRow| Cell::Text(r.group.regeneration.to_lowercase())).on_request(),
        Column::new("description", "Description", |r: &GroupRow| Cell::Text(r.group.description.clone())).wide().on_request(),
    ]
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
    if !r.blocked.is_empty() {
        chips.push(Chip::look("Waits for its parts"));
    }
    match r.last_state.as_deref() {
        Some("queued") => chips.push(Chip::go("Queued")),
        Some("running") => chips.push(Chip::go("Running")),
        Some("failed") => chips.push(Chip::stop("Failed")),
        Some("incomplete") if r.blocked.is_empty() => chips.push(Chip::look("Incomplete")),
        _ => {}
    }
    if r.group.plan_only {
        chips.push(Chip::look("Only plans"));
    }
    if !r.group.remote_active {
        chips.push(Chip::off("Inactive there"));
    }
    if chips.is_empty() {
        chips.push(if r.group.synced_at.is_some() { Chip::ok("Synced") } else { Chip::off("Never synced") });
    }
    if !r.group.counts_current() {
        chips.push(Chip::go("Being counted again"));
    }
    chips
}

/// Whether somebody can ask for the group's people now, the permission aside.
pub fn can_sync(r: &GroupRow) -> bool {
    (r.group.bridge_id.is_some() && !r.bridge_gone()) || r.group.is_derived()
}

/// A remote group can go once nothing brings it back.
pub fn can_delete(r: &GroupRow) -> bool {
    (r.group.bridge_id.is_none() && r.group.kind != "persona") || r.group.state == "gone" || r.bridge_gone()
}

/// What the menu of a group offers, on its list and on its own pages. `back` is where a question leads back to.
pub fn actions(reader: &Reader, r: &GroupRow, back: &str) -> Vec<Action> {
    let href = links::group(r.group.created_at, r.group.id);
    let ask = |what: &str| format!("{href}/{what}{}", links::query(&[("back", back)]));
    let (may_sync, may_edit) = (reader.may(Permission::GroupsSync), reader.may(Permission::ListsEdit));
    // Where Info starts a sync it is a request to change something.
    let syncs = may_sync && rialto_connectors::has_trigger(&r.bridge_kind, Trigger::Info);
    let info = format!("{href}/info");
    let mut actions = vec![if syncs { Action::begin("Info", info) } else { Action::look("Info", info) }];
    if may_sync && can_sync(r) && r.open_run().is_none() {
        actions.push(Action::post("Sync", format!("{href}/resync")));
        actions.push(Action::post("Plan only", format!("{href}/plan")));
    }
    if may_edit {
        actions.push(Action::link("Split …", format!("{href}/split")));
        actions.push(Action::dialog("Move …", ask("move")));
        if r.group.kind == "compound" {
            actions.push(Action::link("Edit", format!("{href}/edit")));
        }
        if can_delete(r) {
            actions.push(Action::dialog("Delete …", ask("delete")));
        }
    }
    actions.push(Action::link("Subscribers", format!("{href}/subscribers")));
    actions
}
