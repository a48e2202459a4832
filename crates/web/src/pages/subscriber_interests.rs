//! What a person took and gave up through Rialto, newest first.

use rialto_core::writeback::InterestChange;
use rialto_store::interests;

use super::shell::Reader;
use super::subscriber::said_by;
use super::text::{self, When};
use crate::error::Error;

/// Most lines on the page.
const MOST: i64 = 20;

pub struct Choice {
    pub at: When,
    /// Names, as the remote called them then.
    pub took: String,
    pub gave_up: String,
    pub source: String,
    pub actor: String,
}

pub async fn read(reader: &Reader, subscriber_id: i64) -> Result<Vec<Choice>, Error> {
    let acts = interests::acts(reader.app.db.read(), subscriber_id, MOST).await?;
    let choice = |act: interests::Seen| {
        let changes: Vec<InterestChange> = serde_json::from_str(&act.changes).unwrap_or_default();
        let names = |wanted| changes.iter().filter(|c| c.wanted == wanted).map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
        Choice {
            at: reader.here().when(act.created_at),
            took: names(true),
            gave_up: names(false),
            source: said_by(&act.source),
            actor: text::actor(&act.actor),
        }
    };
    Ok(acts.into_iter().map(choice).collect())
}
