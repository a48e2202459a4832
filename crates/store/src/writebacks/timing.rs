//! When a bridge's kinds go out: kept beside its destination, so that a writeback has its date from the moment it is queued.

use std::collections::HashMap;

use rialto_core::Instant;
use rialto_core::timing::{TIMED, Timing, When};
use rialto_core::writeback::{WritebackKind, WritebackState};

use super::Destination;
use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    ALL_TIMINGS = sql!("SELECT bridge_id, timing FROM writeback_destination WHERE timing <> ''");
    SET_TIMING = sql!("UPDATE writeback_destination SET timing = $2 WHERE bridge_id = $1 AND timing = $3");
    /// Also what was queued before anybody knew of the time of day, if no try was made.
    TO_THEIR_DAY = sql!("UPDATE writeback SET state = 'scheduled', next_at = $3 WHERE bridge_id = $1 AND kind = $2
        AND (state = 'scheduled' OR (state = 'new' AND tries = 0 AND next_at = created_at))");
    TO_THE_CYCLE = sql!("UPDATE writeback SET state = 'new', next_at = created_at WHERE bridge_id = $1 AND state = 'scheduled' AND kind = $2");
    TO_NOW = sql!("UPDATE writeback SET state = 'new', next_at = 0 WHERE bridge_id = $1 AND state = 'scheduled' AND kind = $2");
}

/// The timing of the bridges that have one.
#[derive(Default)]
pub(crate) struct Dates(HashMap<i64, Timing>);

impl Dates {
    /// Takes the timing of one more bridge, as it is stored. One that cannot be read is none: then all goes with the cycle.
    pub(crate) fn take(&mut self, bridge_id: i64, stored: &str) {
        if let Ok(timing) = serde_json::from_str(stored) {
            self.0.insert(bridge_id, timing);
        }
    }

    /// How a writeback queued at this moment stands, and when it is due.
    pub(crate) fn of(&self, bridge_id: i64, kind: WritebackKind, queued: Instant) -> (WritebackState, Instant) {
        self.0.get(&bridge_id).map_or((WritebackState::New, queued), |timing| timing.date(kind, queued))
    }
}

pub(crate) async fn dates(tx: &mut Tx) -> Result<Dates, StoreError> {
    let mut dates = Dates::default();
    for (bridge_id, stored) in tx.all::<(i64, String)>(ALL_TIMINGS, args![]).await? {
        dates.take(bridge_id, &stored);
    }
    Ok(dates)
}

impl Destination {
    pub fn read_timing(&self) -> Timing {
        serde_json::from_str(&self.timing).unwrap_or_default()
    }
}

/// Sets when a bridge's kinds go out, as `before` was read; what waits for its time of day gets its new date. False: somebody else set it.
pub async fn set_timing(tx: &mut Tx, before: &Destination, timing: &Timing, now: Instant) -> Result<bool, StoreError> {
    let bridge_id = before.bridge_id;
    let text = serde_json::to_string(timing).map_err(|e| StoreError::Corrupt(e.to_string()))?;
    // Rows before the destination, as everywhere.
    for kind in TIMED {
        match (timing.of(*kind), timing.date(*kind, now)) {
            (When::Daily, (WritebackState::Scheduled, at)) => tx.run(TO_THEIR_DAY, args![bridge_id, kind.name(), at]).await?,
            (When::AtOnce, _) => tx.run(TO_NOW, args![bridge_id, kind.name()]).await?,
            _ => tx.run(TO_THE_CYCLE, args![bridge_id, kind.name()]).await?,
        };
    }
    Ok(tx.run(SET_TIMING, args![bridge_id, &text, &before.timing]).await? > 0)
}
