//! The stations of the loop, as the Overview draws them: a live figure, its age, and what is the matter.

use rialto_store::bridges::Bridge;
use rialto_store::views::overview::Figures;

use super::text::{self, Chip, Here, When};

/// Days after which what came over is no longer called fresh.
const FRESH_DAYS: i64 = 2;

pub struct Station {
    pub name: &'static str,
    /// Empty for what this version does not have yet: such a station is drawn hollow, says so, and leads nowhere.
    pub href: &'static str,
    pub figure: String,
    pub unit: &'static str,
    /// What the age is about, such as `lists read`.
    pub note: String,
    pub age: Option<When>,
    pub chip: Option<Chip>,
    /// On the way back, below the deck.
    pub home: bool,
}

impl Station {
    /// The shape's colour on the bridge: `ok`, `look`, `stop`, `plain`, or `later`.
    pub fn tone(&self) -> &'static str {
        match (self.href.is_empty(), self.chip) {
            (true, _) => "later",
            (_, None) => "plain",
            (_, Some(chip)) => chip.tone,
        }
    }

    fn later(name: &'static str, home: bool) -> Self {
        let note = "Not part of this version yet".into();
        Self { name, href: "", figure: String::new(), unit: "", note, age: None, chip: None, home }
    }
}

/// What waits for somebody, as far as it belongs to a station.
#[derive(Clone, Copy, Debug, Default)]
pub struct Troubles {
    pub held: usize,
    pub failed: usize,
    pub gone: usize,
}

/// The queue of writebacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Queue {
    /// On the way: not yet acknowledged, and nothing is the matter.
    pub waiting: i64,
    pub errors: i64,
    pub held: i64,
    /// Remote systems that are away.
    pub blocked: usize,
    /// When the oldest that is not acknowledged was caused.
    pub oldest: Option<i64>,
}

/// In the order of the loop: four on the deck, two on the way back.
pub fn stations(f: &Figures, bridges: &[Bridge], troubles: Troubles, w: &Queue, here: &Here) -> Vec<Station> {
    vec![
        remote_systems(bridges, here),
        profiles(f, troubles, here),
        audience(f, troubles),
        Station::later("Mailings", false),
        Station::later("Activity", true),
        writebacks(w, here),
    ]
}

fn remote_systems(bridges: &[Bridge], here: &Here) -> Station {
    let on: Vec<&Bridge> = bridges.iter().filter(|b| b.enabled).collect();
    let chip = match () {
        () if bridges.is_empty() => Chip::off("None yet"),
        () if on.iter().any(|b| b.test_ok == Some(false)) => Chip::stop("Test failed"),
        () if on.is_empty() => Chip::off("Switched off"),
        () if on.iter().any(|b| b.lists_synced_at.is_none()) => Chip::look("Lists not read"),
        () => Chip::ok("Connected"),
    };
    // Of several the oldest: the figure is as old as its oldest part.
    let read = on.iter().filter_map(|b| b.lists_synced_at).min();
    Station {
        name: "Remote systems",
        href: "/admin/bridges",
        figure: text::num(bridges.len() as i64),
        unit: if bridges.len() == 1 { "bridge" } else { "bridges" },
        note: if read.is_some() { "lists read".into() } else { "lists never read".into() },
        age: here.maybe(read),
        chip: Some(chip),
        home: false,
    }
}

fn profiles(f: &Figures, troubles: Troubles, here: &Here) -> Station {
    let old = f.last_synced_at.is_some_and(|at| here.now.seconds_since(rialto_core::Instant(at)) > FRESH_DAYS * 86_400);
    let chip = match () {
        () if troubles.failed > 0 => Some(Chip::stop("Sync failed")),
        () if old => Some(Chip::look("Getting old")),
        () if f.last_synced_at.is_some() => Some(Chip::ok("Fresh")),
        () => None,
    };
    Station {
        name: "Profiles",
        href: "/subscribers",
        figure: text::num(f.people),
        unit: if f.people == 1 { "subscriber" } else { "subscribers" },
        note: if f.last_synced_at.is_some() { "last sync".into() } else { "never synced".into() },
        age: here.maybe(f.last_synced_at),
        chip,
        home: false,
    }
}

/// A person in two groups can be mailed through both: the sum over groups says so.
fn audience(f: &Figures, troubles: Troubles) -> Station {
    let chip = match () {
        () if troubles.gone > 0 => Some(Chip::stop("List gone")),
        () if troubles.held > 0 => Some(Chip::look("Decision waits")),
        () if f.groups_synced > 0 => Some(Chip::ok("In order")),
        () => None,
    };
    Station {
        name: "Audience",
        href: "/target-groups",
        figure: text::num(f.groups),
        unit: if f.groups == 1 { "target group" } else { "target groups" },
        note: if f.groups_synced == 0 {
            "none synced yet".into()
        } else {
            format!("{} synced, together {} mailable", text::num(f.groups_synced), text::num(f.mailable))
        },
        age: None,
        chip,
        home: false,
    }
}

fn writebacks(w: &Queue, here: &Here) -> Station {
    let chip = match () {
        () if w.blocked > 0 => Chip::stop("Away"),
        () if w.errors > 0 => Chip::stop("Error"),
        () if w.held > 0 => Chip::look("Held"),
        () if w.waiting > 0 => Chip::go("On the way"),
        () => Chip::ok("All told"),
    };
    Station {
        name: "Writebacks",
        href: "/writebacks",
        figure: text::num(w.waiting + w.errors + w.held),
        unit: "to be told",
        note: if w.oldest.is_some() { "oldest decided".into() } else { "nothing waits".into() },
        age: here.maybe(w.oldest),
        chip: Some(chip),
        home: true,
    }
}
