//! From a stored bridge to a connector that can be asked.

use std::sync::Arc;

use rialto_connectors::catalogue::{BridgeKind, NoMode};
use rialto_connectors::{Connector, ConnectorError};
use rialto_core::run::Trigger;
use rialto_store::bridges::{self, Bridge};
use rialto_store::{StoreError, fields};

use crate::Parts;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Remote(#[from] ConnectorError),
    /// A sentence for people, and what to do.
    #[error("{reason}")]
    Refused { reason: String, advice: String },
    /// The lease is lost or the process stops: leave everything as it is.
    #[error("interrupted")]
    Interrupted,
}

impl Trouble {
    pub fn refused(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), advice: advice.into() }
    }
}

/// A bridge that is open for questions.
pub(crate) struct Remote {
    pub bridge: Bridge,
    pub kind: &'static BridgeKind,
    pub connector: Arc<dyn Connector>,
}

impl Remote {
    pub fn leaves_out(&self) -> bool {
        self.kind.no_mode == NoMode::LeaveOut
    }
}

pub(crate) async fn open(parts: &Parts, bridge_id: Option<i64>) -> Result<Remote, Trouble> {
    let gone = || Trouble::refused("The bridge was deleted.", "Choose another target group, or add the bridge again.");
    let bridge = bridges::get(parts.db.read(), bridge_id.ok_or_else(gone)?).await?.ok_or_else(gone)?;
    if !bridge.enabled {
        return Err(Trouble::refused("The bridge is switched off.", "Switch it on in Bridge Configuration."));
    }
    let kind = rialto_connectors::kind(&bridge.kind).ok_or_else(|| {
        Trouble::refused(
            format!("This version of Rialto has no connector for {}.", bridge.kind),
            "Install the version that made the bridge.",
        )
    })?;
    let secrets = bridge.secrets(&parts.vault)?.into_iter().map(|(k, v)| (k, v.into())).collect();
    let connector = (kind.open)(&bridge.settings()?, &secrets, &parts.outbound).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.field, f.detail)).collect();
        Trouble::refused(format!("The bridge's settings are not complete: {}", list.join("; ")), "Correct them in Bridge Configuration.")
    })?;
    Ok(Remote { bridge, kind, connector })
}

/// Refuses a trigger that the bridge's kind does not have: the one place that every lists and people run comes through.
pub(crate) async fn listens(parts: &Parts, bridge_id: Option<i64>, trigger: Trigger) -> Result<(), Trouble> {
    let Some(bridge) = bridges::get(parts.db.read(), bridge_id.unwrap_or(0)).await? else { return Ok(()) };
    match rialto_connectors::kind(&bridge.kind) {
        Some(kind) if !kind.has(trigger) => Err(Trouble::refused(
            format!("Bridges to {} have no trigger {trigger}. Nothing was read.", kind.name),
            "Refresh or resync by hand.",
        )),
        // A bridge that is gone or unknown is told when it is opened.
        _ => Ok(()),
    }
}

/// The fields as the remote offers them now, in the store's words.
pub(crate) async fn offered_fields(remote: &Remote) -> Result<Vec<fields::Offered>, Trouble> {
    let all = remote.connector.fields().await?;
    let mut seen = std::collections::HashSet::new();
    Ok(all
        .into_iter()
        .filter(|f| !f.name.trim().is_empty() && seen.insert(f.name.clone()))
        .map(|f| fields::Offered { name: f.name, label: f.label, kind: f.kind, length: f.length })
        .collect())
}
