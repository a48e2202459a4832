//! What lists and extensions hold about a person now.

use rialto_core::Kind;
use rialto_store::audiences;
use rialto_store::personalization::{self as store, Offer, Source};

use super::shell::Reader;
use crate::api::extract::public;
use crate::api::personalization::shown;
use crate::error::Error;

/// A list with the values that it has of the person.
pub struct InList {
    pub name: String,
    pub href: String,
    /// Field and value; fields without a value are left out.
    pub values: Vec<(String, String)>,
}

/// The lists that have a row for the person.
pub async fn of(reader: &Reader, subscriber_id: i64) -> Result<Vec<InList>, Error> {
    let db = &reader.app.db;
    let offers = store::offered(db.read()).await?;
    let ours: Vec<(i64, &Offer)> = offers.iter().filter_map(|o| Some((audience(o)?, o))).collect();
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<&Offer> = ours.iter().map(|(_, offer)| *offer).collect();
    let row = store::values(db.read(), &[subscriber_id], &asked).await?.remove(&subscriber_id).unwrap_or_default();
    let lists = audiences::list(db.read()).await?;
    let mut found: Vec<(i64, InList)> = Vec::new();
    for ((id, offer), stored) in ours.into_iter().zip(row) {
        let value = shown(stored, offer.kind);
        let Some(list) = lists.iter().find(|a| a.id == id).filter(|_| !value.is_empty()) else { continue };
        if found.last().is_none_or(|(last, _)| *last != id) {
            let href = format!("/lists/{}", public(Kind::AudienceList, list.created_at, list.id));
            found.push((id, InList { name: offer.group.clone(), href, values: Vec::new() }));
        }
        if let Some((_, list)) = found.last_mut() {
            list.values.push((offer.label.clone(), value));
        }
    }
    Ok(found.into_iter().map(|(_, list)| list).collect())
}

fn audience(offer: &Offer) -> Option<i64> {
    if let Source::Audience { id, .. } = offer.source { Some(id) } else { None }
}
