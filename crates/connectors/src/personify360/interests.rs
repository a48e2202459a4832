//! Interests: opt-in interest areas and demographic codes. What there is and what a person has is read through procedures; changes
//! are written entity by entity, only where something differs.

use rialto_core::Instant;
use rialto_core::writeback::{InterestChange, InterestKey, InterestSource};

use super::delivery::{blank, delete, not_offered, save};
use super::entity::Entity;
use super::names::{self, NAME};
use super::remote_id::Key;
use super::service::{Service, named, protocol};
use super::table::{Row, Table};
use crate::{ConnectorError, DeliveryError, RemoteInterest, RemoteList};

const COLUMNS: &[&str] = &["SOURCE", "CODE", "SUBCODE", "NAME", "ACTIVE_FLAG", "MEMBER_COUNT"];
/// Longest code and subcode.
const CODE: usize = 24;

/// All interests. One without a usable code is left out, so that it does not stop the others.
pub(super) async fn all(service: &Service) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let procedure = &service.settings.procedures.interests;
    let body = service.call(procedure, &[]).await?;
    read(&body, &["SOURCE", "CODE", "ACTIVE_FLAG"]).map_err(|e| named(e, procedure))
}

/// What a person has; without names.
pub(super) async fn of(service: &Service, remote_id: &str) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let Some(key) = Key::of(remote_id) else { return Ok(Vec::new()) };
    let procedure = &service.settings.procedures.interests_of;
    let sub = key.sub.to_string();
    let body = service.call(procedure, &key.parameters(&sub)).await?;
    let had = read(&body, &["SOURCE", "CODE"]).map_err(|e| named(e, procedure))?;
    Ok(had.into_iter().map(|i| RemoteInterest { active: true, ..i }).collect())
}

fn read(body: &[u8], required: &[&str]) -> Result<Vec<RemoteInterest>, ConnectorError> {
    let table = Table::decode(body, COLUMNS)?;
    table.check(required, &[])?;
    Ok(table.rows().filter_map(|row| interest(&row)).collect())
}

fn interest(row: &Row<'_>) -> Option<RemoteInterest> {
    let source = InterestSource::from_name(&row.get("SOURCE")?.to_ascii_lowercase())?;
    let code = names::key(row.get("CODE")?, CODE)?;
    let subcode = match (source, row.get("SUBCODE")) {
        (InterestSource::Demographic, Some(text)) => names::key(text, CODE)?,
        _ => String::new(),
    };
    let name = names::shown(row.get("NAME").unwrap_or_default(), NAME);
    let active = row.get("ACTIVE_FLAG").is_some_and(|f| f.eq_ignore_ascii_case("Y"));
    let members = row.get("MEMBER_COUNT").and_then(|n| n.parse().ok());
    Some(RemoteInterest { source, code, subcode, name, active, members })
}

/// Those who have an interest, as a list; its content is as of now, so that it has no age of its own.
pub(super) async fn list(service: &Service, interest: &InterestKey) -> Result<Option<RemoteList>, ConnectorError> {
    let found = all(service).await?.into_iter().find(|i| i.key() == *interest);
    Ok(found.map(|i| RemoteList {
        code: i.code,
        name: i.name,
        description: String::new(),
        active: i.active,
        regeneration: String::new(),
        refreshed_at: None,
        modified_at: None,
        members: i.members,
    }))
}

/// Where a source of interests is kept.
struct Place<'s> {
    set: &'s str,
    entity: &'s str,
    /// What every row has, null or not: one that is missing was renamed, and must not read as "does not have it".
    required: [&'static str; 2],
}

/// Writes what differs. Doing it twice is as good as once.
pub(super) async fn write(service: &Service, key: &Key<'_>, changes: &[InterestChange], at: Instant) -> Result<(), DeliveryError> {
    let (sets, entities) = (&service.settings.entity_sets, &service.settings.entities);
    let (areas, codes): (Vec<_>, Vec<_>) = changes.iter().partition(|c| c.source == InterestSource::Area);
    if !areas.is_empty() {
        let place = Place { set: &sets.opt_ins, entity: &entities.opt_in, required: ["OptInCode", "OptInFlag"] };
        let has = rows(service, key, &place).await?;
        for change in areas {
            area(service, key, &place, &has, change, at).await?;
        }
    }
    if !codes.is_empty() {
        let place = Place { set: &sets.demographics, entity: &entities.demographic, required: ["DemographicCode", "DemographicSubcode"] };
        demographics(service, key, &place, &codes).await?;
    }
    Ok(())
}

/// What the person has in a set, each row theirs.
async fn rows(service: &Service, key: &Key<'_>, place: &Place<'_>) -> Result<Vec<Entity>, DeliveryError> {
    let set = place.set;
    let body = service.entities_once(set, &key.filter()).await.map_err(|e| not_offered(e, "entity set", set))?;
    let rows = Entity::collection(&body).map_err(|e| named(e, set))?;
    if let Some(missing) = place.required.iter().find(|name| rows.iter().any(|row| !row.has(name))) {
        return Err(protocol(format!("{set}: the property {missing} is missing")).into());
    }
    if rows.iter().all(|row| row.is_of(key)) { Ok(rows) } else { Err(protocol(format!("{set}: rows of another person")).into()) }
}

/// An opt-in answer: the row stays, and its flag says yes or no. Nobody is asked into a "no" they never had a row for.
async fn area(
    service: &Service,
    key: &Key<'_>,
    place: &Place<'_>,
    has: &[Entity],
    change: &InterestChange,
    at: Instant,
) -> Result<(), DeliveryError> {
    let known = has.iter().find(|row| row.text("OptInCode") == change.code);
    let said = known.map(|row| row.flag("OptInFlag")).transpose().map_err(|e| named(e, place.set))?;
    if said.flatten().unwrap_or(false) == change.wanted {
        return Ok(());
    }
    let mut row = match known {
        Some(row) => row.clone(),
        None => blank(service, place.entity, key).await?,
    };
    row.set_text("OptInCode", &change.code);
    row.set_flag("OptInFlag", change.wanted);
    row.set_date("OptInDate", at);
    let saved = save(service, place.entity, &row, key).await?;
    let said = saved.flag("OptInFlag").map_err(|e| named(e, place.entity))?;
    if saved.text("OptInCode") == change.code && said == Some(change.wanted) { Ok(()) } else { Err(not_kept(place.entity)) }
}

/// Demographics: the row itself is the answer, so that giving one up deletes it.
async fn demographics(service: &Service, key: &Key<'_>, place: &Place<'_>, changes: &[&InterestChange]) -> Result<(), DeliveryError> {
    let is = |row: &Entity, c: &InterestChange| row.text("DemographicCode") == c.code && row.text("DemographicSubcode") == c.subcode;
    let has = rows(service, key, place).await?;
    let mut given_up = Vec::new();
    for &change in changes {
        match (has.iter().find(|row| is(row, change)), change.wanted) {
            (None, true) => {
                let mut row = blank(service, place.entity, key).await?;
                row.set_text("DemographicCode", &change.code);
                row.set_text("DemographicSubcode", &change.subcode);
                if !is(&save(service, place.entity, &row, key).await?, change) {
                    return Err(not_kept(place.entity));
                }
            }
            (Some(row), false) => {
                delete(service, place.entity, row).await?;
                given_up.push(change);
            }
            _ => {}
        }
    }
    if given_up.is_empty() {
        return Ok(());
    }
    let left = rows(service, key, place).await?;
    if left.iter().any(|row| given_up.iter().any(|c| is(row, c))) { Err(not_kept(place.entity)) } else { Ok(()) }
}

fn not_kept(entity: &str) -> DeliveryError {
    protocol(format!("{entity}: what was saved is not what the remote shows")).into()
}
