//! What a field matching lost with a changed destination (LO-06): kept until somebody has looked at it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args;
use crate::db::Tx;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    NOTE = sql!("UPDATE data_sync SET lost = $2 WHERE id = $1");
}

/// A line that the destination has no place for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Field of the source: `attributes.tier`.
    pub from: String,
    /// Name of the field into which it went.
    pub to: String,
    /// A sentence.
    pub why: String,
}

/// Keeps them with a data sync that waits for its review; a reviewed change of it (`update`) forgets them.
pub async fn note(tx: &mut Tx, id: i64, lost: &[Lost]) -> Result<(), StoreError> {
    let text = if lost.is_empty() { String::new() } else { json!(lost).to_string() };
    tx.run(NOTE, args![id, text]).await.map(drop)
}

/// As stored; what cannot be read is nothing that could be shown.
pub(super) fn read(text: &str) -> Vec<Lost> {
    serde_json::from_str(text).unwrap_or_default()
}
