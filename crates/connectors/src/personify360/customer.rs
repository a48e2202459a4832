//! A person's e-mail permission, and what the remote shows about them.

use rialto_core::consent::Flag;

use super::activity;
use super::delivery::{not_offered, save};
use super::entity::Entity;
use super::remote_id::Key;
use super::service::{Service, named, protocol};
use crate::{ConnectorError, DeliveryError, Shown};

/// Off means Do Not Solicit by Email.
const ALLOW_EMAIL: &str = "AllowEmailFlag";
const ALLOW_SOLICITATION: &str = "AllowSolicitationFlag";

/// Sets Allow Email and nothing else: the person is fetched, and sent back as they came with the flag changed. Where it stands as it
/// should, nothing is written.
pub(super) async fn allow_email(service: &Service, key: &Key<'_>, yes: bool) -> Result<(), DeliveryError> {
    let set = &service.settings.entity_sets.customers;
    let body = service.entities_once(set, &key.filter()).await.map_err(|e| not_offered(e, "entity set", set))?;
    let Some(mut person) = one(&body, key).map_err(|e| named(e, set))? else {
        return Err(DeliveryError::Refused { detail: "This person does not exist there any more.".into() });
    };
    if person.flag(ALLOW_EMAIL).map_err(|e| named(e, set))? == Some(yes) {
        return Ok(());
    }
    person.set_flag(ALLOW_EMAIL, yes);
    let entity = &service.settings.entities.customer;
    let saved = save(service, entity, &person, key).await?;
    match saved.flag(ALLOW_EMAIL).map_err(|e| named(e, entity))? {
        Some(now) if now == yes => Ok(()),
        _ if yes && saved.flag(ALLOW_SOLICITATION).is_ok_and(|f| f != Some(true)) => Err(DeliveryError::Refused {
            detail: "Allow Email stays off there as long as Allow Solicitation is off: an administrator of Personify360 has to decide."
                .into(),
        }),
        _ => Err(protocol(format!("{entity}: {ALLOW_EMAIL} was not changed by saving it")).into()),
    }
}

/// The one person with this key; several, or another, is an error.
fn one(body: &[u8], key: &Key<'_>) -> Result<Option<Entity>, ConnectorError> {
    let mut found = Entity::collection(body)?;
    match (found.pop(), found.is_empty()) {
        (None, _) => Ok(None),
        (Some(person), true) if person.is_of(key) => Ok(Some(person)),
        _ => Err(protocol("another person than was asked for")),
    }
}

/// What the remote shows about a person.
pub(super) async fn shown(service: &Service, remote_id: &str) -> Result<Shown, ConnectorError> {
    let Some(key) = Key::of(remote_id) else { return Ok(Shown::default()) };
    let (flag, markers) = futures::try_join!(flag(service, &key), activity::markers(service, &key))?;
    Ok(Shown { flag, markers })
}

/// As reading lists understands it: yes only if both flags are.
async fn flag(service: &Service, key: &Key<'_>) -> Result<Option<Flag>, ConnectorError> {
    let set = &service.settings.entity_sets.customers;
    let body = service.entities(set, &key.filter()).await?;
    let read = || {
        let Some(person) = one(&body, key)? else { return Ok(None) };
        let both = person.flag(ALLOW_EMAIL)? == Some(true) && person.flag(ALLOW_SOLICITATION)? == Some(true);
        Ok(Some(if both { Flag::Yes } else { Flag::No }))
    };
    read().map_err(|e| named(e, set))
}
