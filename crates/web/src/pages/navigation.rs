//! The navigation: only what exists, under the names of the source systems, so that nobody has to relearn.
//! A new page adds its line here; a group appears with its first line.

use rialto_core::permissions::Permission;

const NAVIGATION: &[(&str, &[(&str, &str)])] = &[
    ("", &[("Overview", "/")]),
    (
        "Subscribers",
        &[
            ("Search", "/subscribers"),
            ("Target Groups", "/target-groups"),
            ("Segments", "/subscribers/segments"),
            ("Personas", "/subscribers/personas"),
            ("Interests", "/subscribers/interests"),
            ("Households", "/subscribers/households"),
            ("Upload", "/subscribers/upload"),
        ],
    ),
    ("Mailings", &[("Personalization", "/mailings/personalization")]),
    ("Data Exchange", &[("Profile enrichment", "/data-exchange"), ("Sync runs", "/sync-runs"), ("Writeback List", "/writebacks")]),
    ("Lists", &[("Audience lists", "/lists"), ("Profile extensions", "/lists/extensions")]),
    (
        "Admin › Setup",
        &[
            ("Bridge Configuration", "/admin/bridges"),
            ("Check Bridge Status", "/admin/status"),
            ("Streams", "/admin/streams"),
            ("Schedules", "/admin/schedules"),
        ],
    ),
    (
        "Settings",
        &[
            ("System Settings", "/settings"),
            ("Remote Database Information", "/settings/remote-database"),
            ("Users and roles", "/settings/users"),
            ("Tokens", "/settings/tokens"),
            ("Audit", "/settings/audit"),
        ],
    ),
];

pub struct NavGroup {
    /// Empty for what stands above all groups.
    pub name: &'static str,
    pub entries: Vec<NavEntry>,
}

pub struct NavEntry {
    pub name: &'static str,
    pub path: &'static str,
    pub current: bool,
}

/// Pages that only some may open.
const GUARDED: &[(&str, Permission)] = &[
    ("/settings/users", Permission::UsersAdmin),
    ("/settings/tokens", Permission::UsersAdmin),
    ("/settings/audit", Permission::AuditRead),
];

/// The navigation of the page at `path`, without what the reader may not open: the entry with the longest path that leads to it is current.
pub fn at(path: &str, may: impl Fn(Permission) -> bool) -> Vec<NavGroup> {
    let open = |to: &str| GUARDED.iter().all(|(guarded, p)| *guarded != to || may(*p));
    let leads = |to: &str| if to == "/" { path == "/" } else { path == to || path.starts_with(&format!("{to}/")) };
    let current = NAVIGATION.iter().flat_map(|(_, entries)| *entries).map(|(_, to)| *to).filter(|to| leads(to)).max_by_key(|to| to.len());
    NAVIGATION
        .iter()
        .map(|(name, entries)| NavGroup {
            name,
            entries: entries
                .iter()
                .filter(|(_, to)| open(to))
                .map(|(name, path)| NavEntry { name, path, current: current == Some(*path) })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn one_entry_at_most_is_current() {
        let current = |path: &str| -> Vec<&str> {
            at(path, |_| true).iter().flat_map(|g| &g.entries).filter(|e| e.current).map(|e| e.name).collect()
        };
        assert_eq!(current("/"), ["Overview"]);
        assert_eq!(current("/target-groups/x/subscribers"), ["Target Groups"]);
        assert_eq!(current("/target-groupsies"), Vec::<&str>::new());
        assert_eq!(current("/search"), Vec::<&str>::new());
    }
}
