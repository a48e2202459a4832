//! What every write has in common: the saved entity has to come back, and refusals are sorted by who can do something.

use super::entity::Entity;
use super::remote_id::Key;
use super::service::{Operation, Service, named, protocol};
use crate::{ConnectorError, DeliveryError};

/// A blank entity of a person. One that is not offered is a matter of set-up: the request says nothing about anybody.
pub(super) async fn blank(service: &Service, entity: &str, key: &Key<'_>) -> Result<Entity, DeliveryError> {
    let body = service.create(entity).await.map_err(|e| not_offered(e, "entity", entity))?;
    let mut blank = Entity::single(&body).map_err(|e| named(e, entity))?;
    blank.set_key(key);
    Ok(blank)
}

/// Saves an entity of a person and returns it as the remote answers it: it has to be that person's.
pub(super) async fn save(service: &Service, name: &str, entity: &Entity, key: &Key<'_>) -> Result<Entity, DeliveryError> {
    let body = service.write(Operation::Save, name, entity.body()).await.map_err(refused)?;
    let saved = answered(&body, name)?;
    if !saved.is_of(key) {
        return Err(protocol(format!("{name}: saving it was answered with another one")).into());
    }
    Ok(saved)
}

/// Deletes an entity. The answer is not looked into: who deletes has to look whether it is gone.
pub(super) async fn delete(service: &Service, name: &str, entity: &Entity) -> Result<(), DeliveryError> {
    let body = service.write(Operation::Delete, name, entity.body()).await.map_err(refused)?;
    match Entity::objections(&body) {
        Some(detail) => Err(DeliveryError::Refused { detail: format!("{name}: {detail}") }),
        None => Ok(()),
    }
}

/// The entity in an answer to Save. Objections are a refusal, whatever else stands there.
pub(super) fn answered(body: &[u8], name: &str) -> Result<Entity, DeliveryError> {
    match Entity::objections(body) {
        Some(detail) => Err(DeliveryError::Refused { detail: format!("{name}: {detail}") }),
        None => Ok(Entity::single(body).map_err(|e| named(e, name))?),
    }
}

/// A refusal of what was sent.
fn refused(error: ConnectorError) -> DeliveryError {
    match error {
        ConnectorError::Rejected { detail } => DeliveryError::Refused { detail },
        other => other.into(),
    }
}

/// A refusal of a request that can only mean that the thing is not there.
pub(super) fn not_offered(error: ConnectorError, what: &str, name: &str) -> DeliveryError {
    match error {
        ConnectorError::Rejected { detail } => DeliveryError::SetUp { missing: missing(what, name, &detail) },
        other => other.into(),
    }
}

fn missing(what: &str, name: &str, detail: &str) -> String {
    let act = match what {
        "procedure" => "run the set-up script",
        _ => "make it in the Web Service Designer",
    };
    format!("The {what} {name} cannot be used ({detail}): {act}, or correct its name in the bridge's settings.")
}
