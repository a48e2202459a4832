//! The catalogue: one line per kind of remote system. Pages and API know bridge kinds only through it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rialto_core::run::Trigger;
use rialto_core::timing::{OwnTiming, Timing};
use rialto_core::writeback::WritebackKind;
use secrecy::SecretString;

use crate::Connector;
use crate::error::FieldError;
use crate::form::FormField;
use crate::http::Outbound;

pub type Settings = BTreeMap<String, String>;
pub type Secrets = BTreeMap<String, SecretString>;

/// What a record with a remote "no" becomes (`rules.md` section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoMode {
    ImportAsSuppressed,
    LeaveOut,
}

/// Makes a connector, or lists the faults of its settings.
pub type Open = fn(&Settings, &Secrets, &Outbound) -> Result<Arc<dyn Connector>, Vec<FieldError>>;

/// A connector, or every fault of the settings.
pub type Opened = Result<Arc<dyn Connector>, Vec<FieldError>>;

/// A kind of remote system.
pub struct BridgeKind {
    /// As in the API, e.g. `personify360`.
    pub kind: &'static str,
    /// As on the pages, e.g. `Personify360`.
    pub name: &'static str,
    /// What this system calls a list, e.g. `MKT List`.
    pub list_name: &'static str,
    pub settings: &'static [FormField],
    pub secrets: &'static [FormField],
    /// What may start a lists or people run of such a bridge.
    pub triggers: &'static [Trigger],
    pub no_mode: NoMode,
    /// What can be written back to such a bridge.
    pub writebacks: &'static [WritebackKind],
    /// When they go out, by the settings, unless a bridge says otherwise (`docs/adr/0129`).
    pub timing: fn(&Settings) -> Timing,
    /// Whether the people of an interest can be listed, so that it can be a target group (`docs/adr/0120`).
    pub lists_interests: bool,
    /// Whether the remote system can fetch its writebacks itself, instead of being called (`docs/adr/0125`).
    pub can_fetch: bool,
    /// Where the remote keeps only who does not want an interest: whether, by a bridge's settings, everybody else has it. `None` where it
    /// keeps who wants it (`docs/adr/0127`).
    pub silence_is_interest: Option<fn(&Settings) -> bool>,
    /// A script that the remote's administrator runs once, when the kind needs one.
    pub setup_script: Option<fn() -> &'static str>,
    /// Checks settings and secrets without network; every fault with its key.
    pub check: fn(&Settings, &Secrets) -> Vec<FieldError>,
    /// Makes a connector from settings that passed `check`.
    pub open: Open,
}

impl BridgeKind {
    /// Whether bridges of this kind know a trigger (`rules.md` section 3). Who starts runs by themselves (sign-in, a mailing, the night)
    /// skips a bridge that does not; the engine refuses what was asked for all the same.
    pub fn has(&self, trigger: Trigger) -> bool {
        self.triggers.contains(&trigger)
    }
}

impl BridgeKind {
    /// Several lists in the remote's words, e.g. `MKT Lists`.
    pub fn lists_name(&self) -> String {
        match (self.list_name.strip_suffix('y'), self.list_name.ends_with("ch")) {
            (Some(stem), _) => format!("{stem}ies"),
            (None, true) => format!("{}es", self.list_name),
            (None, false) => format!("{}s", self.list_name),
        }
    }
}

/// For kinds whose writebacks all go with the queue's cycle.
pub fn with_the_cycle(_: &Settings) -> Timing {
    Timing::default()
}

/// When a bridge's writebacks go out: as its kind declares, with what the bridge says instead. A kind that this version does not know goes with
/// the cycle.
pub fn timing(kind_name: &str, settings: &Settings, own: &OwnTiming) -> Timing {
    kind(kind_name).map(|k| (k.timing)(settings)).unwrap_or_default().with(own)
}

/// As `BridgeKind::has`, by the kind's name; a kind that this version does not know has no trigger.
pub fn has_trigger(kind_name: &str, trigger: Trigger) -> bool {
    kind(kind_name).is_some_and(|k| k.has(trigger))
}

static KINDS: &[&BridgeKind] = &[&crate::personify360::KIND, &crate::membersuite::KIND, &crate::imis::KIND];

pub fn kinds() -> &'static [&'static BridgeKind] {
    KINDS
}

pub fn kind(name: &str) -> Option<&'static BridgeKind> {
    KINDS.iter().find(|k| k.kind == name).copied().or_else(|| TRIED.get().copied().filter(|k| k.kind == name))
}

static TRIED: std::sync::OnceLock<&'static BridgeKind> = std::sync::OnceLock::new();

/// Makes one more kind known by its name in this process, without offering it: for a connector that is being tried, as in tests.
/// The first one stays.
pub fn try_out(kind: BridgeKind) {
    if TRIED.get().is_none() {
        let _ = TRIED.set(Box::leak(Box::new(kind)));
    }
}
