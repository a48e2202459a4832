//! What stands above every page of a bridge: its name and state, what can be pressed, the tabs.

use rialto_core::permissions::Permission;
use rialto_core::run::{RunKind, Trigger};
use rialto_store::bridges::Bridge;
use rialto_store::views::runs;

use super::shell::Reader;
use super::text::{Chip, When};
use super::{bridges, links};
use crate::error::Error;

pub struct Head {
    pub name: String,
    pub kind: &'static str,
    pub href: String,
    pub chip: Chip,
    pub tested: Option<When>,
    pub lists: Option<When>,
    pub enabled: bool,
    /// Runs under way, as address and words.
    pub running: Vec<(String, &'static str)>,
    pub may_admin: bool,
    pub may_refresh: bool,
    /// Name, address, and whether it is this page.
    pub tabs: Vec<(&'static str, String, bool)>,
}

impl Head {
    pub async fn of(reader: &Reader, bridge: &Bridge, tab: &str) -> Result<Self, Error> {
        let (here, href) = (reader.here(), links::bridge(bridge.created_at, bridge.id));
        let open = runs::open_of_bridges(reader.app.db.read()).await?;
        let may_admin = reader.may(Permission::BridgesAdmin);
        let mut tabs = vec![("Connection", href.clone()), ("List of Attributes", format!("{href}/fields"))];
        if rialto_connectors::has_trigger(&bridge.kind, Trigger::Overnight) {
            tabs.push(("Schedule", format!("{href}/schedule")));
        }
        if !rialto_connectors::kind(&bridge.kind).is_some_and(|k| k.writebacks.is_empty()) {
            tabs.push(("Writebacks", format!("{href}/writebacks")));
        }
        if may_admin {
            tabs.push(("Settings", format!("{href}/edit")));
        }
        Ok(Self {
            name: bridge.name.clone(),
            kind: bridges::kind_name(bridge),
            chip: bridges::chip(bridge),
            tested: here.maybe(bridge.tested_at),
            lists: here.maybe(bridge.lists_synced_at),
            enabled: bridge.enabled,
            running: open.iter().filter(|r| r.run.bridge_id == Some(bridge.id)).map(running).collect(),
            may_admin,
            may_refresh: bridge.enabled && (may_admin || reader.may(Permission::GroupsSync)),
            tabs: tabs.into_iter().map(|(name, to)| (name, to, name == tab)).collect(),
            href,
        })
    }
}

/// A run under way, as address and words.
pub fn running(r: &runs::RunRow) -> (String, &'static str) {
    let words = if r.run.kind() == RunKind::Test { "Testing …" } else { "Reading lists …" };
    (links::run(r.run.created_at, r.run.id), words)
}
