//! Whom rows meet: subscribers, looked up by the text that stands beside a row (docs/adr/0150).

use std::collections::HashMap;

use rialto_core::data_sync::MatchBy;

use super::{Audience, Row};
use crate::args;
use crate::db::Read;
use crate::error::StoreError;
use crate::sql::{sql, statements};

statements! {
    BY_EMAIL = sql!("SELECT canonical AS link, id, created_at, address FROM subscriber WHERE canonical ", among texts 1, " ORDER BY id DESC");
    BY_REMOTE_ID = sql!("SELECT remote_id AS link, id, created_at, address FROM subscriber WHERE bridge_id = $2 AND remote_id ", among texts 1,
        " ORDER BY id DESC");
}

/// A subscriber whom a row meets.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Met {
    /// The text by which they were found.
    pub link: String,
    pub id: i64,
    pub created_at: i64,
    /// As it is written; empty for none.
    pub address: String,
}

/// Whom these rows meet, by their links; of several people with one address the one who came first. Nobody while no data sync has said how
/// rows meet subscribers.
pub async fn met(mut read: Read<'_>, audience: &Audience, rows: &[Row]) -> Result<HashMap<String, Met>, StoreError> {
    let links: Vec<&str> = rows.iter().filter_map(|row| row.link.as_deref()).filter(|link| !link.is_empty()).collect();
    let (Some(by), false) = (audience.matching(), links.is_empty()) else { return Ok(HashMap::new()) };
    let links = serde_json::json!(links).to_string();
    let found: Vec<Met> = match by {
        MatchBy::Email => read.all(BY_EMAIL, args![links]).await?,
        MatchBy::RemoteId => read.all(BY_REMOTE_ID, args![links, audience.match_bridge.unwrap_or_default()]).await?,
    };
    // The lowest id comes last and stays.
    Ok(found.into_iter().map(|met| (met.link.clone(), met)).collect())
}
